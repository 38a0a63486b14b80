"""PURE: what is written down about one stream. All times in seconds since the call was placed."""

from dataclasses import dataclass
from typing import Literal

StreamEnd = Literal["gateway", "caller", "update", "refused", "broken", "rules"]
"""Who ended it: the gateway by a close; the caller by hanging up; the REST API by an update; the gateway by refusing
it, or the carrier by not trying; a connection that broke; the settings of this simulator."""


@dataclass(frozen=True, slots=True)
class MarkTrip:
    """A mark of the gateway; `back_at_seconds` is None if it never came back, `cleared` if a `clear` brought it."""

    name: str
    sent_at_seconds: float
    back_at_seconds: float | None = None
    cleared: bool = False


@dataclass(frozen=True, slots=True)
class Cleared:
    """A `clear`, and the audio that nobody heard for it."""

    at_seconds: float
    discarded: bytes


@dataclass(frozen=True, slots=True)
class Underrun:
    """The ear fell silent in the middle of a sound, because no audio was there."""

    at_seconds: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Breach:
    """A message that the vendor would not take, with its code."""

    at_seconds: float
    code: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """One stream. `heard` and `said` are mulaw at 8 kHz, to the sample, both from `began_at_seconds` on, which is None
    if it was never opened. `unheard_seconds` of audio were thrown away by its end, `messages_after_stop` came when the
    gateway had long been told of it.
    """

    at_seconds: float
    seconds: float
    url: str
    stream_sid: str
    ended_by: StreamEnd
    began_at_seconds: float | None = None
    close_code: int | None = None
    heard: bytes = b""
    said: bytes = b""
    marks: tuple[MarkTrip, ...] = ()
    clears: tuple[Cleared, ...] = ()
    underruns: tuple[Underrun, ...] = ()
    breaches: tuple[Breach, ...] = ()
    largest_lead_seconds: float = 0.0
    unheard_seconds: float = 0.0
    messages_after_stop: int = 0

    @property
    def ends_at_seconds(self) -> float:
        return self.at_seconds + self.seconds
