"""A call's entries become events: which, when, and what they hold."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.call.entries import Entry
from voicegw.call.records import (
    CallEnded,
    CallerInterrupted,
    CallerSpoke,
    CallerStayedSilent,
    CallRang,
    Failed,
    ForwardFinished,
    ForwardTried,
    KeysPressed,
    Noted,
    PromptBegan,
    PromptCut,
    Record,
    TurnBegan,
    TurnEnded,
)
from voicegw.events.folding import TURN_SETTLES_SECONDS, CallSoFar, fold, settle
from voicegw.events.payloads import AgentNames, CallFacts, Event

BEGAN_AT = 1_743_563_467.0
NAMES = AgentNames(project_id="project", environment="main")
FACTS = CallFacts(call_sid="CA1", caller_number="+1", called_number="+2", started_at=BEGAN_AT, names=NAMES)
RANG = CallRang(caller_number="+1", called_number="+2")
Told = tuple[Record, int]


def play(*told: Told) -> tuple[CallSoFar, list[Event]]:
    """Fold records with their turns, each a second after the one before."""
    call, events = CallSoFar(facts=FACTS), []
    for seconds, (record, turn) in enumerate(told):
        entry = Entry(call_sid="CA1", at=BEGAN_AT + seconds, offset=seconds, turn=turn, record=record)
        call, made = fold(call, entry)
        events += made
    return call, events


def events_of(*told: Told) -> list[Event]:
    return play(*told)[1]


def data_of(event: Event) -> Any:
    return json.loads(event.body)["data"]


TALK: tuple[Told, ...] = (
    (RANG, 0),
    (TurnBegan(heard="started"), 1),
    (PromptBegan(text="Hello, how can I help?"), 1),
    (TurnEnded(), 1),
    (CallerInterrupted(by="speech"), 1),
    (PromptCut(heard="Hello, how"), 1),
    (CallerSpoke(text="A table for two", confidence=0.9), 1),
    (TurnBegan(heard="said"), 2),
    (PromptBegan(text="One moment.", by_gateway=True, filler=True), 2),
    (PromptBegan(text="For when?"), 2),
    (PromptBegan(text="Choose a day.", source="https://media.example/day.mp3?token=secret"), 2),
    (TurnEnded(), 2),
    (KeysPressed(keys="••", ended_by="#"), 2),
    (CallEnded(reason="hangup"), 2),
)


def test_talk_becomes_start_turns_and_end_in_order() -> None:
    assert [(event.type, event.occasion) for event in events_of(*TALK)] == [
        ("runtime.call.start", ""),
        ("call.turn", "1"),
        ("call.turn", "2"),
        ("runtime.call.end", ""),
    ]


def test_turn_is_told_when_the_next_begins() -> None:
    _, first, *_ = events_of(*TALK)
    turn = data_of(first)["turn"]
    assert first.at == BEGAN_AT + 7
    assert (turn["input"], turn["heard"]) == ("started", [])
    assert turn["said"] == [{"by": "agent", "text": "Hello, how can I help?"}]
    assert turn["interruptedAfter"] == "Hello, how"
    assert (turn["startTime"], turn["answerTime"], turn["endTime"]) == tuple(
        round((BEGAN_AT + seconds) * 1000) for seconds in (1, 2, 3)
    )


def test_turn_holds_what_led_to_it_and_no_fillers_and_no_keys_to_recordings() -> None:
    turn = data_of(events_of(*TALK)[2])["turn"]
    assert turn["heard"] == [{"kind": "speech", "text": "A table for two", "confidence": 0.9}]
    assert turn["said"] == [
        {"by": "agent", "text": "For when?"},
        {"by": "agent", "text": "Choose a day.", "recording": "https://media.example/day.mp3"},
    ]


@pytest.mark.parametrize(
    ("record", "heard"),
    [
        (KeysPressed(keys="••", ended_by="#"), {"kind": "keys", "keys": "••", "endedBy": "#"}),
        (CallerStayedSilent(), {"kind": "silence"}),
    ],
)
def test_keys_and_silence_are_heard_too(record: Record, heard: object) -> None:
    _, turn, _ = events_of((RANG, 0), (record, 1), (TurnBegan(heard="x"), 2), (CallEnded(reason="hangup"), 2))
    assert data_of(turn)["turn"]["heard"] == [heard]


@pytest.mark.parametrize("source", ["data:", "audio/x-mulaw", "https://[broken"])
def test_recording_without_a_url_has_none(source: str) -> None:
    turn, _ = events_of((TurnBegan(heard="x"), 1), (PromptBegan(source=source), 1), (CallEnded(reason="hangup"), 1))
    assert data_of(turn)["turn"]["said"] == [{"by": "agent", "text": "", "recording": ""}]


def test_words_of_the_gateway_are_no_answer_of_the_agent() -> None:
    told = (
        (TurnBegan(heard="x"), 1),
        (PromptBegan(text="Sorry.", by_gateway=True), 1),
        (TurnEnded(failure="agent-slow"), 1),
    )
    turn = data_of(events_of(*told, (CallEnded(reason="agent-failed"), 1))[0])["turn"]
    assert turn["said"] == [{"by": "gateway", "text": "Sorry."}]
    assert (turn["answerTime"], turn["failure"]) == (None, "agent-slow")


def test_each_attempt_to_reach_a_human_is_told_with_what_was_dialled() -> None:
    tried = ForwardTried(address="+493012345678", address_type="phone", attempt=1, ring_seconds=20)
    busy, refused = events_of(
        (tried, 1),
        (ForwardFinished(outcome="busy"), 1),
        (ForwardFinished(outcome="refused", address="+1900", reason="premium-rate"), 1),
    )
    assert data_of(busy)["forward"] == {"outcome": "busy", "address": "+493012345678", "seconds": 0, "reason": ""}
    assert data_of(refused)["forward"]["address"] == "+1900"
    assert busy.occasion != refused.occasion


def test_failure_is_told_at_once_with_its_turn() -> None:
    (failed,) = events_of((Failed(part="store", code="store-error", reason="locked"), 4))
    assert data_of(failed)["failure"] == {"turn": 4, "part": "store", "code": "store-error", "reason": "locked"}


def test_prompts_before_any_turn_are_nobody_s_answer() -> None:
    assert events_of((PromptBegan(text="Hello"), 0), (TurnEnded(), 3), (PromptCut(heard="He"), 0)) == []


def test_finished_turn_that_nothing_follows_is_told_after_a_while_and_only_once() -> None:
    call, _ = play((TurnBegan(heard="said"), 1), (TurnEnded(), 1))
    until = call.touched_at + TURN_SETTLES_SECONDS
    assert settle(call, until - 1) == (call, ())
    call, (turn,) = settle(call, until)
    assert turn.occasion == "1"
    assert settle(call, until + 1000) == (call, ())


def test_turn_that_still_runs_is_never_told_for_its_age() -> None:
    call, _ = play((TurnBegan(heard="said"), 1))
    assert settle(call, call.touched_at + 10 * TURN_SETTLES_SECONDS) == (call, ())


RECORDS = st.sampled_from([*[record for record, _ in TALK], Noted(about="x"), Failed(part="agent", code="x")])


@given(st.lists(st.tuples(RECORDS, st.integers(0, 3)), max_size=30))
@settings(max_examples=100)
def test_any_order_of_records_makes_json_and_no_more_turns_than_began(told: list[Told]) -> None:
    events = events_of(*told)
    assert all(json.loads(event.body)["type"] == event.type for event in events)
    began = [turn for record, turn in told if isinstance(record, TurnBegan)]
    assert len([event for event in events if event.type == "call.turn"]) <= len(began)
