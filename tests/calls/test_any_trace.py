"""Any trace, valid or broken, through a whole call: the next webhook still has an answer that listens, dials or ends.

Each trace is one answer of the agent to a caller who speaks whenever they are asked; a call that ends makes room for
the next one, until all traces have been heard.
"""

import json
from dataclasses import replace
from itertools import count
from random import Random
from typing import Any

import agent_server
import contract_traces
import pytest

import twiml
from voicegw.simulator import CallerView, CarrierRules, HangsUp, Limits, PolicyCaller, Presses, Says, human
from voicegw.simulator.caller import Act
from voicegw.simulator.timeline import Exchange

World = Any

FEW, MANY = 3, 40
MUTANTS_OF_EACH = 5
TRACES_IN_A_CALL = 20
# What is broken says nothing, or waits as long as it likes: how long a caller hears nothing is no matter here.
LIMITS = Limits(
    owed_silence_seconds=60,
    listening_silence_seconds=4000,
    reprompt_silence_seconds=4000,
    unforgivable_losses=frozenset(),
    dials=4,
)


def leads_on(exchange: Exchange) -> bool:
    """Does an answer listen, dial, hang up after words, or lead to one that does?"""
    document = twiml.parse(exchange.body)
    match document.verbs[-1]:
        case twiml.Redirect() | twiml.Dial() | twiml.Gather():
            return True
        case twiml.Hangup():
            return any(isinstance(verb, twiml.Say | twiml.Play) for verb in document.verbs) or "DialCallStatus" in dict(
                exchange.params
            )
        case _:
            return False


def speak_when_asked(traces: list[Any]) -> PolicyCaller:
    """Someone who answers every question, by voice or key, until the agent has nothing left to say."""
    numbers = count()

    def policy(_view: CallerView) -> Act:
        number = next(numbers)
        if not traces:
            return HangsUp(after_seconds=8)
        return Presses("12#") if number % 3 == 2 else Says(f"sentence {number}")

    return PolicyCaller(policy, max_acts=1_000)


def play(world: World, traces: list[Any]) -> None:
    """Play calls until every trace was an answer; each call keeps what is promised."""
    waiting = list(traces)

    def answer(action: Any, _session: Any) -> Any:
        if action["type"] == "end" or not waiting:
            return agent_server.at_once([])
        if action["type"] == "launch":
            return agent_server.at_once([{"type": "speak", "payload": {"type": "message", "message": "Hello."}}])
        return agent_server.at_once([waiting.pop(0)])

    while waiting:
        told = waiting[:TRACES_IN_A_CALL]
        agent = agent_server.AgentServer(answer, Random(len(waiting)))
        world = replace(world, agent=lambda agent=agent: agent, rules=CarrierRules(failed_audio="skipped"))
        world.callees = {"+15005550199": human(talk_seconds=1), "+15005550177": human(talk_seconds=1)}
        call = world.call(speak_when_asked(waiting))
        found = [*call.violations(LIMITS), *agent.wrongs]
        for exchange in call.report.webhooks:
            if exchange.status != 200:
                found.append(f"{exchange.url} answered {exchange.status}: {exchange.error}")
            elif not exchange.abandoned:
                found += [f"{exchange.url}: {fault}" for fault in twiml.check(twiml.parse(exchange.body))]
                found += [] if leads_on(exchange) else [f"{exchange.url} leads nowhere: {exchange.body}"]
        found += [
            f"dialled {dialled.address}" for dialled in call.report.dialled if dialled.address not in world.callees
        ]
        assert not found, "\n".join([*found, json.dumps(told)[:3000], call.explain()[:6000]])


def broken_traces(kind: str, count: int) -> list[Any]:
    """Mutants of so many valid traces."""
    chance = Random(f"voicegw {kind}")
    valid = contract_traces.valid_traces(kind, count)
    return [mutant for trace in valid for mutant in contract_traces.mutants(trace, chance, MUTANTS_OF_EACH)]


of_any_kind = pytest.mark.parametrize("kind", contract_traces.KINDS)


@of_any_kind
def test_valid_traces_leave_a_live_call(world: World, kind: str) -> None:
    play(world, contract_traces.valid_traces(kind, FEW))


@of_any_kind
def test_broken_traces_leave_a_live_call(world: World, kind: str) -> None:
    play(world, broken_traces(kind, FEW))


@pytest.mark.sweep
@of_any_kind
def test_many_valid_traces_leave_a_live_call(world: World, kind: str) -> None:
    play(world, contract_traces.valid_traces(kind, MANY))


@pytest.mark.sweep
@of_any_kind
def test_five_thousand_broken_traces_leave_a_live_call(world: World, kind: str) -> None:
    play(world, broken_traces(kind, MANY))
