"""The offline voice (English): hibari in two threads, piece by piece, its padding silence trimmed.

A piece is a sentence, or a part of a long one: its first audio takes as long as the whole of it takes to make, some
15 ms for each second of sound. hibari puts 0.3 s of silence before each and 0.5 s after.
"""

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import numpy as np
import structlog

from voicegw.errors import SpeechError
from voicegw.live.ports import SpeechRequest
from voicegw.speech.spoken_text import has_words, prepare_text, split_clauses
from voicegw.speech.waveform import Waveform, write_mulaw

if TYPE_CHECKING:
    from hibari import Hibari

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_THREADS: Final = 2
_SEED: Final = 1  # of the noise in its consonants: the same words sound the same, so they can be cached and tested
_GAIN: Final = 1.8  # speech at about -19 dBFS; its loudest peaks stay below full scale
_QUIET: Final = 0.004  # amplitude below which sound at either end is padding
_ENVELOPE_SECONDS: Final = 0.005
_BEFORE_SECONDS: Final = 0.02
_AFTER_SENTENCE_SECONDS: Final = 0.12  # a breath between one sentence and the next
_AFTER_CLAUSE_SECONDS: Final = 0.06


def _load() -> "Hibari":
    try:
        import hibari  # noqa: PLC0415 (an extra, and heavy)
    except ImportError as exc:
        raise SpeechError("the offline voice needs hibari-tts: pip install 'voicegw[offline]'") from exc
    voice = hibari.Hibari()
    voice("Warm up.", seed=_SEED)
    return voice


class HibariVoice:
    """The offline voice of all calls."""

    name = "offline"
    sound = "hibari-0.2.1-heart-1"

    def __init__(self) -> None:
        self._hibari = _load()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="offline-voice")
        self._strange_languages: set[str] = set()

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[bytes, None]:
        """Says any language as if it were English: an odd accent is better than silence. Raises `SpeechError`."""
        self._notice_language(request.language)
        loop = asyncio.get_running_loop()
        for sentence in filter(has_words, self._hibari.split_sentences(prepare_text(request.text))):
            clauses = split_clauses(sentence)
            for number, clause in enumerate(clauses, start=1):
                pause = _AFTER_SENTENCE_SECONDS if number == len(clauses) else _AFTER_CLAUSE_SECONDS
                try:
                    audio = await loop.run_in_executor(self._threads, self._make, clause, pause)
                except Exception as exc:  # whatever the runtime raises
                    raise SpeechError("the offline voice failed", retryable=True) from exc
                if audio:
                    yield audio

    async def close(self) -> None:
        """Waits for no one."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _make(self, clause: str, pause_seconds: float) -> bytes:
        """In a thread: the mulaw of a few words, with so much silence after them; empty if nothing can be said."""
        made = [self._hibari.from_phonemes(phonemes, seed=_SEED) for phonemes in self._hibari.phonemize(clause)]
        if not made:
            return b""
        samples = trim_silence(np.concatenate(made) * np.float32(_GAIN), self._hibari.sample_rate, pause_seconds)
        return write_mulaw(samples, self._hibari.sample_rate)

    def _notice_language(self, language: str) -> None:
        if not language.lower().startswith("en") and language not in self._strange_languages:
            self._strange_languages.add(language)
            log.warning("the offline voice knows English only and speaks with its accent", language=language)


def trim_silence(samples: Waveform, rate_hz: int, pause_seconds: float) -> Waveform:
    """The samples from just before their first sound to `pause_seconds` after their last; none if there is no sound."""
    smooth = max(1, int(_ENVELOPE_SECONDS * rate_hz))
    steps = np.abs(samples[: len(samples) // smooth * smooth]).reshape(-1, smooth).max(axis=1)
    (sounding,) = np.nonzero(steps > _QUIET)
    if not len(sounding):
        return samples[:0]
    start = int(sounding[0]) * smooth - int(_BEFORE_SECONDS * rate_hz)
    end = (int(sounding[-1]) + 1) * smooth + int(pause_seconds * rate_hz)
    return samples[max(0, start) : end]
