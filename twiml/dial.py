"""`<Dial>` and the parties it can call."""

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from twiml.schema import Extras, text
from twiml.unknown import Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A name and a value for whoever takes the call: a stream, a relay, a client."""

    TAG: ClassVar[str] = "Parameter"
    name: str | None = None
    value: str | None = None
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class Number:
    """A telephone `number`; `send_digits` are pressed when it answers (0-9 A-D * #, w waits 0.5 s, W 1 s)."""

    TAG: ClassVar[str] = "Number"
    number: str = text()
    _: KW_ONLY
    send_digits: str | None = None
    url: str | None = None
    method: str | None = None
    status_callback_event: str | None = None
    status_callback: str | None = None
    status_callback_method: str | None = None
    byoc: str | None = None
    machine_detection: str | None = None
    amd_status_callback_method: str | None = None
    amd_status_callback: str | None = None
    machine_detection_timeout: int | None = None
    machine_detection_speech_threshold: int | None = None
    machine_detection_speech_end_threshold: int | None = None
    machine_detection_silence_timeout: int | None = None
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class Sip:
    """A SIP address, `sip:name@host;transport=tls?x-header=value`."""

    TAG: ClassVar[str] = "Sip"
    uri: str = text()
    _: KW_ONLY
    username: str | None = None
    password: str | None = None
    url: str | None = None
    method: str | None = None
    status_callback_event: str | None = None
    status_callback: str | None = None
    status_callback_method: str | None = None
    machine_detection: str | None = None
    amd_status_callback_method: str | None = None
    amd_status_callback: str | None = None
    machine_detection_timeout: int | None = None
    machine_detection_speech_threshold: int | None = None
    machine_detection_speech_end_threshold: int | None = None
    machine_detection_silence_timeout: int | None = None
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a `<Client>` with parameters is."""

    TAG: ClassVar[str] = "Identity"
    identity: str = text()
    _: KW_ONLY
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class Client:
    """A software phone, by `identity`, or by an `Identity` among `children` when there are parameters."""

    TAG: ClassVar[str] = "Client"
    identity: str = text()
    _: KW_ONLY
    children: tuple[Identity | Parameter | Unknown, ...] = ()
    url: str | None = None
    method: str | None = None
    status_callback_event: str | None = None
    status_callback: str | None = None
    status_callback_method: str | None = None
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class Queue:
    """The caller who waits longest in the queue `name`."""

    TAG: ClassVar[str] = "Queue"
    name: str = text()
    _: KW_ONLY
    url: str | None = None
    method: str | None = None
    reservation_sid: str | None = None
    post_work_activity_sid: str | None = None
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class Conference:
    """The conference room `name`."""

    TAG: ClassVar[str] = "Conference"
    name: str = text()
    _: KW_ONLY
    muted: bool | None = None
    beep: str | None = None
    start_conference_on_enter: bool | None = None
    end_conference_on_exit: bool | None = None
    wait_url: str | None = None
    wait_method: str | None = None
    max_participants: int | None = None
    record: str | None = None
    recording_configuration_id: str | None = None
    region: str | None = None
    coach: str | None = None
    trim: str | None = None
    status_callback_event: str | None = None
    status_callback: str | None = None
    status_callback_method: str | None = None
    recording_status_callback: str | None = None
    recording_status_callback_method: str | None = None
    recording_status_callback_event: str | None = None
    event_callback_url: str | None = None
    jitter_buffer_size: str | None = None
    participant_label: str | None = None
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class Dial:
    """Call `children`, or the bare `number`, and bridge the first who answers; then `action`, else the next verb.

    `timeout` is how many seconds it rings, `time_limit` how many it may last.
    """

    TAG: ClassVar[str] = "Dial"
    children: tuple[Number | Sip | Client | Queue | Conference | Unknown, ...] = ()
    _: KW_ONLY
    number: str = text()
    action: str | None = None
    method: str | None = None
    timeout: int | None = None
    hangup_on_star: bool | None = None
    time_limit: int | None = None
    caller_id: str | None = None
    call_reason: str | None = None
    record: str | None = None
    trim: str | None = None
    recording_status_callback: str | None = None
    recording_configuration_id: str | None = None
    recording_status_callback_method: str | None = None
    recording_status_callback_event: str | None = None
    answer_on_bridge: bool | None = None
    ring_tone: str | None = None
    recording_track: str | None = None
    sequential: bool | None = None
    refer_url: str | None = None
    refer_method: str | None = None
    events: str | None = None
    passports: str | None = None
    extras: Extras = ()
