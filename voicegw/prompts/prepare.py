"""Prompts made ready off the event loop: few at a time, and each only once while it is remembered.

Must not know where the bytes came from or who plays them.
"""

import asyncio
import hashlib
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from voicegw.prompts.data_uri import DataUri, parse_data_uri
from voicegw.prompts.decode import decode_prompt

_MAX_THREADS: Final = 2
_MAX_CACHE_BYTES: Final = 32_000_000  # 33 prompts of the longest kind, or an agent's whole stock of short ones


class PromptPreparer:
    """Turns audio into 8 kHz mulaw WAVs in threads of its own, and remembers the latest by their content.

    The decoders give up the interpreter's lock, so live calls go on meanwhile. Close it when done.
    """

    def __init__(self, *, max_threads: int = _MAX_THREADS, max_cache_bytes: int = _MAX_CACHE_BYTES) -> None:
        self._threads = ThreadPoolExecutor(max_threads, thread_name_prefix="prompts")
        self._max_cache_bytes = max_cache_bytes
        self._cached: OrderedDict[bytes, bytes] = OrderedDict()
        self._cached_bytes = 0

    async def prepare(self, source: bytes, encoding: str = "") -> bytes:
        """The WAV to play for these bytes, declared as MIME type `encoding` (may be empty).

        Idempotent and cancel-safe: a cancelled caller leaves a decoder that ends by itself. Raises
        PromptError; a failure is not remembered.
        """
        name = hashlib.sha256(encoding.encode("utf-8", "replace") + b"\0" + source).digest()
        if name in self._cached:
            self._cached.move_to_end(name)
            return self._cached[name]
        loop = asyncio.get_running_loop()
        wav = await loop.run_in_executor(self._threads, decode_prompt, source, encoding)
        self._remember(name, wav)
        return wav

    async def prepare_data_uri(self, uri: str) -> bytes:
        """The WAV to play for a `data:` URI; parsed in a thread too, for it may be megabytes long."""
        loop = asyncio.get_running_loop()
        parsed: DataUri = await loop.run_in_executor(self._threads, parse_data_uri, uri)
        return await self.prepare(parsed.content, parsed.media_type)

    def close(self) -> None:
        """Waits for no one: decoders under way end by themselves, later calls raise RuntimeError."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _remember(self, name: bytes, wav: bytes) -> None:
        self._cached_bytes += len(wav) - len(self._cached.pop(name, b""))
        self._cached[name] = wav
        while self._cached_bytes > self._max_cache_bytes:
            _, forgotten = self._cached.popitem(last=False)
            self._cached_bytes -= len(forgotten)
