"""What an agent sent of a recording, piece by piece → its bytes. Pure."""

import base64
import binascii
from dataclasses import replace

from voicegw.call.instructions import PlayChunk, PlayRecording, Prompt


def collect_chunks(prompts: tuple[Prompt, ...]) -> tuple[Prompt, ...]:
    """The same prompts, pieces of one sound put together: for whoever cannot play them as they come."""
    if not any(isinstance(prompt, PlayChunk) for prompt in prompts):
        return prompts
    collected: list[Prompt] = []
    going_on = False
    for prompt in prompts:
        before = collected[-1] if collected and going_on else None
        going_on = isinstance(prompt, PlayChunk) and not prompt.last
        if not isinstance(prompt, PlayChunk):
            collected.append(prompt)
        elif isinstance(before, PlayRecording) and not prompt.first:
            collected[-1] = add_chunk(before, prompt)
        else:
            collected.append(begin_recording(prompt))
    return tuple(collected)


def begin_recording(chunk: PlayChunk) -> PlayRecording:
    """What has come of a sound so far, as a recording."""
    return PlayRecording(
        content=(chunk.content,), encoding=chunk.encoding, instead=chunk.instead, barge_in=chunk.barge_in
    )


def add_chunk(recording: PlayRecording, chunk: PlayChunk) -> PlayRecording:
    """The recording with one more piece."""
    return replace(recording, content=(*recording.content, chunk.content), instead=chunk.instead or recording.instead)


def join_pieces(pieces: tuple[str, ...]) -> bytes:
    """The pieces as bytes: base64 as far as anyone has seen, though the agent's documentation does not say so."""
    return b"".join(map(decode_piece, pieces))


def decode_piece(text: str) -> bytes:
    """One piece as bytes; what is no base64 is taken as it is."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text.encode("latin-1", "replace")
