"""A signed webhook is valid for ever, and its signature fits other forms too: whoever has one gains nothing by it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from voicegw.call.profile import Destination, NumberProfile

CALL, OTHER = "CA" + "1" * 32, "CA" + "2" * 32
VOICE, STATUS, FALLBACK = (f"https://gateway.example/twilio/{name}" for name in ("voice", "status", "fallback"))
HELLO = {"type": "text", "payload": {"message": "Hello"}}
PROFILE = NumberProfile(fallback=(Destination(to="+14155550142"),))


def greet(_action: Any) -> list[Any]:
    return [HELLO]


def readings(form: dict[str, str]) -> Iterator[list[tuple[str, str]]]:
    """Other forms that the same signature fits: a border between a name and its value is moved."""
    pairs = sorted(form.items())
    for place, (name, value) in enumerate(pairs):
        for cut in range(1, len(name + value)):
            changed = [*pairs[:place], ((name + value)[:cut], (name + value)[cut:]), *pairs[place + 1 :]]
            if changed != pairs and sorted(changed) == changed:
                yield changed


def test_a_fallback_that_is_replayed_in_another_reading_does_nothing(play: Any) -> None:
    async def scene(site: Any) -> None:
        await site.webhook(VOICE, CALL)
        form = site.form(CALL, ErrorCode="11200", ErrorUrl=VOICE)
        signature = site.sign(FALLBACK, form.items())
        first = await site.post(FALLBACK, form.items(), signature)
        before = await site.everything(CALL)
        answers = [await site.post(FALLBACK, reading, signature) for reading in readings(form)]
        assert len(answers) > 100
        # refused where the call itself is read away, else the bytes of the first time
        assert {answer for answer in answers if answer[0] == 200} == {first}
        assert {status for status, _ in answers} <= {200, 400, 403}
        assert await site.everything(CALL) == before

    play(scene, greet, PROFILE)


@pytest.mark.parametrize("fields", [{"Digits": "12"}, {"SpeechResult": "book a visit", "Confidence": "0.9"}])
def test_a_step_that_is_replayed_in_another_reading_does_nothing(
    play: Any, leads_to: Callable[[str], str], fields: dict[str, str]
) -> None:
    async def scene(site: Any) -> None:
        step = leads_to(await site.webhook(VOICE, CALL))
        form = site.form(CALL, **fields)
        signature = site.sign(step, form.items())
        first = await site.post(step, form.items(), signature)
        before = await site.everything(CALL)
        answers = {await site.post(step, reading, signature) for reading in readings(form)}
        assert {answer for answer in answers if answer[0] == 200} == {first}
        assert await site.everything(CALL) == before

    play(scene, greet)


def test_a_step_after_the_end_does_not_bring_the_call_back(play: Any, leads_to: Callable[[str], str]) -> None:
    async def scene(site: Any) -> None:
        step = leads_to(await site.webhook(VOICE, CALL))
        await site.webhook(STATUS, CALL, CallStatus="completed")
        told = await site.everything(CALL)
        await site.webhook(step, CALL, SpeechResult="still here")  # it was on its way as the caller hung up
        assert (await site.everything(CALL))[1:] == told[1:]
        assert await site.store.live_calls() == ()
        assert await site.gateway.conversations.reap() == 0

    site = play(scene, greet)
    assert [action["type"] for action in site.agent.received] == ["launch", "end"]


@pytest.mark.parametrize("replayed", [VOICE, STATUS, FALLBACK])
def test_no_webhook_that_comes_again_after_the_end_does_anything(play: Any, replayed: str) -> None:
    async def scene(site: Any) -> None:
        await site.webhook(VOICE, CALL)
        await site.webhook(FALLBACK, CALL, ErrorUrl=VOICE)
        await site.webhook(STATUS, CALL, CallStatus="completed")
        before = await site.everything(CALL)
        fields = {VOICE: {}, FALLBACK: {"ErrorUrl": VOICE}, STATUS: {"CallStatus": "completed"}}[replayed]
        for _ in range(3):
            await site.webhook(replayed, CALL, **fields)
        assert await site.everything(CALL) == before

    play(scene, greet, PROFILE)


def test_one_call_of_the_account_cannot_drive_another(play: Any, leads_to: Callable[[str], str]) -> None:
    """Step URLs can be guessed; what is guessed is a step of one's own call, for the signature covers the CallSid."""

    async def scene(site: Any) -> None:
        step = leads_to(await site.webhook(VOICE, CALL))
        await site.webhook(VOICE, OTHER)
        before = (await site.everything(CALL))[0]
        for url in (step, step[:-1] + "9", "https://gateway.example/twilio/step/7/7"):
            await site.webhook(url, OTHER, SpeechResult="hack")
        await site.webhook(FALLBACK, OTHER, ErrorUrl=step)
        await site.webhook(STATUS, OTHER, CallStatus="completed", ParentCallSid=CALL)
        assert (await site.everything(CALL))[0] == before
        form = site.form(OTHER, SpeechResult="hack")
        signature = site.sign(step, form.items())
        for pairs in ({**form, "CallSid": CALL}.items(), [*form.items(), ("CallSid", CALL)]):
            assert (await site.post(step, pairs, signature))[0] == 403

    play(scene, greet)


def test_a_call_sid_that_comes_twice_is_refused_though_it_is_signed(play: Any) -> None:
    async def scene(site: Any) -> None:
        await site.webhook(VOICE, CALL)
        pairs = [*site.form(CALL, CallStatus="completed").items(), ("CallSid", OTHER)]
        assert await site.post(STATUS, pairs, site.sign(STATUS, pairs)) == (400, b"")
        assert await site.store.live_calls() == (CALL,)

    play(scene, greet)


def test_a_path_of_thousands_of_digits_is_no_step(play: Any) -> None:
    async def scene(site: Any) -> None:
        for path in ("step/{0}/1", "step/1/{0}", "whisper/{0}/1", "human/{0}"):
            status, _ = await site.post(f"https://gateway.example/twilio/{path.format('9' * 5000)}", [], "x")
            assert status == 404

    play(scene)
