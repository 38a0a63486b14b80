"""Recordings for calls that we speak in ourselves: fetched under the guard, decoded once, handed out as mulaw.

Implements `live.ports.PromptSource`; its connections are opened with the first recording.
"""

from collections.abc import AsyncIterator

from voicegw.audio.wav import parse_wav
from voicegw.call.instructions import PlayAudio, PlayRecording
from voicegw.call.recorded import join_pieces
from voicegw.prompts.cache import PromptCache
from voicegw.prompts.guarded_fetch import GuardedFetcher
from voicegw.prompts.prepare import PromptPreparer
from voicegw.prompts.public_sources import SourceRules


class StreamSource:
    """Must be used and closed inside one event loop."""

    def __init__(self, rules: SourceRules | None = None) -> None:
        self._preparer = PromptPreparer(max_cache_bytes=0)  # what comes again is kept by its source
        self._rules = rules or SourceRules()
        self._opened: tuple[GuardedFetcher, PromptCache] | None = None

    async def load(self, prompt: PlayAudio | PlayRecording) -> AsyncIterator[bytes]:
        """The recording as 8 kHz mulaw. Raises `PromptError`."""
        if isinstance(prompt, PlayAudio):
            yield await self._cache().get(prompt.source)
        else:
            wav = await self._preparer.prepare(join_pieces(prompt.content), prompt.encoding)
            header = parse_wav(wav)
            yield wav[header.data_offset : header.data_offset + header.data_bytes]

    async def close(self) -> None:
        """Cut off what is under way. Idempotent; nothing can be loaded any more."""
        if self._opened is not None:
            fetcher, cache = self._opened
            self._opened = None
            await cache.close()
            await fetcher.close()
        self._preparer.close()

    def _cache(self) -> PromptCache:
        if self._opened is None:
            fetcher = GuardedFetcher(self._rules)
            self._opened = (fetcher, PromptCache(fetcher, self._preparer))
        return self._opened[1]
