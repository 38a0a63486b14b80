"""Are lines loud enough to ask the model whether it hears a voice? Cheap, and on the side of asking. Pure.

The noise floor follows each line: down at once, up slowly, and not while there is a voice. So a line with a constant
hum closes again after some seconds, and no speech is long enough to be taken for the hum. All lines that bring a
window go through at once: numpy's price is by the call.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

WINDOW_SECONDS: Final = 0.032

_LOUDER_THAN_FLOOR: Final = 10 ** (3 / 10)
_FAINTEST_POWER: Final = 10 ** (-62 / 10)  # of full scale: below it a voice is lost in the telephone's own steps
_FALL_SHARE: Final = 0.4
_RISE: Final = 10 ** (15 / 10 * WINDOW_SECONDS)  # 15 dB a second
_HANGOVER_WINDOWS: Final = 16  # half a second: the model sees the end of a word, and what is between two

Rows = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]


class EnergyGates:
    """The gates of many lines, each in a row of its own. Windows of 32 ms come in order."""

    def __init__(self) -> None:
        self._floor = np.zeros(0)
        self._left = np.zeros(0, np.int64)

    def reserve(self, rows: int) -> None:
        """Have so many rows, at least as many as before; `reset` each new one."""
        self._floor, self._left = np.resize(self._floor, rows), np.resize(self._left, rows)

    def reset(self, row: int) -> None:
        """Another line begins in this row, and is quiet."""
        self._floor[row] = _FAINTEST_POWER
        self._left[row] = 0

    def are_open(self, rows: Rows) -> Flags:
        """Whether the last window of each of these lines was let through."""
        found: Flags = self._left[rows] > 0
        return found

    def let_through(self, rows: Rows, powers: npt.NDArray[np.float64], are_voiced: Flags) -> Flags:
        """Whether the model is to hear these lines' next windows, of such mean powers (1.0 is full scale).

        `are_voiced` is what the model said about the latest window it was given.
        """
        floor = self._floor[rows]
        is_loud = are_voiced | (powers > floor * _LOUDER_THAN_FLOOR)
        left = np.where(is_loud, _HANGOVER_WINDOWS, np.maximum(self._left[rows] - 1, 0))
        fallen = np.maximum(floor + (powers - floor) * _FALL_SHARE, _FAINTEST_POWER)
        risen = np.where(are_voiced, floor, np.minimum(floor * _RISE, powers))
        self._floor[rows] = np.where(powers < floor, fallen, risen)
        self._left[rows] = left
        found: Flags = left > 0
        return found
