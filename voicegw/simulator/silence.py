"""PURE: the silences in the caller's ear, and whose they are: owed by the gateway, or the caller's time to speak.

- A silence lasts from the end of a sound, of the caller's speech, or of a key, or from the answer, to the next one.
- It is listening where a Gather is open that asks (`QUESTION_SECONDS`), nested pauses included; the rest is owed.
- What follows the caller's input belongs to the Gather until that has ended: the vendor waits for more keys or words
  there, and the gateway knows of nothing yet. Then the gateway owes a sound.
- On a stream the floor is the caller's from the end of what they hear until they have spoken (`stream.windows`).
- A debt ends where the gateway asks: what it owes after that is another. The caller reacts
  when the gateway is told: a key that nobody took is no reaction, nor is one of an entry that goes on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from voicegw.simulator.phone import QUESTION_SECONDS
from voicegw.simulator.report import CallReport
from voicegw.simulator.stream.windows import listening_windows
from voicegw.simulator.timeline import Listened


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """One silence: in it the gateway owed a sound for `owed_seconds` on end, and listened for `listening_seconds` in
    all. `reprompted`: the caller did not react to the question before, and was asked again. `streamed`: on a stream,
    where nobody sees how much of the listening was the gateway's time to answer."""

    at_seconds: float
    seconds: float
    owed_seconds: float
    listening_seconds: float
    reprompted: bool
    streamed: bool = False


def find_silences(report: CallReport) -> tuple[Silence, ...]:
    """All silences of an answered call, in order; none if it was not answered."""
    if report.answered_at_seconds is None:
        return ()
    listened = (*report.listened, *listening_windows(report))
    questions = [gather for gather in listened if gather.window_seconds > QUESTION_SECONDS or gather.took_something]
    inputs = [gather.ends_at_seconds for gather in listened if gather.took_something]
    silences: list[Silence] = []
    last_wait_at: float | None = None
    for begin, end in _gaps(report, report.answered_at_seconds):
        listening = sum(_overlap(begin, end, gather) for gather in questions)
        reprompted = last_wait_at is not None and not any(last_wait_at <= at <= begin for at in inputs)
        silences.append(
            Silence(
                at_seconds=begin,
                seconds=round(end - begin, 6),
                owed_seconds=round(_longest_debt(begin, end, questions), 6),
                listening_seconds=round(listening, 6),
                reprompted=reprompted,
                streamed=any(each.at_seconds <= begin <= each.ends_at_seconds for each in report.streams),
            )
        )
        if listening:
            last_wait_at = begin
    return tuple(silences)


def _gaps(report: CallReport, begin: float) -> Sequence[tuple[float, float]]:
    """The times in which nothing is heard and the caller does nothing."""
    busy = [(sound.at_seconds, sound.ends_at_seconds) for sound in report.heard]
    busy += [(speech.at_seconds, speech.ends_at_seconds) for speech in report.speech]
    busy += [(key.at_seconds, key.at_seconds) for key in report.keys]
    gaps: list[tuple[float, float]] = []
    quiet_since = begin
    for starts, ends in sorted(busy):
        if starts > quiet_since:
            gaps.append((quiet_since, min(starts, report.ended_at_seconds)))
        quiet_since = max(quiet_since, ends)
    if report.ended_at_seconds > quiet_since:
        gaps.append((quiet_since, report.ended_at_seconds))
    return [(starts, ends) for starts, ends in gaps if ends > starts]


def _longest_debt(begin: float, end: float, questions: Sequence[Listened]) -> float:
    """The longest time between `begin` and `end` in which no question was open."""
    longest, owed_since = 0.0, begin
    for gather in sorted(questions, key=lambda gather: gather.at_seconds):
        if _overlap(begin, end, gather) > 0:
            longest = max(longest, gather.at_seconds - owed_since)
            owed_since = max(owed_since, gather.ends_at_seconds)
    return max(longest, end - owed_since)


def _overlap(begin: float, end: float, gather: Listened) -> float:
    return max(0.0, min(end, gather.ends_at_seconds) - max(begin, gather.at_seconds))
