"""PURE: how quickly the gateway answered and fell silent on a call's streams, at the caller's ear and mouth."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from voicegw.simulator.report import CallReport
from voicegw.simulator.stream.records import Streamed
from voicegw.simulator.stream.sound import FRAME_BYTES, FRAME_SECONDS, is_audible

PAUSE_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Response:
    """The caller's last sound, or key, at `at_seconds`; the agent's next one so much later."""

    at_seconds: float
    seconds: float


@dataclass(frozen=True, slots=True)
class BargeIn:
    """The caller began at `at_seconds` while the agent sounded. Then `clear` came, and the ear fell silent, so many
    seconds later; None where that did not happen before the agent was done by itself."""

    at_seconds: float
    by: Literal["speech", "key"]
    clear_after_seconds: float | None
    silent_after_seconds: float | None


def find_responses(report: CallReport) -> tuple[Response, ...]:
    """One for each of the caller's utterances that ended in silence and was answered."""
    return tuple(response for stream in report.streams for response in _responses(report, stream))


def find_barge_ins(report: CallReport) -> tuple[BargeIn, ...]:
    """One for each time that the caller spoke or pressed a key into what was being heard."""
    return tuple(barge_in for stream in report.streams for barge_in in _barge_ins(report, stream))


def _responses(report: CallReport, stream: Streamed) -> Iterator[Response]:
    ear = _sounds(stream.heard, stream.began_at_seconds or 0.0)
    ends = [end for _, end in _utterances(report, stream)]
    for place, end in enumerate(ends):
        until = ends[place + 1] if place + 1 < len(ends) else stream.ends_at_seconds
        begins = next((begin for begin, _ in ear if begin >= end), None)
        if begins is not None and begins <= until and not any(begin < end < finish for begin, finish in ear):
            yield Response(round(end, 6), round(begins - end, 6))


def _barge_ins(report: CallReport, stream: Streamed) -> Iterator[BargeIn]:
    ear = _sounds(stream.heard, stream.began_at_seconds or 0.0)
    onsets: list[tuple[float, Literal["speech", "key"]]] = []
    onsets += [(begin, "speech") for begin, _ in _utterances(report, stream)]
    onsets += [(key.at_seconds, "key") for key in report.keys]
    for onset, by in sorted(onsets):
        finish = next((finish for begin, finish in _joined(ear) if begin <= onset < finish), None)
        if finish is None:
            continue
        cleared = next((clear.at_seconds for clear in stream.clears if clear.at_seconds >= onset), None)
        if cleared is None or cleared > finish:
            yield BargeIn(onset, by, None, None)
        else:
            silent = next((finish for begin, finish in ear if begin <= cleared < finish), cleared)
            yield BargeIn(onset, by, round(cleared - onset, 6), round(silent - onset, 6))


def _utterances(report: CallReport, stream: Streamed) -> list[tuple[float, float]]:
    """First and last sound of each thing that the caller said on this stream."""
    origin = stream.began_at_seconds
    if origin is None:
        return []
    found = []
    for words in report.speech:
        first, last = (round((at - origin) / FRAME_SECONDS) for at in (words.at_seconds, words.ends_at_seconds))
        said = stream.said[max(0, first) * FRAME_BYTES : max(0, last) * FRAME_BYTES]
        if sounds := _sounds(said, origin + max(0, first) * FRAME_SECONDS):
            found.append((sounds[0][0], sounds[-1][1]))
    return found


def _joined(sounds: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Sounds across the pauses of speech."""
    joined: list[tuple[float, float]] = []
    for begin, end in sounds:
        if joined and begin - joined[-1][1] < PAUSE_SECONDS:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((begin, end))
    return joined


def _sounds(audio: bytes, origin: float) -> list[tuple[float, float]]:
    """Where it sounds, in seconds of the call, to the frame."""
    sounds: list[tuple[float, float]] = []
    for number in range(len(audio) // FRAME_BYTES):
        if not is_audible(audio[number * FRAME_BYTES : (number + 1) * FRAME_BYTES]):
            continue
        begin = origin + number * FRAME_SECONDS
        end = begin + FRAME_SECONDS
        if sounds and begin - sounds[-1][1] < FRAME_SECONDS / 2:
            sounds[-1] = (sounds[-1][0], end)
        else:
            sounds.append((begin, end))
    return sounds
