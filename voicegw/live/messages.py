"""What the dialogue of a stream call is told, one thing after another: the closed union `Message`. Values only."""

import asyncio
from dataclasses import dataclass
from typing import TypeAlias

from voicegw.call.streaming import StreamEnd
from voicegw.media import commands
from voicegw.turns.progress import Progress


@dataclass(frozen=True, slots=True)
class Heard:
    """The caller did something that begins a turn; `quiet_seconds` is how long the line has been quiet since."""

    asked: commands.AskAgent
    quiet_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Claimed:
    """The stream is here; `taken` becomes whether it may stay."""

    taken: asyncio.Future[bool]


@dataclass(frozen=True, slots=True)
class OrderCame:
    """Somebody outside wants something of the call."""


@dataclass(frozen=True, slots=True)
class TurnNews:
    """What a turn has brought since the last time."""

    turn: int
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The stream is over: see `call.streaming.leave_stream`."""

    reason: StreamEnd
    end: commands.EndStream


Message: TypeAlias = Heard | commands.NoteWaiting | commands.AskFiller | Claimed | OrderCame | TurnNews | Ended
