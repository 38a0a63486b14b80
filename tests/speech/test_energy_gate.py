"""The gate before the voice detector: shut on quiet and on hum, open at once for anything louder."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from voicegw.speech.energy_gate import WINDOW_SECONDS, EnergyGates

SILENCE = 0.0
SPEECH = 10 ** (-20 / 10)
HUM = 10 ** (-35 / 10)


class Gate:
    """The gate of one line, beside another that hears noise of all sizes."""

    def __init__(self) -> None:
        self.gates = EnergyGates()
        self.gates.reserve(2)
        for row in range(2):
            self.gates.reset(row)
        self.heard = 0

    @property
    def is_open(self) -> bool:
        return bool(self.gates.are_open(np.array([1]))[0])

    def let_through(self, power: float, *, is_voiced: bool) -> bool:
        self.heard += 1
        noise = self.heard % 7 / 7
        return bool(
            self.gates.let_through(np.arange(2), np.array([noise, power]), np.array([noise > 0.5, is_voiced]))[1]
        )


def feed(gate: Gate, power: float, seconds: float, *, is_voiced: bool = False) -> list[bool]:
    return [gate.let_through(power, is_voiced=is_voiced) for _ in range(round(seconds / WINDOW_SECONDS))]


def test_silence_is_not_let_through() -> None:
    assert not any(feed(Gate(), SILENCE, 10))


def test_first_window_of_speech_is_let_through() -> None:
    gate = Gate()
    feed(gate, SILENCE, 5)
    assert feed(gate, SPEECH, 0.1)[0]
    assert gate.is_open


def test_gate_stays_open_for_half_a_second_after_speech() -> None:
    gate = Gate()
    feed(gate, SPEECH, 1, is_voiced=True)
    after = feed(gate, SILENCE, 2)
    assert 0.45 < sum(after) * WINDOW_SECONDS < 0.55
    assert not gate.is_open


def test_hum_shuts_the_gate_within_seconds_and_speech_above_it_opens_it() -> None:
    gate = Gate()
    assert not any(feed(gate, HUM, 4)[-30:])
    assert gate.let_through(HUM * 2.1, is_voiced=False)


def test_speech_of_a_minute_without_a_pause_is_not_taken_for_hum() -> None:
    assert all(feed(Gate(), SPEECH, 60, is_voiced=True))


def test_after_hum_stops_faint_speech_is_heard_again() -> None:
    gate = Gate()
    feed(gate, HUM, 10)
    feed(gate, SILENCE, 1)
    assert gate.let_through(10 ** (-50 / 10), is_voiced=False)


@given(st.lists(st.floats(0, 1), max_size=200))
def test_window_that_is_twice_as_loud_as_all_before_is_let_through(powers: list[float]) -> None:
    gate = Gate()
    for power in powers:
        gate.let_through(power, is_voiced=False)
    assert gate.let_through(2 * max([*powers, 1e-6]), is_voiced=False)
