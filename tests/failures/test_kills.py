"""SIGKILL at random instants of real calls: a process of its own, SQLite, loopback HTTP, real time.

What is fair: the number's fallback URL is the static document that `voicegw check --fallback` writes, on another host
(no process can answer while it is being started), each call meets one kill, and the caller repeats what was lost. A
call goes on if each of the caller's questions is answered in the end. `launch` is sent once: a second one only if
nothing of the first was heard.
"""

import asyncio
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from groups import RECOVERING, failure
from real_gateway import ACCOUNT_SID, AUTH_TOKEN, GREETING, PUBLIC_URL, STATIC_URL, RealGateway

from voicegw.simulator import CallReport, Carrier, CarrierRules, HttpWeb, Limits, Phone, check_invariants

CALLS_AT_ONCE = 3
QUESTIONS = 4
# The carrier's own part is no silence of ours: connecting in vain, and eight seconds on the static host.
LIMITS = Limits(rescued_faults_allowed=True, owed_silence_seconds=20.0, listening_silence_seconds=20.0)
RULES = CarrierRules(words_per_second=30.0, max_call_seconds=120.0)


class Persistent:
    """A caller who asks their questions one after another, each until it is answered, and does not talk to a machine
    that says that it will be right back."""

    def __init__(self) -> None:
        self.answered: list[int] = []

    async def run(self, phone: Phone) -> None:
        """Ask all questions and hang up."""
        for number in range(QUESTIONS):
            for attempt in range(6):
                await self._wait_for_turn(phone)
                heard = len(phone.begun)
                await phone.say(f"question {number} attempt {attempt}", seconds=0.2)
                await self._wait_for_turn(phone)
                if any(f"answer to question {number}" in sound.text for sound in phone.begun[heard:]):
                    self.answered.append(number)
                    break
        phone.hang_up()

    async def _wait_for_turn(self, phone: Phone) -> None:
        while True:
            await phone.wait_for_turn()
            if RECOVERING not in phone.begun[-1].text:
                await phone.wait(0.1)
                return
            await phone.wait_for_sound(len(phone.begun))


async def play_round(gateway: RealGateway, chance: Random, seed: int) -> int:
    """A few calls at once and one kill in the midst of them; answers how many calls there were."""
    callers = [Persistent() for _ in range(CALLS_AT_ONCE)]

    async def call(index: int, caller: Persistent) -> CallReport:
        await asyncio.sleep(chance.uniform(0.0, 1.5))
        async with HttpWeb(reach=gateway.reach) as web:
            carrier = Carrier(
                web, auth_token=AUTH_TOKEN, account_sid=ACCOUNT_SID, rules=RULES, seed=seed * CALLS_AT_ONCE + index
            )
            return await carrier.place_call(
                f"{PUBLIC_URL}/twilio/voice",
                caller,
                fallback_url=f"{STATIC_URL}/fallback.xml",
                status_callback=f"{PUBLIC_URL}/twilio/status",
            )

    calls = [asyncio.create_task(call(index, caller)) for index, caller in enumerate(callers)]
    await asyncio.sleep(chance.uniform(0.2, 7.0))
    await gateway.kill()
    for caller, report in zip(callers, await asyncio.gather(*calls), strict=True):
        assert caller.answered == list(range(QUESTIONS)), _explain(gateway, report)
        wrongs = check_invariants(report, limits=LIMITS)
        assert wrongs == (), f"{wrongs}\n{_explain(gateway, report)}"
        await _expect_told(gateway, report)
    await gateway.ready()
    return len(calls)


async def _expect_told(gateway: RealGateway, report: CallReport) -> None:
    """What the agent got of this call: everything once, and its end."""
    asked = gateway.agent.asked[report.call_sid]
    async with asyncio.timeout(60.0):
        while not any(action["type"] == "end" for action in asked):  # noqa: ASYNC110 - it comes from another process
            await asyncio.sleep(0.05)
    told = Counter(str(action.get("payload")) for action in asked if action["type"] == "text")
    assert set(told.values()) == {1}, _explain(gateway, report)
    # A launch whose answer died with the process is made up for; one of which something was heard is not repeated.
    assert 1 <= [action["type"] for action in asked].count("launch") <= 2, _explain(gateway, report)
    assert report.spoken.count(GREETING) == 1, _explain(gateway, report)
    assert [action["type"] for action in asked].count("end") == 1, _explain(gateway, report)


def _explain(gateway: RealGateway, report: CallReport) -> str:
    return f"{report.transcript()}\nagent got: {gateway.agent.asked[report.call_sid]}"


async def kill(folder: Path, rounds: int, gateways: int, seed: int) -> None:
    """So many rounds on each of so many gateways, which run side by side."""

    async def one(number: int) -> None:
        (place := folder / str(number)).mkdir()
        chance = Random(seed + number)
        async with RealGateway(place, chance) as gateway:
            for turn in range(rounds):
                await play_round(gateway, chance, turn)

    await asyncio.gather(*(one(number) for number in range(gateways)))


@failure(
    "gateway dies",
    "SIGKILL of a real process on SQLite in the midst of three calls, restarted by a supervisor (real time)",
    "“One moment, please. I'll be right back with you.” from the static host, at most 8 s later “I'm sorry, something "
    "went wrong on our side” or “Please say that again”, and the call goes on",
)
@pytest.mark.parametrize(
    ("rounds", "gateways", "seed"),
    [
        pytest.param(1, 3, 1, id="3-kills"),
        pytest.param(5, 5, 100, id="sweep-25-kills", marks=pytest.mark.sweep),
        pytest.param(5, 5, 200, id="sweep-25-more", marks=pytest.mark.sweep),
    ],
)
async def test_calls_survive_a_kill(tmp_path: Path, rounds: int, gateways: int, seed: int) -> None:
    await kill(tmp_path, rounds, gateways, seed)
