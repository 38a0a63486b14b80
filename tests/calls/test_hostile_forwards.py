"""Hundreds of targets that an agent may be talked into: none is dialled, and of each the caller hears why.

Each target is asked for in three ways: as a phone number, as a SIP address and as Voiceflow's own custom action.
"""

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import agent_server
import pytest

import twiml
from voicegw.call.phrases import PhraseName, phrase
from voicegw.call.profile import Destination, Forwarding
from voicegw.simulator import CarrierRules, HangsUp, Hears, Limits, Says, ScriptedCaller

World = Any

OUR_NUMBER = "+14155550100"
# Each group is a list of addresses; non-ASCII look-alikes are written as escapes.
WRITTEN_DOWN = json.loads((Path(__file__).parents[1] / "call" / "hostile_targets.json").read_text(encoding="ascii"))
EMERGENCY = [
    prefix + number
    for number in ("911", "112", "999", "000", "110", "113", "933", "988")
    for prefix in ("", "+", "+1", "+44", "+49", "*67", "9,", "00", "tel:", "+1 ", "#31#")
]
SATELLITE = [
    f"+{code}{rest}"
    for code in ["870", "878", "8810", "8816", "8817", "8818", "8819", "88213", "88216", "8835", "979", "6721"]
    for rest in ("612345678", "773123456")
]
MARKUP = [
    '"/><Dial>+14155550199</Dial>',
    "+14155550199</Number><Number>+19005551234",
    "sip:lab@pbx.example.com</Sip><Sip>sip:x@evil.example",
    "sip:lab@pbx.example.com\r\nX-Evil: 1",
    "nobody\x00",
    "",
    " ",
]
FIXED = (*EMERGENCY, *SATELLITE, *MARKUP, OUR_NUMBER)
TARGETS = list(dict.fromkeys([*FIXED, *(address for group in WRITTEN_DOWN.values() for address in group)]))
TARGETS_IN_A_TEST = 25

# A careless operator: whole zones of the world are allowed, so that the ranges themselves are what refuses.
CARELESS = Forwarding(
    destinations={"sales": (Destination(to="+493012345678"),)},
    allow=(*(f"+{digit}" for digit in range(1, 10)), "sip:pbx.example.com"),
    on_failure="event",
)
REFUSED = phrase(PhraseName.FORWARD_REFUSED, "en-US", {}, 0)
LIMITS = Limits(unforgivable_losses=frozenset(), dials=0)


def ways_to_ask(address: str) -> list[dict[str, Any]]:
    """The traces by which an agent can ask for a forward."""
    return [
        {"type": "call-forward", "payload": {"addressType": "phone", "address": address, "extension": "1"}},
        {"type": "call-forward", "payload": {"addressType": "sip", "address": address}},
        {"type": "forward-call", "payload": {"number": address}},
    ]


def spoken(words: str) -> dict[str, Any]:
    return {"type": "speak", "payload": {"type": "message", "message": words}}


def test_there_are_more_than_three_hundred_targets() -> None:
    assert len(TARGETS) >= 300


@pytest.mark.parametrize("first", range(0, len(TARGETS), TARGETS_IN_A_TEST))
def test_hostile_target_is_not_dialled_and_the_caller_hears_why(world: World, first: int) -> None:
    world = replace(world, profile=world.profile.model_copy(update={"forwarding": CARELESS}), rules=CarrierRules())
    for address in TARGETS[first : first + TARGETS_IN_A_TEST]:
        asked = ways_to_ask(address)
        if not address.encode("utf-8", "ignore"):  # lone surrogates are dropped where a trace is read
            asked = asked[:2]  # a custom action without a number is none of ours
        waiting = list(asked)

        def answer(action: Any, _session: Any, waiting: list[Any] = waiting) -> Any:
            match action["type"]:
                case "launch":
                    return agent_server.at_once([spoken("Where to?")])
                case "text":
                    return agent_server.at_once([waiting.pop(0)])
                case "event":
                    return agent_server.at_once([spoken("Where else?")])
            return agent_server.at_once([])

        agent = agent_server.AgentServer(answer, Random(1))
        world.agent = lambda agent=agent: agent
        steps = [step for _ in asked for step in (Says("go"), Hears("can't connect you"), Hears("Where else"))]
        call = world.call(ScriptedCaller([Hears("Where to"), *steps, HangsUp()]), to=OUR_NUMBER)
        assert call.violations(LIMITS) == [], (address, call.explain())
        assert call.report.dialled == (), (address, call.explain())
        assert call.report.spoken.count(REFUSED) == len(asked), (address, call.explain())
        assert [a["payload"]["event"]["outcome"] for a in call.actions if a["type"] == "event"] == ["refused"] * len(
            asked
        )
        for exchange in call.report.webhooks:
            assert not [verb for verb in twiml.parse(exchange.body).verbs if isinstance(verb, twiml.Dial)]


def test_a_turn_that_asks_for_a_hostile_target_for_ever_ends_in_listening(world: World) -> None:
    def answer(action: Any, _session: Any) -> Any:
        if action["type"] in ("launch", "end"):
            return agent_server.at_once([spoken("Where to?")])
        return agent_server.at_once(ways_to_ask("+19005551234")[:1])

    agent = agent_server.AgentServer(answer, Random(1))
    profile = world.profile.model_copy(update={"forwarding": CARELESS})
    world = replace(world, profile=profile, agent=lambda: agent)
    call = world.call(
        ScriptedCaller([Hears("Where to"), Says("go"), Hears("nobody could take your call"), Says("go"), HangsUp()])
    )
    assert call.violations(LIMITS) == [], call.explain()
    assert call.report.dialled == ()


def test_the_targets_beside_them_are_dialled(world: World) -> None:
    for trace in (*ways_to_ask("sales")[::2], ways_to_ask("sip:lab@pbx.example.com")[1]):
        agent = agent_server.AgentServer(
            lambda action, _session, trace=trace: agent_server.at_once([trace] if action["type"] == "launch" else []),
            Random(1),
        )
        profile = world.profile.model_copy(update={"forwarding": CARELESS})
        call = replace(world, profile=profile, agent=lambda agent=agent: agent).call(
            ScriptedCaller([Hears("answering"), HangsUp()])
        )
        assert len(call.report.dialled) == 1, call.explain()
