"""Is a line loud enough to ask the model whether it hears a voice? Cheap, and on the side of asking. Pure.

The noise floor follows the line: down at once, up slowly, and not while there is a voice. So a line with a constant
hum closes again after some seconds, and no speech is long enough to be taken for the hum.
"""

from typing import Final

WINDOW_SECONDS: Final = 0.032

_LOUDER_THAN_FLOOR: Final = 10 ** (3 / 10)
_FAINTEST_POWER: Final = 10 ** (-60 / 10)  # of full scale: a voice below it is lost in the telephone's own steps
_FALL_SHARE: Final = 0.4
_RISE: Final = 10 ** (15 / 10 * WINDOW_SECONDS)  # 15 dB a second
_HANGOVER_WINDOWS: Final = 16  # half a second: the model sees the end of a word, and what is between two


class EnergyGate:
    """One line's gate. Windows of 32 ms come in order."""

    __slots__ = ("_floor", "_left")

    def __init__(self) -> None:
        self._floor = _FAINTEST_POWER
        self._left = 0

    @property
    def is_open(self) -> bool:
        """Whether the last window was let through."""
        return self._left > 0

    def let_through(self, power: float, *, is_voiced: bool) -> bool:
        """Whether the model is to hear this window of mean `power` (1.0 is full scale).

        `is_voiced` is what the model said about the latest window it was given.
        """
        if is_voiced or power > max(self._floor * _LOUDER_THAN_FLOOR, _FAINTEST_POWER):
            self._left = _HANGOVER_WINDOWS
        elif self._left:
            self._left -= 1
        if power < self._floor:
            self._floor += (power - self._floor) * _FALL_SHARE
        elif not is_voiced:
            self._floor = min(self._floor * _RISE, power)
        self._floor = max(self._floor, _FAINTEST_POWER)
        return self._left > 0
