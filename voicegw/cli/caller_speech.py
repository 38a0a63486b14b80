"""How the telephone of the terminal speaks and hears on a streamed call: by the offline voice and recogniser.

They are an extra, and heavy, so they are imported and loaded only for a call that asked for them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import typer

from voicegw.errors import SpeechError
from voicegw.live.ports import ListenRequest, SpeechRequest, Transcript
from voicegw.simulator import CallerSpeech

if TYPE_CHECKING:
    from voicegw.speech.hibari_voice import HibariVoice
    from voicegw.speech.moonshine import Moonshine

_LANGUAGE: Final = "en-US"
# Of speech that begins at once the recogniser makes words that nobody said.
_LEAD: Final = b"\xff" * 1600


def is_installed() -> bool:
    """Whether the telephone can speak and hear on this machine."""
    return all(find_spec(name) is not None for name in ("hibari", "moonshine_voice", "onnxruntime"))


def require_caller_speech() -> None:
    """Raises `typer.BadParameter` with the mend where the telephone cannot speak and hear on this machine."""
    if not is_installed():
        raise typer.BadParameter("a voice and ears are missing: pip install 'voicegw[offline]'", param_hint="--stream")


@asynccontextmanager
async def caller_speech(*, wanted: bool) -> AsyncIterator[CallerSpeech | None]:
    """The caller's voice and ears while the block runs; None where they are not wanted. Raises `SpeechError`."""
    if not wanted:
        yield None
        return
    # Each takes a moment to load.
    from voicegw.speech.hibari_voice import HibariVoice  # noqa: PLC0415
    from voicegw.speech.moonshine import Moonshine  # noqa: PLC0415

    voice, ears = await asyncio.to_thread(lambda: (HibariVoice(), Moonshine()))
    try:
        yield _OfflineCaller(voice, ears)
    finally:
        await asyncio.gather(voice.close(), ears.close())


class _OfflineCaller:
    """Serves `CallerSpeech`."""

    def __init__(self, voice: "HibariVoice", ears: "Moonshine") -> None:
        self._voice = voice
        self._ears = ears

    async def speak(self, text: str) -> bytes:
        """See `CallerSpeech`."""
        request = SpeechRequest(text=text, language=_LANGUAGE)
        return b"".join([piece async for piece in self._voice.speak(request)])

    async def understand(self, audio: bytes) -> str:
        """See `CallerSpeech`; what cannot be understood is nothing."""
        words: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def tell(heard: Transcript) -> None:
            if heard.final and not words.done():
                words.set_result(heard.text)

        def fail(_: SpeechError) -> None:
            if not words.done():
                words.set_result("")

        ear = self._ears.open(ListenRequest(call_sid="", language=_LANGUAGE), tell, fail)
        ear.begin(1, _LEAD + audio)
        ear.finish(1, 0.0)
        try:
            return await words
        finally:
            await ear.close()
