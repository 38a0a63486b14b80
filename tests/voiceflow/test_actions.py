"""Requests: what the gateway says in so many words, and what it takes from an agent."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from voicegw.voiceflow import actions
from voicegw.voiceflow.actions import MAX_REQUEST_CHARACTERS, Verbatim, parse_action, parse_request, render_action
from voicegw.voiceflow.requests import (
    AlexaIntentAction,
    GeneralAction,
    IntentAction,
    LegacyIntentAction,
    LiveAgentHandoffAction,
    PathAction,
    TextAction,
)


def test_launch_says_what_the_native_phone_says() -> None:
    assert render_action(actions.launch("inbound", "+15551230001", "+15551230002")) == {
        "type": "launch",
        "payload": {"callType": "inbound", "userNumber": "+15551230001", "agentNumber": "+15551230002"},
    }


def test_keys_go_out_as_a_string() -> None:
    assert render_action(actions.dtmf("0123")) == {"type": "dtmf", "payload": "0123"}


def test_no_reply_has_no_payload() -> None:
    assert render_action(actions.no_reply()) == {"type": "no-reply"}


def test_hang_up_gives_its_reason() -> None:
    assert render_action(actions.end("hangup")) == {"type": "end", "payload": {"reason": "hangup"}}


def test_an_events_fields_stand_beside_its_name() -> None:
    assert render_action(actions.event("call_forward_failed", outcome="busy", seconds=20)) == {
        "type": "event",
        "payload": {"event": {"name": "call_forward_failed", "outcome": "busy", "seconds": 20}},
    }


def test_a_custom_actions_answer_is_its_type_alone() -> None:
    assert render_action(actions.custom("DTMF 1")) == {"type": "DTMF 1"}


def test_a_buttons_request_goes_back_exactly_as_it_came() -> None:
    request = {"type": "path-cmd9", "payload": {"label": "Sales", "x": None}, "time": 5, "new": [1, {"a": None}]}
    taken = parse_request(request)
    assert taken == Verbatim(request)
    assert taken is not None
    assert render_action(taken) == request


@pytest.mark.parametrize(
    "data",
    [
        None,
        "text",
        [],
        {},
        {"type": 5},
        {"type": "text", "payload": 5},
        {"type": "path-x", "payload": "Sales"},
        {"type": "done", "payload": None},
        {"type": "done", "diagramID": None},
        {"type": "done", "time": True},
        {"type": "file", "payload": {"files": [], "label": 5}},
        {"type": "done", "payload": ["x"] * MAX_REQUEST_CHARACTERS},
    ],
    ids=lambda data: repr(data)[:60],
)
def test_what_fits_no_request_is_not_sent(data: object) -> None:
    assert parse_request(data) is None


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ({"type": "text", "payload": "hi", "metadata": {"source": "voice"}}, TextAction),
        ({"type": "text"}, GeneralAction),
        ({"type": "path-1", "payload": {"label": "Sales"}}, PathAction),
        ({"type": "intent", "payload": {"intent": {"name": "x"}}}, IntentAction),
        (
            {"type": "intent", "payload": {"intent": {"name": "x"}, "data": {}, "entities": []}},
            IntentAction,
        ),
        (
            {"type": "intent", "payload": {"intent": {"name": "x"}, "data": 5, "entities": []}},
            LegacyIntentAction,
        ),
        ({"type": "live-agent-handoff", "payload": {"type": "return_to_voiceflow"}}, LiveAgentHandoffAction),
    ],
)
def test_a_request_is_read_as_the_most_telling_kind_it_fits(data: dict[str, object], kind: type) -> None:
    assert type(parse_action(data)) is kind


def test_alexas_intent_can_be_made() -> None:
    data = {"type": "intent", "payload": {"data": {"a": 1}, "entities": [], "intent": {"name": "x"}}}
    assert render_action(AlexaIntentAction.model_validate(data)) == data


def test_a_field_may_be_left_out_but_never_be_null() -> None:
    with pytest.raises(ValidationError, match="leave the field out"):
        TextAction(type="text", payload="hi", diagram_id=None)


def test_fields_are_spelt_as_on_the_wire() -> None:
    action = TextAction(type="text", payload="hi", diagram_id="d1")
    assert render_action(action) == {"type": "text", "payload": "hi", "diagramID": "d1"}
