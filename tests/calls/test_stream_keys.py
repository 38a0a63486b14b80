"""Keys on a stream, pressed as fast as fingers can, across prompts, turns and interruptions: none lost, none twice."""

from random import Random
from typing import Any

import agent_server
import pytest

from voicegw.simulator import CarrierRules, Limits, Phone, StreamLimits, StreamRules

World = Any

LIMITS = Limits(stream=StreamLimits(lead_seconds=0.45))


@pytest.fixture
def world(stream_world: World) -> World:
    """Streams, with an agent of the test's own."""
    return stream_world


class Typist:
    """Presses `count` digits 60-150 ms apart. Now and then they rest, also for longer than an entry's gap, or speak."""

    def __init__(self, chance: Random, count: int) -> None:
        self._chance = chance
        self._count = count
        self.words: list[str] = []

    async def run(self, phone: Phone) -> None:
        await phone.wait_for_sound(0)
        for _ in range(self._count):
            phone.press(self._chance.choice("0123456789"))
            await phone.wait(self._chance.uniform(0.06, 0.15))
            match self._chance.randrange(400):
                case 0:
                    await phone.wait(self._chance.uniform(1.0, 4.0))
                case 1:
                    await phone.wait(2.5)
                    self.words.append(f"word {len(self.words)}")
                    await phone.say(self.words[-1])
        await phone.wait(8.0)
        phone.hang_up()


def answers(chance: Random) -> Any:
    """An agent that thinks for a while, and says something short or long."""

    def answer(action: Any, _session: Any) -> Any:
        text = " ".join(["blah"] * chance.choice((1, 5, 30)))
        trace = {"type": "text", "payload": {"message": f"{text}."}}
        return agent_server.Answer([(chance.choice((0.0, 0.05, 0.4, 1.5)), trace)])

    return agent_server.AgentServer(answer, chance)


def type_keys(world: World, seed: int, count: int) -> None:
    chance = Random(seed)
    world.agent = lambda: answers(chance)
    typist = Typist(chance, count)
    call = world.call(typist)
    assert call.violations(LIMITS) == []
    pressed = "".join(key.key for key in call.report.keys)
    entered = "".join(str(action["payload"]) for action in call.actions if action["type"] == "dtmf")
    assert len(pressed) == count
    assert entered == pressed
    assert [action["payload"] for action in call.actions if action["type"] == "text"] == typist.words
    assert len(call.report.streams) == 1


@pytest.mark.parametrize("seed", range(2))
def test_no_key_is_lost_and_none_comes_twice(world: World, seed: int) -> None:
    type_keys(world, seed, 250)


def test_keys_survive_jitter_and_bursts(world: World) -> None:
    network = StreamRules(
        latency_seconds=0.05, jitter_seconds=0.1, burst_every_seconds=7.0, burst_seconds=0.3, loss=0.02
    )
    world.rules = CarrierRules(stream=network)
    chance = Random(5)
    world.agent = lambda: answers(chance)
    call = world.call(Typist(Random(5), 300))
    pressed = "".join(key.key for key in call.report.keys)
    assert "".join(str(action["payload"]) for action in call.actions if action["type"] == "dtmf") == pressed


def test_keys_pressed_over_a_prompt_that_nothing_interrupts_do_not_overrun_the_line(world: World) -> None:
    def answer(action: Any, _session: Any) -> Any:
        return agent_server.at_once([{"type": "text", "payload": {"message": "blah " * 300}}])

    class Drums:
        async def run(self, phone: Phone) -> None:
            await phone.wait_for_sound(0)
            await phone.press_keys("123" * 120, 0.06)
            phone.hang_up()

    world.profile = world.profile.model_copy(update={"barge_in": "none"})
    world.agent = lambda: agent_server.AgentServer(answer, Random(1))
    call = world.call(Drums())
    assert call.violations(LIMITS) == []
    assert [stream.ended_by for stream in call.report.streams] == ["caller"]


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(100, 102))
def test_ten_thousand_keys(world: World, seed: int) -> None:
    world.rules = CarrierRules(max_call_seconds=3500)
    type_keys(world, seed, 10_000)
