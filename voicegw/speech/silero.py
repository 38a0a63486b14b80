"""Is there a voice? Silero's model at the telephone's own 8 kHz, one session for all calls of the process.

What all lines brought in one tick is judged together, in a thread of its own: a window costs 180 µs alone and 45 µs
among a hundred. Lines that are quiet are not judged at all (`energy_gate`); when a gate opens, the model goes on from
where it was, with what came just before. On the event loop a frame costs an append.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Final

import numpy as np
import numpy.typing as npt
import structlog

from voicegw.audio.mulaw import MULAW_RATE_HZ, MULAW_SILENCE, decode_mulaw
from voicegw.speech.energy_gate import EnergyGates, Rows
from voicegw.speech.model_files import SILERO_VAD, read_model, run_model
from voicegw.speech.waveform import FULL_SCALE, read_codes

TICK_SECONDS: Final = 0.032
"""How often what has come is judged: once for each window of the model."""

_WINDOW: Final = 256  # samples; the model knows no other at 8 kHz
_CONTEXT: Final = 32  # samples of what came before, which it is given with each window
_PRE_ROLL: Final = 4  # windows that the model hears of the time before a gate opened: soft beginnings of words
_KEPT: Final = _PRE_ROLL + 2  # windows: those, the present one, and one for the context of the first
_STATE: Final = 128
_SETTLING_WINDOWS: Final = 60
_VOICED: Final = 0.3
_MOST_WAITING: Final = 2 * MULAW_RATE_HZ  # bytes of one line: older ones are told as silence, never piled up
_RATE: Final = np.array(MULAW_RATE_HZ, np.int64)
_LEAST_ROWS: Final = 16

_Floats = npt.NDArray[np.float32]

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Line:
    """One caller's line: what waits to be judged. `row` is where the model remembers it, None before it was judged."""

    __slots__ = ("_tell", "_waiting", "is_closed", "row")

    def __init__(self, tell: Callable[[float, float], None]) -> None:
        self._tell = tell
        self._waiting = b""
        self.is_closed = False
        self.row: int | None = None

    def put(self, audio: bytes) -> None:
        """The next piece of the caller's audio, in order."""
        self._waiting += audio

    def close(self) -> None:
        """No more will come; nothing is told any more."""
        self.is_closed = True
        self._waiting = b""

    def take(self) -> bytes:
        """All whole windows that wait; at most two seconds, what is older is told as silence."""
        waiting = self._waiting
        size = len(waiting)
        if size < _WINDOW:
            return b""
        end = size - size % _WINDOW
        begin = max(0, end - _MOST_WAITING // _WINDOW * _WINDOW)
        if begin:
            self.tell(0.0, begin)
        self._waiting = waiting[end:]
        return waiting[begin:end]

    def tell(self, probability: float, samples: int) -> None:
        """Tell the call, unless it is over; a call that fails over it must not deafen the others."""
        if self.is_closed:
            return
        try:
            self._tell(probability, samples / MULAW_RATE_HZ)
        except Exception:
            log.exception("a call failed on what the voice detector told it")


class SileroModel:
    """Judges the windows of many lines at once. What it remembers of a line is that line's alone, in a row of its own
    in each array: the last windows in a ring, the model's state, what was told last."""

    def __init__(self) -> None:
        self._session = run_model(read_model(SILERO_VAD))
        self._gates = EnergyGates()
        self._free: list[int] = []
        self._ends = np.zeros(0, np.intp)  # how many windows a line has brought: where in the ring is its next
        self._recent = np.zeros((0, _KEPT, _WINDOW), np.uint8)
        self._states: _Floats = np.zeros((2, 0, _STATE), np.float32)
        self._told: _Floats = np.zeros(0, np.float32)
        self._quiet: _Floats = np.zeros((2, _STATE), np.float32)
        row = np.array([self._take_row()])
        for _ in range(_SETTLING_WINDOWS):
            self._run(row, 1)
        self._quiet = self._states[:, row[0]].copy()
        self._free.append(int(row[0]))

    def forget(self, line: Line) -> None:
        """This line will bring nothing more."""
        if line.row is not None:
            self._free.append(line.row)
            line.row = None

    def judge(self, batch: Sequence[tuple[Line, bytes]]) -> list[tuple[Line, list[float]]]:
        """The probability of a voice in each window that the lines brought: 0.0 where the gate is closed."""
        rows = np.array([self._row_of(line) for line, _ in batch])
        counts = np.array([len(taken) for _, taken in batch]) // _WINDOW
        mulaw = b"".join(taken for _, taken in batch)
        windows = np.frombuffer(mulaw, np.uint8).reshape(-1, _WINDOW)
        powers = _powers(mulaw)
        ends = np.cumsum(counts)
        told = np.zeros(len(windows), np.float32)
        for turn in range(counts.max()):
            has_more = counts > turn
            at = (ends - counts)[has_more] + turn
            told[at] = self._hear(rows[has_more], windows[at], powers[at])
        probabilities = told.tolist()
        spans = zip(ends.tolist(), counts.tolist(), batch, strict=True)
        return [(line, probabilities[end - count : end]) for end, count, (line, _) in spans]

    def _hear(self, rows: Rows, windows: npt.NDArray[np.uint8], powers: npt.NDArray[np.float64]) -> _Floats:
        """The next window of each of these lines."""
        ends = self._ends[rows]
        self._recent[rows, ends % _KEPT] = windows
        self._ends[rows] = ends + 1
        were_open = self._gates.are_open(rows)
        are_open = self._gates.let_through(rows, powers, self._told[rows] > _VOICED)
        opened = rows[are_open & ~were_open]
        for back in range(_PRE_ROLL + 1, 1, -1):
            self._run(opened, back)
        found = np.zeros(len(rows), np.float32)
        found[are_open] = self._run(rows[are_open], 1)
        self._told[rows] = found
        return found

    def _run(self, rows: Rows, back: int) -> _Floats:
        """What the model says of the `back`-th latest window of these lines, all at once: their states go on."""
        if not len(rows):
            return np.zeros(0, np.float32)
        at = self._ends[rows] - back
        context = self._recent[rows, (at - 1) % _KEPT, -_CONTEXT:]
        heard = read_codes(np.concatenate((context, self._recent[rows, at % _KEPT]), axis=1))
        states = np.take(self._states, rows, axis=1)
        found, self._states[:, rows] = self._session.run(None, {"input": heard, "state": states, "sr": _RATE})
        probabilities: _Floats = found[:, 0]
        return probabilities

    def _row_of(self, line: Line) -> int:
        if line.row is None:
            line.row = self._take_row()
        return line.row

    def _take_row(self) -> int:
        """A row for a line on which there was silence until now."""
        if not self._free:
            had = len(self._ends)
            rows = max(_LEAST_ROWS, 2 * had)
            self._gates.reserve(rows)
            self._ends, self._told = np.resize(self._ends, rows), np.resize(self._told, rows)
            self._recent = np.resize(self._recent, (rows, _KEPT, _WINDOW))
            self._states = np.concatenate((self._states, np.zeros((2, rows - had, _STATE), np.float32)), axis=1)
            self._free = list(range(had, rows))
        row = self._free.pop()
        self._gates.reset(row)
        self._ends[row], self._told[row] = _KEPT, 0.0
        self._recent[row] = MULAW_SILENCE[0]
        self._states[:, row] = self._quiet
        return row


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
        line = Line(tell)
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
            for line in [line for line in self._lines if line.is_closed]:
                del self._lines[line]
                self._model.forget(line)
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


def _powers(mulaw: bytes) -> npt.NDArray[np.float64]:
    """The mean power of each window, 1.0 being full scale."""
    samples = np.frombuffer(decode_mulaw(mulaw), "<i2").astype(np.float32).reshape(-1, _WINDOW)
    powers: npt.NDArray[np.float64] = np.einsum("ij,ij->i", samples, samples) / np.float64(_WINDOW * FULL_SCALE**2)
    return powers


def _joined(probabilities: Sequence[float]) -> list[tuple[float, int]]:
    """Windows in a row that were not judged are told as one stretch."""
    if not any(probabilities):
        return [(0.0, len(probabilities))]
    return [
        stretch
        for is_judged, windows in groupby(probabilities, bool)
        for stretch in ([(each, 1) for each in windows] if is_judged else [(0.0, len(list(windows)))])
    ]
