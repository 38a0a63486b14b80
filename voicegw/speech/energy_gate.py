"""Is a line loud enough to ask the model whether it hears a voice? Cheap, and on the side of asking. Pure.

The noise floor follows the line: down at once, up slowly, and not while there is a voice. So a line with a constant
hum closes again after some seconds, and no speech is long enough to be taken for the hum.
"""

from typing import Final

WINDOW_SECONDS: Final = 0.032

_LOUDER_THAN_FLOOR: Final = 10 ** (3 / 10)
_FAINTEST_POWER: Final = 10 ** (-62 / 10)  # of full scale: below it a voice is lost in the telephone's own steps
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
        floor = self._floor
        if is_voiced or power > floor * _LOUDER_THAN_FLOOR:
            self._left = _HANGOVER_WINDOWS
        elif self._left:
            self._left -= 1
        if power < floor:
            floor += (power - floor) * _FALL_SHARE
            self._floor = floor if floor > _FAINTEST_POWER else _FAINTEST_POWER
        elif not is_voiced:
            risen = floor * _RISE
            self._floor = risen if risen < power else power
        return self._left > 0
