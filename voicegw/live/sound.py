"""A message that an agent sends as sound, piece by piece → mulaw as the pieces come, their borders inaudible.

What cannot be converted live (a WAV file, an encoding that only decoders of whole files know) is collected and played
as a recording. Knows neither the agent nor when it is played.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from voicegw.audio.live_encodings import EncodingUnknown, LiveConverter, open_to_mulaw
from voicegw.call.instructions import PlayChunk
from voicegw.call.recorded import add_chunk, begin_recording, decode_piece
from voicegw.errors import SpeechError
from voicegw.live.ports import PromptSource

SLICE_BYTES: Final = 4_000
"""So much is converted before other calls have their turn: a few milliseconds of work, whatever a piece holds."""

_WAV = b"RIFF"


async def convert_sound(chunks: asyncio.Queue[PlayChunk], prompts: PromptSource) -> AsyncIterator[bytes]:
    """The sound up to its last piece. Raises `SpeechError` or `PromptError` where it is none."""
    chunk = await chunks.get()
    audio = decode_piece(chunk.content)
    converter = _open(chunk.encoding, audio)
    if converter is None:
        async for piece in _play_collected(chunk, chunks, prompts):
            yield piece
        return
    came = sounded = False
    while True:
        came = came or bool(audio)
        for start in range(0, len(audio), SLICE_BYTES):
            if mulaw := converter.convert(audio[start : start + SLICE_BYTES]):
                sounded = True
                yield mulaw
            await asyncio.sleep(0)
        if chunk.last:
            break
        chunk = await chunks.get()
        audio = decode_piece(chunk.content)
    if rest := converter.flush():
        yield rest
    elif came and not sounded:
        raise SpeechError(f"what the agent sent as {chunk.encoding[:80]!r} holds no sound")


async def _play_collected(
    first: PlayChunk, chunks: asyncio.Queue[PlayChunk], prompts: PromptSource
) -> AsyncIterator[bytes]:
    chunk, recording = first, begin_recording(first)
    while not chunk.last:
        chunk = await chunks.get()
        recording = add_chunk(recording, chunk)
    async for piece in prompts.load(recording):
        yield piece


def _open(encoding: str, begin: bytes) -> LiveConverter | None:
    if begin.startswith(_WAV):
        return None
    try:
        return open_to_mulaw(encoding)
    except EncodingUnknown:
        return None
