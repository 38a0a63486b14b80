"""Whose turn it is on a media stream, and what a number sets for its streams. Values only."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from voicegw.media.barge_in import BargeInRules


class Phase(Enum):
    """Whose turn it is; the table is in `session`."""

    THINKING = "thinking"
    LISTENING = "listening"
    BRIDGED = "bridged"
    ENDING = "ending"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRules:
    """What a number sets for its streams. `while_thinking`: words the caller adds while the agent thinks are joined to
    the next turn and the answer is still said, or the answer is dropped for them."""

    barge_in: BargeInRules = field(default_factory=BargeInRules)
    while_thinking: Literal["join", "drop"] = "join"
