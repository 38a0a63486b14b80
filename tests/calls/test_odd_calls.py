"""Calls of people and agents who do not behave: what each of them would tell a friend about it."""

import base64
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import agent_server
import pytest

from voicegw.call.profile import Destination, Forwarding, Silence
from voicegw.simulator import Callee, HangsUp, Hears, Presses, Says, ScriptedCaller, StaysSilent, Waits
from voicegw.simulator.callees import human

World = Any
FRONT_DESK = "+15005550199"
DUTY_DENTIST = "+15005550177"


def says(message: str) -> dict[str, Any]:
    return {"type": "speak", "payload": {"type": "message", "message": message}}


def asks_for_keys(max_digits: int = 4, gap_seconds: float = 3) -> dict[str, Any]:
    rules = {"enabled": True, "maxDigits": max_digits, "delimiter": ["#"], "timeoutInSeconds": gap_seconds}
    return {"type": "dtmf", "payload": rules}


def spoken_by_agent(words: str, *, sound_after_seconds: float) -> list[tuple[float, dict[str, Any]]]:
    """A message in words and in half a second of sound, whose first piece is late."""
    content = base64.b64encode(b"\xff" * 4000).decode()
    return [
        (0.0, {"type": "text", "payload": {"message": words, "messageID": "m1"}}),
        (0.0, {"type": "audio", "payload": {"state": "start", "messageID": "m1"}}),
        (
            sound_after_seconds,
            {"type": "audio", "payload": {"state": "content", "content": content, "encoding": "audio/x-mulaw"}},
        ),
        (0.0, {"type": "audio", "payload": {"state": "end"}}),
    ]


Script = Mapping[str, Sequence[dict[str, Any] | tuple[float, dict[str, Any]]]]


def agent_that(**answers: Any) -> Any:
    """An agent that answers each kind of action with the same traces, some of them late."""
    script: Script = {kind.replace("_", "-"): traces for kind, traces in answers.items()}

    def answer(action: Mapping[str, Any], _: Any) -> Any:
        traces = script.get(action["type"], ())
        return agent_server.Answer([trace if isinstance(trace, tuple) else (0.0, trace) for trace in traces])

    return lambda: agent_server.AgentServer(answer, Random(1))


def profile(world: World, **changes: object) -> Any:
    return world.profile.model_copy(update=changes)


def told(call: Any, kind: str) -> list[Any]:
    return [action.get("payload") for action in call.actions if action["type"] == kind]


LOOKS_UP = (Hears("How can I help"), Says("my appointment"))


@pytest.mark.parametrize(
    ("keys", "gap_seconds", "entries"),
    [
        ("1234", 0.1, ["1234"]),
        ("1234", 2.5, ["1234"]),
        ("1234#", 0.2, ["1234"]),
        ("12*3", 0.3, ["12*3"]),
        ("123#", 0.3, ["123"]),
        ("#", 0.3, ["#"]),
        ("12", 0.3, ["12"]),
    ],
)
@pytest.mark.parametrize("when", ["turn", "prompt"])
def test_a_pin_arrives_whole_however_it_is_keyed(
    world: World, keys: str, gap_seconds: float, entries: list[str], when: Any
) -> None:
    until = "end" if when == "turn" else "begin"
    keyed = Presses(keys, when="turn" if when == "turn" else "now", gap_seconds=gap_seconds)
    call = world.call(ScriptedCaller([*LOOKS_UP, Hears("PIN", until=until), keyed, Waits(9), HangsUp()]))
    assert call.violations() == [], call.explain()
    assert told(call, "dtmf") == entries


def test_keys_one_by_one_over_a_minute_are_one_entry_where_only_the_pound_key_ends_it(world: World) -> None:
    ask = [says("Your number, then pound."), asks_for_keys(10, 0), {"type": "no-reply", "payload": {"timeout": 8}}]
    world.agent = agent_that(launch=ask, dtmf=[says("Thanks.")], no_reply=[says("Your number, please.")])
    slowly = [Presses(key, when="now", after_seconds=6) for key in "3456789#"]
    call = world.call(ScriptedCaller([Hears("number"), Presses("12"), *slowly, Hears("Thanks"), HangsUp()]))
    assert call.violations() == [], call.explain()
    assert told(call, "dtmf") == ["123456789"]
    assert told(call, "no-reply") == []


def test_keys_over_a_filler_are_an_entry_of_their_own_and_silence_stays_short(world: World) -> None:
    answer = [(4.0, says("I have it.")), asks_for_keys()]
    world.agent = agent_that(launch=[says("Your PIN?"), asks_for_keys()], dtmf=answer)
    caller = [
        Hears("PIN"),
        Presses("1234"),
        Hears("moment", until="begin"),
        Presses("5678", when="now"),
        Hears("have it"),
        HangsUp(),
    ]
    call = world.call(ScriptedCaller(caller))
    assert call.violations() == [], call.explain()
    assert told(call, "dtmf") == ["1234", "5678"]


def test_an_agents_voice_that_stalls_is_replaced_and_does_not_say_it_twice(world: World) -> None:
    late = spoken_by_agent("Here you are.", sound_after_seconds=3)
    world.agent = agent_that(launch=[says("Hi.")], text=[*late, says("Anything else?")])
    world.profile = profile(world, voice_source="agent")
    call = world.call(ScriptedCaller([Hears("Hi"), Says("show me"), Hears("Anything else"), HangsUp()]))
    assert call.violations() == [], call.explain()
    heard = [sound.text or sound.kind for sound in call.report.heard if sound.kind in ("speech", "audio")]
    assert heard == ["Hi.", "Here you are.", "Anything else?"]


def test_a_disclosure_and_a_greeting_come_first_even_if_the_agent_is_slow(world: World) -> None:
    world.profile = profile(world, disclosure="default", greeting="Welcome to Bright Smile.")
    world.agent = agent_that(launch=[(12.0, says("How can I help you?"))])
    caller = [Hears("recorded", until="begin"), Says("hello", when="now"), Hears("How can I help"), HangsUp()]
    call = world.call(ScriptedCaller(caller))
    assert call.violations() == [], call.explain()
    assert call.report.spoken[:2] == (
        "This call may be recorded, and you are speaking with an automated assistant.",
        "Welcome to Bright Smile.",
    )
    assert not any(sound.cut for sound in call.report.heard[:2])
    assert call.report.spoken[-1] == "How can I help you?"


def test_whoever_talks_over_the_goodbye_hears_it_whole(world: World) -> None:
    caller = [
        Hears("How can I help"),
        Says("goodbye"),
        Hears("Thank you", until="begin"),
        Says("wait, I forgot", when="now"),
        StaysSilent(),
    ]
    call = world.call(ScriptedCaller(caller))
    assert call.violations() == [], call.explain()
    assert call.report.spoken[-1].endswith("Goodbye.")
    assert not call.report.heard[-1].cut


def test_a_busy_front_desk_is_explained_once(world: World) -> None:
    world.callees = {FRONT_DESK: Callee(outcome="busy")}
    caller = [Hears("How can I help"), Says("front desk"), Hears("anything else"), HangsUp()]
    call = world.call(ScriptedCaller(caller))
    assert call.violations() == [], call.explain()
    assert " ".join(call.report.spoken).count("busy") == 1


def test_a_voicemail_box_is_not_the_human_that_the_caller_is_promised(world: World) -> None:
    places = (Destination(to=FRONT_DESK), Destination(to=DUTY_DENTIST, confirm=True))
    world.profile = profile(world, forwarding=Forwarding(destinations={"front-desk": places}))
    world.callees = {FRONT_DESK: Callee(outcome="busy"), DUTY_DENTIST: Callee(outcome="answers", talk_seconds=60)}
    caller = [Hears("How can I help"), Says("front desk"), Hears("anything else", within_seconds=90), HangsUp()]
    call = world.call(ScriptedCaller(caller))
    assert call.violations() == [], call.explain()
    assert not any(sound.kind == "human" for sound in call.report.heard)
    assert [event["event"]["outcome"] for event in told(call, "event")] == ["declined"]


def test_a_caller_who_comes_back_from_the_front_desk_goes_on_with_the_agent(world: World) -> None:
    world.profile = profile(world, forwarding=world.profile.forwarding.model_copy(update={"after_forward": "agent"}))
    world.callees = {FRONT_DESK: human(talk_seconds=8)}
    caller = [
        Hears("How can I help"),
        Says("front desk"),
        Hears("anything else"),
        Says("opening hours"),
        Hears("anything else"),
        Says("no"),
        StaysSilent(),
    ]
    call = world.call(ScriptedCaller(caller))
    assert call.violations() == [], call.explain()
    assert [event["event"]["name"] for event in told(call, "event")] == ["call_forward_completed"]
    assert call.report.spoken[-1].endswith("Goodbye.")


def test_the_escape_key_counts_alone_and_not_inside_a_pin(world: World) -> None:
    forwarding = world.profile.forwarding.model_copy(update={"human": "front-desk"})
    world.profile = profile(world, escape_key="0", forwarding=forwarding)
    world.callees = {FRONT_DESK: human(talk_seconds=5)}
    caller = [*LOOKS_UP, Hears("PIN"), Presses("1034"), Hears("PIN"), Presses("0"), StaysSilent()]
    call = world.call(ScriptedCaller(caller))
    assert call.violations() == [], call.explain()
    assert told(call, "dtmf") == ["1034"]
    assert [attempt.address for attempt in call.report.dialled] == [FRONT_DESK]


def test_two_calls_from_one_number_do_not_end_each_other(world: World) -> None:
    world.profile = profile(world, user_id="caller")
    caller = [
        Hears("How can I help"),
        Says("opening hours"),
        Hears("anything else"),
        Waits(3),
        Says("no"),
        StaysSilent(),
    ]
    calls = world.play([ScriptedCaller(caller), ScriptedCaller(caller)], apart_seconds=4)
    for call in calls:
        assert call.violations() == [], call.explain()
        assert call.report.spoken[-1].endswith("Goodbye.")


def test_a_withheld_caller_is_nobody_to_the_agent(world: World) -> None:
    world.profile = profile(world, user_id="caller")
    call = world.call(ScriptedCaller([Hears("How can I help"), Says("goodbye"), StaysSilent()]), from_="anonymous")
    assert call.violations() == [], call.explain()
    assert told(call, "launch") == [{"callType": "inbound", "userNumber": "", "agentNumber": "+15005550100"}]


def test_the_agents_language_is_the_gateways_too(world: World) -> None:
    switch = {"type": "language", "payload": {"language": "de-DE"}, "paths": [{"event": {"type": "done"}}]}
    world.agent = agent_that(launch=[says("English or German?")], text=[switch], done=[says("Was kann ich tun?")])
    world.profile = profile(world, silence=Silence(prompts_at_seconds=(5,), goodbye_at_seconds=12))
    call = world.call(ScriptedCaller([Hears("German"), Says("German"), Hears("Was kann"), StaysSilent()]))
    assert call.violations() == [], call.explain()
    assert call.report.spoken[-2] == "Sind Sie noch da?"
    assert call.report.spoken[-1].endswith("Auf Wiederhören.")


def test_an_answer_of_five_thousand_words_is_cut_and_the_caller_is_asked_what_next(world: World) -> None:
    long = " ".join(f"This is sentence number {number} of a very long answer." for number in range(500))
    world.agent = agent_that(launch=[says("Hi.")], text=[says(long)])
    call = world.call(ScriptedCaller([Hears("Hi"), Says("tell me"), StaysSilent()]))
    assert call.violations() == [], call.explain()
    answer = " ".join(words for words in call.report.spoken if "sentence number" in words)
    assert 7_000 < len(answer) <= 8_000
    assert answer.endswith(".")
    assert call.report.spoken[-1].endswith("Goodbye.")


def test_a_call_that_is_over_its_time_ends_with_a_word(world: World) -> None:
    world.profile = profile(world, max_call_seconds=60)
    caller = [*LOOKS_UP, *[step for _ in range(5) for step in (Hears("PIN"), Presses("9999"))], StaysSilent()]
    call = world.call(ScriptedCaller(caller))
    assert call.violations() == [], call.explain()
    assert "time limit" in call.report.spoken[-1]
    assert call.report.ended_at_seconds < 90
