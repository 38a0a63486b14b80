"""How long we wait for an agent and when we say what: the same for all modes. `now` is monotonic seconds.

A webhook is answered when the turn is over, or 1.5 s after the first full sentence, or with a filler when there is
nothing to say 2.5 s after it came in; while the phone still rings there is no filler, and the answer waits up to 8 s.
"""

from dataclasses import dataclass

SENTENCE_GRACE_SECONDS = 1.5
FILLER_AFTER_SECONDS = 2.5
RINGING_AT_MOST_SECONDS = 8.0
TURN_BUDGET_SECONDS = 25.0
TOOL_BUDGET_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One webhook that waits: since when, with the phone still ringing, and since when there is a sentence to say."""

    since: float
    ringing: bool = False
    sentence_at: float | None = None

    def answer_at(self) -> float:
        """The instant by which this webhook is answered with whatever there is."""
        latest = self.since + (RINGING_AT_MOST_SECONDS if self.ringing else FILLER_AFTER_SECONDS)
        if self.sentence_at is None:
            return latest
        spoken_at = max(self.since, self.sentence_at) + SENTENCE_GRACE_SECONDS
        return min(spoken_at, self.since + RINGING_AT_MOST_SECONDS)


def budget_seconds(*, open_tools: int) -> float:
    """How long a turn may go without a trace: longer while a tool of the agent is at work."""
    return TOOL_BUDGET_SECONDS if open_tools else TURN_BUDGET_SECONDS
