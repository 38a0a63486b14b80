"""Preparing prompts: off the loop, few at a time, remembered by content."""

import asyncio
import base64
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from voicegw.prompts import prepare
from voicegw.prompts.errors import PromptError, PromptUnreadable
from voicegw.prompts.prepare import PromptPreparer


class CountingDecoder:
    """The real decoder, watched: which threads it ran in, how often, and how many at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.at_once = 0
        self.most_at_once = 0
        self.threads: set[str] = set()
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._decode = prepare.decode_prompt
        monkeypatch.setattr(prepare, "decode_prompt", self)

    async def has_begun(self, times: int = 1) -> None:
        for _ in range(times):
            assert await asyncio.to_thread(self.begun.acquire, timeout=10)

    def __call__(self, source: bytes, encoding: str) -> bytes:
        with self._lock:
            self.calls += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            self.threads.add(threading.current_thread().name)
        self.begun.release()
        self.gate.wait(10)
        try:
            return self._decode(source, encoding)
        finally:
            with self._lock:
                self.at_once -= 1


@pytest.fixture
def decoder(monkeypatch: pytest.MonkeyPatch) -> CountingDecoder:
    return CountingDecoder(monkeypatch)


@pytest.fixture
def preparer() -> Iterator[PromptPreparer]:
    made = PromptPreparer()
    yield made
    made.close()


async def test_prompt_is_decoded_once_in_a_thread_of_its_own_and_remembered(
    studio: Any, decoder: CountingDecoder, preparer: PromptPreparer
) -> None:
    source = studio.fixture("tone_24khz_mono.mp3")
    first = await preparer.prepare(source, "audio/mpeg")
    assert studio.hear(first).pitch_hz == pytest.approx(1_000, abs=3)
    assert await preparer.prepare(bytes(source), "audio/mpeg") is first
    assert decoder.calls == 1
    assert all(name.startswith("prompts") for name in decoder.threads)


async def test_same_bytes_under_another_encoding_are_another_prompt(
    studio: Any, decoder: CountingDecoder, preparer: PromptPreparer
) -> None:
    source = studio.sine(1_000, 8_000)
    slow = await preparer.prepare(source, "audio/pcm;rate=8000")
    fast = await preparer.prepare(source, "audio/pcm;rate=16000")
    assert studio.hear(slow).seconds == pytest.approx(2 * studio.hear(fast).seconds)
    assert decoder.calls == 2


async def test_data_uri_is_prepared_by_its_media_type(studio: Any, preparer: PromptPreparer) -> None:
    packed = base64.b64encode(studio.sine(1_000, 16_000)).decode()
    ear = studio.hear(await preparer.prepare_data_uri(f"data:audio/pcm;rate=16000;base64,{packed}"))
    assert ear.seconds == pytest.approx(0.5)
    with pytest.raises(PromptUnreadable):
        await preparer.prepare_data_uri("data:audio/mpeg;base64,*")


async def test_failure_is_not_remembered(decoder: CountingDecoder, preparer: PromptPreparer) -> None:
    for _ in range(2):
        with pytest.raises(PromptError):
            await preparer.prepare(b"<html>")
    assert decoder.calls == 2


async def test_cache_forgets_what_was_longest_unused(decoder: CountingDecoder) -> None:
    preparer = PromptPreparer(max_cache_bytes=2_500)  # two WAVs of a thousand bytes
    for source in (b"a", b"b", b"a", b"c", b"a", b"b"):
        await preparer.prepare(source * 1_000, "audio/x-mulaw")
    assert decoder.calls == 4  # a, b, c, and b again: a was used in between
    preparer.close()


async def test_prompt_larger_than_the_cache_is_played_and_forgotten(decoder: CountingDecoder) -> None:
    preparer = PromptPreparer(max_cache_bytes=100)
    for _ in range(2):
        assert await preparer.prepare(b"\xff" * 1_000, "audio/x-mulaw")
    assert decoder.calls == 2
    preparer.close()


async def test_same_prompt_wanted_twice_at_once_is_counted_once(decoder: CountingDecoder) -> None:
    preparer = PromptPreparer(max_cache_bytes=2_500)
    await asyncio.gather(*(preparer.prepare(b"a" * 1_000, "audio/x-mulaw") for _ in range(2)))
    for source in (b"b", b"a"):
        await preparer.prepare(source * 1_000, "audio/x-mulaw")
    assert decoder.calls == 3  # a twice and b: both still fit, for a was not counted twice
    preparer.close()


async def test_never_more_decoders_than_threads_even_when_callers_give_up(decoder: CountingDecoder) -> None:
    preparer = PromptPreparer(max_threads=2)
    decoder.gate.clear()
    tasks = [asyncio.create_task(preparer.prepare(bytes([n]) * 9, "audio/x-mulaw")) for n in range(6)]
    await decoder.has_begun(times=2)
    tasks[0].cancel()
    decoder.gate.set()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(done[0], asyncio.CancelledError)
    assert all(isinstance(wav, bytes) for wav in done[1:])
    assert decoder.most_at_once == 2
    preparer.close()


async def test_loop_goes_on_while_a_prompt_is_decoded(decoder: CountingDecoder, preparer: PromptPreparer) -> None:
    decoder.gate.clear()
    task = asyncio.create_task(preparer.prepare(b"\xff", "audio/x-mulaw"))
    await decoder.has_begun()
    assert not task.done()  # the loop is here, the decoder waits there
    decoder.gate.set()
    assert await task


async def test_closed_preparer_refuses(preparer: PromptPreparer) -> None:
    preparer.close()
    with pytest.raises(RuntimeError):
        await preparer.prepare(b"\xff", "audio/x-mulaw")
