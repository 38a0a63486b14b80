"""What `voicegw check` looks at for calls that the gateway hears and speaks itself: models, voice, socket."""

import asyncio
import time
from contextlib import aclosing

from twilio.request_validator import RequestValidator

from voicegw.call.profile import Mode
from voicegw.cli.findings import Finding, bad, good, skipped
from voicegw.cli.web_probe import WebProber
from voicegw.config import InvalidSettingsError, Settings
from voicegw.errors import SpeechError
from voicegw.live.ports import SpeechRequest
from voicegw.speech.factory import Speech
from voicegw.speech_setup import speech_of
from voicegw.twilio.answers import MEDIA_PATH

_SPEECH_SECONDS = 10.0
_SWITCHED, _REFUSED = 101, 403
_PROXY_MEND = "Let the proxy pass WebSocket upgrades on (docs/deployment.md); start voicegw serve with these settings."


async def check_speech(settings: Settings) -> list[Finding]:
    """Load what calls are heard and spoken by, and let the first voice say something. Blocks while models load."""
    if not settings.speaks:
        return []
    try:
        # without its cache, which would hide a voice that cannot speak any more
        speech = speech_of(settings.model_copy(update={"phrase_cache_megabytes": 0}))
    except InvalidSettingsError as error:
        return [bad("speech", f"{fault.subject}: {fault.wrong}", fault.mend) for fault in error.faults]
    if speech is None:  # pragma: no cover - it speaks
        return []
    try:
        loaded = good("speech", f"models are loaded; {described(settings)}")
        return [loaded, await _check_voice(settings, speech)]
    finally:
        await speech.close()


async def check_socket(settings: Settings, web: WebProber) -> list[Finding]:
    """Open a stream's WebSocket through the public URL, signed as Twilio signs it."""
    if not settings.speaks:
        return []
    url = f"ws{settings.public_url.removeprefix('http')}{MEDIA_PATH}"
    tokens = [token.get_secret_value() for token in settings.twilio.auth_tokens]
    if not tokens:
        return [skipped("streams", "no TWILIO_AUTH_TOKEN to sign with")]
    probe = await web.upgrade(url, {"X-Twilio-Signature": RequestValidator(tokens[0]).compute_signature(url, {})})
    if probe.status == _SWITCHED:
        found = good("streams", f"{url} opens")
        # Twilio opens no other ("wss is the only supported protocol")
        return [found] if url.startswith("wss:") else [found, skipped("streams", "Twilio itself needs https")]
    if probe.status == _REFUSED:
        mend = "Give gateway and check the same TWILIO_AUTH_TOKEN and VOICEGW_PUBLIC_URL; the proxy must keep headers."
        return [bad("streams", f"{url}: a signed upgrade is refused (status 403)", mend)]
    wrong = probe.failure or f"status {probe.status}, no WebSocket"
    return [bad("streams", f"{url}: {wrong}", probe.mend or _PROXY_MEND)]


def described(settings: Settings) -> str:
    """PURE: by what calls are heard and spoken, in the order of failover."""
    hears, speaks = (", ".join(names) or "offline" for names in (settings.stt, settings.tts))
    return f"heard by {hears}, spoken by {speaks}"


async def _check_voice(settings: Settings, speech: Speech) -> Finding:
    profile = next((each for each in settings.numbers if each.mode is Mode.STREAM), settings.numbers[0])
    voice, name = profile.stream.voice, speech.first_voice.name
    request = SpeechRequest(text="One moment.", language=profile.language, voice=voice)
    began_at = time.monotonic()
    try:
        async with asyncio.timeout(_SPEECH_SECONDS), aclosing(speech.first_voice.speak(request)) as pieces:
            await anext(pieces)
    except (SpeechError, TimeoutError, StopAsyncIteration) as error:
        why = error.message if isinstance(error, SpeechError) else f"no sound within {_SPEECH_SECONDS:.0f} seconds"
        mend = "Check the provider's key, account and status, and stream.voice; meanwhile the next voice speaks."
        return bad("voice", f"{name}: {why}", mend)
    return good("voice", f"{name}: the first sound after {time.monotonic() - began_at:.2f} s")
