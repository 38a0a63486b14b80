"""Audio that the carrier cannot fetch elsewhere (`data:` URIs, collected chunks), served by us as WAV.

Each recording gets an unguessable URL; it lives in the store and is forgotten with its call.
"""

import asyncio
import secrets
from dataclasses import replace
from typing import Literal, Protocol, TypeGuard, assert_never

import structlog

from voicegw.call.entries import Journal, NoJournal
from voicegw.call.instructions import PlayAudio, PlayRecording, Prompt, Say
from voicegw.call.recorded import collect_chunks, join_pieces
from voicegw.call.records import Failed
from voicegw.errors import StoreError, VoicegwError
from voicegw.turns.ports import CallStore, StoredAudio

AUDIO_PATH = "/twilio/audio/"
_PREPARE_SECONDS = 4.0
_TOKEN_BYTES = 24

_log = structlog.get_logger(__name__)


class PromptPreparer(Protocol):
    """Any audio → 8 kHz mulaw WAV; raises `VoicegwError` where it cannot."""

    async def prepare(self, source: bytes, encoding: str = "") -> bytes: ...

    async def prepare_data_uri(self, uri: str) -> bytes: ...


class ServedAudio:
    """Gives every prompt a source that the carrier can reach."""

    def __init__(
        self, store: CallStore, preparer: PromptPreparer, public_url: str, journal: Journal | None = None
    ) -> None:
        self._store = store
        self._journal = journal or NoJournal()
        self._preparer = preparer
        self._base = public_url.rstrip("/") + AUDIO_PATH

    async def make_reachable(self, call_sid: str, prompts: tuple[Prompt, ...], turn: int = 0) -> tuple[Prompt, ...]:
        """The same prompts, with audio of ours behind https URLs; what cannot be had is said by its words instead."""
        prompts = collect_chunks(prompts)  # what a stream did not come to say
        served = [self._serve(call_sid, prompt, turn) for prompt in prompts if _only_ours(prompt)]
        if not served:  # nearly always, and tasks cost
            return prompts
        reachable = iter(await asyncio.gather(*served))
        return tuple(next(reachable) if _only_ours(prompt) else prompt for prompt in prompts)

    async def _serve(self, call_sid: str, prompt: PlayAudio | PlayRecording, turn: int) -> Prompt:
        match prompt:
            case PlayAudio(source=source):
                preparation = self._preparer.prepare_data_uri(source)
            case PlayRecording():
                preparation = self._preparer.prepare(join_pieces(prompt.content), prompt.encoding)
            case _:
                assert_never(prompt)
        try:
            async with asyncio.timeout(_PREPARE_SECONDS):
                wav = await preparation
                token = secrets.token_urlsafe(_TOKEN_BYTES)
                await self._store.put_audio(call_sid, token, StoredAudio(wav, "audio/wav"))
        except (VoicegwError, TimeoutError) as error:
            reason = str(error) or "too slow"
            _log.warning("audio cannot be played", call_sid=call_sid, reason=reason)
            code = error.code if isinstance(error, VoicegwError) else "prompt-too-slow"
            part: Literal["store", "prompt"] = "store" if isinstance(error, StoreError) else "prompt"
            self._journal.note(call_sid, Failed(part=part, code=code, reason=reason), turn)
            return Say(text=prompt.instead, barge_in=prompt.barge_in)
        if isinstance(prompt, PlayAudio):
            return replace(prompt, source=f"{self._base}{token}.wav")
        return PlayAudio(source=f"{self._base}{token}.wav", instead=prompt.instead, barge_in=prompt.barge_in)


def _only_ours(prompt: Prompt) -> TypeGuard[PlayAudio | PlayRecording]:
    """Is this audio that nobody but us can serve?"""
    return isinstance(prompt, PlayRecording) or (isinstance(prompt, PlayAudio) and prompt.source.startswith("data:"))
