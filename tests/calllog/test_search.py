"""Search for words in transcripts: the same answers from both databases."""

import pytest
from calllog_rows import log_call
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.calllog import search
from voicegw.calllog.database import writing
from voicegw.calllog.queries import CallLogReader
from voicegw.calllog.results import CallFilter, CallPage
from voicegw.calllog.schema import calls


@pytest.fixture
def reader(engine: AsyncEngine) -> CallLogReader:
    return CallLogReader(engine)


@pytest.fixture(params=["looked through", "by the index"])
def step(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the two steps of a search in turn: the second begins after the first call."""
    if request.param == "by the index":
        monkeypatch.setattr(search, "LOOKED_THROUGH", {"sqlite": 1, "postgresql": 1})
    return str(request.param)


def sids(page: CallPage) -> list[str]:
    return [call.call_sid for call in page.calls]


TRANSCRIPTS = (
    "agent: How can I help?\ncaller: I want to book an appointment, please",
    "agent: How can I help?\ncaller: cancel my appointment",
    'agent: Hello!\ncaller: O\'Neill said "NEAR" AND/OR 50% off',
    "",
)


async def log_transcripts(engine: AsyncEngine) -> None:
    for number, transcript in enumerate(TRANSCRIPTS):
        await log_call(engine, f"CA{number}", transcript=transcript, called_number=f"+1500555000{number % 2}")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("appointment", ["CA1", "CA0"]),
        ("APPOINTMENT", ["CA1", "CA0"]),
        ("appointment book", ["CA0"]),
        ("book,  appointment!", ["CA0"]),
        ("appoint", []),
        ("appointment nobody-said-this", []),
        ("near", ["CA2"]),
        ('"near', ["CA2"]),
        ("50% off", ["CA2"]),
        ("agent", ["CA2", "CA1", "CA0"]),
        ("", []),
        ("   ", []),
        ("!!! *", []),
    ],
)
async def test_calls_are_found_by_every_word_that_was_said(
    engine: AsyncEngine, reader: CallLogReader, step: str, words: str, found: list[str]
):
    await log_transcripts(engine)
    assert sids(await reader.search(words)) == found


@pytest.mark.parametrize(
    "words", ["book OR cancel", "appointment NOT book", "book*", "transcript:book AND x", "-agent x"]
)
async def test_nothing_that_is_searched_for_is_an_operator(
    engine: AsyncEngine, reader: CallLogReader, step: str, words: str
):
    await log_transcripts(engine)
    with_star = {"book*": ["CA0"]}  # punctuation is no part of a word
    assert sids(await reader.search(words)) == with_star.get(words, [])


async def test_words_are_searched_for_within_what_a_filter_leaves(
    engine: AsyncEngine, reader: CallLogReader, step: str
):
    await log_transcripts(engine)
    assert sids(await reader.search("appointment", CallFilter(called_number="+15005550001"))) == ["CA1"]


async def test_pages_of_a_search_go_on_where_the_last_one_ended(engine: AsyncEngine, reader: CallLogReader, step: str):
    for number in range(9):
        await log_call(engine, f"CA{number}", transcript="yes" if number % 2 else "yes please")
    seen: list[list[str]] = []
    after = None
    while True:
        page = await reader.search("please", after=after, limit=2)
        seen.append(sids(page))
        after = page.next_after
        if after is None:
            break
    assert seen == [["CA8", "CA6"], ["CA4", "CA2"], ["CA0"]]


async def test_words_that_come_later_are_found_and_those_that_went_are_not(
    engine: AsyncEngine, reader: CallLogReader, step: str
):
    await log_transcripts(engine)
    await log_call(engine, "CA-newest")
    async with writing(engine) as connection:
        await connection.execute(update(calls).where(calls.c.call_sid == "CA1").values(transcript="caller: rebook it"))
    assert sids(await reader.search("rebook")) == ["CA1"]
    assert sids(await reader.search("cancel")) == []


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.text(st.characters(), max_size=30) | st.text("\"'*():^-+&|!<> ANDORT\\\0\ud800", max_size=20))
async def test_any_text_can_be_searched_for(reader: CallLogReader, words: str):
    assert await reader.search(words) == CallPage(calls=(), next_after=None)


async def test_a_search_takes_any_number_of_words(engine: AsyncEngine, reader: CallLogReader, step: str):
    await log_transcripts(engine)
    assert sids(await reader.search("appointment " * 5000)) == ["CA1", "CA0"]
    assert sids(await reader.search("x" * 100_000)) == []
