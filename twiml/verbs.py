"""The verbs that stand alone: speech, sound, silence, recording, queueing, the ways to go elsewhere or end."""

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from twiml.dial import Sip
from twiml.schema import Extras, text
from twiml.ssml import Content
from twiml.unknown import Unknown


@dataclass(frozen=True, slots=True)
class Say:
    """Speak `content`, text and SSML, `loop` times (0: until hang-up)."""

    TAG: ClassVar[str] = "Say"
    content: Content = ()
    _: KW_ONLY
    voice: str | None = None
    language: str | None = None
    loop: int | None = None
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class Play:
    """Play the audio at `url`, or the keypad tones `digits` (0-9 A-D * #, w waits 0.5 s, W 1 s)."""

    TAG: ClassVar[str] = "Play"
    url: str = text()
    _: KW_ONLY
    loop: int | None = None
    digits: str | None = None
    extras: Extras = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Stay silent for `length` seconds."""

    TAG: ClassVar[str] = "Pause"
    length: int | None = None
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class Redirect:
    """Go on with the document at `url`; nothing after it is reached."""

    TAG: ClassVar[str] = "Redirect"
    url: str = text()
    _: KW_ONLY
    method: str | None = None
    extras: Extras = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hangup:
    """End the call."""

    TAG: ClassVar[str] = "Hangup"
    extras: Extras = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """Refuse a call without answering it; `reason` rejected or busy."""

    TAG: ClassVar[str] = "Reject"
    reason: str | None = None
    extras: Extras = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Leave the queue that this document plays to."""

    TAG: ClassVar[str] = "Leave"
    extras: Extras = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Record the caller until `timeout` seconds of silence, a key of `finish_on_key`, or `max_length` seconds."""

    TAG: ClassVar[str] = "Record"
    action: str | None = None
    method: str | None = None
    timeout: int | None = None
    finish_on_key: str | None = None
    max_length: int | None = None
    play_beep: bool | None = None
    trim: str | None = None
    recording_status_callback: str | None = None
    recording_status_callback_method: str | None = None
    recording_status_callback_event: str | None = None
    transcribe: bool | None = None
    transcribe_callback: str | None = None
    recording_configuration_id: str | None = None
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class Task:
    """Attributes, as a JSON `body`, for the task that a workflow makes of a queued call."""

    TAG: ClassVar[str] = "Task"
    body: str = text()
    _: KW_ONLY
    priority: int | None = None
    timeout: int | None = None
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class Enqueue:
    """Put the caller into the queue `name`, or hand the call to a workflow."""

    TAG: ClassVar[str] = "Enqueue"
    name: str = text()
    _: KW_ONLY
    action: str | None = None
    max_queue_size: int | None = None
    method: str | None = None
    wait_url: str | None = None
    wait_url_method: str | None = None
    workflow_sid: str | None = None
    children: tuple[Task | Unknown, ...] = ()
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class Refer:
    """Hand a SIP call to another SIP address and leave it."""

    TAG: ClassVar[str] = "Refer"
    children: tuple[Sip | Unknown, ...] = ()
    _: KW_ONLY
    action: str | None = None
    method: str | None = None
    extras: Extras = ()
