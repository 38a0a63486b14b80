"""When the log says that a prompt was sent, sounded and was heard, against when the caller heard it."""

import asyncio

import pytest
from stream_world import LONG, Site, answer, hang_up, hear_greeting

from voicegw.call.records import PromptBegan, PromptCut, PromptSounded

TRAVEL = 0.05


async def test_a_prompt_sounds_when_its_first_sound_is_heard_but_for_the_mark_s_way(site: Site) -> None:
    stream = await answer(site)
    stream.mark_travel_seconds = TRAVEL
    await asyncio.sleep(3)
    (place,) = (place for place, record in enumerate(site.journal.records) if isinstance(record, PromptSounded))
    sounded = site.journal.records[place]
    heard_at = site.journal.noted_at[place] - sounded.played_seconds
    assert heard_at == pytest.approx(stream.sounds[0].begin + TRAVEL, abs=0.002)
    assert sounded.sent_seconds - sounded.played_seconds == pytest.approx(TRAVEL, abs=0.002)
    await hang_up(site, stream)


async def test_each_prompt_sounds_once_however_often_it_was_held(site: Site) -> None:
    stream = await hear_greeting(site)
    stream.say("story")
    await asyncio.sleep(3)
    for _ in range(3):
        stream.say("", 0.2)  # a cough
        await asyncio.sleep(2.5)
    assert stream.clears > 1
    assert [each.text for each in site.journal.of(PromptBegan)][-1] == LONG
    assert len(site.journal.of(PromptSounded)) == len(site.journal.of(PromptBegan)) == 2
    await hang_up(site, stream)


async def test_what_is_cut_off_before_it_is_heard_never_sounds(site: Site) -> None:
    stream = await answer(site)
    stream.mark_travel_seconds = 1.0
    await asyncio.sleep(0.1)
    stream.press("1")
    await asyncio.sleep(0.5)
    assert len(site.journal.of(PromptCut)) == 1
    assert site.journal.of(PromptSounded) == []
    await hang_up(site, stream)
