"""Whole entries that the agent cannot take at once: they are asked as they were pressed, as soon as it can."""

import asyncio
from collections.abc import Mapping
from typing import Any

from stream_world import Agent, Site, StartSite, Traces, dialogue, hang_up, hear_greeting, says


def _answers(action: Mapping[str, Any]) -> Traces:
    match action["type"]:
        case "text":
            return [{"wait": 33.0}, says("At last.")]
        case "dtmf":
            return [says("Thank you.")]
    return dialogue(action)


def _entries(site: Site) -> list[str]:
    return [action["payload"] for action in site.agent.received if action["type"] == "dtmf"]


async def test_entry_after_the_apology_for_a_slow_agent_is_asked_with_its_late_answer(start_site: StartSite) -> None:
    site = await start_site(Agent(_answers))
    stream = await hear_greeting(site)
    stream.say("hello")
    await asyncio.sleep(29)
    stream.press("12")
    await asyncio.sleep(7)
    assert _entries(site) == ["12"]
    assert stream.heard()[-1] == "Thank you."
    await hang_up(site, stream)


async def test_entries_pressed_apart_are_not_joined_because_the_agent_was_slow(start_site: StartSite) -> None:
    site = await start_site(Agent(_answers))
    stream = await hear_greeting(site)
    stream.say("hello")
    await asyncio.sleep(28)
    stream.press("12")
    await asyncio.sleep(3)
    stream.press("#")
    await asyncio.sleep(4)
    stream.press("5")
    await asyncio.sleep(9)
    assert _entries(site) == ["12", "#", "5"]
    await hang_up(site, stream)
