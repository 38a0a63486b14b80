"""What the entries of one call come to: its row, its turns' rows, its transcript. Pure."""

from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from voicegw.call.entries import Entry
from voicegw.call.records import (
    CallEnded,
    CallerSpoke,
    CallRang,
    Failed,
    ForwardFinished,
    ForwardTried,
    KeysPressed,
    Noted,
    PromptBegan,
    PromptSounded,
    StepAnswered,
    TurnBegan,
    TurnEnded,
    WordsReady,
)
from voicegw.calllog.schema import calls, turns
from voicegw.calllog.summaries import CallSummary

Makes = Callable[..., list[Entry]]
MakesEntry = Callable[..., Entry]


def summed_up(entries: list[Entry]) -> CallSummary:
    summary = CallSummary("CA1")
    for entry in entries:
        summary.add(entry)
    return summary


def test_rows_have_every_column_but_the_id(whole_call: Makes) -> None:
    summary = summed_up(whole_call())
    assert {*summary.take_call_row()} == {column.name for column in calls.c} - {"id"}
    assert {*summary.take_turn_rows()[0]} == {column.name for column in turns.c} - {"id"}


def test_a_transcript_says_who_said_what_a_line_each(entry: MakesEntry) -> None:
    told = [
        PromptBegan(text="Hello.\nHow can I help?"),
        PromptBegan(text="One moment", filler=True),
        PromptBegan(source="https://example.com/a.mp3"),
        CallerSpoke(text="a table  for two"),
        KeysPressed(keys="••••"),
        CallEnded(reason="hangup"),
    ]
    summary = summed_up([entry(record, float(at)) for at, record in enumerate(told)])
    assert summary.take_call_row()["transcript"] == (
        "agent: Hello. How can I help?\ncaller: a table for two\nkeys: ••••"
    )


def test_what_comes_again_does_not_end_a_call_twice(entry: MakesEntry) -> None:
    summary = summed_up([entry(CallEnded(reason="agent-failed"), 3.0), entry(CallEnded(reason="hangup"), 4.0)])
    row = summary.take_call_row()
    assert (row["outcome"], row["ended_reason"], row["seconds"]) == ("failed", "agent-failed", 3.0)


def test_a_row_is_taken_again_only_where_something_has_changed(entry: MakesEntry) -> None:
    summary = summed_up([entry(CallRang(caller_number="", called_number=""), 0)])
    assert summary.changed
    summary.take_call_row()
    summary.add(entry(Noted(about="nothing that a row tells"), 1))
    assert not summary.changed


def test_a_start_out_of_all_time_still_has_a_day(entry: MakesEntry) -> None:
    for at in (-1e18, 1e18):
        late = Entry(call_sid="CA1", at=at, offset=0, turn=0, record=Noted(about="x"))
        assert len(str(summed_up([late]).take_call_row()["day"])) == 10


def test_a_turn_is_told_when_it_is_over_and_again_when_its_answer_comes_later(entry: MakesEntry) -> None:
    summary = summed_up(
        [
            entry(CallerSpoke(text="yes"), 10.0, 1),
            entry(TurnBegan(heard="said"), 10.0, 1),
            entry(WordsReady(), 10.3, 1),
        ]
    )
    assert summary.take_turn_rows() == []
    summary.add(entry(TurnEnded(), 10.4, 1))
    (row,) = summary.take_turn_rows()
    assert (row["first_sentence_ms"], row["answered_ms"]) == (300, None)
    summary.add(entry(StepAnswered(name="1/1", seconds=0.5), 10.5, 1))
    (row,) = summary.take_turn_rows()
    assert (row["first_sentence_ms"], row["answered_ms"]) == (300, 500)
    assert summary.take_turn_rows() == []


def test_a_turn_on_a_stream_is_told_again_when_it_is_heard(entry: MakesEntry) -> None:
    told = (CallerSpoke(text="yes", quiet_seconds=0.5), TurnBegan(heard="said"), WordsReady(), TurnEnded())
    summary = summed_up([entry(record, 10.0 + at / 10, 1) for at, record in enumerate(told)])
    assert [row["sounded_ms"] for row in summary.take_turn_rows()] == [None]
    summary.add(entry(PromptSounded(played_seconds=0.2, sent_seconds=0.3), 10.7, 1))
    (row,) = summary.take_turn_rows()
    assert (row["answered_ms"], row["sounded_ms"], row["total_ms"]) == (400, 500, 1000)


def test_a_turn_that_never_ends_is_told_at_the_end_of_the_call(entry: MakesEntry) -> None:
    summary = summed_up([entry(TurnBegan(heard="said"), 1.0, 1), entry(CallEnded(reason="hangup"), 2.0, 1)])
    assert [row["turn"] for row in summary.take_turn_rows()] == [1]


def test_a_turn_that_goes_on_and_on_still_ends(entry: MakesEntry) -> None:
    summary = summed_up([entry(TurnBegan(heard="said"), 0.0, 1)])
    for number in range(2000):
        summary.add(entry(StepAnswered(name=f"1/{number}", seconds=1), float(number), 1))
    summary.add(entry(TurnEnded(failure="agent-slow"), 2000.0, 1))
    summary.add(entry(TurnBegan(heard="said"), 2001.0, 2))
    summary.add(entry(TurnEnded(), 2002.0, 2))
    assert [(row["turn"], row["failure"]) for row in summary.take_turn_rows()] == [(1, "agent-slow"), (2, "")]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(turn_count=st.integers(1, 8), taken_after=st.sets(st.integers(0, 70)))
def test_whenever_rows_are_taken_the_last_ones_say_the_same(
    whole_call: Makes, turn_count: int, taken_after: set[int]
) -> None:
    entries = whole_call(turns=turn_count)
    at_once = summed_up(entries)
    bit_by_bit = CallSummary("CA1")
    found = {}
    for position, entry in enumerate(entries):
        bit_by_bit.add(entry)
        if position in taken_after or entry is entries[-1]:
            found |= {row["turn"]: row for row in bit_by_bit.take_turn_rows()}
    assert bit_by_bit.take_call_row() == at_once.take_call_row()
    assert [found[turn] for turn in sorted(found, key=int)] == at_once.take_turn_rows()  # type: ignore[call-overload]
    assert len(found) == turn_count


def test_failures_and_forwards_are_counted(entry: MakesEntry) -> None:
    told = [
        Failed(part="agent", code="agent-slow"),
        ForwardTried(address="+15005550009", address_type="phone", attempt=1, ring_seconds=20),
        ForwardFinished(outcome="busy"),
        ForwardTried(address="+15005550008", address_type="phone", attempt=2, ring_seconds=20),
        ForwardFinished(outcome="completed", bridged=True),
        Failed(part="carrier", code="carrier-11200"),
        CallEnded(reason="hangup"),
    ]
    row = summed_up([entry(record, float(at)) for at, record in enumerate(told)]).take_call_row()
    assert (row["failures"], row["last_failure"], row["forwards"], row["outcome"]) == (
        2,
        "carrier-11200",
        2,
        "forwarded",
    )
