"""The cache: one fetch and one decoding for all, bounded memory, failures soon forgotten. Time is moved by hand."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from voicegw.audio.wav import render_mulaw_wav
from voicegw.prompts.cache import PromptCache
from voicegw.prompts.errors import PromptError, PromptSourceRefused, PromptUnreachable, PromptUnreadable
from voicegw.prompts.guarded_fetch import FetchedAudio, GuardedFetcher, StillTheSame
from voicegw.prompts.prepare import PromptPreparer
from voicegw.prompts.validators import Validators

URL = "https://public.example/a.wav"


class Server:
    """Stands in for the fetcher: answers as told, and counts."""

    def __init__(self) -> None:
        self.answers: list[FetchedAudio | StillTheSame | PromptError] = []
        self.asked: list[tuple[str, Validators | None]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    def has(self, mulaw: bytes, *, fresh_seconds: float = 60, etag: str = "") -> None:
        self.answers.append(FetchedAudio(render_mulaw_wav(mulaw), "audio/wav", Validators(etag), fresh_seconds))

    async def fetch(self, url: str, known: Validators | None = None) -> FetchedAudio | StillTheSame:
        self.asked.append((url, known))
        await self.gate.wait()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, PromptError):
            raise answer
        return answer


class CountingPreparer(PromptPreparer):
    """The real one, counting."""

    prepared = 0

    async def prepare(self, source: bytes, encoding: str = "") -> bytes:
        self.prepared += 1
        return await super().prepare(source, encoding)


class Clock:
    seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def preparer() -> AsyncIterator[CountingPreparer]:
    made = CountingPreparer()
    yield made
    made.close()


@pytest.fixture
async def cache(server: Server, preparer: CountingPreparer, clock: Clock) -> AsyncIterator[PromptCache]:
    made = PromptCache(server, preparer, clock=clock, max_bytes=10_000, failure_seconds=10)
    yield made
    await made.close()


async def test_prompt_is_fetched_and_decoded_once_while_it_is_fresh(
    cache: PromptCache, server: Server, preparer: CountingPreparer, clock: Clock
) -> None:
    server.has(b"hello", fresh_seconds=60)
    assert await cache.get(URL) == b"hello"
    clock.seconds += 59
    assert await cache.get(URL) == b"hello"
    assert (len(server.asked), preparer.prepared) == (1, 1)


async def test_calls_that_ask_at_once_wait_for_the_same_work(
    cache: PromptCache, server: Server, preparer: CountingPreparer
) -> None:
    server.has(b"hello")
    server.gate.clear()
    callers = [asyncio.create_task(cache.get(URL)) for _ in range(50)]
    await asyncio.sleep(0)
    server.gate.set()
    assert await asyncio.gather(*callers) == [b"hello"] * 50
    assert (len(server.asked), preparer.prepared) == (1, 1)


async def test_caller_who_goes_leaves_the_work_to_the_others(cache: PromptCache, server: Server) -> None:
    server.has(b"hello")
    server.gate.clear()
    goes, stays = asyncio.create_task(cache.get(URL)), asyncio.create_task(cache.get(URL))
    await asyncio.sleep(0)
    goes.cancel()
    with pytest.raises(asyncio.CancelledError):
        await goes
    server.gate.set()
    assert await stays == b"hello"
    assert len(server.asked) == 1


async def test_stale_prompt_that_has_not_changed_is_not_decoded_again(
    cache: PromptCache, server: Server, preparer: CountingPreparer, clock: Clock
) -> None:
    server.has(b"hello", fresh_seconds=60, etag='"v1"')
    server.answers.append(StillTheSame(60))
    for _ in range(3):
        assert await cache.get(URL) == b"hello"
        clock.seconds += 60
    assert server.asked == [(URL, None), (URL, Validators('"v1"')), (URL, Validators('"v1"'))]
    assert preparer.prepared == 1


async def test_stale_prompt_that_has_changed_is_replaced(cache: PromptCache, server: Server, clock: Clock) -> None:
    server.has(b"old", fresh_seconds=0)
    server.has(b"new", fresh_seconds=60)
    assert await cache.get(URL) == b"old"
    assert await cache.get(URL) == b"new"
    assert await cache.get(URL) == b"new"
    assert len(server.asked) == 2
    assert cache.kept_bytes < 3 + len(URL) + 1_000


async def test_stale_prompt_is_played_on_while_its_server_fails(
    cache: PromptCache, server: Server, clock: Clock
) -> None:
    server.has(b"old", fresh_seconds=0)
    server.answers.append(PromptUnreachable("down"))
    server.has(b"new")
    assert await cache.get(URL) == b"old"
    assert await cache.get(URL) == b"old"  # asked, and failed
    assert await cache.get(URL) == b"old"  # not asked
    assert len(server.asked) == 2
    clock.seconds += 10
    assert await cache.get(URL) == b"new"


async def test_prompt_that_its_server_took_away_is_gone(cache: PromptCache, server: Server) -> None:
    server.has(b"old", fresh_seconds=0)
    server.answers.append(PromptUnreachable("status 404", retryable=False))
    assert await cache.get(URL) == b"old"
    with pytest.raises(PromptUnreachable, match="404"):
        await cache.get(URL)


@pytest.mark.parametrize("failure", [PromptUnreachable("down"), PromptSourceRefused("no"), PromptUnreadable("broken")])
async def test_failure_is_kept_for_seconds_and_each_caller_gets_one_of_its_own(
    cache: PromptCache, server: Server, clock: Clock, failure: PromptError
) -> None:
    server.answers.append(failure)
    server.has(b"hello")
    raised = []
    for _ in range(2):
        with pytest.raises(type(failure)) as caught:
            await cache.get(URL)
        raised.append(caught.value)
    assert raised[0] is not raised[1]
    assert [(error.message, error.retryable, error.__cause__) for error in raised] == [
        (failure.message, failure.retryable, None)
    ] * 2
    assert len(server.asked) == 1
    clock.seconds += 10
    assert await cache.get(URL) == b"hello"


async def test_server_that_says_unchanged_of_what_nobody_has_is_a_failure(cache: PromptCache, server: Server) -> None:
    server.answers.append(StillTheSame(60))
    with pytest.raises(PromptUnreachable, match="and we do not"):
        await cache.get(URL)


async def test_what_was_not_used_for_longest_is_forgotten_first(cache: PromptCache, server: Server) -> None:
    server.has(b"x" * 2_500)
    for name in "abc":
        await cache.get(name)
    await cache.get("a")
    await cache.get("d")
    assert cache.kept_bytes <= 10_000
    server.asked.clear()
    for name in "acd":
        await cache.get(name)
    assert server.asked == []
    await cache.get("b")
    assert [url for url, _ in server.asked] == ["b"]


async def test_memory_is_bounded_whatever_is_asked_for(cache: PromptCache, server: Server) -> None:
    server.has(b"x" * 700)
    server.answers.append(PromptUnreachable("down"))
    for number in range(200):
        with contextlib.suppress(PromptUnreachable):
            await cache.get(f"https://public.example/{number}" + "y" * number * 20)
        assert cache.kept_bytes <= 10_000
    assert cache.kept_bytes > 5_000


async def test_prompt_larger_than_the_cache_is_played_and_leaves_the_others_in(
    cache: PromptCache, server: Server
) -> None:
    server.has(b"small")
    server.has(b"x" * 20_000)
    await cache.get("small")
    kept_bytes = cache.kept_bytes
    for _ in range(2):
        assert len(await cache.get("large")) == 20_000
    assert cache.kept_bytes == kept_bytes
    assert len(server.asked) == 3


@pytest.mark.parametrize("size", [8, 4_000])
async def test_data_uri_is_decoded_once_and_asks_no_server(
    cache: PromptCache, server: Server, preparer: CountingPreparer, size: int
) -> None:
    uri = "data:audio/x-mulaw;base64," + base64.b64encode(b"\x7f" * size).decode()
    for _ in range(3):
        assert await cache.get(uri) == b"\x7f" * size
    assert (server.asked, preparer.prepared) == ([], 1)
    assert cache.kept_bytes < size + 1_024


async def test_close_ends_the_work_under_way(server: Server, preparer: CountingPreparer) -> None:
    cache = PromptCache(server, preparer)
    server.gate.clear()
    waiting = asyncio.create_task(cache.get(URL))
    await asyncio.sleep(0)
    await cache.close()
    await cache.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_whole_way_from_a_public_server_to_mulaw(
    internet: Any, fetcher: GuardedFetcher, studio: Any, preparer: CountingPreparer
) -> None:
    internet.answer("/tone.mp3", 'ETag: "v1"', "Cache-Control: no-cache", body=studio.fixture("tone_24khz_mono.mp3"))
    cache = PromptCache(fetcher, preparer)
    mulaw = await cache.get("http://public.example/tone.mp3")
    assert studio.hear(render_mulaw_wav(mulaw)).pitch_hz == pytest.approx(1_000, abs=3)
    internet.answer("/tone.mp3", "Cache-Control: no-cache", status="304 Not Modified")
    assert await cache.get("http://public.example/tone.mp3") is mulaw
    assert preparer.prepared == 1
    with pytest.raises(PromptSourceRefused):
        await cache.get("http://127.0.0.1/tone.mp3")
    await cache.close()
