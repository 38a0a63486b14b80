"""What receivers are told: Voiceflow's own documents, field for field, and ours."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicegw.events.payloads import (
    EVENT_TYPES,
    AgentNames,
    CallFacts,
    Event,
    TurnSoFar,
    call_ended,
    call_failed,
    call_forwarded,
    call_started,
    turn_told,
)

STARTED_AT = 1743563467.788
FACTS = CallFacts(
    call_sid="CA01ed76f14fee29c50f5de59400474006",
    caller_number="+19876543210",
    called_number="+17782006110",
    started_at=STARTED_AT,
    names=AgentNames(project_id="6772da2e485189279fa5b9da", environment="development"),
)
# The examples of Voiceflow's page on its session lifecycle webhook, without the fields that it calls optional.
METADATA = {
    "callSid": "CA01ed76f14fee29c50f5de59400474006",
    "callType": "inbound",
    "userNumber": "+19876543210",
    "agentNumber": "+17782006110",
}
VOICEFLOW_START = {
    "type": "runtime.call.start",
    "data": {
        "userID": "+19876543210",
        "environmentID": "development",
        "projectID": "6772da2e485189279fa5b9da",
        "startTime": 1743563467788,
        "platform": "twilio",
        "metadata": METADATA,
    },
    "time": 1743563467874,
    "resource": "project-6772da2e485189279fa5b9da",
}
VOICEFLOW_END = {
    "type": "runtime.call.end",
    "data": {
        "userID": "+19876543210",
        "environmentID": "development",
        "projectID": "6772da2e485189279fa5b9da",
        "startTime": 1743563467788,
        "endTime": 1743563471834,
        "endReason": "hangup",
        "platform": "twilio",
        "metadata": METADATA,
    },
    "time": 1743563471834,
    "resource": "project-6772da2e485189279fa5b9da",
}
TURN = TurnSoFar(
    number=2,
    input="said",
    heard=({"kind": "speech", "text": "Tomorrow", "confidence": 0.9},),
    said=({"by": "agent", "text": "At three?"},),
    began_at=STARTED_AT + 5,
    answered_at=STARTED_AT + 6.5,
    ended_at=STARTED_AT + 7,
    interrupted_after=None,
    failure="",
)


def document(event: Event) -> Any:
    return json.loads(event.body)


def test_start_is_voiceflow_s_own() -> None:
    assert document(call_started(FACTS, 1743563467.874)) == VOICEFLOW_START


def test_end_is_voiceflow_s_own() -> None:
    assert document(call_ended(FACTS, 1743563471.834, "hangup")) == VOICEFLOW_END


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("agent-ended", "end trace"),
        ("hangup", "hangup"),
        ("forward-completed", "forward-completed"),
        ("twiml", "twiml"),
    ],
)
def test_reasons_that_voiceflow_has_a_word_for_are_told_in_its_words(ours: str, theirs: str) -> None:
    assert document(call_ended(FACTS, STARTED_AT, ours))["data"]["endReason"] == theirs


@pytest.mark.parametrize(
    ("direction", "kind"),
    [("inbound", "inbound"), ("outbound-api", "outbound"), ("outbound-dial", "outbound"), ("", "inbound")],
)
def test_directions_of_the_carrier_become_the_two_that_voiceflow_knows(direction: str, kind: str) -> None:
    facts = CallFacts(
        call_sid="CA1", caller_number="", called_number="", started_at=0, names=FACTS.names, direction=direction
    )
    assert document(call_started(facts, 0))["data"]["metadata"]["callType"] == kind


def test_caller_who_withholds_the_number_is_nobody_but_this_call() -> None:
    facts = CallFacts(call_sid="CA1", caller_number="", called_number="+1", started_at=0, names=FACTS.names)
    data = document(call_started(facts, 0))["data"]
    assert (data["userID"], data["metadata"]["userNumber"]) == ("CA1", "")


def own(event: Event, name: str) -> Any:
    """What is our own in an event whose frame is Voiceflow's."""
    told = document(event)
    assert {**told["data"], name: None, "startTime": 1743563467788} == {**VOICEFLOW_START["data"], name: None}  # type: ignore[dict-item]
    assert told["resource"] == VOICEFLOW_START["resource"]
    return told["data"][name]


def test_turn_tells_what_was_heard_and_said_and_when() -> None:
    event = turn_told(FACTS, TURN, STARTED_AT + 9)
    assert (event.type, event.occasion) == ("call.turn", "2")
    assert own(event, "turn") == {
        "number": 2,
        "input": "said",
        "heard": [{"kind": "speech", "text": "Tomorrow", "confidence": 0.9}],
        "said": [{"by": "agent", "text": "At three?"}],
        "startTime": 1743563472788,
        "answerTime": 1743563474288,
        "endTime": 1743563474788,
        "interruptedAfter": None,
        "failure": "",
    }


def test_forward_tells_outcome_address_and_seconds() -> None:
    event = call_forwarded(FACTS, STARTED_AT, outcome="busy", address="+493012345678", seconds=0, reason="")
    assert event.type == "call.forwarded"
    assert own(event, "forward") == {"outcome": "busy", "address": "+493012345678", "seconds": 0, "reason": ""}


def test_failure_tells_part_code_and_reason() -> None:
    event = call_failed(FACTS, STARTED_AT, turn=3, part="agent", code="agent-busy", reason="too many requests")
    assert event.type == "call.failed"
    told = {"turn": 3, "part": "agent", "code": "agent-busy", "reason": "too many requests"}
    assert own(event, "failure") == told


def test_every_type_is_in_the_list() -> None:
    made = [
        call_started(FACTS, 0),
        call_ended(FACTS, 0, ""),
        turn_told(FACTS, TURN, 0),
        call_forwarded(FACTS, 0, outcome="", address="", seconds=0, reason=""),
        call_failed(FACTS, 0, turn=0, part="", code="", reason=""),
    ]
    assert tuple(event.type for event in made) == EVENT_TYPES


@given(st.text(st.characters(codec=None)))
def test_any_text_travels_as_ascii_and_arrives_as_it_was(reason: str) -> None:
    event = call_failed(FACTS, STARTED_AT, turn=0, part="agent", code="x", reason=reason)
    assert event.body.isascii()
    assert document(event)["data"]["failure"]["reason"] == reason
