"""PURE: how long things sound: the words of a `<Say>`, the bytes of a recording, keypad tones."""

import re
import struct
from collections.abc import Iterable

from twiml import Break, Content, Pause, Sub, Unknown
from twiml.ssml import Ssml
from voicegw.simulator.stream.sound import wav_chunks

CHARS_PER_WORD = 12
"""A text without blanks is taken to have a word for so many characters."""

_BREAK_TIME = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*(ms|s)\s*")
_MULAW_BYTES_PER_SECOND = 8000
_MP3_BYTES_PER_SECOND = 8000
"""64 kbit/s, what spoken prompts usually have."""

PLAYABLE_TYPES = frozenset(
    f"audio/{kind}"
    for kind in "mpeg mp3 wav wave x-wav aiff x-aifc x-aiff x-gsm gsm ulaw basic x-mulaw".split()  # noqa: SIM905
)


def spoken_text(content: Content) -> str:
    """What is heard of a `<Say>`: its words, aliases for substituted ones, in one line."""
    return " ".join("".join(_words(content)).split())


def speech_seconds(content: Content, words_per_second: float) -> float:
    """How long it takes to say it, SSML breaks included."""
    text = spoken_text(content)
    words = max(len(text.split()), len(text) / CHARS_PER_WORD)
    return words / words_per_second + sum(_break_seconds(content))


def pause_seconds(verb: Pause) -> float:
    """How long a `<Pause>` is: "`length` int>0 (1)"."""
    return 1.0 if verb.length is None or verb.length < 0 else float(verb.length)


def tone_seconds(digits: str) -> float:
    """How long `<Play digits>` takes: 0.2 s for a tone, and the waits `w` and `W`."""
    return sum({"w": 0.5, "W": 1.0}.get(key, 0.2) for key in digits)


def recording_seconds(content_type: str, body: bytes) -> float | None:
    """The length of a recording, from its WAV header, or estimated from its size; None if unknown."""
    if body[:4] == b"RIFF" and body[8:12] == b"WAVE":
        return _wav_seconds(body)
    kind = content_type.partition(";")[0].strip().lower()
    if kind in ("audio/basic", "audio/ulaw", "audio/x-mulaw"):
        return len(body) / _MULAW_BYTES_PER_SECOND
    if kind in ("audio/mpeg", "audio/mp3"):
        return len(body) / _MP3_BYTES_PER_SECOND
    return None


def _words(content: Iterable[str | Ssml | Unknown]) -> Iterable[str]:
    for part in content:
        match part:
            case str():
                yield part
            case Sub(alias=str(alias)):
                yield alias
            case Break():
                yield " "
            case _:
                yield from _words(part.content)


def _break_seconds(content: Iterable[str | Ssml | Unknown]) -> Iterable[float]:
    for part in content:
        if isinstance(part, Break):
            found = _BREAK_TIME.fullmatch(part.time or "")
            if found is None:
                yield 0.0 if part.strength == "none" else 0.4
            else:
                yield float(found[1]) / (1000 if found[2] == "ms" else 1)
        elif not isinstance(part, str):
            yield from _break_seconds(part.content)


def _wav_seconds(body: bytes) -> float | None:
    bytes_per_second = 0
    for name, chunk in wav_chunks(body):
        if name == b"fmt " and len(chunk) >= 12:
            (bytes_per_second,) = struct.unpack_from("<I", chunk, 8)
        elif name == b"data":
            return len(chunk) / bytes_per_second if bytes_per_second else None
    return None
