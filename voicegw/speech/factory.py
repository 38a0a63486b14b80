"""The speech of a process, made from plain settings: which recognisers and voices in which order, and their keys.

A provider's package is imported when it is named, so an extra that is not installed is missed at start, with its mend.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final, TypedDict, TypeVar

from voicegw.errors import NOT_SET, Fault, InvalidSettingsError, SpeechError
from voicegw.live.ports import SpeechRequest
from voicegw.speech.failover_ears import FailoverEars
from voicegw.speech.failover_voices import FailoverVoices
from voicegw.speech.phrase_cache import MAX_BYTES, CachedVoice, PhraseCache
from voicegw.speech.providers import Recogniser, Voice
from voicegw.speech.silero import SileroDetector
from voicegw.speech.smart_turn import SmartTurn

OFFLINE: Final = "offline"

_Made = TypeVar("_Made")
_Maker = Callable[[str, Mapping[str, str]], _Made]


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """What all stream calls of a process share. Used and closed inside one event loop."""

    detector: SileroDetector
    turn_model: SmartTurn
    stt: FailoverEars
    tts: FailoverVoices
    first_voice: Voice

    async def warm(self, phrases: Iterable[SpeechRequest] = ()) -> None:
        """Render greetings and such before they are wanted, one after the other, by the first voice; what it cannot
        say now is left for when it is wanted. Without a cache there is nothing to do."""
        if isinstance(self.first_voice, CachedVoice):
            for phrase in phrases:
                with suppress(SpeechError):
                    await self.first_voice.render(phrase)

    async def close(self) -> None:
        """Let go of models, threads and connections. Idempotent."""
        self.turn_model.close()
        await asyncio.gather(self.detector.close(), self.stt.close(), self.tts.close())


def create_speech(
    *,
    stt: Sequence[str] = (),
    tts: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    cache_folder: Path | None = None,
    cache_bytes: int = MAX_BYTES,
) -> Speech:
    """Load the models and providers that were named; takes a second or two, so before calls are taken.

    `stt` and `tts` are names in the order of failover, each with its model after a colon if it is not to be the usual
    one (`deepgram:nova-3`); empty is `offline`. The offline voice, where it is installed, always comes last.
    `environment` holds the providers' keys under the names their vendors gave them (`DEEPGRAM_API_KEY`, …).
    Repeated phrases are kept in `cache_folder`, at most `cache_bytes` of them; without one nothing is kept.
    Raises InvalidSettingsError for a name that is unknown, a package or a key that is missing.
    """
    keys = environment or {}
    voices = list(tts) or [OFFLINE]
    if OFFLINE not in voices and find_spec("hibari") and find_spec("onnxruntime"):
        voices.append(OFFLINE)
    made = _make_all("VOICEGW_TTS", voices, _VOICES, keys)
    if cache_folder is not None:
        cache = _open_cache(cache_folder, cache_bytes)
        made = [CachedVoice(voice, cache) for voice in made]
    recognisers = _make_all("VOICEGW_STT", list(stt) or [OFFLINE], _RECOGNISERS, keys)
    try:
        detector, turn_model = SileroDetector(), SmartTurn()
    except SpeechError as exc:
        mend = "Stream mode hears with it whatever the providers are"
        raise InvalidSettingsError([Fault(key="mode", value="stream", wrong=exc.message, mend=mend)]) from exc
    return Speech(
        detector=detector,
        turn_model=turn_model,
        stt=FailoverEars(recognisers),
        tts=FailoverVoices(made),
        first_voice=made[0],
    )


def _open_cache(folder: Path, max_bytes: int) -> PhraseCache:
    try:
        return PhraseCache(folder, max_bytes=max_bytes)
    except OSError as exc:
        wrong = f"the folder for repeated phrases cannot be made ({exc.strerror})"
        fault = Fault(key="cache_folder", value=str(folder), wrong=wrong, mend="Name one that can be written to")
        raise InvalidSettingsError([fault]) from exc


def _make_all(
    key: str, names: Sequence[str], makers: Mapping[str, _Maker[_Made]], environment: Mapping[str, str]
) -> list[_Made]:
    made: list[_Made] = []
    faults: list[Fault] = []
    seen: set[str] = set()
    for name in names:
        provider, _, model = name.partition(":")
        if provider in seen:
            mend = "Name each provider once: one that fails with a model fails with another"
            faults.append(Fault(key=key, value=name, wrong="this provider is named twice", mend=mend))
            continue
        seen.add(provider)
        if provider not in makers:
            mend = f"Choose from {', '.join(makers)}"
            faults.append(Fault(key=key, value=name or NOT_SET, wrong="there is no such provider", mend=mend))
            continue
        try:
            made.append(makers[provider](model, environment))
        except ImportError as exc:
            mend = f"pip install 'voicegw[{provider}]'"
            faults.append(Fault(key=key, value=name, wrong=f"its package is missing ({exc.name})", mend=mend))
        except SpeechError as exc:
            faults.append(Fault(key=key, value=name, wrong=exc.message, mend="Mend it or leave it out"))
    if faults:
        raise InvalidSettingsError(faults)
    return made


# Imports inside: each provider is an extra of its own.
# ruff: noqa: PLC0415


def _offline_ears(_model: str, _environment: Mapping[str, str]) -> Recogniser:
    from voicegw.speech.moonshine import Moonshine

    return Moonshine()


def _offline_voice(_model: str, _environment: Mapping[str, str]) -> Voice:
    from voicegw.speech.hibari_voice import HibariVoice

    return HibariVoice()


def _deepgram_ears(model: str, environment: Mapping[str, str]) -> Recogniser:
    from voicegw.speech.deepgram_stt import DeepgramRecogniser

    return DeepgramRecogniser(model=model, **_account("DEEPGRAM", environment))


def _deepgram_voice(voice: str, environment: Mapping[str, str]) -> Voice:
    from voicegw.speech.deepgram_tts import DeepgramVoice

    return DeepgramVoice(voice=voice, **_account("DEEPGRAM", environment))


def _elevenlabs_voice(voice: str, environment: Mapping[str, str]) -> Voice:
    from voicegw.speech.elevenlabs_tts import ElevenLabsVoice

    return ElevenLabsVoice(voice=voice, **_account("ELEVENLABS", environment))


def _openai_ears(model: str, environment: Mapping[str, str]) -> Recogniser:
    from voicegw.speech.openai_stt import OpenAIRecogniser

    return OpenAIRecogniser(model=model, **_account("OPENAI", environment))


def _openai_voice(model: str, environment: Mapping[str, str]) -> Voice:
    from voicegw.speech.openai_tts import OpenAIVoice

    return OpenAIVoice(model=model, **_account("OPENAI", environment))


class _Account(TypedDict):
    """What all classes of all vendors are opened with; an empty `base_url` is the vendor's own."""

    api_key: str
    base_url: str


def _account(vendor: str, environment: Mapping[str, str]) -> _Account:
    """Reads `DEEPGRAM_API_KEY`, `DEEPGRAM_BASE_URL` and so on. Raises `SpeechError` without a key."""
    api_key = environment.get(f"{vendor}_API_KEY", "").strip()
    if not api_key:
        raise SpeechError(f"it needs a key, and {vendor}_API_KEY is not set")
    return _Account(api_key=api_key, base_url=environment.get(f"{vendor}_BASE_URL", ""))


_RECOGNISERS: Final[dict[str, _Maker[Recogniser]]] = {
    OFFLINE: _offline_ears,
    "deepgram": _deepgram_ears,
    "openai": _openai_ears,
}
_VOICES: Final[dict[str, _Maker[Voice]]] = {
    OFFLINE: _offline_voice,
    "deepgram": _deepgram_voice,
    "elevenlabs": _elevenlabs_voice,
    "openai": _openai_voice,
}
