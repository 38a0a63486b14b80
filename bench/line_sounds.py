"""What a caller's line carries while the agent speaks: interruptions, and sounds that are none. Mulaw, 8 kHz.

Speech is the offline voice's, and a person's where Debian's `asterisk-core-sounds-en-wav` is installed (its words are
in `asterisk-core-sounds-en`); hold music is Debian's `asterisk-moh-opsound-wav`, or chords without it; the rest is made
of noise and sines. No two are alike: each has a pitch, a speed and a loudness of its own, from a fixed seed.
"""

import wave
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench import speech_accuracy
from voicegw.audio.mulaw import MULAW_RATE_HZ, decode_mulaw, encode_mulaw
from voicegw.live.ports import SpeechRequest
from voicegw.speech.hibari_voice import HibariVoice

MUSIC = Path("/usr/share/asterisk/moh")
MUSIC_SECONDS = 4.0
_OBJECTIONS = (
    "Wait, please, I have a question.", "No, not that one.", "Could you stop for a moment?", "Sorry?", "Stop.",
    "Hold on a second.", "I want to speak to a person.", "What did you say?", "Friday is fine.", "Can I come earlier?",
    "Please say that again.", "That is too late for me.", "No.", "Yes, the first one.", "How much is it?",
    "Never mind.", "I meant next week.", "The second one, please.", "Okay, I understand.", "Excuse me.",
)  # fmt: skip
_SHORT_WORDS = ("Stop.", "No.", "Wait.", "Agent.")
_NASAL = ((250.0, 60.0, 1.0), (1_000.0, 150.0, 0.06), (2_100.0, 250.0, 0.03), (3_000.0, 300.0, 0.015))
"""Resonances of a nose behind closed lips: Hz, width, strength."""
_HUMS = ("Mm-hmm.", "Uh-huh.", "Mhm.", "Hmm.")
_LOW_HZ, _HIGH_HZ = (697, 770, 852, 941), (1209, 1336, 1477)

Samples = npt.NDArray[np.float64]


async def say(words: str) -> bytes:
    """These words by the offline voice."""
    voice = HibariVoice()
    return b"".join([piece async for piece in voice.speak(SpeechRequest(text=words, language="en-US"))])


async def objections(count: int) -> list[bytes]:
    """What callers interrupt with."""
    return await _spoken(_OBJECTIONS, count, np.random.default_rng(1))


async def short_words(count: int) -> list[bytes]:
    """What is no longer than a noise and must interrupt even so."""
    return await _spoken(_SHORT_WORDS, count, np.random.default_rng(8))


def a_persons_words(count: int, *, fewest: int, most: int) -> list[bytes]:
    """Prompts of so many words, no spelt letters, by a professional speaker; none where they are not installed."""
    if not speech_accuracy.WORDS.is_file():
        return []
    prompts = speech_accuracy.prompts(fewest)
    named = [name for name, words in prompts if len(words) <= most and not name.startswith("letters/")]
    chosen = np.random.default_rng(2).permutation(len(named))[:count]
    return [_mulaw(trimmed(speech_accuracy.read_samples(named[number]))) for number in chosen]


def hums(count: int) -> list[bytes]:
    """ "Mm", "mhm" and "mm-hmm": a voice through the nose, once or twice, with a breath between."""
    random = np.random.default_rng(3)
    return [_mulaw(random.uniform(3_000, 12_000) * np.concatenate(list(_hum(random)))) for _ in range(count)]


async def spoken_hums(count: int) -> list[bytes]:
    """The same as the offline voice says it, with an open mouth."""
    return await _spoken(_HUMS, count, np.random.default_rng(7))


def coughs(count: int) -> list[bytes]:
    """One to three bursts of breath, each with a sudden beginning; in every other one the vocal cords sound along."""
    random = np.random.default_rng(4)
    return [_mulaw(np.concatenate(list(_cough(random)))) for _ in range(count)]


def hold_music(count: int) -> list[bytes]:
    """Four seconds from anywhere in a piece."""
    random = np.random.default_rng(5)
    pieces = [_read(path) for path in sorted(MUSIC.glob("*.wav"))]
    length = int(MUSIC_SECONDS * MULAW_RATE_HZ)
    found = []
    for number in range(count):
        piece = pieces[number % len(pieces)] if pieces else _chords(random)
        begin = random.integers(0, len(piece) - length + 1)
        found.append(_mulaw(piece[begin : begin + length]))
    return found


def keypad_tones(count: int) -> list[bytes]:
    """Three to eight keys as they sound in the line."""
    random = np.random.default_rng(6)
    return [_mulaw(np.concatenate(list(_keys(random)))) for _ in range(count)]


def trimmed(samples: Samples) -> Samples:
    """Without the silence around it: a wait begins at the last sound, and one for the agent's silence at the first."""
    loud = np.flatnonzero(np.abs(samples) > 300)
    return samples[loud[0] : loud[-1] + 1]


async def _spoken(texts: Sequence[str], count: int, random: np.random.Generator) -> list[bytes]:
    """Each by a voice that is a little higher or lower, quicker or slower, louder or softer."""
    said = [trimmed(_samples(await say(text))) for text in texts]
    found = []
    for number in range(count):
        samples = said[number % len(said)]
        places = np.arange(0, len(samples) - 1, random.uniform(0.88, 1.15))
        other = np.interp(places, np.arange(len(samples)), samples)
        found.append(_mulaw(other * 10 ** (random.uniform(-10, 0) / 20)))
    return found


def _hum(random: np.random.Generator) -> Iterator[Samples]:
    pitch_hz = random.uniform(90, 230)
    for number in range(random.integers(1, 3)):
        if number:
            yield 0.03 * np.convolve(random.normal(0, 1, int(0.07 * MULAW_RATE_HZ)), np.hanning(5), "same")
        seconds = random.uniform(0.12, 0.25)
        at = _times(seconds)
        rising = pitch_hz * (1 + 0.15 * number + random.uniform(-0.1, 0.2) * at / seconds)
        phase = 2 * np.pi * np.cumsum(rising) / MULAW_RATE_HZ
        sound = np.zeros(len(at))
        for harmonic in range(1, int(3_600 / pitch_hz)):
            through = sum(
                gain / np.sqrt(1 + ((pitch_hz * harmonic - peak_hz) / width_hz) ** 2)
                for peak_hz, width_hz, gain in _NASAL
            )
            sound += through / np.sqrt(harmonic) * np.sin(harmonic * phase + harmonic)
        yield sound / np.abs(sound).max() * np.clip(np.minimum(at / 0.03, (seconds - at) / 0.05), 0, 1)


def _cough(random: np.random.Generator) -> Iterator[Samples]:
    has_voice = random.random() < 0.5
    for _ in range(random.integers(1, 4)):
        at = _times(random.uniform(0.15, 0.35))
        breath = np.convolve(random.normal(0, 1, len(at)), np.hanning(random.integers(3, 12)), "same")
        pitch_hz = random.uniform(110, 260)
        voice = sum(np.sin(2 * np.pi * pitch_hz * number * at) / number for number in range(1, 8))
        sound = breath / np.abs(breath).max() + (0.4 * voice if has_voice else 0.0)
        yield random.uniform(4_000, 14_000) * sound * np.exp(-random.uniform(8, 18) * at)
        yield np.zeros(int(random.uniform(0.08, 0.3) * MULAW_RATE_HZ))


def _chords(random: np.random.Generator) -> Samples:
    chords = []
    for _ in range(8):
        root_hz = random.choice([220.0, 246.9, 261.6, 293.7, 329.6])
        notes = sum(np.sin(2 * np.pi * root_hz * ratio * _times(0.5)) for ratio in (1, 1.25, 1.5))
        chords.append(notes * np.exp(-2 * _times(0.5)))
    return 4_000 * np.concatenate(chords)


def _keys(random: np.random.Generator) -> Iterator[Samples]:
    for _ in range(random.integers(3, 9)):
        at = _times(random.uniform(0.06, 0.15))
        low, high = (np.sin(2 * np.pi * random.choice(tones) * at) for tones in (_LOW_HZ, _HIGH_HZ))
        yield random.uniform(2_000, 8_000) * (low + 1.26 * high)
        yield np.zeros(int(random.uniform(0.06, 0.15) * MULAW_RATE_HZ))


def _times(seconds: float) -> Samples:
    return np.arange(int(seconds * MULAW_RATE_HZ)) / MULAW_RATE_HZ


def _read(path: Path) -> Samples:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64)


def _samples(mulaw: bytes) -> Samples:
    return np.frombuffer(decode_mulaw(mulaw), "<i2").astype(np.float64)


def _mulaw(samples: Samples) -> bytes:
    return encode_mulaw(np.clip(samples, -32_000, 32_000).astype("<i2").tobytes())
