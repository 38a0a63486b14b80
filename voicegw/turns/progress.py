"""A turn's progress as it is kept in the store: one entry for each instruction, the last one says how it ended."""

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from pydantic import Field, TypeAdapter, ValidationError

from voicegw.call.instructions import Instruction, Prompt, StartRealtime


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOver:
    """No more comes. `failure` is the code of what went wrong, empty if nothing did; `permanent`: nor will it mend."""

    failure: str = ""
    permanent: bool = False
    kind: Literal["turn-over"] = "turn-over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a turn has brought since it was last looked at; `over` is None while it runs."""

    instructions: tuple[Instruction, ...] = ()
    over: TurnOver | None = None

    def is_news(self) -> bool:
        """Is the turn over, is there something to say, or somebody else to talk to?"""
        bridged = any(isinstance(item, StartRealtime) for item in self.instructions)
        return self.over is not None or bridged or self.has_words()

    def has_words(self) -> bool:
        """Is there something that a caller would hear?"""
        return any(isinstance(item, Prompt) for item in self.instructions)


_ENTRY: TypeAdapter[Instruction | TurnOver] = TypeAdapter(
    Annotated[Instruction | TurnOver, Field(discriminator="kind")]
)
_ENCODER = msgspec.json.Encoder(enc_hook=dict)  # for a `Mapping` that is no dict


def dump_entry(entry: Instruction | TurnOver) -> bytes:
    """One entry as JSON bytes."""
    return _ENCODER.encode(entry)


def load_progress(entries: tuple[bytes, ...], taken: int) -> Progress:
    """What the entries hold beyond the first `taken` instructions; one that cannot be read ends the turn as lost."""
    instructions: list[Instruction] = []
    for entry in entries[taken:]:
        try:
            item = _ENTRY.validate_json(entry)
        except ValidationError:
            return Progress(instructions=tuple(instructions), over=TurnOver(failure="turn-unreadable"))
        if isinstance(item, TurnOver):
            return Progress(instructions=tuple(instructions), over=item)
        instructions.append(item)
    return Progress(instructions=tuple(instructions))
