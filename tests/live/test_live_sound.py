"""A message that the agent sends as sound: heard as its pieces arrive, in whole calls and in the mouth alone."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from stream_world import GOODBYE, PROFILE, Agent, Site, StartSite, Stream, Traces, answer, says

from voicegw.audio.live_encodings import open_to_mulaw
from voicegw.audio.wav import render_pcm16_wav
from voicegw.call.instructions import PlayAudio, PlayChunk, PlayRecording
from voicegw.call.records import Failed, PromptBegan, PromptCut
from voicegw.errors import SpeechError
from voicegw.live.sound import SLICE_BYTES, convert_sound

FIRST, SECOND, THIRD = (bytes([byte]) * 4_000 for byte in (0x11, 0x22, 0x33))
AGENT_VOICE = PROFILE.model_copy(update={"voice_source": "agent"})


def piece(audio: bytes, encoding: str = "audio/x-mulaw") -> dict[str, Any]:
    return {
        "type": "audio",
        "payload": {"state": "content", "content": b64encode(audio).decode(), "encoding": encoding},
    }


def sound(*pieces: Any, message_id: str = "m1") -> Traces:
    return [
        {"type": "audio", "payload": {"state": "start", "messageID": message_id}},
        *pieces,
        {"type": "audio", "payload": {"state": "end"}},
    ]


def words(text: str) -> dict[str, Any]:
    return {"type": "text", "payload": {"message": text, "messageID": "m1"}}


class Script:
    """Greets with `greeting`; what the caller says is answered by `reply`."""

    def __init__(self) -> None:
        self.greeting: Traces = []
        self.reply: Traces = []

    def __call__(self, action: Mapping[str, Any]) -> Traces:
        return {"launch": self.greeting, "text": self.reply}.get(str(action["type"]), [])


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
async def site(start_site: StartSite, script: Script) -> Site:
    return await start_site(Agent(script), AGENT_VOICE)


def seconds_of(stream: Stream) -> dict[int, float]:
    """How long each byte was heard, in the order in which they were."""
    now, heard = stream.loop.time(), dict[int, float]()
    for each in stream.sounds:
        heard[each.byte] = heard.get(each.byte, 0.0) + max(0.0, min(each.end, now) - each.begin)
    return {byte: round(seconds, 3) for byte, seconds in heard.items() if seconds}


async def test_sound_is_heard_while_the_rest_of_it_is_still_to_come(site: Site, script: Script) -> None:
    script.greeting = [words("One two three."), *sound(piece(FIRST), {"wait": 5.0}, piece(SECOND), piece(THIRD))]
    stream = await answer(site)
    await asyncio.sleep(2)
    assert seconds_of(stream) == {0x11: 0.5}
    await asyncio.sleep(6)
    assert seconds_of(stream) == {0x11: 0.5, 0x22: 0.5, 0x33: 0.5}
    assert site.speech.tts.spoken == []
    assert [(each.text, each.source) for each in site.journal.of(PromptBegan)] == [("One two three.", "audio/x-mulaw")]
    stream.stop()
    await stream.until_closed()


async def test_what_comes_of_a_sound_that_was_cut_off_is_not_heard(site: Site, script: Script) -> None:
    script.greeting = [
        *[words("One two three four."), *sound(piece(FIRST * 4), {"wait": 2.0}, piece(SECOND))],
        says("Never said."),
    ]
    script.reply = sound(piece(THIRD), message_id="m2")
    stream = await answer(site)
    await asyncio.sleep(1.0)
    stream.say("stop it", seconds=1.5)
    await asyncio.sleep(8)
    heard = seconds_of(stream)
    assert list(heard) == [0x11, 0x33]
    assert heard[0x11] < 2.0
    assert heard[0x33] == 0.5
    assert len(site.journal.of(PromptCut)) == 1
    stream.stop()
    await stream.until_closed()


async def test_sound_in_the_last_words_is_heard_before_the_call_ends(site: Site, script: Script) -> None:
    script.greeting = [*sound(piece(FIRST), piece(SECOND)), GOODBYE]
    stream = await answer(site)
    await stream.until_closed()
    assert seconds_of(stream) == {0x11: 0.5, 0x22: 0.5}


async def test_sound_that_cannot_be_read_is_told_in_its_words(site: Site, script: Script) -> None:
    script.greeting = [words("One two."), *sound(piece(b"no sound" * 99, "audio/mp3"), piece(b"", "audio/mp3"))]
    script.reply = [words("One two."), *sound(piece(b"no sound", "audio/new"))]
    stream = await answer(site)
    await asyncio.sleep(4)
    assert stream.heard() == ["One two."]
    stream.say("again")
    await asyncio.sleep(4)
    assert [request.text for request in site.speech.tts.spoken] == ["One two.", "One two."]
    assert [each.part for each in site.journal.of(Failed)] == ["prompt", "prompt"]
    stream.stop()
    await stream.until_closed()


def recording(src: str, text: str) -> dict[str, Any]:
    return {"type": "speak", "payload": {"type": "audio", "message": text, "src": src}}


BOMB = "data:audio/wav;base64," + b64encode(render_pcm16_wav(bytes(2 * 8_000 * 130), 8_000)).decode()
NO_RECORDINGS = [
    "https://localhost/a.mp3",
    "https://169.254.169.254/latest/meta-data",
    "http://93.184.215.14/a.mp3",
    "data:audio/mpeg;base64,AAAA",
    "data:text/html,<script>",
    BOMB,
]


@pytest.mark.parametrize("src", NO_RECORDINGS, ids=[src[:30] for src in NO_RECORDINGS])
async def test_recording_that_cannot_be_had_is_told_in_its_words(site: Site, script: Script, src: str) -> None:
    script.greeting = [recording(src, "We open at nine.")]
    stream = await answer(site)
    await asyncio.sleep(6)
    assert stream.heard() == ["We open at nine."]
    (failed,) = site.journal.of(Failed)
    assert failed.part == "prompt"
    assert failed.reason
    stream.stop()
    await stream.until_closed()


async def test_new_turn_is_heard_and_not_what_the_old_one_still_brings(site: Site, script: Script) -> None:
    late = [piece(SECOND), {"wait": 0.2}] * 20
    script.greeting = [words("One two."), *sound(piece(FIRST * 2), *late)]
    script.reply = sound(piece(THIRD), message_id="m2")
    stream = await answer(site)
    await asyncio.sleep(0.8)
    stream.say("something else", seconds=1.2)
    await asyncio.sleep(12)
    heard = seconds_of(stream)
    assert list(heard)[-1] == 0x33
    assert heard.get(0x22, 0.0) < 1.5, "what came before the caller was understood, at most"
    last_of_the_old = max(
        (each.end for each in stream.sounds if each.byte == 0x22 and each.end > each.begin), default=0
    )
    first_of_the_new = min(each.begin for each in stream.sounds if each.byte == 0x33)
    assert last_of_the_old < first_of_the_new
    stream.stop()
    await stream.until_closed()


class Recordings:
    """Implements `live.ports.PromptSource`."""

    def __init__(self) -> None:
        self.loaded: list[PlayAudio | PlayRecording] = []

    async def load(self, prompt: PlayAudio | PlayRecording) -> AsyncIterator[bytes]:
        self.loaded.append(prompt)
        yield b"recorded"


async def convert(*pieces: bytes, encoding: str) -> tuple[bytes, Recordings]:
    chunks: asyncio.Queue[PlayChunk] = asyncio.Queue()
    for place, audio in enumerate(pieces):
        content = b64encode(audio).decode()
        last = place == len(pieces) - 1
        chunks.put_nowait(PlayChunk(content=content, encoding=encoding, first=place == 0, last=last))
    recordings = Recordings()
    return b"".join([mulaw async for mulaw in convert_sound(chunks, recordings)]), recordings


MP3 = Path(__file__).parents[1] / "prompts" / "fixtures" / "tone_44khz_stereo.mp3"
RATES_HZ = (8_000, 16_000, 24_000, 44_100, 48_000)
ENCODINGS = ("audio/x-mulaw", "audio/pcm", "audio/mpeg", *(f"audio/pcm;rate={rate_hz}" for rate_hz in RATES_HZ))


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_pieces_of_any_size_sound_as_one(encoding: str) -> None:
    audio = MP3.read_bytes() * 9 if encoding == "audio/mpeg" else bytes(range(256)) * 200
    whole = open_to_mulaw(encoding)
    meant = whole.convert(audio) + whole.flush()
    cuts = (audio[:1], audio[1:700], b"", audio[700:30_001], audio[30_001:], b"")
    # To the last bit: no border can be heard, at any signal-to-noise ratio.
    assert len(meant) > 8_000 * 0.5
    assert (await convert(*cuts, encoding=encoding))[0] == meant
    assert (await convert(audio, encoding=encoding))[0] == meant


async def test_a_piece_of_minutes_leaves_time_for_other_calls() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    await convert(bytes(100 * SLICE_BYTES), encoding="audio/pcm")
    task.cancel()
    assert turns >= 100


@pytest.mark.parametrize(
    ("encoding", "begin"), [("audio/flac", b""), ("audio/pcm", b"RIFF"), ("audio/pcm;rate=5", b"")]
)
async def test_what_cannot_be_converted_live_is_played_once_it_is_whole(encoding: str, begin: bytes) -> None:
    mulaw, recordings = await convert(begin + b"one", b"two", encoding=encoding)
    content = (b64encode(begin + b"one").decode(), b64encode(b"two").decode())
    assert (mulaw, recordings.loaded) == (b"recorded", [PlayRecording(content=content, encoding=encoding)])


async def test_sound_without_a_sound_is_an_error_and_no_sound_is_none() -> None:
    with pytest.raises(SpeechError, match="holds no sound"):
        await convert(b"nonsense", b"", encoding="audio/mpeg")
    assert (await convert(b"", encoding="audio/mpeg"))[0] == b""
