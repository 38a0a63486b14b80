"""Random callers against random agents on streams: whatever both do, what must hold on every stream call does.

How long silence may last is judged loosely here: these agents pause for 8 s in the midst of a sound of their own, that
sound is silence itself, and these numbers may be deaf to speech.
`VOICEGW_SEED=<seed> pytest tests/calls -k stream_call_of_one_seed` plays a call again.
"""

import os
from dataclasses import replace
from random import Random
from typing import Any

import agent_server
import pytest
import random_agent
import random_caller
import telegraph_speech
from test_random_calls import random_callees, random_profile, wrongs

from voicegw.call.profile import Mode, NumberProfile
from voicegw.simulator import Limits, StreamLimits, StreamRules

World = Any

FIRST_SEED = int(os.environ.get("VOICEGW_SEED", "1"))
CALLS = 100
CALLS_IN_EVERY_RUN = 4
LIMITS = Limits(
    owed_silence_seconds=15,
    listening_silence_seconds=90,
    reprompt_silence_seconds=90,
    unforgivable_losses=frozenset(),
    dials=4,
    stream=StreamLimits(lead_seconds=0.45),
)
DEAF_SILENCE_SECONDS = 36
"""Words mean nothing to a number that collects keys only: its own prompts come after 25 s of silence, and after 60."""


def is_deaf(profile: NumberProfile) -> bool:
    return profile.while_collecting == "keys"


def play(world: World, seed: int, acts: int) -> None:
    """Play the call of a seed, and fail with its transcript if anything is wrong with it."""
    chance = Random(seed)
    turns = random_agent.RandomTurns(Random(chance.random()), quiet=False, interrupts=True, mishaps=True)
    agent = agent_server.AgentServer(
        lambda action, _session: agent_server.Answer(*turns.turn(action["type"])), Random(chance.random())
    )
    profile = random_profile(chance, quiet=False).model_copy(update={"mode": Mode.STREAM})
    speech = telegraph_speech.TelegraphSpeech()
    streams = StreamRules(signs_trailing_slash=chance.random() < 0.5, says_stop=chance.random() < 0.8)
    rules = replace(world.rules, stream=streams, failed_audio="skipped")
    there = replace(world, profile=profile, agent=lambda: agent, seed=seed, speech=speech, rules=rules)
    there.callees = random_callees(chance)
    call = there.call(random_caller.RandomCaller(Random(chance.random()), acts=acts))
    limits = replace(LIMITS, owed_silence_seconds=DEAF_SILENCE_SECONDS) if is_deaf(profile) else LIMITS
    found = wrongs(call, agent, limits)
    found += [f"{speech.stt.open_ears} ears left"] * (speech.stt.open_ears > 0)
    found += [f"{speech.tts.speaking} voices left"] * (speech.tts.speaking > 0)
    if found:
        explained = call.explain(), agent.transcript(call.report.call_sid)
        pytest.fail("\n".join([f"seed {seed}", *found, *explained]), pytrace=False)


def test_the_stream_call_of_one_seed_keeps_what_must_hold(world: World) -> None:
    play(world, FIRST_SEED, 25)


@pytest.mark.parametrize("number", range(1, CALLS_IN_EVERY_RUN))
def test_random_stream_calls_keep_what_must_hold(world: World, number: int) -> None:
    play(world, FIRST_SEED + number, 8)


@pytest.mark.sweep
@pytest.mark.parametrize("number", range(CALLS_IN_EVERY_RUN, CALLS))
def test_very_many_random_stream_calls_keep_what_must_hold(world: World, number: int) -> None:
    play(world, FIRST_SEED + number, 25)
