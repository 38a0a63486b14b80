"""Where the seconds of a turn went, from the entries of a call."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.call.entries import Entry
from voicegw.call.records import (
    ActionSent,
    AnswerBegan,
    CallerSpoke,
    CallerStayedSilent,
    CallRang,
    ForwardFinished,
    KeysPressed,
    Noted,
    OrderReceived,
    PromptBegan,
    PromptSounded,
    Record,
    StepAnswered,
    TraceReceived,
    TurnBegan,
    TurnEnded,
    WebhookReceived,
    WordsReady,
)
from voicegw.call.waterfall import TIMED, TurnTimes, Waterfall, parts, turn_times


def at(offset: float, record: Record, turn: int = 1) -> Entry:
    return Entry(call_sid="CA1", at=1_700_000_000 + offset, offset=offset, turn=turn, record=record)


SPOKEN_TURN = (
    at(10.0, CallerSpoke(text="hello", quiet_seconds=0.7), turn=1),
    at(10.01, TurnBegan(heard="said"), turn=2),
    at(10.02, ActionSent(action={"type": "text"}), turn=2),
    at(10.4, AnswerBegan(), turn=2),
    at(11.0, WordsReady(), turn=2),
    at(11.5, TurnEnded(), turn=2),
    at(11.51, StepAnswered(name="2/1", seconds=1.5), turn=2),
)

SPOKEN_TIMES = TurnTimes(
    turn=2,
    heard="said",
    stopped_ms=-700,
    sent_ms=20,
    first_byte_ms=400,
    first_sentence_ms=1000,
    answered_ms=1510,
    total_ms=2210,
)


def test_a_spoken_turn_is_told_from_the_moment_its_input_reached_us():
    assert turn_times(SPOKEN_TURN) == (SPOKEN_TIMES,)


def test_the_order_of_entries_does_not_matter():
    assert turn_times(SPOKEN_TURN[::-1]) == (SPOKEN_TIMES,)


def test_the_parts_of_a_turn_add_up_to_what_the_caller_waits():
    assert parts(SPOKEN_TIMES) == (
        ("carrier: end of speech", 700),
        ("gateway", 20),
        ("agent: to first byte", 380),
        ("agent: to first sentence", 600),
        ("gateway: answer", 510),
    )


def test_the_launch_is_told_from_the_first_webhook():
    (times,) = turn_times(
        [
            at(0.0, WebhookReceived(name="voice"), turn=0),
            at(0.001, CallRang(caller_number="", called_number="+15005550006"), turn=0),
            at(0.002, TurnBegan(heard="started")),
            at(0.3, ActionSent(action={"type": "launch"})),
            at(0.9, WordsReady()),
            at(1.0, StepAnswered(name="voice", seconds=1.0)),
        ]
    )
    assert (times.stopped_ms, times.sent_ms, times.answered_ms, times.total_ms) == (0, 300, 1000, 1000)


STREAMED_TURN = (
    *SPOKEN_TURN[:-1],
    at(11.05, PromptBegan(text="Hello."), turn=2),
    at(11.31, PromptSounded(played_seconds=0.2, sent_seconds=0.26), turn=2),
)


def test_on_a_stream_the_answer_is_timed_to_the_moment_it_was_heard():
    (times,) = turn_times(STREAMED_TURN)
    assert (times.answered_ms, times.sounded_ms, times.total_ms) == (1050, 1110, 1810)
    assert parts(times) == (
        ("gateway: end of speech", 700),
        ("gateway", 20),
        ("agent: to first byte", 380),
        ("agent: to first sentence", 600),
        ("gateway: answer", 50),
        ("carrier: to the ear", 60),
    )


def test_what_sounds_before_the_words_are_ready_is_no_answer():
    early = at(10.9, PromptSounded(played_seconds=0.2, sent_seconds=0.3), turn=2)
    filler = at(11.25, PromptSounded(played_seconds=0.2, sent_seconds=0.2, filler=True), turn=2)
    assert turn_times([*STREAMED_TURN, early, filler]) == turn_times(STREAMED_TURN)


def test_what_was_under_way_when_the_words_came_is_answered_with_no_delay():
    under_way = at(11.21, PromptSounded(played_seconds=0.2, sent_seconds=0.5), turn=2)
    (times,) = turn_times([*SPOKEN_TURN[:-1], under_way])
    assert (times.answered_ms, times.sounded_ms) == (1000, 1010)


def test_an_answer_that_nobody_heard_was_never_given():
    (times,) = turn_times(STREAMED_TURN[:-1])
    assert (times.answered_ms, times.sounded_ms, times.total_ms) == (None, None, None)


def test_other_webhooks_are_no_input():
    entries = [at(1.0, WebhookReceived(name="1/1")), at(2.0, TurnBegan(heard="event"), turn=2)]
    assert turn_times(entries) == (TurnTimes(turn=2, heard="event"),)


@pytest.mark.parametrize(
    ("record", "stopped_ms"),
    [
        (CallerSpoke(text="hi", quiet_seconds=2.0), -2000),
        (KeysPressed(keys="1", quiet_seconds=1.0), -1000),
        (CallerStayedSilent(), 0),
        (ForwardFinished(outcome="busy"), 0),
        (CallerSpoke(text="hi", quiet_seconds=-1.0), 0),
        (CallerSpoke(text="hi", quiet_seconds=math.nan), 0),
        (CallerSpoke(text="hi", quiet_seconds=math.inf), 0),
    ],
)
def test_the_caller_stopped_as_long_ago_as_the_input_says(record: Record, stopped_ms: int):
    (times,) = turn_times([at(3.0, record), at(3.0, TurnBegan(heard="said"), turn=2)])
    assert times.stopped_ms == stopped_ms


def test_an_answer_before_the_words_is_a_filler():
    (times,) = turn_times([*SPOKEN_TURN[:4], at(10.8, StepAnswered(name="2/1", seconds=2.5), turn=2), *SPOKEN_TURN[4:]])
    assert (times.filler_ms, times.answered_ms) == (800, 1510)


def test_the_first_of_several_fillers_is_told():
    fillers = [at(10.1 + 0.1 * n, StepAnswered(name=f"2/{n}", seconds=0.1), turn=2) for n in range(3)]
    (times,) = turn_times([*SPOKEN_TURN, *fillers])
    assert times.filler_ms == 100


def test_a_turn_that_is_not_over_has_been_filled_but_not_answered():
    (times,) = turn_times([*SPOKEN_TURN[:3], at(12.5, StepAnswered(name="2/1", seconds=2.5), turn=2)])
    assert (times.filler_ms, times.answered_ms, times.total_ms) == (2500, None, None)


def test_words_given_in_the_same_instant_are_the_answer():
    (times,) = turn_times([*SPOKEN_TURN[:5], at(11.0, StepAnswered(name="2/1", seconds=1.0), turn=2)])
    assert (times.filler_ms, times.answered_ms) == (None, 1000)


def test_a_turn_without_words_is_answered_when_it_is_over():
    (times,) = turn_times(
        [
            *SPOKEN_TURN[:3],
            at(12.5, StepAnswered(name="2/1", seconds=2.5), turn=2),
            at(35.0, TurnEnded(failure="agent-timeout"), turn=2),
            at(35.01, StepAnswered(name="2/2", seconds=5.0), turn=2),
        ]
    )
    assert (times.filler_ms, times.answered_ms, times.failure) == (2500, 25010, "agent-timeout")
    assert parts(times)[-1] == ("agent: without words", 24990)


def test_keys_that_were_not_the_last_input_do_not_date_the_turn():
    entries = [
        at(1.0, KeysPressed(keys="12")),
        at(1.1, StepAnswered(name="1/1", seconds=0.1)),
        at(4.0, KeysPressed(keys="34")),
        at(4.0, TurnBegan(heard="pressed"), turn=2),
        at(4.5, ActionSent(action={}), turn=2),
    ]
    assert turn_times(entries)[0].sent_ms == 500


def test_an_input_belongs_to_one_turn_only():
    entries = [*SPOKEN_TURN, at(20.0, OrderReceived(order="event")), at(20.5, TurnBegan(heard="event"), turn=3)]
    assert turn_times([*entries, at(21.0, ActionSent(action={}), turn=3)])[1] == TurnTimes(
        turn=3, heard="event", sent_ms=500
    )


def test_the_second_telling_of_a_beginning_changes_nothing():
    assert turn_times([*SPOKEN_TURN, at(30.0, TurnBegan(heard="said"), turn=2)]) == (SPOKEN_TIMES,)


def test_a_turn_whose_beginning_was_lost_is_left_out():
    assert turn_times([entry for entry in SPOKEN_TURN if not isinstance(entry.record, TurnBegan)]) == ()


def test_what_was_noted_before_a_turn_began_is_not_its_own():
    assert turn_times([at(9.0, WordsReady(), turn=2), *SPOKEN_TURN]) == (SPOKEN_TIMES,)


def test_what_comes_after_a_turns_beginning_and_is_older_is_not_its_own():
    waterfall = Waterfall()
    waterfall.add(at(1.0, TurnBegan(heard="said")))
    waterfall.add(at(0.5, AnswerBegan(status=200)))
    times = waterfall.times(1)
    assert times is not None
    assert times.first_byte_ms is None
    waterfall.add(at(1.5, AnswerBegan(status=200)))
    assert waterfall.take()[0].first_byte_ms == 500


@pytest.mark.parametrize("offset", [math.nan, math.inf, -math.inf, 1e308])
def test_what_is_no_time_is_passed_over(offset: float):
    assert turn_times([at(offset, WordsReady(), turn=2), *SPOKEN_TURN]) == (SPOKEN_TIMES,)


def test_an_unknown_moment_belongs_to_the_part_after_it():
    times = TurnTimes(turn=1, heard="said", stopped_ms=-100, sent_ms=10, first_sentence_ms=900, answered_ms=1000)
    assert parts(times) == (
        ("carrier: end of speech", 100),
        ("gateway", 10),
        ("agent: to first sentence", 890),
        ("gateway: answer", 100),
    )


def test_a_turn_that_nothing_is_known_of_has_no_parts():
    assert parts(TurnTimes(turn=1, heard="")) == ()


RECORDS: st.SearchStrategy[Record] = st.one_of(
    st.sampled_from(
        [
            WebhookReceived(name="voice"),
            WebhookReceived(name="1/1"),
            CallerStayedSilent(),
            ForwardFinished(outcome="busy"),
            TurnBegan(heard="said"),
            ActionSent(action={}),
            AnswerBegan(),
            WordsReady(),
            TurnEnded(),
            TurnEnded(failure="agent-timeout"),
            StepAnswered(name="1/1", seconds=0.0),
            Noted(about="anything"),
            TraceReceived(type="text"),
            PromptBegan(text="anything"),
        ]
    ),
    st.builds(CallerSpoke, text=st.text(max_size=5), quiet_seconds=st.floats()),
    st.builds(KeysPressed, keys=st.text(max_size=5), quiet_seconds=st.floats()),
    st.builds(PromptSounded, played_seconds=st.floats(), sent_seconds=st.floats(), filler=st.booleans()),
)
COLUMNS = (
    "stopped_ms",
    "sent_ms",
    "first_byte_ms",
    "first_sentence_ms",
    "filler_ms",
    "answered_ms",
    "sounded_ms",
    "total_ms",
)
ENTRIES = st.lists(st.builds(at, st.floats() | st.floats(0, 100), RECORDS, st.integers(-1, 4)), max_size=40)


@settings(max_examples=300)
@given(entries=ENTRIES)
def test_any_entries_give_times_that_fit_their_columns_and_parts_that_add_up(entries: list[Entry]):
    for times in turn_times(entries):
        numbers = [value for value in (getattr(times, name) for name in COLUMNS) if value is not None]
        assert all(isinstance(value, int) and abs(value) < 2**31 for value in numbers)
        if times.total_ms is not None:
            assert sum(milliseconds for _, milliseconds in parts(times)) == times.total_ms


@given(entries=ENTRIES)
def test_records_that_are_not_timed_change_nothing(entries: list[Entry]):
    assert turn_times([entry for entry in entries if type(entry.record) in TIMED]) == turn_times(entries)


@given(st.data())
def test_the_same_entries_in_any_order_give_the_same_times(data: st.DataObject):
    offsets = data.draw(st.lists(st.integers(0, 1000), unique=True, max_size=20))
    entries = [at(offset / 10, data.draw(RECORDS), data.draw(st.integers(0, 3))) for offset in offsets]
    assert turn_times(data.draw(st.permutations(entries))) == turn_times(entries)
