"""The entries of a call, asked for by kind, turn and time: the same as by looking at each; long calls in no time."""

from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.call.diagnosis import diagnose
from voicegw.call.entries import Entry
from voicegw.call.records import (
    ActionSent,
    CallEnded,
    CallerSpoke,
    Failed,
    KeysPressed,
    PromptBegan,
    Record,
    TraceReceived,
    TurnBegan,
    TurnEnded,
    WordsReady,
)
from voicegw.call.story import Story

SORRY = PromptBegan(text="Sorry", by_gateway=True)
RECORDS: tuple[Record, ...] = (
    TurnBegan(heard="said"),
    WordsReady(),
    CallerSpoke(text="a"),
    KeysPressed(keys="1"),
    SORRY,
    PromptBegan(text="Hello"),
    PromptBegan(text="One moment", by_gateway=True, filler=True),
    CallEnded(reason="hangup"),
)
TURNS = 2_000


def entry(record: Record, offset: float, turn: int = 1) -> Entry:
    return Entry(call_sid="CA1", at=offset, offset=offset, turn=turn, record=record)


entries_of_a_call = st.lists(
    st.builds(entry, st.sampled_from(RECORDS), st.integers(0, 5).map(float), st.integers(0, 3)), max_size=30
)
kinds_of_records = st.lists(st.sampled_from([type(record) for record in RECORDS]), min_size=1, unique=True)


@settings(max_examples=200, deadline=None)
@given(entries_of_a_call, kinds_of_records, st.none() | st.integers(0, 3))
def test_entries_are_found_by_kind_and_turn_in_order_of_time(
    entries: list[Entry], kinds: list[type[Record]], turn: int | None
) -> None:
    story = Story(entries)
    wanted = [each for each in story.entries if type(each.record) in kinds and turn in {None, each.turn}]
    assert list(story.of(*kinds, turn=turn)) == wanted
    assert story.first(*kinds, turn=turn) == next(iter(wanted), None)
    assert [each.offset for each in wanted] == sorted(each.offset for each in wanted)


@settings(max_examples=200, deadline=None)
@given(entries_of_a_call, st.integers(0, 5), st.integers(0, 5))
def test_entries_are_found_by_time(entries: list[Entry], since: int, until: int) -> None:
    story = Story(entries)
    assert story.between(since, until) == [each for each in story.entries if since <= each.offset <= until]


def test_the_gateway_explains_itself_until_the_caller_does_something() -> None:
    failed = entry(Failed(part="agent", code="agent-broke"), 2.0)
    spoke = entry(CallerSpoke(text="hello?"), 3.0)
    before, after = entry(SORRY, 2.0), entry(SORRY, 2.5)
    assert Story([failed, after, spoke]).explanation(failed) == "Sorry"
    assert Story([before, failed, spoke]).explanation(failed) == ""
    assert Story([before, failed, spoke]).explanation(2.0) == "Sorry"
    assert Story([failed, spoke, entry(SORRY, 4.0)]).explanation(failed) == ""
    assert Story([after]).explanation(failed) == ""
    assert Story([failed]).explanation(failed) == ""


def long_call() -> list[Entry]:
    happens: tuple[Record, ...] = (
        TurnBegan(heard="said"),
        ActionSent(action={"type": "text"}),
        *[TraceReceived(type="text")] * 8,
        Failed(part="agent", code="agent-broke"),
        TurnEnded(failure="agent-broke"),
        SORRY,
        CallerSpoke(text="hello?"),
    )
    length = len(happens)
    return [
        entry(record, float(turn * length + place), turn)
        for turn in range(1, TURNS + 1)
        for place, record in enumerate(happens)
    ]


def test_a_call_of_two_thousand_failed_turns_is_diagnosed() -> None:
    """A minute of processor time where each question looks at each entry."""
    [finding] = [found for found in diagnose(long_call()) if found.code == "agent-broke"]
    assert finding.times == TURNS
