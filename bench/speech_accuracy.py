"""How well the offline recogniser hears people: words wrong of a hundred, through the telephone's mulaw, with noise.

The people are the speaker of Debian's `asterisk-core-sounds-en-wav` (install it, and `asterisk-core-sounds-en`, which
has the words): all prompts of eight words or more, and strings of her single digits. Run:
`python -m bench.speech_accuracy [--prompts N]`.
"""

import argparse
import asyncio
import gzip
import re
import time
import wave
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.rounds import show_table
from voicegw.audio.mulaw import MULAW_RATE_HZ, encode_mulaw
from voicegw.live.ports import ListenRequest, Transcript
from voicegw.speech.moonshine import Moonshine

SOUNDS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
WORDS = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
FEWEST_WORDS = 8
FRAME_BYTES = 160
QUIET_AROUND_SECONDS = 0.3
"""What the session lets through before an onset is noticed and after the last sound, about."""

GAP_SECONDS = 0.12
DIGIT_STRINGS = 40
NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
SIGNS = {"*": " star ", "#": " pound ", "&": " and "}
SPELLINGS = {
    # The script's own slips.
    "umute": "unmute", "represenatives": "representatives", "un indentified": "unidentified", "witheld": "withheld",
    # One or two words.
    "login": "log in", "filename": "file name", "touchtone": "touch tone", "blacklist": "black list",
    "keywords": "key words", "cannot": "can not", "voicemail": "voice mail", "voiceover": "voice over",
    # Said and written short or long.
    "i'm": "i am", "you're": "you are", "you've": "you have", "that's": "that is", "i'll": "i will",
    "you'd": "you would", "it's": "it is", "won't": "will not", "can't": "can not", "don't": "do not",
}  # fmt: skip

Samples = npt.NDArray[np.float64]


def spoken_words(text: str) -> list[str]:
    """Words as they sound, so that "1" is "one", and case and marks are not counted as errors."""
    for sign, name in SIGNS.items():
        text = text.replace(sign, name)
    text = re.sub(r"\([^)]*\)|\[[^]]*\]|<[^>]*>", " ", text.lower())
    text = re.sub(r"\d", lambda digit: f" {NAMES[int(digit[0])]} ", text)
    return re.findall(r"[a-z']+", text.replace("’", "'"))


def usual_spelling(words: Sequence[str]) -> list[str]:
    """The same words with the differences taken away that are of writing, not of hearing."""
    text = " ".join(words)
    for one, other in SPELLINGS.items():
        text = re.sub(rf"(?<![\w']){one}(?![\w'])", other, text)
    return text.split()


def count_errors(wanted: Sequence[str], heard: Sequence[str]) -> int:
    """Words inserted, left out or put in place of others (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for count, word in enumerate(wanted, start=1):
        last, row[0] = row[0], count
        for at, other in enumerate(heard, start=1):
            last, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, last + (word != other))
    return row[-1]


def read_samples(name: str) -> Samples:
    """One recording of the set, 8 kHz."""
    with wave.open(str(SOUNDS / f"{name}.wav")) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64)


def prompts(fewest_words: int = FEWEST_WORDS) -> Iterator[tuple[str, list[str]]]:
    """Name and words of each prompt that is long enough."""
    for line in gzip.decompress(WORDS.read_bytes()).decode("utf-8", "replace").splitlines():
        name, colon, text = line.partition(": ")
        if colon and (SOUNDS / f"{name}.wav").is_file() and len(words := spoken_words(text)) >= fewest_words:
            yield name, words


def digit_strings() -> Iterator[tuple[Samples, list[str]]]:
    """Four to ten of her digits in a row, chosen by a fixed seed."""
    random = np.random.default_rng(4)
    gap = np.zeros(int(GAP_SECONDS * MULAW_RATE_HZ))
    for _ in range(DIGIT_STRINGS):
        digits = random.integers(0, 10, random.integers(4, 11)).tolist()
        yield np.concatenate([part for digit in digits for part in (trimmed(digit), gap)]), [NAMES[d] for d in digits]


def trimmed(digit: int) -> Samples:
    """One digit without the silence around it."""
    samples = read_samples(f"digits/{digit}")
    (sounding,) = np.nonzero(np.abs(samples) > 300)
    return samples[sounding[0] : sounding[-1]]


def on_the_line(samples: Samples, snr_db: float | None) -> bytes:
    """Mulaw of the speech with a little time around it, in white noise that is so much weaker."""
    quiet = np.zeros(int(QUIET_AROUND_SECONDS * MULAW_RATE_HZ))
    line = np.concatenate([quiet, samples, quiet])
    if snr_db is not None:
        loud = np.sqrt(np.mean(samples**2)) / 10 ** (snr_db / 20)
        line = line + np.random.default_rng(5).normal(0.0, loud, len(line))
    return encode_mulaw(line.clip(-32_768, 32_767).astype("<i2").tobytes())


async def recognise(recogniser: Moonshine, audio: bytes) -> tuple[str, float]:
    """The final words, and how long they took after the end of the speech."""
    final: asyncio.Future[Transcript] = asyncio.get_running_loop().create_future()

    def tell(transcript: Transcript) -> None:
        if transcript.final:
            final.set_result(transcript)

    ear = recogniser.open(ListenRequest(call_sid="bench", language="en-US"), tell, final.set_exception)
    ear.begin(1, b"")
    for at in range(0, len(audio), FRAME_BYTES):
        ear.put(audio[at : at + FRAME_BYTES])
    ear.finish(1, 0.0)
    began = time.perf_counter()
    transcript = await final
    took = time.perf_counter() - began
    await ear.close()
    return transcript.text, took


async def measure(
    recogniser: Moonshine, name: str, cases: Sequence[tuple[bytes, list[str]]], *, is_shown: bool
) -> tuple[str, ...]:
    """One row: errors of all words as they were written and in their usual spelling, cases without any, time."""
    as_written = errors = words = exact = 0
    times: list[float] = []
    for audio, wanted in cases:
        text, took = await recognise(recogniser, audio)
        as_written += count_errors(wanted, spoken_words(text))
        wrong = count_errors(usual_spelling(wanted), usual_spelling(spoken_words(text)))
        errors, words, exact = errors + wrong, words + len(wanted), exact + (wrong == 0)
        times.append(took * 1e3 / (len(audio) / MULAW_RATE_HZ))
        if wrong and is_shown:
            print(f"{name}: {wrong} wrong\n  said  {' '.join(wanted)}\n  heard {text}")
    shares = [f"{100 * count / words:.1f} %" for count in (errors, as_written)]
    return name, str(words), *shares, f"{exact}/{len(cases)}", f"{np.median(times):.0f}"


async def main() -> None:
    """Measure prompts and digits, clean and in noise."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--prompts", type=int, default=1_000, help="the first so many only")
    arguments.add_argument("--show", action="store_true", help="print what was heard wrong")
    given = arguments.parse_args()
    recogniser = Moonshine()
    chosen = list(prompts())[: given.prompts]
    rows = []
    for label, snr_db in (("clean", None), ("20 dB", 20.0), ("10 dB", 10.0)):
        cases = [(on_the_line(read_samples(name), snr_db), words) for name, words in chosen]
        rows.append(await measure(recogniser, f"prompts, {label}", cases, is_shown=given.show))
        digits = [(on_the_line(samples, snr_db), words) for samples, words in digit_strings()]
        rows.append(await measure(recogniser, f"digits, {label}", digits, is_shown=given.show))
    show_table(("speech", "words", "WER", "as written", "exact", "ms for 1 s"), rows)
    await recogniser.close()


if __name__ == "__main__":
    asyncio.run(main())
