"""The speech of a gateway as its settings want it, and the phrases that are rendered before the first call."""

import asyncio
import os
from collections.abc import Iterator

import structlog

from voicegw.call.moves import DEFAULT_DISCLOSURE
from voicegw.call.phrases import PhraseName, fields_of, phrase
from voicegw.call.profile import Mode, NumberProfile
from voicegw.config import Settings
from voicegw.live.ports import SpeechRequest
from voicegw.speech.factory import Speech, create_speech

WARM_UP_SECONDS = 120.0
MOST_PHRASES = 200
_MOST_VARIANTS = 4
# Said before there is a stream, after it, or to the human that a call is forwarded to.
_NEVER_STREAMED = frozenset(
    {
        PhraseName.NOT_IN_SERVICE,
        PhraseName.BUSY,
        PhraseName.APPLICATION_ERROR,
        PhraseName.CONFIRM_ANNOUNCE,
        PhraseName.CONFIRM_PRESS,
        PhraseName.CONFIRM_DECLINED,
        PhraseName.CONSENT,
    }
)
_STREAMED = [name for name in PhraseName if name not in _NEVER_STREAMED and not fields_of(name)]

_log = structlog.get_logger(__name__)


def speech_of(settings: Settings) -> Speech | None:
    """What these settings hear and speak by; None where no number does. Takes a second or two. Raises
    `InvalidSettingsError` where a provider, its package or its key is missing."""
    if not settings.speaks:
        return None
    keeps = settings.phrase_cache_megabytes > 0
    return create_speech(
        stt=settings.stt,
        tts=settings.tts,
        environment=os.environ,
        cache_folder=settings.phrase_cache_path if keeps else None,
        cache_bytes=settings.phrase_cache_megabytes * 1_000_000,
    )


async def warm_up(speech: Speech, settings: Settings) -> None:
    """Render what callers will hear again and again, for two minutes at most. Never raises: what is not rendered is
    spoken when it is wanted."""
    try:
        async with asyncio.timeout(WARM_UP_SECONDS):
            await speech.warm(familiar_phrases(settings))
    except TimeoutError:
        _log.warning("not all phrases were rendered ahead", seconds=WARM_UP_SECONDS)
    except Exception:  # the root of a task that nobody awaits; calls do without
        _log.exception("phrases were not rendered ahead")


def familiar_phrases(settings: Settings) -> tuple[SpeechRequest, ...]:
    """PURE: what our stream calls are likely to say, as they will ask for it: of every number first its opening."""
    streamed = [profile for profile in settings.numbers if profile.mode is Mode.STREAM]
    wanted = [_request(text, profile) for profile in streamed for text in _opening(profile)]
    wanted += [_request(text, profile) for profile in streamed for text in _own_phrases(profile)]
    return tuple(dict.fromkeys(wanted))[:MOST_PHRASES]


def _opening(profile: NumberProfile) -> Iterator[str]:
    if profile.disclosure == DEFAULT_DISCLOSURE:
        yield phrase(PhraseName.CONSENT, profile.language, profile.phrases)
    elif profile.disclosure:
        yield profile.disclosure
    if profile.greeting:
        yield profile.greeting


def _own_phrases(profile: NumberProfile) -> Iterator[str]:
    for name in _STREAMED:
        for variant in range(_MOST_VARIANTS):
            yield phrase(name, profile.language, profile.phrases, variant)


def _request(text: str, profile: NumberProfile) -> SpeechRequest:
    return SpeechRequest(text=text, language=profile.language, voice=profile.stream.voice)
