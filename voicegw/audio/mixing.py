"""Sounds under a call: looped, faded in and out, ducked under speech, mixed without clipping. All 8 kHz mulaw.

Fades are counted in samples, so pieces of any size sound the same to the bit. Knows no clock: how much is asked for is
how far time has gone. What is spoken, and when, is decided elsewhere.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from voicegw.audio.mulaw import MULAW_RATE_HZ, MULAW_SILENCE, decode_mulaw, encode_mulaw

FADE_IN_SECONDS: Final = 0.3
FADE_OUT_SECONDS: Final = 0.15
DUCKED_DB: Final = -15.0
DUCK_SECONDS: Final = 0.05
RELEASE_SECONDS: Final = 0.4

_Floats = npt.NDArray[np.float64]

_LINEAR: Final[_Floats] = np.frombuffer(decode_mulaw(bytes(range(256))), "<i2").astype(np.float64)
_LOUDEST: Final = float(_LINEAR.max())  # what mulaw can carry
_KNEE: Final = 24_000.0
_SEAM_SAMPLES: Final = 160

_FADE_STEPS: Final = round(FADE_IN_SECONDS * MULAW_RATE_HZ)
_FADE_OUT_STEP: Final = round(FADE_IN_SECONDS / FADE_OUT_SECONDS)
_FADE_GAINS: Final[_Floats] = np.sin(np.linspace(0, math.pi / 2, _FADE_STEPS + 1)) ** 2
_DUCK_STEPS: Final = round(RELEASE_SECONDS * MULAW_RATE_HZ)
_DUCK_STEP: Final = round(RELEASE_SECONDS / DUCK_SECONDS)
_DUCK_GAINS: Final[_Floats] = 10 ** (DUCKED_DB / 20 * np.linspace(0, 1, _DUCK_STEPS + 1))


def mix_mulaw(first: bytes, second: bytes) -> bytes:
    """Both sounds at once; the shorter one is followed by silence."""
    count = max(len(first), len(second))
    return _encode(sum(_linear(sound.ljust(count, MULAW_SILENCE)) for sound in (first, second)) + np.zeros(count))


def mix_pcm16(first: bytes, second: bytes) -> bytes:
    """Both sounds at once, signed 16-bit little-endian samples of one rate; the shorter one is followed by silence."""
    count = max(len(first), len(second))
    mixed = sum(np.frombuffer(sound.ljust(count, b"\0"), "<i2").astype(np.float64) for sound in (first, second))
    return _limit(mixed + np.zeros(count // 2)).astype("<i2").tobytes()


def render_loop(mulaw: bytes) -> bytes:
    """The sound with its last 20 ms faded into its first: repeated, it has no click. Too short for that: as it is."""
    if len(mulaw) < 2 * _SEAM_SAMPLES:
        return mulaw
    rising = np.arange(_SEAM_SAMPLES) / _SEAM_SAMPLES
    seam = _linear(mulaw[:_SEAM_SAMPLES]) * rising + _linear(mulaw[-_SEAM_SAMPLES:]) * (1 - rising)
    return _encode(seam) + mulaw[_SEAM_SAMPLES:-_SEAM_SAMPLES]


@dataclass(slots=True)
class _Sound:
    """One sound under the call: where it is, and how far it is faded in (0 to `_FADE_STEPS`)."""

    mulaw: npt.NDArray[np.uint8]
    is_looped: bool
    gain: float
    at: int = 0
    faded_in: int = 0
    is_ending: bool = False

    def samples_left(self, at_most: int) -> int:
        """How many of the next samples are still its own."""
        if self.is_ending:
            at_most = min(at_most, -(-self.faded_in // _FADE_OUT_STEP))
        return at_most if self.is_looped else min(at_most, len(self.mulaw) - self.at)

    def take(self, count: int) -> _Floats:
        """Its next samples, which must be left."""
        indices = self.at + np.arange(count)
        self.at = (self.at + count) % len(self.mulaw) if self.is_looped else self.at + count
        fade = _ramp(self.faded_in, -_FADE_OUT_STEP if self.is_ending else 1, _FADE_STEPS, count)
        self.faded_in = int(fade[-1])
        return np.asarray(_LINEAR[self.mulaw.take(indices, mode="wrap")] * (self.gain * _FADE_GAINS[fade]))


class BackgroundMixer:
    """What the caller hears: the agent's voice over hold sounds and background. One for each call.

    Ask for every piece that is sent, in order: `mix` where the agent speaks, `fill` where it is silent.
    """

    def __init__(self) -> None:
        self._sounds: dict[str, _Sound] = {}
        self._ending: list[_Sound] = []
        self._ducked = 0  # 0 (as loud as it is) to `_DUCK_STEPS`

    @property
    def is_sounding(self) -> bool:
        """True while there is something to hear under silence, fades included."""
        return bool(self._sounds or self._ending)

    def plays(self, name: str) -> bool:
        """True from `start` of this name to its `stop` or its end."""
        return name in self._sounds

    def start(self, name: str, mulaw: bytes, *, is_looped: bool = True, gain_db: float = 0.0) -> None:
        """Fade a sound in; another of this name fades out meanwhile. An empty sound only does the latter."""
        self.stop(name)
        if mulaw:
            self._sounds[name] = _Sound(np.frombuffer(mulaw, np.uint8), is_looped, 10 ** (gain_db / 20))

    def stop(self, name: str) -> None:
        """Fade a sound out; nothing happens if there is none of this name."""
        sound = self._sounds.pop(name, None)
        if sound is not None:
            sound.is_ending = True
            self._ending.append(sound)

    def mix(self, voice: bytes) -> bytes:
        """The agent's mulaw with what sounds under it, ducked; byte for byte the same where nothing does."""
        under = self._take(len(voice), is_ducked=True)
        return _encode(_linear(voice[: len(under)]) + under) + voice[len(under) :]

    def fill(self, count: int, *, is_ducked: bool = False) -> bytes:
        """`count` samples in which the agent is silent; ducked all the same where the caller speaks."""
        return _encode(self._take(count, is_ducked=is_ducked)).ljust(count, MULAW_SILENCE)

    def _take(self, count: int, *, is_ducked: bool) -> _Floats:
        """All sounds together, only as long as one of them lasts."""
        duck = _ramp(self._ducked, _DUCK_STEP if is_ducked else -1, _DUCK_STEPS, count)
        self._ducked = int(duck[-1]) if count else self._ducked
        sounds = [(sound, left) for sound in self._all() if (left := sound.samples_left(count))]
        under = np.zeros(max((left for _, left in sounds), default=0))
        for sound, left in sounds:
            under[:left] += sound.take(left)
        self._sounds = {name: sound for name, sound in self._sounds.items() if sound.samples_left(1)}
        self._ending = [sound for sound in self._ending if sound.samples_left(1)]
        return np.asarray(under * _DUCK_GAINS[duck[: len(under)]])

    def _all(self) -> list[_Sound]:
        return [*self._sounds.values(), *self._ending]


def _ramp(start: int, step: int, end: int, count: int) -> npt.NDArray[np.int64]:
    """The next `count` values of a counter that stays within 0 and `end`."""
    return (start + step * np.arange(1, count + 1)).clip(0, end)


def _linear(mulaw: bytes) -> _Floats:
    return np.asarray(_LINEAR[np.frombuffer(mulaw, np.uint8)])


def _limit(samples: _Floats) -> _Floats:
    """Whole samples; from the knee on, louder gets ever less louder, and nothing goes over what mulaw can carry."""
    size = np.abs(samples)
    room = _LOUDEST - _KNEE
    bent = _KNEE + room * np.tanh((size - _KNEE) / room)
    return np.asarray(np.rint(np.copysign(np.where(size > _KNEE, bent, size), samples)))


def _encode(samples: _Floats) -> bytes:
    return encode_mulaw(_limit(samples).astype("<i2").tobytes())
