"""Phrases that are said again and again, on disk as mulaw: spoken at once, and without the provider.

A phrase is kept when it is said for the second time, or rendered ahead; so what is said to one caller only does not
stay, nor does a phrase with digits: that may be somebody's number. A file is named by what it says, in which language
and by which voice; it begins with a digest of its sound, so one that was cut short or changed is made anew. Files are
written whole or not at all; the least lately used go first.
"""

import asyncio
import hashlib
import os
import tempfile
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Final

import structlog

from voicegw.live.ports import SpeechRequest
from voicegw.speech.providers import Voice

MAX_BYTES: Final = 200_000_000  # seven hours of sound

_SUFFIX: Final = ".mulaw"
_DIGEST_BYTES: Final = 32
_MOST_REMEMBERED: Final = 10_000
_PIECE_BYTES: Final = 8_000  # a second: the call's next speaker is not kept waiting for a long phrase

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class PhraseCache:
    """One folder for all voices; several processes may share it. Blocking: `CachedVoice` keeps it off the loop."""

    def __init__(self, folder: Path, *, max_bytes: int = MAX_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._max_bytes = folder, max_bytes

    def read(self, key: str) -> bytes | None:
        """The sound kept under this key; None if there is none, or if it is broken."""
        path = self._folder / f"{key}{_SUFFIX}"
        try:
            content = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        digest, sound = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        return sound if hashlib.sha256(sound).digest() == digest else None

    def write(self, key: str, sound: bytes) -> None:
        """Keep a sound; nothing is kept, and nothing raised, where the disk does not take it."""
        part: Path | None = None
        try:
            with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as file:
                part = Path(file.name)
                file.write(hashlib.sha256(sound).digest() + sound)
            part.replace(self._folder / f"{key}{_SUFFIX}")
            self._forget_oldest()
        except OSError as exc:
            log.warning("a phrase could not be kept", error=type(exc).__name__)
            if part is not None:
                with suppress(OSError):
                    part.unlink(missing_ok=True)

    def _forget_oldest(self) -> None:
        files = []
        for path in self._folder.iterdir():
            with suppress(OSError):  # another process may have been quicker
                found = path.stat()
                files.append((found.st_mtime, found.st_size, path))
        spare = self._max_bytes - sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if spare >= 0:
                break
            path.unlink(missing_ok=True)
            spare += size


class CachedVoice:
    """A voice that need not say twice what it said before."""

    def __init__(self, voice: Voice, cache: PhraseCache) -> None:
        self._voice, self._cache = voice, cache
        self._said_once: OrderedDict[str, None] = OrderedDict()

    @property
    def name(self) -> str:
        """The voice's own."""
        return self._voice.name

    @property
    def sound(self) -> str:
        """The voice's own."""
        return self._voice.sound

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[bytes, None]:
        """From the cache, or by the voice; kept only if it was said to its end."""
        key = self._key(request)
        kept = await asyncio.to_thread(self._cache.read, key)
        if kept is not None:
            for at in range(0, len(kept), _PIECE_BYTES):
                yield kept[at : at + _PIECE_BYTES]
            return
        sound = bytearray()
        async with aclosing(self._voice.speak(request)) as pieces:
            async for audio in pieces:
                sound += audio
                yield audio
        if self._is_kept(key, request.text) and sound:
            await asyncio.to_thread(self._cache.write, key, bytes(sound))

    async def render(self, request: SpeechRequest) -> None:
        """Keep a phrase before it is wanted. Raises `SpeechError`."""
        key = self._key(request)
        self._said_once[key] = None
        async with aclosing(self.speak(request)) as pieces:
            async for _ in pieces:
                pass

    async def close(self) -> None:
        """Close the voice."""
        await self._voice.close()

    def _key(self, request: SpeechRequest) -> str:
        said = (self._voice.sound, request.voice, request.language, request.text, request.ssml or "")
        return hashlib.sha256("\0".join(said).encode("utf-8", "replace")).hexdigest()

    def _is_kept(self, key: str, text: str) -> bool:
        if key in self._said_once:
            return True
        if any(character.isdigit() for character in text):
            return False
        self._said_once[key] = None
        if len(self._said_once) > _MOST_REMEMBERED:
            self._said_once.popitem(last=False)
        return False
