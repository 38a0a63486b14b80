"""Repeated phrases: kept from the second time on, made anew where the file is broken, forgotten when there are many."""

import os
import resource
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from voicegw.errors import SpeechError
from voicegw.live.ports import SpeechRequest
from voicegw.speech.phrase_cache import CachedVoice, PhraseCache

HELLO = SpeechRequest(text="Hello.", language="en-US")


class CountingVoice:
    """Says the text's own bytes, and counts."""

    def __init__(self, sound: str = "counting-1") -> None:
        self.name, self.sound = "counting", sound
        self.asked = 0
        self.fails = self.was_closed = False

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[bytes, None]:
        self.asked += 1
        yield request.text.encode()
        if self.fails:
            raise SpeechError("broke")
        yield b"!" * 20_000

    async def close(self) -> None:
        self.was_closed = True


async def spoken(voice: CachedVoice, request: SpeechRequest = HELLO) -> bytes:
    return b"".join([audio async for audio in voice.speak(request)])


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_phrase_said_twice_is_not_made_a_third_time(tmp_path: Path) -> None:
    voice = CountingVoice()
    cached = CachedVoice(voice, PhraseCache(tmp_path / "phrases"))
    heard = {await spoken(cached) for _ in range(5)}
    assert heard == {b"Hello." + b"!" * 20_000}
    assert voice.asked == 2


async def test_phrase_said_to_one_caller_only_is_not_kept(tmp_path: Path) -> None:
    cached = CachedVoice(CountingVoice(), PhraseCache(tmp_path))
    await spoken(cached, SpeechRequest(text="Mr Miller, your balance is low.", language="en-US"))
    assert files(tmp_path) == []


async def test_phrase_rendered_ahead_is_there_for_the_next_process(tmp_path: Path) -> None:
    first, second = CountingVoice(), CountingVoice()
    await CachedVoice(first, PhraseCache(tmp_path)).render(HELLO)
    await spoken(CachedVoice(second, PhraseCache(tmp_path)))
    assert (first.asked, second.asked) == (1, 0)


@pytest.mark.parametrize(
    "other",
    [
        SpeechRequest(text="Hello!", language="en-US"),
        SpeechRequest(text="Hello.", language="en-GB"),
        SpeechRequest(text="Hello.", language="en-US", voice="zeus"),
        SpeechRequest(text="Hello.", language="en-US", ssml="<p>Hello.</p>"),
    ],
)
async def test_other_words_language_or_voice_are_another_phrase(tmp_path: Path, other: SpeechRequest) -> None:
    voice = CountingVoice()
    cached = CachedVoice(voice, PhraseCache(tmp_path))
    await cached.render(HELLO)
    await spoken(cached, other)
    assert voice.asked == 2


async def test_new_version_of_a_voice_does_not_speak_with_the_old_ones_sound(tmp_path: Path) -> None:
    newer = CountingVoice("counting-2")
    await CachedVoice(CountingVoice("counting-1"), PhraseCache(tmp_path)).render(HELLO)
    await spoken(CachedVoice(newer, PhraseCache(tmp_path)))
    assert newer.asked == 1


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 20_038])
async def test_broken_file_is_made_anew(tmp_path: Path, content: bytes) -> None:
    voice = CountingVoice()
    cached = CachedVoice(voice, PhraseCache(tmp_path))
    await cached.render(HELLO)
    files(tmp_path)[0].write_bytes(content)
    assert await spoken(cached) == b"Hello." + b"!" * 20_000
    await spoken(cached)
    assert voice.asked == 2


async def test_speech_that_broke_off_or_was_stopped_is_not_kept(tmp_path: Path) -> None:
    voice = CountingVoice()
    cached = CachedVoice(voice, PhraseCache(tmp_path))
    await spoken(cached)
    voice.fails = True
    with pytest.raises(SpeechError):
        await spoken(cached)
    voice.fails = False
    speech = cached.speak(HELLO)
    await anext(speech)
    await speech.aclose()
    assert files(tmp_path) == []


async def test_least_lately_used_phrases_are_forgotten_first(tmp_path: Path) -> None:
    cache = PhraseCache(tmp_path, max_bytes=250)
    for age, key in enumerate(("c", "b", "a")):
        cache.write(key, b"!" * 50)
        os.utime(tmp_path / f"{key}.mulaw", (100 - age, 100 - age))
    assert cache.read("a") == b"!" * 50  # and so it is used last
    cache.write("d", b"!" * 50)
    assert [key for key in "abcd" if cache.read(key) is not None] == ["a", "c", "d"]


async def test_disk_that_takes_nothing_stops_no_speech(tmp_path: Path) -> None:
    folder = tmp_path / "phrases"
    cached = CachedVoice(CountingVoice(), PhraseCache(folder))
    folder.rmdir()
    await cached.render(HELLO)
    assert (await spoken(cached)).startswith(b"Hello.")


async def test_full_disk_keeps_no_part_of_a_phrase(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        PhraseCache(tmp_path).write("key", b"!" * 50_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert files(tmp_path) == []


async def test_cached_voice_is_its_voice(tmp_path: Path) -> None:
    voice = CountingVoice()
    cached = CachedVoice(voice, PhraseCache(tmp_path))
    await cached.close()
    assert (cached.name, cached.sound, voice.was_closed) == ("counting", "counting-1", True)


async def test_only_so_many_phrases_are_remembered_as_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voicegw.speech.phrase_cache._MOST_REMEMBERED", 1)
    cached = CachedVoice(CountingVoice(), PhraseCache(tmp_path))
    for text in ("One.", "Two.", "One."):
        await spoken(cached, SpeechRequest(text=text, language="en-US"))
    assert files(tmp_path) == []


def kept_in(folder: Path) -> int:
    return len(list(folder.iterdir()))


async def test_a_phrase_with_digits_is_kept_only_if_it_was_rendered_ahead(tmp_path: Path) -> None:
    cached = CachedVoice(CountingVoice(), PhraseCache(tmp_path))
    number = SpeechRequest(text="Your PIN is 1234.", language="en-US")
    for _ in range(3):
        await spoken(cached, number)
    assert kept_in(tmp_path) == 0
    await cached.render(SpeechRequest(text="We are open 24 hours.", language="en-US"))
    assert kept_in(tmp_path) == 1
