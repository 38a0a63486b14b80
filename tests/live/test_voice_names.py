"""A carrier's name for a voice means nothing to a provider of speech, which has names of its own."""

import asyncio

from stream_world import PROFILE, Agent, Site, answer, dialogue, hang_up

from voicegw.call.profile import Stream


async def test_the_carrier_s_voice_never_reaches_a_provider_and_the_stream_s_own_always_does() -> None:
    stream = Stream(voice="aura-2-thalia-en")
    site = Site(Agent(dialogue), PROFILE.model_copy(update={"voice": "Polly.Joanna", "stream": stream}))
    await site.gateway.start()
    line = await answer(site)
    await asyncio.sleep(3)
    await hang_up(site, line)
    await site.gateway.stop(30)
    assert {request.voice for request in site.speech.tts.spoken} == {"aura-2-thalia-en"}


async def test_without_one_of_the_stream_s_own_the_provider_chooses() -> None:
    site = Site(Agent(dialogue), PROFILE.model_copy(update={"voice": "Polly.Joanna"}))
    await site.gateway.start()
    line = await answer(site)
    await asyncio.sleep(3)
    await hang_up(site, line)
    await site.gateway.stop(30)
    assert {request.voice for request in site.speech.tts.spoken} == {""}
