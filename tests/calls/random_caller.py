"""A random caller: speaks, presses, interrupts, waits, types ahead and hangs up, all from one `Random`."""

import asyncio
from contextlib import suppress
from random import Random

from voicegw.simulator import Phone

SENTENCES = (
    "I want to book a visit",
    "yes",
    "no",
    "Yes.",
    "name-1",
    "four seven one one",
    "operator",
    "what do you mean by that and why do you ask",
    "größer & <kleiner> \U0001f9b7",
)
KEYS = "0123456789"


class RandomCaller:
    """Acts at random for at most `acts` acts, then hangs up."""

    def __init__(self, chance: Random, *, acts: int) -> None:
        self._chance = chance
        self._acts = acts

    async def run(self, phone: Phone) -> None:
        """Live through one call."""
        chance = self._chance
        if chance.random() < 0.1:
            asyncio.get_running_loop().call_later(chance.uniform(0, 60), phone.hang_up)
        for _ in range(self._acts):
            await self._act(phone)
        phone.hang_up()
        await asyncio.Event().wait()

    async def _act(self, phone: Phone) -> None:
        chance = self._chance
        await self._wait_for_the_moment(phone)
        act = chance.choices(("speak", "type", "one key", "nothing", "hang up"), (40, 35, 15, 10, 1))[0]
        match act:
            case "speak":
                confidence = chance.choice((0.9, 0.3, None))
                await phone.say(chance.choice(SENTENCES), confidence=confidence)
            case "type":
                await phone.press_keys(self._entry(), chance.choice((0.05, 0.2, 0.4, 1.0)))
            case "one key":
                phone.press(chance.choice(KEYS + "#*"))
            case "hang up":
                phone.hang_up()
                await asyncio.Event().wait()
            case _:
                await phone.wait(chance.choice((0.5, 3, 12, 45)))

    async def _wait_for_the_moment(self, phone: Phone) -> None:
        """Mostly one's turn; else in the middle of a prompt, or whenever one pleases (while the agent thinks, too)."""
        chance = self._chance
        manner = chance.choices(("turn", "prompt", "any"), (6, 2, 2))[0]
        with suppress(TimeoutError):
            async with asyncio.timeout(30):
                if manner == "turn":
                    await phone.wait_for_turn()
                elif manner == "prompt":
                    await phone.wait_for_sound(len(phone.begun))
        await phone.wait(chance.choice((0.0, 0.1, 0.5, 1.0, 2.0, 4.0)))

    def _entry(self) -> str:
        """Keys with pauses and delimiters in between, and mostly one at the end."""
        chance = self._chance
        length = chance.choice((1, 2, 3, 4, 4, 4, 5, 8, 21))
        entry = "".join(
            chance.choice(KEYS) + chance.choices(("", "W", "w", "#", "*"), (20, 1, 1, 1, 1))[0] for _ in range(length)
        )
        return entry + chance.choice(("", "#", "#", "*", "##"))
