"""Audio that the carrier cannot fetch elsewhere: behind an unguessable URL of ours, or said in words."""

import asyncio
import base64

import pytest

from voicegw.call.instructions import BargeIn, PlayAudio, PlayChunk, PlayRecording, Prompt, Say
from voicegw.errors import StoreError, VoicegwError
from voicegw.simulator.virtual_time import run_virtual
from voicegw.store.memory import MemoryStore
from voicegw.turns.ports import StoredAudio
from voicegw.twilio.served_audio import AUDIO_PATH, ServedAudio

BASE = "https://g.example" + AUDIO_PATH


class Preparer:
    """Wraps what it is given, so that a test sees what was prepared."""

    def __init__(self, *, seconds: float = 0.0, error: Exception | None = None) -> None:
        self.seconds = seconds
        self.error = error
        self.asked: list[tuple[bytes, str]] = []

    async def prepare(self, source: bytes, encoding: str = "") -> bytes:
        self.asked.append((source, encoding))
        await asyncio.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        return b"WAV:" + source

    async def prepare_data_uri(self, uri: str) -> bytes:
        return await self.prepare(uri.encode(), "data-uri")


class Room:
    def __init__(self, preparer: Preparer | None = None) -> None:
        self.preparer = preparer or Preparer()
        self.store = MemoryStore(wall=lambda: 0.0, lifetime_seconds=1e6)
        self.audio = ServedAudio(self.store, self.preparer, "https://g.example/")

    def make_reachable(self, *prompts: Prompt) -> tuple[Prompt, ...]:
        async def scene() -> tuple[Prompt, ...]:
            await self.store.create_call("CA1", b"{}")
            return await self.audio.make_reachable("CA1", prompts)

        return run_virtual(scene())

    def stored(self, prompt: Prompt) -> StoredAudio | None:
        assert isinstance(prompt, PlayAudio)
        assert prompt.source.startswith(BASE)
        token = prompt.source.removeprefix(BASE).removesuffix(".wav")
        return run_virtual(self.store.get_audio(token))


@pytest.mark.parametrize(
    "prompt", [Say(text="Hello."), PlayAudio(source="https://a.example/b.mp3", loop=2), PlayAudio(source="junk")]
)
def test_what_needs_nothing_stays_as_it_is(prompt: Prompt) -> None:
    room = Room()
    assert room.make_reachable(prompt) == (prompt,)
    assert room.preparer.asked == []


def test_a_data_uri_is_served_and_keeps_what_else_it_is() -> None:
    room = Room()
    prompt = PlayAudio(source="data:audio/wav;base64,AAAA", instead="Hours.", loop=3, barge_in=BargeIn.NONE)
    (served,) = room.make_reachable(prompt)
    assert room.stored(served) == StoredAudio(b"WAV:data:audio/wav;base64,AAAA", "audio/wav")
    assert isinstance(served, PlayAudio)
    assert (served.instead, served.loop, served.barge_in) == ("Hours.", 3, BargeIn.NONE)


def test_collected_pieces_are_one_recording() -> None:
    room = Room()
    pieces = tuple(base64.b64encode(piece).decode() for piece in (b"one", b"two"))
    recording = PlayRecording(content=pieces, encoding="audio/x-mulaw", instead="Words.", barge_in=BargeIn.KEYS)
    (served,) = room.make_reachable(recording)
    assert room.preparer.asked == [(b"onetwo", "audio/x-mulaw")]
    assert room.stored(served) == StoredAudio(b"WAV:onetwo", "audio/wav")
    assert isinstance(served, PlayAudio)
    assert (served.instead, served.barge_in) == ("Words.", BargeIn.KEYS)


def test_a_piece_that_is_no_base64_is_taken_as_it_is() -> None:
    room = Room()
    room.make_reachable(PlayRecording(content=("é!", "AA=A", "\u20ac"), encoding="mulaw"))
    assert room.preparer.asked == [(b"\xe9!AA=A?", "mulaw")]


def test_prompts_stay_in_their_order() -> None:
    served = Room().make_reachable(Say(text="One."), PlayAudio(source="data:x"), Say(text="Two."))
    assert [type(prompt).__name__ for prompt in served] == ["Say", "PlayAudio", "Say"]


def test_names_cannot_be_guessed_and_none_is_used_twice() -> None:
    served = Room().make_reachable(*[PlayAudio(source="data:x")] * 20)
    tokens = {prompt.source.removeprefix(BASE) for prompt in served if isinstance(prompt, PlayAudio)}
    assert len(tokens) == 20
    assert all(len(token) >= 32 for token in tokens)


@pytest.mark.parametrize(
    "prompt",
    [
        PlayAudio(source="data:x", instead="Words.", barge_in=BargeIn.NONE),
        PlayRecording(content=("AAAA",), encoding="mulaw", instead="Words.", barge_in=BargeIn.NONE),
    ],
)
@pytest.mark.parametrize("preparer", [Preparer(error=VoicegwError("no audio")), Preparer(seconds=100.0)])
def test_what_cannot_be_played_is_said(prompt: Prompt, preparer: Preparer) -> None:
    assert Room(preparer).make_reachable(prompt) == (Say(text="Words.", barge_in=BargeIn.NONE),)


def test_many_slow_recordings_take_no_longer_than_one() -> None:
    room = Room(Preparer(seconds=100.0))

    async def scene() -> float:
        began = asyncio.get_running_loop().time()
        await room.audio.make_reachable("CA1", (PlayAudio(source="data:x", instead="Words."),) * 10)
        return asyncio.get_running_loop().time() - began

    assert run_virtual(scene()) <= 4.0


def test_a_store_that_fails_costs_the_recording_not_its_words() -> None:
    room = Room()

    async def broken(*_: object) -> None:
        raise StoreError("the disk is full")

    room.store.put_audio = broken  # type: ignore[method-assign]
    assert room.make_reachable(PlayAudio(source="data:x", instead="Words.")) == (Say(text="Words."),)


def test_it_is_forgotten_with_its_call() -> None:
    room = Room()
    (served,) = room.make_reachable(PlayAudio(source="data:x"))
    run_virtual(room.store.forget_call("CA1"))
    assert room.stored(served) is None


def test_what_a_stream_left_of_a_sound_in_pieces_is_one_recording() -> None:
    room = Room()
    pieces = (PlayChunk(content=content, encoding="audio/x-mulaw") for content in ("b25l", "dHdv"))
    served = room.make_reachable(*pieces, Say(text="And words."))
    assert [type(prompt).__name__ for prompt in served] == ["PlayAudio", "Say"]
    assert room.preparer.asked == [(b"onetwo", "audio/x-mulaw")]
