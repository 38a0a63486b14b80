"""What is written down about a call: plain records, all times in seconds since the call was placed.

The kept records are the closed union `Record`; `LiveEvent` adds the beginnings that only someone watching needs.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from voicegw.simulator.stream.records import Streamed

SoundKind = Literal["speech", "audio", "tone", "ringing", "error_prompt", "human", "stream"]
"""Who is heard: the carrier's voice, a recording, a beep, the ringing tone, the carrier's own apology, a person, the
gateway itself on a stream. What a stream says has its text only at its end."""


class LostBecause(StrEnum):
    """Why a key or words of the caller reached nobody."""

    NOT_ANSWERED = "the call was not answered yet"
    BETWEEN_DOCUMENTS = "the gateway was being asked what comes next"
    OUTSIDE_GATHER = "no Gather was open"
    DIALLING = "another party was being called"
    STREAM_OPENING = "the stream was not open yet"
    GATHER_ENDED = "the Gather had just ended"
    NO_KEYS = "the Gather takes no keys"
    NO_SPEECH = "the Gather takes no speech"
    SPEECH_FIRST = "speech was detected first"
    KEYS_FIRST = "keys were pressed first"
    NO_BARGE_IN = "the prompt cannot be interrupted"
    NOT_A_FINISH_KEY = "the recording does not end on this key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A sound in the caller's ear. `seconds` is how long it really lasted; `cut` if it was stopped before its end."""

    at_seconds: float
    seconds: float
    kind: SoundKind
    text: str = ""
    cut: bool = False

    @property
    def ends_at_seconds(self) -> float:
        return self.at_seconds + self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerSpoke:
    """The caller spoke; `lost_because` is None if someone listened."""

    at_seconds: float
    seconds: float
    text: str
    lost_because: LostBecause | None = None

    @property
    def ends_at_seconds(self) -> float:
        return self.at_seconds + self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerPressed:
    """The caller pressed one key; `lost_because` is None if someone took it."""

    at_seconds: float
    key: str
    lost_because: LostBecause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listened:
    """One `<Gather>` from its first prompt to its end.

    `window_seconds` is how long it would have listened after its last sound: a long one is a question, a short one a
    gap in an answer. `digits`, `finished_on_key` and `speech` are what it took; all empty if nothing. `spare_key` is
    the finish key of an entry that its length has ended already: whoever presses it after that has said nothing new.
    """

    at_seconds: float
    seconds: float
    window_seconds: float
    digits: str = ""
    finished_on_key: str = ""
    spare_key: str = ""
    speech: str = ""
    document_url: str = ""

    @property
    def ends_at_seconds(self) -> float:
        return self.at_seconds + self.seconds

    @property
    def took_something(self) -> bool:
        return bool(self.digits or self.finished_on_key or self.speech)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request to the gateway and its answer; one row for each attempt and each redirect followed.

    `status` is None if there was no answer. `abandoned` if the call was over before it came.
    """

    at_seconds: float
    seconds: float
    purpose: str
    method: str
    url: str
    params: tuple[tuple[str, str], ...] = ()
    attempt: int = 1
    idempotency_token: str = ""
    status: int | None = None
    content_type: str = ""
    body: str = ""
    error_code: int | None = None
    error: str = ""
    abandoned: bool = False

    def param(self, name: str) -> str | None:
        """The value of a parameter that was sent; None if it was not."""
        return dict(self.params).get(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """What the vendor would put in its debugger without ending the call. Code 0: a limit of this simulator."""

    at_seconds: float
    code: int
    text: str
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fatal error in fetching or executing a document; `rescued` if the fallback URL was asked next."""

    at_seconds: float
    code: int
    text: str
    url: str
    rescued: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialled:
    """One far end that was called. `seconds` counts from the dialling, `talk_seconds` from the bridge.

    `status` is the vendor's `DialCallStatus` for this leg; `whisper` is what the far end heard before the bridge.
    """

    at_seconds: float
    seconds: float
    kind: Literal["number", "sip", "client"]
    address: str
    caller_id: str
    call_sid: str
    status: str
    bridged: bool = False
    talk_seconds: float = 0.0
    send_digits: str = ""
    whisper: tuple[Heard, ...] = ()
    document_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundBegan:
    """A sound begins; it will last `seconds` if nobody stops it (infinite for the ringing tone)."""

    at_seconds: float
    kind: SoundKind
    text: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The carrier answered the call."""

    at_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ListeningBegan:
    """A `<Gather>` opens; its prompts begin."""

    at_seconds: float
    takes_keys: bool
    takes_speech: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamBegan:
    """A stream is open: the gateway and the caller hear each other."""

    at_seconds: float
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DiallingBegan:
    """A far end is called."""

    at_seconds: float
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridged:
    """The caller and the far end hear each other."""

    at_seconds: float
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded:
    """The call is over; see `report.EndReason`."""

    at_seconds: float
    reason: str


Record = Heard | CallerSpoke | CallerPressed | Listened | Exchange | Warned | Fault | Dialled | Streamed
LiveEvent = Record | SoundBegan | Answered | ListeningBegan | StreamBegan | DiallingBegan | Bridged | CallEnded
