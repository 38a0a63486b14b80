"""A carrier's name for a voice means nothing to a provider of speech, which has names of its own."""

from stream_world import PROFILE, Agent, StartSite, dialogue, hang_up, hear_greeting

from voicegw.call.profile import Stream


async def test_the_carrier_s_voice_never_reaches_a_provider_and_the_stream_s_own_always_does(
    start_site: StartSite,
) -> None:
    stream = Stream(voice="aura-2-thalia-en")
    site = await start_site(Agent(dialogue), PROFILE.model_copy(update={"voice": "Polly.Joanna", "stream": stream}))
    line = await hear_greeting(site)
    await hang_up(site, line)
    assert {request.voice for request in site.speech.tts.spoken} == {"aura-2-thalia-en"}


async def test_without_one_of_the_stream_s_own_the_provider_chooses(start_site: StartSite) -> None:
    site = await start_site(Agent(dialogue), PROFILE.model_copy(update={"voice": "Polly.Joanna"}))
    line = await hear_greeting(site)
    await hang_up(site, line)
    assert {request.voice for request in site.speech.tts.spoken} == {""}
