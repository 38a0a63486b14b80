"""Is there a voice? Silero's model at the telephone's own 8 kHz, one session for all calls of the process.

What all lines brought in one tick is judged together, in a thread of its own: a window costs 180 µs alone and 45 µs
among a hundred. Lines that are quiet are not judged at all (`energy_gate`); when a gate opens, the model goes on from
where it was, with what came just before. On the event loop a frame costs an append.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
import numpy.typing as npt
import structlog

from voicegw.audio.mulaw import MULAW_RATE_HZ, MULAW_SILENCE
from voicegw.speech.energy_gate import EnergyGate
from voicegw.speech.model_files import SILERO_VAD, read_model, run_model
from voicegw.speech.waveform import read_mulaw

TICK_SECONDS: Final = 0.032
"""How often what has come is judged: once for each window of the model."""

_WINDOW: Final = 256  # samples; the model knows no other at 8 kHz
_CONTEXT: Final = 32  # samples of what came before, which it is given with each window
_PRE_ROLL: Final = 4 * _WINDOW  # what the model hears of the time before a gate opened: soft beginnings of words
_KEPT: Final = _CONTEXT + _PRE_ROLL
_STATE_SHAPE: Final = (2, 128)
_SETTLING_WINDOWS: Final = 60
_VOICED: Final = 0.3
_MOST_WAITING: Final = 2 * MULAW_RATE_HZ  # bytes of one line: older ones are told as silence, never piled up
_RATE: Final = np.array(MULAW_RATE_HZ, np.int64)

_Floats = npt.NDArray[np.float32]

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Line:
    """One caller's line: what waits to be judged, and the model's memory of it."""

    __slots__ = ("_tell", "_waiting", "before", "gate", "is_closed", "probability", "state")

    def __init__(self, tell: Callable[[float, float], None], state: _Floats) -> None:
        self._tell = tell
        self._waiting = bytearray()
        self.is_closed = False
        self.gate = EnergyGate()
        self.before = MULAW_SILENCE * _KEPT
        self.state = state
        self.probability = 0.0

    def put(self, audio: bytes) -> None:
        """The next piece of the caller's audio, in order."""
        self._waiting += audio

    def close(self) -> None:
        """No more will come; nothing is told any more."""
        self.is_closed = True
        self._waiting.clear()

    def take(self) -> bytes:
        """All whole windows that wait; at most two seconds, what is older is told as silence."""
        ready = len(self._waiting) // _WINDOW * _WINDOW
        if ready > _MOST_WAITING:
            missed = ready - _MOST_WAITING // _WINDOW * _WINDOW
            del self._waiting[:missed]
            ready -= missed
            self.tell(0.0, missed)
        taken = bytes(self._waiting[:ready])
        del self._waiting[:ready]
        return taken

    def tell(self, probability: float, samples: int) -> None:
        """Tell the call, unless it is over; a call that fails over it must not deafen the others."""
        if self.is_closed:
            return
        try:
            self._tell(probability, samples / MULAW_RATE_HZ)
        except Exception:
            log.exception("a call failed on what the voice detector told it")


class SileroModel:
    """Judges the windows of many lines at once; its state in a line is that line's alone."""

    def __init__(self) -> None:
        self._session = run_model(read_model(SILERO_VAD))
        self._quiet: _Floats = np.zeros(_STATE_SHAPE, np.float32)
        quiet = self.open(lambda *_: None)
        for _ in range(_SETTLING_WINDOWS):
            self._step([(quiet, [], -1, read_mulaw(MULAW_SILENCE * (_CONTEXT + _WINDOW)))])
        self._quiet = quiet.state

    def open(self, tell: Callable[[float, float], None]) -> Line:
        """A line on which there was silence until now."""
        return Line(tell, self._quiet)

    def judge(self, batch: Sequence[tuple[Line, bytes]]) -> list[tuple[Line, list[float]]]:
        """The probability of a voice in each window that the lines brought: 0.0 where the gate is closed."""
        powers = _powers(b"".join(taken for _, taken in batch))
        told: list[tuple[Line, list[float]]] = []
        fed: list[tuple[Line, list[float], list[tuple[int, _Floats]]]] = []
        at = 0
        for line, taken in batch:
            windows = len(taken) // _WINDOW
            probabilities = [0.0] * windows
            told.append((line, probabilities))
            if feeds := _feeds(line, taken, powers[at : at + windows]):
                fed.append((line, probabilities, feeds))
            at += windows
            line.before = (line.before + taken)[-_KEPT:]
        turn = 0
        while fed:
            self._step([(line, probabilities, *feeds[turn]) for line, probabilities, feeds in fed])
            turn += 1
            fed = [entry for entry in fed if len(entry[2]) > turn]
        return told

    def _step(self, entries: Sequence[tuple[Line, list[float], int, _Floats]]) -> None:
        """Run the model once for several lines: their states go on, and what they are told is filled in."""
        states = np.stack([line.state for line, *_ in entries], axis=1)
        windows = np.stack([window for *_, window in entries])
        found, states = self._session.run(None, {"input": windows, "state": states, "sr": _RATE})
        for row, (line, probabilities, index, _) in enumerate(entries):
            line.state = states[:, row].copy()  # a view would keep the whole batch alive
            line.probability = float(found[row, 0])
            if index >= 0:
                probabilities[index] = line.probability


class SileroDetector:
    """The voice detector of all calls. Used inside one event loop; `close` when done."""

    def __init__(self) -> None:
        self._model = SileroModel()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="voice-detector")
        self._lines: dict[Line, None] = {}
        self._task: asyncio.Task[None] | None = None
        self._has_failed = False

    def open(self, tell: Callable[[float, float], None]) -> Line:
        """Listen to one more line; see `VoiceDetector` for what is told when."""
        line = self._model.open(tell)
        self._lines[line] = None
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._listen())
        return line

    async def close(self) -> None:
        """Stop listening; nothing is told any more. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        next_at = loop.time()
        while self._lines:
            next_at = max(next_at + TICK_SECONDS, loop.time())
            await asyncio.sleep(next_at - loop.time())
            self._lines = {line: None for line in self._lines if not line.is_closed}
            batch = [(line, taken) for line in self._lines if (taken := line.take())]
            if batch:
                for line, probabilities in await loop.run_in_executor(self._thread, self._judge, batch):
                    for probability, windows in _joined(probabilities):
                        line.tell(probability, windows * _WINDOW)

    def _judge(self, batch: Sequence[tuple[Line, bytes]]) -> list[tuple[Line, list[float]]]:
        """In the thread. A model that fails hears no voice: a call goes on by keys and by transcripts."""
        try:
            return self._model.judge(batch)
        except Exception:
            if not self._has_failed:
                log.exception("the voice detector failed; no voice is heard")
            self._has_failed = True
            return [(line, [0.0] * (len(taken) // _WINDOW)) for line, taken in batch]


def _powers(mulaw: bytes) -> list[float]:
    windows = read_mulaw(mulaw).reshape(-1, _WINDOW)
    powers: list[float] = (np.einsum("ij,ij->i", windows, windows) / np.float32(_WINDOW)).tolist()
    return powers


def _feeds(line: Line, taken: bytes, powers: list[float]) -> list[tuple[int, _Floats]]:
    """What the model is to hear of a line: (which window it is, negative before its time; context and window)."""
    wanted: list[int] = []
    for index, power in enumerate(powers):
        was_open = line.gate.is_open
        if line.gate.let_through(power, is_voiced=line.probability > _VOICED):
            if not was_open:
                earliest = index - _PRE_ROLL // _WINDOW
                wanted += [earlier for earlier in range(earliest, index) if earlier not in wanted]
            wanted.append(index)
        else:
            line.probability = 0.0
    if not wanted:
        return []
    heard = read_mulaw(line.before + taken)
    starts = [(index, _PRE_ROLL + index * _WINDOW) for index in wanted]
    return [(index, heard[start : start + _CONTEXT + _WINDOW]) for index, start in starts]


def _joined(probabilities: Sequence[float]) -> Iterator[tuple[float, int]]:
    """Windows in a row that were not judged are told as one stretch."""
    silent = 0
    for probability in probabilities:
        if probability == 0.0:
            silent += 1
            continue
        if silent:
            yield 0.0, silent
            silent = 0
        yield probability, 1
    if silent:
        yield 0.0, silent
