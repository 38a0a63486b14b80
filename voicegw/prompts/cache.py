"""Prompts by where they come from: fetched and decoded once, then ready as 8 kHz mulaw for every call.

Kept in memory up to a number of bytes, the least lately used forgotten first. While a prompt is being made ready,
whoever asks for it waits for the same work. A failure is kept for seconds only. Knows neither URLs nor formats: the
fetcher and the preparer do, and keep decoding off the event loop.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from typing import Final, Protocol, assert_never

from voicegw.audio.wav import parse_wav
from voicegw.prompts.data_uri import is_data_uri
from voicegw.prompts.errors import PromptError, PromptUnreachable
from voicegw.prompts.guarded_fetch import FetchedAudio, StillTheSame
from voicegw.prompts.validators import MAX_FRESH_SECONDS, Validators

MAX_CACHE_BYTES: Final = 64_000_000  # over two hours of sound
FAILURE_SECONDS: Final = 10.0

_MAX_KEY_CHARS: Final = 1_024
_ENTRY_BYTES: Final = 512  # what an entry weighs beside its key and its sound
_NO_VALIDATORS: Final = Validators()


class SourceFetcher(Protocol):
    """Who fetches what a URL names; see `GuardedFetcher.fetch`."""

    async def fetch(self, url: str, known: Validators | None = None) -> FetchedAudio | StillTheSame: ...


class AudioPreparer(Protocol):
    """Who turns audio into 8 kHz mulaw WAVs off the event loop; see `PromptPreparer`."""

    async def prepare(self, source: bytes, encoding: str = "") -> bytes: ...

    async def prepare_data_uri(self, uri: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Kept:
    """A prompt, or why there is none (`mulaw` is empty then); nobody asks again before `fresh_until`."""

    mulaw: bytes
    fresh_until: float
    validators: Validators = _NO_VALIDATORS
    failure: PromptError | None = None


class PromptCache:
    """Prompts as mulaw bytes, by source. Used and closed inside one event loop."""

    def __init__(
        self,
        fetcher: SourceFetcher,
        preparer: AudioPreparer,
        *,
        max_bytes: int = MAX_CACHE_BYTES,
        failure_seconds: float = FAILURE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetcher = fetcher
        self._preparer = preparer
        self._max_bytes = max_bytes
        self._failure_seconds = failure_seconds
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._kept_bytes = 0
        self._making: dict[str, asyncio.Task[_Kept]] = {}

    @property
    def kept_bytes(self) -> int:
        """What the cache weighs now."""
        return self._kept_bytes

    async def get(self, source: str) -> bytes:
        """The prompt at an https URL or in a `data:` URI, as 8 kHz mulaw.

        A version that has gone stale is played on while its server fails. Idempotent and cancel-safe: a caller who goes
        leaves the work to the others. Raises PromptError.
        """
        key = await _key_of(source)
        kept = self._kept.get(key)
        if kept is not None and self._clock() < kept.fresh_until:
            self._kept.move_to_end(key)
        else:
            kept = await self._make_once(key, source, kept)
        if kept.failure is not None:
            raise copy(kept.failure)
        return kept.mulaw

    async def close(self) -> None:
        """End the work under way; who waits for it is cancelled. Idempotent."""
        tasks = list(self._making.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _make_once(self, key: str, source: str, stale: _Kept | None) -> _Kept:
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(self._make(key, source, stale))
            task.add_done_callback(lambda _: self._making.pop(key))
        return await asyncio.shield(task)

    async def _make(self, key: str, source: str, stale: _Kept | None) -> _Kept:
        """Never raises PromptError: a failure is a result too, for all who wait for it."""
        try:
            made = await (self._unpack(source) if is_data_uri(source) else self._fetch(source, stale))
        except PromptError as exc:
            retry_at = self._clock() + self._failure_seconds
            if stale is not None and stale.failure is None and exc.retryable:
                made = replace(stale, fresh_until=retry_at)
            else:
                made = _Kept(b"", retry_at, failure=copy(exc))  # the copy holds no frames, and so no half-read body
        self._keep(key, made)
        return made

    async def _unpack(self, uri: str) -> _Kept:
        mulaw = _mulaw_of(await self._preparer.prepare_data_uri(uri))
        return _Kept(mulaw, self._clock() + MAX_FRESH_SECONDS)

    async def _fetch(self, url: str, stale: _Kept | None) -> _Kept:
        found = await self._fetcher.fetch(url, stale.validators if stale is not None else None)
        match found:
            case StillTheSame(fresh_seconds) if stale is not None and stale.failure is None:
                return replace(stale, fresh_until=self._clock() + fresh_seconds)
            case StillTheSame():
                raise PromptUnreachable("the audio's server says that we have it, and we do not")
            case FetchedAudio(content, media_type, validators, fresh_seconds):
                fetched_at = self._clock()
                mulaw = _mulaw_of(await self._preparer.prepare(content, media_type))
                return _Kept(mulaw, fetched_at + fresh_seconds, validators)
            case unreachable:
                assert_never(unreachable)

    def _keep(self, key: str, made: _Kept) -> None:
        old = self._kept.pop(key, None)
        self._kept_bytes -= _weight(key, old) if old is not None else 0
        if _weight(key, made) > self._max_bytes:
            return
        self._kept[key] = made
        self._kept_bytes += _weight(key, made)
        while self._kept_bytes > self._max_bytes:
            forgotten_key, forgotten = self._kept.popitem(last=False)
            self._kept_bytes -= _weight(forgotten_key, forgotten)


async def _key_of(source: str) -> str:
    """A source by itself, or by its digest if it is long: a `data:` URI may have megabytes."""
    if len(source) <= _MAX_KEY_CHARS:
        return source
    return await asyncio.to_thread(lambda: hashlib.sha256(source.encode("utf-8", "replace")).hexdigest())


def _mulaw_of(wav: bytes) -> bytes:
    header = parse_wav(wav)
    return wav[header.data_offset : header.data_offset + header.data_bytes]


def _weight(key: str, kept: _Kept) -> int:
    return _ENTRY_BYTES + len(key) + len(kept.mulaw)
