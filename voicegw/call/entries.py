"""A dated record of a call (`Entry`), its JSON form, and the port through which everyone tells what happened.

Pure: instants are given. Old and newer entries stay readable: the unknown becomes a `Noted`.
"""

from dataclasses import dataclass
from typing import Annotated, Protocol

import msgspec
from pydantic import Field, TypeAdapter, ValidationError

from voicegw.call.inputs import CallParties
from voicegw.call.profile import NumberProfile
from voicegw.call.records import Record

RECORD_SCHEMA = 1
"""Written beside stored entries. Fields may be added with a default; anything else is a new schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A record of one call. `at` is epoch seconds, `offset` monotonic seconds since the call began; `turn` 0 is
    before the agent's first."""

    call_sid: str
    at: float
    offset: float
    turn: int
    record: Annotated[Record, Field(discriminator="kind")]


class Journal(Protocol):
    """Where what happens on calls is told. Nothing here waits, raises or costs the caller anything.

    It dates each record, hides what must not be kept, and passes it on.
    """

    def open(self, call_sid: str, parties: CallParties, profile: NumberProfile, started_at: float) -> None:
        """A call is here from now on: it rings, or another process had it. `started_at`: epoch seconds. Idempotent."""
        ...

    def note(self, call_sid: str, record: Record, turn: int = 0) -> None:
        """This happened just now. A call that was never opened is kept with everything hidden."""
        ...

    def close(self, call_sid: str) -> None:
        """Nothing more comes of this call. Idempotent."""
        ...


class NoJournal:
    """Keeps nothing: for whoever runs calls without a log."""

    def open(self, call_sid: str, parties: CallParties, profile: NumberProfile, started_at: float) -> None:
        """Nothing to open."""

    def note(self, call_sid: str, record: Record, turn: int = 0) -> None:
        """Nothing is kept."""

    def close(self, call_sid: str) -> None:
        """Nothing to close."""


class Sink(Protocol):
    """Who learns of every entry, dated and redacted. Must not wait and must not raise."""

    def receive(self, entry: Entry) -> None: ...


_ENCODER = msgspec.json.Encoder()  # a third of what pydantic takes, for the same bytes
_ENTRIES = TypeAdapter(list[Entry])
_ENTRY = TypeAdapter(Entry)


def dump_entries(entries: list[Entry]) -> bytes:
    """The entries as one JSON array. Raises ValueError where a text is no Unicode (half a surrogate pair)."""
    try:
        return _ENCODER.encode(entries)
    except TypeError:  # an agent's object with keys that are no text
        return _ENTRIES.dump_json(entries)


def load_entries(document: bytes | str) -> list[Entry]:
    """The entries from `dump_entries`'s bytes. What this version cannot read (a later one wrote it) becomes a
    `Noted`; raises ValueError where it is no JSON array of objects at all."""
    try:
        return _ENTRIES.validate_json(document)
    except ValidationError:
        return [_load_entry(found) for found in _OBJECTS.validate_json(document)]


_OBJECTS: TypeAdapter[list[dict[str, object]]] = TypeAdapter(list[dict[str, object]])


def _load_entry(found: dict[str, object]) -> Entry:
    record = found.get("record")
    kind = record.get("kind") if isinstance(record, dict) else None
    unknown = {"kind": "noted", "about": "unreadable-record", "fields": {"kind": str(kind)[:40]}}
    undated = {"call_sid": "", "at": 0.0, "offset": 0.0, "turn": 0, "record": unknown}
    for candidate in (found, {**undated, **found, "record": unknown}):
        try:
            return _ENTRY.validate_python(candidate)
        except ValidationError:
            continue
    return _ENTRY.validate_python(undated)
