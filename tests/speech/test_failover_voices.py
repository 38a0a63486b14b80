"""Several voices as one: no word is lost, whichever of them fails, and when."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicegw.errors import SpeechError
from voicegw.live.ports import SpeechRequest
from voicegw.speech import failover_voices
from voicegw.speech.failover_voices import LONGEST_REQUEST, FailoverVoices, rest_of, split_request
from voicegw.speech.providers import RequestRefused

SECOND = b"\x11" * 8_000
REQUEST = SpeechRequest(text="Your table is booked.", language="en-US", voice="thalia")


class ScriptedVoice:
    """Gives these pieces; an error among them is raised, `None` is a wait that does not end."""

    def __init__(self, name: str, *pieces: bytes | SpeechError | None) -> None:
        self.name = self.sound = name
        self.pieces = pieces
        self.asked: list[SpeechRequest] = []
        self.was_closed = self.ended = False

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[bytes, None]:
        self.asked.append(request)
        try:
            for piece in self.pieces:
                if piece is None:
                    await asyncio.Event().wait()
                elif isinstance(piece, SpeechError):
                    raise piece
                else:
                    yield piece
        finally:
            self.ended = True

    async def close(self) -> None:
        self.was_closed = True


async def spoken(voices: FailoverVoices, request: SpeechRequest = REQUEST) -> bytes:
    return b"".join([audio async for audio in voices.speak(request)])


async def test_first_voice_speaks_with_the_name_it_was_given() -> None:
    first, second = ScriptedVoice("first", b"a", b"b"), ScriptedVoice("second", b"c")
    assert await spoken(FailoverVoices([first, second])) == b"ab"
    assert first.asked == [REQUEST]
    assert second.asked == []


async def test_next_voice_speaks_in_its_own_where_the_first_fails() -> None:
    first, second = ScriptedVoice("first", SpeechError("down")), ScriptedVoice("second", b"c")
    voices = FailoverVoices([first, second])
    assert await spoken(voices) == b"c"
    assert second.asked[0].voice == ""
    assert second.asked[0].text == REQUEST.text


async def test_voice_that_failed_rests_and_comes_back() -> None:
    now = 0.0
    first, second = ScriptedVoice("first", SpeechError("down")), ScriptedVoice("second", b"c")
    voices = FailoverVoices([first, second], clock=lambda: now)
    await spoken(voices)
    await spoken(voices)
    assert len(first.asked) == 1
    now = 6.0
    first.pieces = (b"a",)
    assert await spoken(voices) == b"a"
    assert await spoken(voices) == b"a"


async def test_voice_that_refuses_one_request_is_asked_for_the_next() -> None:
    first, second = ScriptedVoice("first", RequestRefused("no such voice")), ScriptedVoice("second", b"c")
    voices = FailoverVoices([first, second])
    assert await spoken(voices) == b"c"
    first.pieces = (b"a",)
    assert await spoken(voices) == b"a"


async def test_voice_that_breaks_off_is_followed_by_the_clause_it_was_in() -> None:
    text = "The parcel was sent on Monday, it will be at your door on Tuesday, and you need not sign."
    first = ScriptedVoice("first", SECOND * 5, SpeechError("broke"))
    second = ScriptedVoice("second", b"c")
    heard = await spoken(FailoverVoices([first, second]), SpeechRequest(text=text, language="en", ssml="<p/>"))
    assert heard == SECOND * 5 + b"c"
    assert second.asked[0].text == "it will be at your door on Tuesday, and you need not sign."
    assert second.asked[0].ssml is None


@pytest.mark.parametrize("pieces", [(None,), (b"a", None)])
async def test_voice_that_is_stuck_is_left(
    monkeypatch: pytest.MonkeyPatch, pieces: tuple[bytes | SpeechError | None, ...]
) -> None:
    monkeypatch.setattr(failover_voices, "FIRST_AUDIO_SECONDS", 0.01)
    monkeypatch.setattr(failover_voices, "NEXT_AUDIO_SECONDS", 0.01)
    first, second = ScriptedVoice("first", *pieces), ScriptedVoice("second", b"c")
    assert (await spoken(FailoverVoices([first, second]))).endswith(b"c")
    assert first.ended


async def test_voice_without_a_sound_has_failed_unless_there_was_nothing_to_say() -> None:
    first, second = ScriptedVoice("first"), ScriptedVoice("second", b"c")
    assert await spoken(FailoverVoices([first, second])) == b"c"
    assert await spoken(FailoverVoices([first, second]), SpeechRequest(text="…", language="en")) == b""


async def test_where_no_voice_can_speak_the_caller_is_told() -> None:
    voices = FailoverVoices([ScriptedVoice("first", SpeechError("down")), ScriptedVoice("second", SpeechError("too"))])
    with pytest.raises(SpeechError, match="no voice"):
        await spoken(voices)


async def test_more_than_a_provider_takes_at_once_is_said_sentence_by_sentence_in_one_voice() -> None:
    first, second = ScriptedVoice("first", b"a"), ScriptedVoice("second", b"c")
    text = "A sentence that an agent has read to the caller. " * 100
    heard = await spoken(FailoverVoices([first, second]), SpeechRequest(text=text, language="en", ssml="<p/>"))
    assert heard == b"a" * len(first.asked)
    assert "".join(asked.text for asked in first.asked) == text
    assert all(asked.text.endswith("caller. ") and asked.ssml is None for asked in first.asked)
    assert max(len(asked.text) for asked in first.asked) <= LONGEST_REQUEST
    assert second.asked == []


@given(st.text(alphabet="ab .。", max_size=40), st.integers(1, 200))
def test_splitting_loses_nothing_and_keeps_within_what_is_taken(text: str, times: int) -> None:
    parts = [part.text for part in split_request(SpeechRequest(text=text * times, language="en"))]
    assert "".join(parts) == text * times
    assert all(len(part) <= LONGEST_REQUEST for part in parts)
    assert len(parts) == 1 or all(parts)


async def test_closing_the_iterator_stops_the_voice() -> None:
    first = ScriptedVoice("first", b"a", None)
    speech = FailoverVoices([first]).speak(REQUEST)
    assert await anext(speech) == b"a"
    await speech.aclose()
    assert first.ended


async def test_closing_closes_every_voice() -> None:
    first, second = ScriptedVoice("first"), ScriptedVoice("second")
    await FailoverVoices([first, second]).close()
    assert first.was_closed
    assert second.was_closed


@given(st.text(alphabet="ab ,.;!", max_size=120), st.floats(0, 30))
def test_what_is_left_is_always_an_end_of_what_was_to_be_said(text: str, said_seconds: float) -> None:
    left = rest_of(SpeechRequest(text=text, language="en"), said_seconds).text
    assert text.endswith(left)
    assert len(left) >= len(text) - 10 * said_seconds
