"""The report of one call: everything that was written down, and views of it for tests and for people."""

from dataclasses import dataclass
from typing import Literal, TypeVar, assert_never

from voicegw.simulator.stream.records import Streamed
from voicegw.simulator.timeline import (
    CallerPressed,
    CallerSpoke,
    Dialled,
    Exchange,
    Fault,
    Heard,
    Listened,
    Record,
    Warned,
)

EndReason = Literal[
    "caller-hung-up",
    "hangup",
    "document-ended",
    "rejected",
    "application-error",
    "time-limit",
    "too-many-documents",
    "ended-by-rest",
]
"""Who ended it: the caller; the verb Hangup; a document without more verbs; Reject; the carrier after a fatal error;
the simulator's own limits; the REST API."""

_Kept = TypeVar("_Kept")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallReport:
    """One finished call. All times are seconds since it was placed; `answered_at_seconds` is None if it never was.

    `script_failure` is what a scripted caller waited for in vain, `left_undone` the first step that it
    had no time for.
    """

    call_sid: str
    from_: str
    to: str
    records: tuple[Record, ...]
    answered_at_seconds: float | None
    ended_at_seconds: float
    end_reason: EndReason
    call_status: str
    script_failure: str = ""
    left_undone: str = ""

    @property
    def heard(self) -> tuple[Heard, ...]:
        """What the caller heard, by beginning."""
        return tuple(sorted(self._of(Heard), key=lambda sound: sound.at_seconds))

    @property
    def spoken(self) -> tuple[str, ...]:
        """The texts that were spoken, by the carrier's voice or on a stream, in order."""
        return tuple(sound.text for sound in self.heard if sound.kind in ("speech", "stream"))

    @property
    def speech(self) -> tuple[CallerSpoke, ...]:
        return self._of(CallerSpoke)

    @property
    def keys(self) -> tuple[CallerPressed, ...]:
        return self._of(CallerPressed)

    @property
    def lost_digits(self) -> tuple[CallerPressed, ...]:
        """Keys that nobody took, each with its reason."""
        return tuple(key for key in self.keys if key.lost_because is not None)

    @property
    def listened(self) -> tuple[Listened, ...]:
        """Every Gather that ran."""
        return self._of(Listened)

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Every request to the gateway, recordings and status callbacks included."""
        return self._of(Exchange)

    @property
    def webhooks(self) -> tuple[Exchange, ...]:
        """The requests that ask what to do: all but recordings and status callbacks."""
        silent = ("audio", "status", "stream-status")
        return tuple(exchange for exchange in self.exchanges if exchange.purpose not in silent)

    @property
    def warnings(self) -> tuple[Warned, ...]:
        return self._of(Warned)

    @property
    def faults(self) -> tuple[Fault, ...]:
        return self._of(Fault)

    @property
    def dialled(self) -> tuple[Dialled, ...]:
        return self._of(Dialled)

    @property
    def streams(self) -> tuple[Streamed, ...]:
        """Every `<Connect><Stream>` that was tried, in order."""
        return tuple(sorted(self._of(Streamed), key=lambda stream: stream.at_seconds))

    @property
    def ended_by_gateway(self) -> bool:
        """True if neither the caller, nor somebody outside, nor the simulator's limits ended the call."""
        return self.end_reason not in ("caller-hung-up", "ended-by-rest", "time-limit")

    def transcript(self) -> str:
        """The call for people to read, one line for each thing that happened, in order of time."""
        lines = [(record.at_seconds, line) for record in self.records for line in filter(None, [_describe(record)])]
        if self.answered_at_seconds is not None:
            lines.append((self.answered_at_seconds, "the call is answered"))
        lines.sort(key=lambda line: line[0])
        lines.append((self.ended_at_seconds, f"the call ends: {self.end_reason}"))
        if self.script_failure:
            lines.append((self.ended_at_seconds, f"the script failed: {self.script_failure}"))
        return "\n".join(f"{at:8.2f}  {text}" for at, text in lines)

    def _of(self, kind: type[_Kept]) -> tuple[_Kept, ...]:
        return tuple(record for record in self.records if isinstance(record, kind))


def _describe(record: Record) -> str:
    match record:
        case Heard(kind=kind, text=text, seconds=seconds, cut=cut):
            return f"hears {kind} {seconds:.1f} s{' (cut)' if cut and kind != 'ringing' else ''}: {text}".rstrip(": ")
        case CallerSpoke(text=text, lost_because=lost):
            return f"caller says: {text}{_lost(lost)}"
        case CallerPressed(key=key, lost_because=lost):
            return f"caller presses {key}{_lost(lost)}"
        case Exchange():
            answer = record.status if record.error_code is None else f"error {record.error_code} ({record.error})"
            sent = {name: record.param(name) for name in ("Digits", "SpeechResult", "DialCallStatus", "ErrorCode")}
            details = " ".join(f"{name}={value}" for name, value in sent.items() if value is not None)
            return f"  {record.method} {record.url} {details} -> {answer} in {record.seconds:.2f} s"
        case Warned(code=code, text=text):
            return f"  warning {code}: {text}" if code else f"  warning: {text}"
        case Fault(code=code, text=text, rescued=rescued):
            return f"  FATAL {code}: {text}{' (fallback URL asked)' if rescued else ''}"
        case Dialled(address=address, status=status, talk_seconds=talk):
            return f"dials {address}: {status}, talked {talk:.1f} s"
        case Streamed(url=url, seconds=seconds, ended_by=ended_by):
            return f"  stream {url}, {seconds:.1f} s, ended by: {ended_by}"
        case Listened():
            return ""
        case _:
            assert_never(record)


def _lost(lost: object) -> str:
    return f" (lost: {lost})" if lost else ""
