"""Whole calls over a media stream, from the ring to the hang-up, in virtual time."""

import asyncio

from stream_world import Agent, Site, answer, says

GOODBYE = {"type": "end"}


def _dialogue(action):
    match action["type"]:
        case "launch":
            return [says("Welcome to the practice.")]
        case "text":
            return [says(f"You said {action['payload']}."), says("Anything else?")]
        case "dtmf":
            return [says("Goodbye then."), GOODBYE]
    return []


async def test_call_is_greeted_answered_and_hung_up() -> None:
    site = Site(Agent(_dialogue))
    await site.gateway.start()
    stream = await answer(site)
    await asyncio.sleep(3)
    assert stream.heard() == ["Welcome to the practice."]
    stream.say("hello there")
    await asyncio.sleep(6)
    assert stream.heard()[1:] == ["You said hello there.", "Anything else?"]
    stream.press("5#")
    await stream.until_closed()
    assert stream.heard()[3:] == ["Goodbye then."]
    after = await site.post(stream.after)
    assert b"<Hangup" in after
    await site.gateway.conversations.close(30)
    assert site.agent.kinds == ["launch", "text", "dtmf", "end"]
    await site.gateway.stop()
