"""Whose turn it is on a media stream, and what a number sets for its streams. Values only."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from voicegw.call.profile import NumberProfile
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
    the next turn and the answer is still said, or the answer is dropped for them. A realtime server that the caller has
    not heard for `realtime_silence_seconds` has failed (0: never)."""

    barge_in: BargeInRules = field(default_factory=BargeInRules)
    while_thinking: Literal["join", "drop"] = "join"
    realtime_silence_seconds: float = 30.0


def rules_of(profile: NumberProfile) -> SessionRules:
    """The rules of one number's streams."""
    own = profile.stream
    barge_in = BargeInRules(min_words=own.barge_in_words, min_seconds=own.barge_in_seconds)
    return SessionRules(
        barge_in=barge_in,
        while_thinking=own.while_thinking,
        realtime_silence_seconds=profile.realtime_silence_seconds,
    )
