"""Our own voice on the caller's line: known at any delay and loudness, and nobody else's taken for it."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

from voicegw.audio.mulaw import encode_mulaw
from voicegw.media.echo import EchoGuard

Samples = npt.NDArray[np.float64]
FRAME_BYTES = 160


def speech(seed: int, frames: int) -> Samples:
    """Noise that is loud and soft as syllables of 100-300 ms are, with gaps between them."""
    dice = np.random.default_rng(seed)
    loud = [dice.uniform(0.2, 1) * (syllable % 2) for syllable in range(frames) for _ in range(dice.integers(3, 15))]
    return np.repeat(loud[:frames], FRAME_BYTES) * dice.normal(0, 3_000, frames * FRAME_BYTES)


def mulaw_frames(samples: Samples) -> list[bytes]:
    sound = encode_mulaw(samples.clip(-32_000, 32_000).astype("<i2").tobytes())
    return [sound[at : at + FRAME_BYTES] for at in range(0, len(sound), FRAME_BYTES)]


def verdicts(ours: Samples, theirs: Samples) -> Iterator[bool]:
    """What the guard says after each frame of a line that carries both."""
    guard = EchoGuard()
    for step, (sent, came) in enumerate(zip(mulaw_frames(ours), mulaw_frames(theirs), strict=True)):
        guard.send(sent, step * 0.02)
        guard.receive(came, step * 0.02 + 0.02)
        yield guard.is_echo()


def echo_of(ours: Samples, delay_seconds: float, decibels: float) -> Samples:
    samples = int(delay_seconds * 8_000)
    return np.concatenate((np.zeros(samples), ours[: len(ours) - samples])) * 10 ** (-decibels / 20)


@pytest.mark.parametrize("delay_seconds", [0.05, 0.1234, 0.3, 0.49])
@pytest.mark.parametrize("decibels", [10, 20, 30])
def test_our_own_words_coming_back_are_known(delay_seconds: float, decibels: float) -> None:
    ours = speech(1, 150)
    back = echo_of(ours, delay_seconds, decibels)
    noise = np.random.default_rng(2).normal(0, 20, len(ours))
    assert all(list(verdicts(ours, back + noise))[60:])
    assert all(list(verdicts(ours, noise - back))[60:])


def test_a_caller_is_never_taken_for_an_echo() -> None:
    for seed in range(10):
        assert not any(verdicts(speech(seed, 150), speech(1_000 + seed, 150) * 0.3))


def test_caller_who_speaks_over_an_echo_is_none() -> None:
    ours = speech(1, 150)
    theirs = echo_of(ours, 0.2, 25)
    theirs[100 * FRAME_BYTES :] += speech(5, 50) * 0.5
    heard = list(verdicts(ours, theirs))
    assert heard[95]
    assert not any(heard[115:])


def test_who_is_as_loud_as_we_are_is_no_echo() -> None:
    ours = speech(1, 100)
    assert not any(verdicts(ours, echo_of(ours, 0.1, 3)))


def test_a_hum_and_silence_are_like_nothing() -> None:
    ours = speech(2, 100)
    hum = 300 * np.sin(np.arange(len(ours)) * 2 * np.pi * 50 / 8_000)
    assert not any(verdicts(ours, hum))
    assert not any(verdicts(ours, np.zeros(len(ours))))
    assert not any(verdicts(np.zeros(len(ours)), ours))


def test_what_was_cleared_does_not_come_back() -> None:
    ours = speech(3, 80)
    guard = EchoGuard()
    for piece in mulaw_frames(ours):
        guard.send(piece, 0.0)
    guard.clear(0.55)
    heard = []
    for step, came in enumerate(mulaw_frames(echo_of(ours, 0.1, 20))):
        guard.receive(came, step * 0.02 + 0.02)
        heard.append(guard.is_echo())
    assert heard[30]
    assert not any(heard[60:])
    guard.clear(9.0)
