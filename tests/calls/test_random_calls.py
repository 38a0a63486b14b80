"""Random callers against random agents in virtual time: whatever both do, the invariants of a call hold.

Each call has a seed of its own. A failure names it: `VOICEGW_SEED=<seed> pytest tests/calls -k call_of_one_seed` plays
that call again, with its transcript.
"""

import os
from dataclasses import replace
from random import Random
from typing import Any

import agent_server
import pytest
import random_agent
import random_caller

import twiml
from voicegw.call.profile import Destination, Forwarding, Keypad, NumberProfile, Silence
from voicegw.simulator import Callee, CallReport, CarrierRules, Limits, human
from voicegw.simulator.timeline import CallerPressed, Exchange, LostBecause

World = Any
Call = Any

FIRST_SEED = int(os.environ.get("VOICEGW_SEED", "1"))
BATCHES = 42
BATCHES_IN_EVERY_RUN = 2
CALLS_IN_A_BATCH = 30
STEPS_IN_A_BATCH = 1_250  # 40 batches in the sweep: 50,000 steps
SECRETS = {"the agent's key": "VF.DM.demo", "the carrier's token": "token-of-the-test"}
MAX_ATTEMPTS = 3


def limits(latency_seconds: float, *, quiet: bool, drops_keys: bool = False) -> Limits:
    """What is borne. An agent that says nothing leaves its caller in silence: that is its own choice. Where it takes
    no entry without a delimiter (`drops_keys`), keys without one are silence, and the number's reprompts go on.

    Keys typed between two documents cannot be had in gather mode; `lost_by_us` finds those that can.
    """
    return Limits(
        owed_silence_seconds=30 if quiet else 4 + latency_seconds,
        # the second that follows a part of an answer is listened to before
        listening_silence_seconds=60 if quiet else 36 if drops_keys else 11 + latency_seconds,
        reprompt_silence_seconds=60 if quiet else 36,
        unforgivable_losses=frozenset(),
        dials=MAX_ATTEMPTS + 1,
    )


def random_profile(chance: Random, *, quiet: bool) -> NumberProfile:
    """A number, set in one of very many ways."""
    return NumberProfile(
        language=chance.choice(("en-US", "de-DE", "fr-FR")),
        voice=chance.choice(("", "Polly.Joanna-Neural", "alice")),
        voice_source=chance.choice(("gateway", "gateway", "agent")),
        user_id=chance.choice(("call", "caller", "hash")),
        keys_as=chance.choice(("dtmf", "dtmf", "text")),
        while_collecting=chance.choice(("any", "keys")),
        keypad=Keypad(
            enabled=chance.random() < 0.9,
            delimiters=chance.choice((("#",), ("*",), ("#", "*"), ())),
            gap_seconds=chance.choice((1 if quiet else 2, 2, 3.5)),
            max_digits=chance.choice((1, 4, 20)),
        ),
        silence=chance.choice((Silence(), Silence(prompts_at_seconds=(5, 9), goodbye_at_seconds=15))),
        endpointing=chance.choice(("fast", "patient", "dictation")),
        speech_model=chance.choice(("", "phone_call")),
        barge_in=chance.choice(("any", "any", "any", "speech", "keys", "none")),
        read_buttons=chance.random() < 0.3,
        escape_key=chance.choice(("", "", "0")),
        escape_words=chance.choice(((), ("operator",))),
        fallback=chance.choice(((), (Destination(to="+15005550188"),))),
        forwarding=Forwarding(
            destinations={
                "front-desk": (Destination(to="+15005550199"), Destination(to="sip:lab@pbx.example.com")),
                "duty-dentist": (Destination(to="+15005550177"),),
            },
            allow=("+1415", "sip:pbx.example.com"),
            max_attempts=MAX_ATTEMPTS,
            human=chance.choice(("", "front-desk")),
            on_failure=chance.choice(("event", "text", "nothing")),
            after_forward=chance.choice(("hang-up", "agent")),
        ),
    )


MAY_BE_DIALLED = frozenset(
    {
        *("+15005550199", "+15005550177", "+15005550188", "sip:lab@pbx.example.com"),
        *("+14155550199", "+14155550198"),
    }
)


def random_callees(chance: Random) -> dict[str, Callee]:
    """What those do who are called."""

    def callee() -> Callee:
        talker = human(ring_seconds=chance.choice((0.5, 4, 18)), talk_seconds=chance.choice((1, 20)))
        return chance.choice((talker, Callee(outcome=chance.choice(("busy", "no-answer", "failed")))))

    return {address: callee() for address in MAY_BE_DIALLED}


def play(world: World, seed: int) -> tuple[Call, list[str], Any]:
    """The call of one seed, all that is wrong with it, and the agent it was played with."""
    chance = Random(seed)
    quiet = chance.random() < 0.2
    turns = random_agent.RandomTurns(
        Random(chance.random()), quiet=quiet, interrupts=chance.random() < 0.2, mishaps=chance.random() < 0.3
    )
    agent = agent_server.AgentServer(
        lambda action, _session: agent_server.Answer(*turns.turn(action["type"])), Random(chance.random())
    )
    world = replace(
        world,
        profile=random_profile(chance, quiet=quiet),
        agent=lambda: agent,
        callees=random_callees(chance),
        seed=seed,
        streaming=chance.random() < 0.8,
        rules=CarrierRules(
            latency_seconds=chance.choice((0.0, 0.05, 0.3)),
            lone_finish_key=chance.choice(("ends", "ignored")),
            empty_result_has_fields=chance.random() < 0.5,
            failed_audio="skipped",
        ),
    )
    from_ = chance.choice(("+14155550123", "anonymous", "+266696687", "client:alice"))
    caller = random_caller.RandomCaller(Random(chance.random()), acts=chance.choice((5, 20, 40)))
    call = world.call(caller, from_=from_)
    borne = limits(world.rules.latency_seconds, quiet=quiet, drops_keys=drops_keys(call, agent))
    return call, wrongs(call, agent, borne), agent


def drops_keys(call: Call, agent: agent_server.AgentServer) -> bool:
    """Does the agent take no entry without a delimiter, somewhere in this call?"""
    return '"timeoutInSeconds":0,' in agent.transcript(call.report.call_sid)


def steps(call: Call) -> int:
    """Exchanges, acts of the caller and actions of the agent."""
    report = call.report
    return len(report.exchanges) + len(report.keys) + len(report.speech) + len(call.actions)


def wrongs(call: Call, agent: Any, limits: Limits) -> list[str]:
    """All that is wrong with a call, in words."""
    found = [*call.violations(limits), *agent.wrongs]
    kinds = call.kinds()
    if kinds.count("launch") != 1 or kinds[0] != "launch":
        found.append(f"the agent got {kinds.count('launch')} launches")
    if kinds.count("end") != 1 or kinds[-1] != "end":
        found.append(f"the agent got {kinds.count('end')} ends")
    strangers = {attempt.address for attempt in call.report.dialled} - MAY_BE_DIALLED
    found += [f"dialled {address}" for address in strangers]
    for exchange in call.report.webhooks:
        found += faults(exchange)
    found += [f"key {key.key} was lost at {key.at_seconds} s: {key.lost_because}" for key in lost_by_us(call.report)]
    return found


def faults(exchange: Exchange) -> list[str]:
    """What the carrier would not like about an answer."""
    if exchange.abandoned or exchange.status != 200:
        return [] if exchange.abandoned else [f"{exchange.url} answered {exchange.status}: {exchange.error}"]
    return [f"{exchange.url}: {fault}" for fault in twiml.check(twiml.parse(exchange.body))]


def lost_by_us(report: CallReport) -> list[CallerPressed]:
    """Keys that came while a document ran that had no ear for them without a reason."""
    return [
        key
        for key in report.lost_digits
        if key.lost_because is LostBecause.OUTSIDE_GATHER and not deaf_on_purpose(report, key)
    ]


def deaf_on_purpose(report: CallReport, key: CallerPressed) -> bool:
    """Did a document end or begin in that very instant, is it a goodbye, or a prompt that nothing may interrupt?"""
    borders = [at for sent in report.webhooks for at in (sent.at_seconds, sent.at_seconds + sent.seconds)]
    if any(abs(at - key.at_seconds) < 0.001 for at in borders):
        return True
    running = [
        exchange
        for exchange in report.webhooks
        if exchange.status == 200 and exchange.at_seconds + exchange.seconds <= key.at_seconds
    ]
    verbs = twiml.parse(running[-1].body).verbs
    protected = isinstance(verbs[0], twiml.Say | twiml.Play)
    return protected or isinstance(verbs[-1], twiml.Hangup)


def assert_good(world: World, seed: int) -> int:
    """Play the call of a seed; returns its steps."""
    call, found, agent = play(world, seed)
    if found:
        again = f"VOICEGW_SEED={seed} pytest tests/calls -k call_of_one_seed"
        explained = call.explain(), agent.transcript(call.report.call_sid)
        pytest.fail("\n".join([f"play it again: {again}", *found, *explained]), pytrace=False)
    return steps(call)


def assert_batch_is_good(world: World, batch: int, written: Any) -> None:
    """Play a batch of calls; nothing secret is written meanwhile."""
    first = FIRST_SEED + batch * CALLS_IN_A_BATCH
    done = sum(assert_good(world, seed) for seed in range(first, first + CALLS_IN_A_BATCH))
    assert done >= STEPS_IN_A_BATCH
    log = "".join(written.readouterr())
    assert not [name for name, secret in SECRETS.items() if secret in log]


def test_the_call_of_one_seed_keeps_the_invariants(world: World) -> None:
    assert assert_good(world, FIRST_SEED) > 0


@pytest.mark.parametrize("batch", range(BATCHES_IN_EVERY_RUN))
def test_random_calls_keep_the_invariants(world: World, batch: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert_batch_is_good(world, batch, capsys)


@pytest.mark.sweep
@pytest.mark.parametrize("batch", range(BATCHES_IN_EVERY_RUN, BATCHES))
def test_very_many_random_calls_keep_the_invariants(
    world: World, batch: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_batch_is_good(world, batch, capsys)


@pytest.mark.parametrize("user_id", ["call", "caller", "hash"])
def test_random_calls_of_one_caller_at_once_do_not_touch_each_other(world: World, user_id: str) -> None:
    chance = Random(f"{FIRST_SEED} {user_id}")
    turns = random_agent.RandomTurns(chance, quiet=False, interrupts=False, mishaps=False)
    agent = agent_server.AgentServer(lambda action, _session: agent_server.Answer(*turns.turn(action["type"])), chance)
    profile = random_profile(chance, quiet=False).model_copy(update={"user_id": user_id})
    world = replace(world, profile=profile, agent=lambda: agent, callees=random_callees(chance))
    callers = [random_caller.RandomCaller(Random(chance.random()), acts=10) for _ in range(12)]
    for call in world.play(callers, apart_seconds=0.5):
        found = wrongs(call, agent, limits(0.0, quiet=False, drops_keys=drops_keys(call, agent)))
        assert not found, "\n".join([*found, call.explain(), agent.transcript(call.report.call_sid)])
        assert len({session.user_id for session in agent.sessions_of(call.report.call_sid)}) == 1
