"""The offline stack as a call uses it: a voice that is heard, understood, and known to have finished."""

import asyncio
from collections.abc import Callable

import pytest

from voicegw.audio.mulaw import MULAW_SILENCE
from voicegw.errors import InvalidSettingsError
from voicegw.live.ports import ListenRequest, Transcript
from voicegw.speech.factory import Speech, create_speech

SENTENCE = "I would like to book a table for two people."


async def test_what_the_voice_says_is_what_the_ear_hears(speech: Speech, say: Callable[[str], bytes]) -> None:
    told: list[Transcript] = []
    done = asyncio.Event()

    def tell(transcript: Transcript) -> None:
        told.append(transcript)
        if transcript.final:
            done.set()

    audio = await asyncio.to_thread(say, SENTENCE)
    ear = speech.stt.open(ListenRequest(call_sid="CA1", language="en-US"), tell)
    ear.begin(1, audio[:800])
    ear.put(audio[800:] + MULAW_SILENCE * 2_400)
    ear.finish(1, 0.0)
    await done.wait()
    await ear.close()
    assert told[-1].text == SENTENCE
    assert told[-1].final
    assert [transcript.final for transcript in told].count(True) == 1


async def test_finished_sentence_is_judged_over(speech: Speech, say: Callable[[str], bytes]) -> None:
    audio = await asyncio.to_thread(say, SENTENCE)
    assert await speech.turn_model.judge(audio) > 0.5


def test_names_of_no_provider_are_all_reported_with_their_setting() -> None:
    with pytest.raises(InvalidSettingsError) as caught:
        create_speech(stt=["parrot", "owl"])
    assert [(fault.key, fault.value) for fault in caught.value.faults] == [
        ("VOICEGW_STT", "parrot"),
        ("VOICEGW_STT", "owl"),
    ]
    assert "Choose from offline" in str(caught.value)
