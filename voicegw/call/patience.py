"""How long we wait for an agent and when we say what: the same for all modes. `now` is monotonic seconds.

A webhook is answered when the turn is over, or 1.5 s after the first full sentence, or with a filler when there is
nothing to say 2.5 s after it came in. While the phone still rings nobody hears silence: then it waits up to 8 s.
"""

from dataclasses import dataclass

SENTENCE_GRACE_SECONDS = 1.5
FILLER_AFTER_SECONDS = 2.5
LATE_SENTENCE_GRACE_SECONDS = 0.5
RINGING_AT_MOST_SECONDS = 8.0
TURN_BUDGET_SECONDS = 25.0
TOOL_BUDGET_SECONDS = 120.0
# Voiceflow lets a tool take up to 600 s: no turn is waited for longer than that
TURN_LIFETIME_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One webhook that waits for the agent: since when, and whether the phone still rings."""

    since: float
    ringing: bool = False

    def answer_at(self, words_at: float | None) -> float:
        """The instant by which this webhook is answered; `words_at` is when there was first something to say."""
        latest = self.since + (RINGING_AT_MOST_SECONDS if self.ringing else FILLER_AFTER_SECONDS)
        if words_at is None:
            return latest
        return min(words_at + SENTENCE_GRACE_SECONDS, latest + LATE_SENTENCE_GRACE_SECONDS)


def budget_seconds(*, open_tools: int) -> float:
    """How long a turn may go without a trace: longer while a tool of the agent is at work."""
    return TOOL_BUDGET_SECONDS if open_tools else TURN_BUDGET_SECONDS
