"""PURE: when the caller had the floor on the call's streams, as if a Gather had been open then.

From outside nobody sees whether the gateway listens. The caller takes it that it does from the end of what they hear
until they have said something, or hear the next; a key may be one of many, so it keeps the floor.
"""

from collections.abc import Iterator

from voicegw.simulator.report import CallReport
from voicegw.simulator.timeline import CallerPressed, CallerSpoke, Heard, Listened


def listening_windows(report: CallReport) -> tuple[Listened, ...]:
    """The caller's turns on all streams, with what was said or pressed at the end of each."""
    spans = [(stream.at_seconds, stream.ends_at_seconds) for stream in report.streams]
    return tuple(window for span in spans for window in _windows(report, *span))


def _windows(report: CallReport, begin: float, end: float) -> Iterator[Listened]:
    events: list[tuple[float, int, Heard | CallerSpoke | CallerPressed | None]] = [(end, 3, None)]
    for sound in report.heard:
        if sound.kind == "stream" and begin <= sound.at_seconds <= end:
            events += [(sound.at_seconds, 0, None), (sound.ends_at_seconds, 1, sound)]
    events += [(words.ends_at_seconds, 2, words) for words in report.speech if words.text]
    events += [(key.at_seconds, 2, key) for key in report.keys]
    opened: float | None = None
    for at, _, event in sorted((event for event in events if begin <= event[0] <= end), key=lambda event: event[:2]):
        if opened is not None and not isinstance(event, Heard):
            yield _window(opened, at, event)
        opened = at if isinstance(event, Heard) or (opened is not None and isinstance(event, CallerPressed)) else None


def _window(begin: float, end: float, event: CallerSpoke | CallerPressed | None) -> Listened:
    return Listened(
        at_seconds=begin,
        seconds=round(end - begin, 6),
        window_seconds=float("inf"),
        digits=event.key if isinstance(event, CallerPressed) else "",
        speech=event.text if isinstance(event, CallerSpoke) else "",
    )
