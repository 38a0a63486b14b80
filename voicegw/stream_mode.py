"""The composition root of calls that we hear and speak ourselves: live calls, their sockets, their recordings."""

import asyncio
from collections.abc import Callable

from starlette.routing import BaseRoute

from voicegw.calllog.recordings import Recordings
from voicegw.config import Settings
from voicegw.live.calls import LiveCalls
from voicegw.live.ports import Realtime, Speech
from voicegw.prompts.stream_source import StreamSource
from voicegw.realtime.factory import create_realtime
from voicegw.signing import stream_verifier, token_secrets
from voicegw.speech.factory import Speech as SharedSpeech
from voicegw.speech_setup import warm_up
from voicegw.turns.call_book import CallBook
from voicegw.turns.call_in_hand import Desk
from voicegw.turns.conversation import Conversations
from voicegw.twilio.direct_socket import DirectSockets
from voicegw.twilio.media_admission import Admission
from voicegw.twilio.media_socket import MediaSockets
from voicegw.twilio.stream_tokens import StreamTokens


class StreamMode:
    """Stream calls of one gateway; `conversations` closes them."""

    def __init__(
        self,
        settings: Settings,
        conversations: Conversations,
        *,
        speech: Speech,
        realtime: Realtime | None,
        tokens: StreamTokens,
        wall: Callable[[], float],
    ) -> None:
        self._speech = speech
        self._warming: asyncio.Task[None] | None = None
        self._prompts = StreamSource()
        self._tokens = tokens
        self._recordings = Recordings(settings.recordings_path)

        def carry(desk: Desk, book: CallBook) -> LiveCalls:
            return LiveCalls(desk, book, speech, self._prompts, realtime, self._recordings)

        self.calls = conversations.stream_through(carry)
        self._admission = Admission(self.calls, stream_verifier(settings), tokens, wall)
        self.sockets = DirectSockets(self._admission)

    def routes(self) -> list[BaseRoute]:
        """Where the carrier connects."""
        return [MediaSockets(self._admission).route()]

    def trust(self, settings: Settings) -> None:
        """Take on new secrets from the next stream on."""
        self._tokens.trust(token_secrets(settings))
        self._admission.trust(stream_verifier(settings))

    def start(self, settings: Settings) -> None:
        """Begin to render what callers will hear again and again; nobody waits for it."""
        if isinstance(self._speech, SharedSpeech):
            self._warming = asyncio.create_task(warm_up(self._speech, settings), name="warm-up-voice")

    async def close(self) -> None:
        """Let go of what calls were heard and spoken with."""
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.gather(self._warming, return_exceptions=True)
        await self._recordings.close()
        await self._prompts.close()
        await self._speech.close()


def realtime_of(settings: Settings) -> Realtime | None:
    """The speech-to-speech server that these settings name, if any. Raises `SettingsError` for an unsafe address."""
    wanted = settings.realtime
    if not wanted.url:
        return None
    key = wanted.api_key.get_secret_value()
    return create_realtime(wanted.url, wanted.protocol, key, instructions=wanted.instructions, voice=wanted.voice)
