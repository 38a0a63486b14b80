"""PURE: when the caller had the floor on the call's streams, as if a Gather had been open then.

From outside nobody sees whether the gateway listens. The caller takes it that it does from the end of what they hear
until they have said something, or hear the next; a key may be one of many, so it keeps the floor.
"""

from collections.abc import Iterator

from voicegw.simulator.report import CallReport
from voicegw.simulator.stream.records import Streamed
from voicegw.simulator.timeline import CallerPressed, CallerSpoke, Heard, Listened


def listening_windows(report: CallReport) -> tuple[Listened, ...]:
    """The caller's turns on all streams, with what was said or pressed at the end of each."""
    windows: list[Listened] = []
    has_floor, left_at = False, 0.0
    for stream in report.streams:
        # A stream that takes another's place leaves the floor to whoever had it, unless something else was heard.
        kept = has_floor and not any(left_at <= sound.at_seconds < stream.at_seconds for sound in report.heard)
        opened = stream.at_seconds if kept else None
        for at, event in _events(report, stream):
            if opened is not None and not isinstance(event, Heard):
                windows.append(_window(opened, at, event))
            keeps = opened is not None and isinstance(event, CallerPressed)
            has_floor = opened is not None if event is None and at == stream.ends_at_seconds else False
            opened = at if isinstance(event, Heard) or keeps else None
        left_at = stream.ends_at_seconds
    return tuple(windows)


def _events(report: CallReport, stream: Streamed) -> Iterator[tuple[float, Heard | CallerSpoke | CallerPressed | None]]:
    """What gives or takes the floor, in order: a sound's end, words, keys; None for a sound's begin or the end."""
    begin, end = stream.at_seconds, stream.ends_at_seconds
    events: list[tuple[float, int, Heard | CallerSpoke | CallerPressed | None]] = [(end, 3, None)]
    for sound in report.heard:
        if sound.kind == "stream" and begin <= sound.at_seconds <= end:
            events += [(sound.at_seconds, 0, None), (min(sound.ends_at_seconds, end), 1, sound)]
    events += [(words.ends_at_seconds, 2, words) for words in report.speech if words.text]
    events += [(key.at_seconds, 2, key) for key in report.keys]
    for at, _, event in sorted((each for each in events if begin <= each[0] <= end), key=lambda each: each[:2]):
        yield at, event


def _window(begin: float, end: float, event: CallerSpoke | CallerPressed | None) -> Listened:
    return Listened(
        at_seconds=begin,
        seconds=round(end - begin, 6),
        window_seconds=float("inf"),
        digits=event.key if isinstance(event, CallerPressed) else "",
        speech=event.text if isinstance(event, CallerSpoke) else "",
    )
