"""The offline recogniser: words that grow, words that are final, and speeches of any length."""

import asyncio
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicegw.audio.mulaw import MULAW_SILENCE, encode_mulaw
from voicegw.errors import SpeechError
from voicegw.live.ports import ListenRequest, Transcript
from voicegw.speech.factory import Speech
from voicegw.speech.moonshine import LONGEST_SECONDS, Moonshine, quietest_place
from voicegw.speech.moonshine_model import Recognised, join_tokens, read_tokenizer, spoken
from voicegw.speech.providers import UnknownLanguage

ENGLISH = ListenRequest(call_sid="CA1", language="en-US")


@pytest.fixture(scope="session")
def recogniser(speech: Speech) -> Moonshine:
    offline = speech.stt.recognisers["offline"]
    assert isinstance(offline, Moonshine)
    return offline


class Heard:
    """What an ear told, and a way to wait for it."""

    def __init__(self) -> None:
        self.transcripts: asyncio.Queue[Transcript] = asyncio.Queue()
        self.failures: asyncio.Queue[SpeechError] = asyncio.Queue()

    async def until_final(self) -> list[Transcript]:
        told = [await self.transcripts.get()]
        while not told[-1].final:
            told.append(await self.transcripts.get())
        return told


async def test_words_grow_while_somebody_speaks(recogniser: Moonshine, say: Callable[[str], bytes]) -> None:
    audio = await asyncio.to_thread(say, "Thanks for calling. How can I help you today?")
    heard = Heard()
    ear = recogniser.open(ENGLISH, heard.transcripts.put_nowait, heard.failures.put_nowait)
    ear.begin(4, b"")
    ear.put(audio[:9_000])
    partial = await heard.transcripts.get()
    ear.put(audio[9_000:])
    ear.finish(4, 0.0)
    told = await heard.until_final()
    await ear.close()
    assert partial.text.startswith("Thanks for calling")
    assert not partial.final
    assert told[-1].text == "Thanks for calling. How can I help you today?"
    assert told[-1].confidence is not None
    assert told[-1].confidence > 0.8
    assert {transcript.speech for transcript in (partial, *told)} == {4}


@pytest.mark.parametrize(("said_since", "times"), [("", 1), ("Thanks for calling.", 2)], ids=["no-more", "more"])
async def test_who_has_no_more_to_say_after_a_pause_is_recognised_once(
    recogniser: Moonshine,
    say: Callable[[str], bytes],
    monkeypatch: pytest.MonkeyPatch,
    said_since: str,
    times: int,
) -> None:
    audio = await asyncio.to_thread(say, "Yes, please.")
    more = await asyncio.to_thread(say, said_since) if said_since else b""
    asked: list[int] = []
    recognise = recogniser.recognise

    async def counting(audio: bytes) -> Recognised:
        asked.append(len(audio))
        return await recognise(audio)

    monkeypatch.setattr(recogniser, "recognise", counting)
    heard = Heard()
    ear = recogniser.open(ENGLISH, heard.transcripts.put_nowait, heard.failures.put_nowait)
    ear.begin(1, audio)
    ear.pause(2)  # of a speech that is not this one
    ear.pause(1)
    partial = await heard.transcripts.get()
    asked_until_pause = len(asked)
    ear.put(MULAW_SILENCE * 1_600 + more + MULAW_SILENCE * 16_000)
    ear.finish(1, 2.0 if more else 2.2)
    final = (await heard.until_final())[-1]
    await ear.close()
    assert partial.text == "Yes, please."
    assert final.text == " ".join(filter(None, [partial.text, said_since]))
    assert 1 + len(asked) - asked_until_pause == times


async def test_speech_of_any_length_is_settled_in_pieces(recogniser: Moonshine, say: Callable[[str], bytes]) -> None:
    sentence = "I would like to book a table for two people."
    audio = await asyncio.to_thread(say, sentence)
    times = int(2.5 * LONGEST_SECONDS * 8_000 / len(audio))
    heard = Heard()
    ear = recogniser.open(ENGLISH, heard.transcripts.put_nowait, heard.failures.put_nowait)
    ear.begin(1, b"")
    for _ in range(times):
        ear.put(audio + MULAW_SILENCE * 2_400)
    ear.finish(1, 0.0)
    final = (await heard.until_final())[-1]
    await ear.close()
    assert final.text.count("book a table for two people") == times


async def test_next_speech_may_begin_before_the_last_ones_words_have_come(
    recogniser: Moonshine, say: Callable[[str], bytes]
) -> None:
    yes = await asyncio.to_thread(say, "Yes, please.")
    thanks = await asyncio.to_thread(say, "Thanks for calling.")
    heard = Heard()
    ear = recogniser.open(ENGLISH, heard.transcripts.put_nowait, heard.failures.put_nowait)
    for number, audio in ((1, yes), (2, thanks)):
        ear.begin(number, audio)
        ear.finish(number, 0.0)
    finals = [(await heard.until_final())[-1] for _ in range(2)]
    await ear.close()
    assert {final.speech: final.text for final in finals} == {1: "Yes, please.", 2: "Thanks for calling."}


async def test_silence_has_no_words_worth_trusting(recogniser: Moonshine) -> None:
    found = await recogniser.recognise(MULAW_SILENCE * 8_000)
    assert found.text == "" or found.confidence < 0.5


async def test_other_language_than_english_is_told_as_unknown(recogniser: Moonshine) -> None:
    heard = Heard()
    ear = recogniser.open(ENGLISH, heard.transcripts.put_nowait, heard.failures.put_nowait)
    ear.ask_again(ListenRequest(call_sid="CA1", language="de-DE"))
    assert isinstance(await heard.failures.get(), UnknownLanguage)
    await ear.close()


async def test_model_that_fails_is_told_as_failure(recogniser: Moonshine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> Recognised:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(recogniser._model, "recognise", fail)
    heard = Heard()
    ear = recogniser.open(ENGLISH, heard.transcripts.put_nowait, heard.failures.put_nowait)
    ear.begin(1, MULAW_SILENCE * 800)
    ear.finish(1, 0.0)
    assert (await heard.failures.get()).retryable
    assert recogniser.is_idle
    await ear.close()


async def test_audio_between_speeches_and_ends_of_none_are_ignored(recogniser: Moonshine) -> None:
    heard = Heard()
    ear = recogniser.open(ENGLISH, heard.transcripts.put_nowait, heard.failures.put_nowait)
    ear.put(b"\x10" * 800)
    ear.finish(3, 0.0)
    ear.begin(1, b"")
    await ear.close()
    assert heard.transcripts.empty()


async def test_closed_recogniser_raises() -> None:
    recogniser = Moonshine()
    await recogniser.close()
    with pytest.raises(SpeechError):
        await recogniser.recognise(b"")


def test_long_speech_is_cut_where_it_is_quietest() -> None:
    noise = np.random.default_rng(2).integers(0, 100, int(LONGEST_SECONDS * 8_000), dtype=np.uint8)
    noise[70_000:73_000] = MULAW_SILENCE[0]
    assert 70_000 < quietest_place(noise.tobytes()) < 73_000


@given(st.lists(st.binary(min_size=0, max_size=300), max_size=30))
def test_tokenizer_reads_what_was_packed(tokens: list[bytes]) -> None:
    packed = bytearray()
    for token in tokens:
        high, low = divmod(len(token), 128)
        packed += bytes([len(token)] if len(token) < 128 else [low + 128, high]) + token
    assert read_tokenizer(bytes(packed)) == tokens


def test_tokens_join_to_text() -> None:
    tokens = [b"<s>", "▁Caf".encode(), b"<0xC3>", b"<0xA9>", "▁no".encode(), b"<", b"</s>"]
    assert join_tokens(tokens) == "Café no<"


async def test_noise_is_no_words(recogniser: Moonshine) -> None:
    dice = np.random.default_rng(3)
    burst = dice.normal(0, 8_000, 2_000) * np.exp(-np.arange(2_000) / 600)
    noise = encode_mulaw(np.concatenate((burst, np.zeros(1_000), burst)).clip(-32_000, 32_000).astype("<i2").tobytes())
    assert (await recogniser.recognise(noise)).text == ""


@pytest.mark.parametrize(
    ("text", "said"), [("You", ""), ("♪♪", ""), ("© transcript", ""), ("You.", "You."), ("You can", "You can")]
)
def test_what_the_model_writes_of_noise_and_music_was_not_said(text: str, said: str) -> None:
    assert spoken(text) == said
