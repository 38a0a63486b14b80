"""Deepgram's streaming recognisers: Nova (v1) and Flux (v2), on the vendor's own client, mulaw as it comes.

When a speech begins and ends is the session's decision. Nova is told so by `Finalize`; Flux by `ForceEndTurn`, with
its own end of turn switched off ("Bring Your Own Turn Detection": `eot_threshold=1.0`, no `eager_eot_threshold`).
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from deepgram.listen.v1.socket_client import AsyncV1SocketClient
from deepgram.listen.v1.types import ListenV1Error, ListenV1Results
from deepgram.listen.v2.socket_client import AsyncV2SocketClient
from deepgram.listen.v2.types import ListenV2FatalError, ListenV2TurnInfo

from voicegw.audio.mulaw import MULAW_RATE_HZ, MULAW_SILENCE
from voicegw.errors import SpeechError
from voicegw.live.ports import ListenRequest, Transcript
from voicegw.speech.deepgram_client import DEFAULT_URL, deepgram_client, deepgram_errors
from voicegw.speech.providers import language_without_region
from voicegw.speech.streamed_ear import Heard, Socket, StreamedEar

DEFAULT_MODEL: Final = "nova-3"

_NOVA_3: Final = "nova-3"  # older ones refuse key terms
_FLUX: Final = "flux"
_LISTED_REGIONS: Final = """
    da-DK de-CH en-AU en-GB en-IN en-NZ en-US es-419 fr-CA ko-KR nl-BE pt-BR pt-PT sv-SE th-TH
    zh-CN zh-HK zh-Hans zh-Hant zh-TW
"""
_REGIONS: Final = frozenset(_LISTED_REGIONS.split())
"""Those that Nova knows by name ("Models & Languages Overview"). It refuses `de-DE` with 400: that is its `de`."""
_MOST_KEYTERMS: Final = 100
_MOST_KEYTERM_BYTES: Final = 500
"""It takes 500 tokens of key terms in all, and refuses more; a token has a byte at least."""
_MANUAL_THRESHOLD: Final = "1.0"
_LONGEST_SILENCE_MS: Final = "60000"  # the most it allows: a turn that it ends by itself is a part of our speech
_NO_TURN: Final = -1
_NEARLY_SECONDS: Final = 0.05
_REST: Final = MULAW_SILENCE * (MULAW_RATE_HZ // 10)


class DeepgramRecogniser:
    """Nova, or Flux if `model` begins with `flux`; one connection a call."""

    name = "deepgram"

    def __init__(self, api_key: str, *, model: str = "", base_url: str = "") -> None:
        self._key = api_key
        self._client = deepgram_client(api_key, base_url or DEFAULT_URL)
        self._model = model or DEFAULT_MODEL

    def open(
        self, request: ListenRequest, tell: Callable[[Transcript], None], fail: Callable[[SpeechError], None]
    ) -> StreamedEar:
        """See `Recogniser`."""
        return StreamedEar(self, request, tell, fail)

    def connect(self, request: ListenRequest) -> AbstractAsyncContextManager[Socket]:
        """See `Dialect`."""
        return self._connect_flux(request) if self._model.startswith(_FLUX) else self._connect_nova(request)

    async def close(self) -> None:
        """Nothing is held between calls."""

    @asynccontextmanager
    async def _connect_nova(self, request: ListenRequest) -> AsyncIterator[Socket]:
        with deepgram_errors(told=" ".join((self._key, *request.hints))):
            async with self._client.listen.v1.connect(
                model=self._model,
                language=_nova_language(request.language),
                encoding="mulaw",
                sample_rate=MULAW_RATE_HZ,
                interim_results=True,
                smart_format=True,
                profanity_filter=request.profanity_filter,
                keyterm=_keyterms(request.hints) if self._model.startswith(_NOVA_3) else None,
            ) as socket:
                yield NovaSocket(socket)

    @asynccontextmanager
    async def _connect_flux(self, request: ListenRequest) -> AsyncIterator[Socket]:
        multilingual = self._model.endswith("-multi")
        with deepgram_errors(told=" ".join((self._key, *request.hints))):
            async with self._client.listen.v2.connect(
                model=self._model,
                encoding="mulaw",
                sample_rate=MULAW_RATE_HZ,
                eot_threshold=_MANUAL_THRESHOLD,
                eot_timeout_ms=_LONGEST_SILENCE_MS,
                language_hint=language_without_region(request.language) if multilingual else None,
                profanity_filter=request.profanity_filter,
                keyterm=_keyterms(request.hints),
            ) as socket:
                yield FluxSocket(socket)


def _nova_language(tag: str) -> str:
    return tag if tag in _REGIONS else language_without_region(tag)


def _keyterms(hints: Sequence[str]) -> list[str] | None:
    """The first hints, as many as may be asked for; None if there are none."""
    room = _MOST_KEYTERM_BYTES
    terms: list[str] = []
    for hint in hints[:_MOST_KEYTERMS]:
        room -= len(hint.encode("utf-8", "replace"))
        if room < 0:
            break
        terms.append(hint)
    return terms or None


class NovaSocket:
    """v1: results come for stretches of the stream; those of a stretch that is settled do not change any more."""

    def __init__(self, socket: AsyncV1SocketClient) -> None:
        self._socket = socket
        self._sent_seconds = self._settled_seconds = 0.0
        self._speech_from_seconds = 0.0
        self._is_ending = False

    async def send_audio(self, audio: bytes) -> None:
        """See `Socket`."""
        if self._is_ending:
            self._is_ending, self._speech_from_seconds = False, self._sent_seconds
        self._sent_seconds += len(audio) / MULAW_RATE_HZ
        with deepgram_errors():
            await self._socket.send_media(audio)

    async def send_end(self) -> bool:
        """`Finalize` is answered only where audio was left to be settled."""
        self._is_ending = True
        if self._is_all_settled():
            return False
        with deepgram_errors():
            await self._socket.send_finalize()
        return True

    async def send_rest(self) -> None:
        """Deepgram closes a stream after 10 s without audio, unless it is kept alive."""
        with deepgram_errors():
            await self._socket.send_keep_alive()

    async def hear(self) -> AsyncIterator[Heard]:
        """See `Socket`."""
        with deepgram_errors():
            async for message in self._socket:
                if isinstance(message, ListenV1Error):
                    raise SpeechError(f"Deepgram reported {message.variant}", retryable=True)
                if isinstance(message, ListenV1Results) and (heard := self._read(message)) is not None:
                    yield heard

    def _read(self, results: ListenV1Results) -> Heard | None:
        try:
            best = results.channel.alternatives[0]
            text, confidence, is_settled = best.transcript, best.confidence, bool(results.is_final)
            ends_at = results.start + results.duration
        except (AttributeError, IndexError, TypeError):  # the client does not check what it reads
            return None
        if is_settled:
            self._settled_seconds = ends_at
        if ends_at < self._speech_from_seconds + _NEARLY_SECONDS:
            return None  # of a speech that was not waited for any longer: no word of this one
        is_end = self._is_ending and (bool(results.from_finalize) or (is_settled and self._is_all_settled()))
        return Heard(text=text, is_settled=is_settled, is_end=is_end, confidence=confidence if text else None)

    def _is_all_settled(self) -> bool:
        return self._settled_seconds > self._sent_seconds - _NEARLY_SECONDS


class FluxSocket:
    """v2: a turn's transcript is told anew as it grows; `EndOfTurn` settles it."""

    def __init__(self, socket: AsyncV2SocketClient) -> None:
        self._socket = socket
        self._is_ending = False
        self._open_turn = self._past_turn = _NO_TURN

    async def send_audio(self, audio: bytes) -> None:
        """See `Socket`. A turn that is still open when the next speech begins is none of this one: its end is late."""
        if self._is_ending:
            self._is_ending, self._past_turn = False, max(self._past_turn, self._open_turn)
        with deepgram_errors():
            await self._socket.send_media(audio)

    async def send_end(self) -> bool:
        """`ForceEndTurn` is ignored where no turn has begun; it may have, in audio that is still being read."""
        self._is_ending = True
        with deepgram_errors():
            await self._socket.send_force_end_turn()
        return True

    async def send_rest(self) -> None:
        """There is no keep-alive message: a moment of silence is one."""
        with deepgram_errors():
            await self._socket.send_media(_REST)

    async def hear(self) -> AsyncIterator[Heard]:
        """See `Socket`."""
        with deepgram_errors():
            async for message in self._socket:
                if isinstance(message, ListenV2FatalError):
                    raise SpeechError(f"Deepgram reported {message.code}", retryable=True)
                if isinstance(message, ListenV2TurnInfo) and (heard := self._read(message)) is not None:
                    yield heard

    def _read(self, info: ListenV2TurnInfo) -> Heard | None:
        """`turn_index` grows after each `EndOfTurn`; an `Update` comes also while no turn has begun, without words."""
        text, is_settled = info.transcript or "", info.event == "EndOfTurn"
        if is_settled:
            self._open_turn = _NO_TURN
        elif text or info.event == "StartOfTurn":
            self._open_turn = info.turn_index
        if info.turn_index <= self._past_turn:
            return None
        return Heard(text=text, is_settled=is_settled, is_end=is_settled and self._is_ending)
