"""Whatever is sent, in whatever state: the answer is one the OpenAPI allows, and the engine never raises."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.demo.engine import Engine, Session
from voicegw.demo.loader import load_dialogue

DENTAL = load_dialogue()
STATES = sorted(DENTAL.states)
CHAT = DENTAL.model_copy(update={"channel": "chat"})

INTENT = {"intent": {"name": "book_visit"}}
ACTIONS = {
    "launch": {"type": "launch", "payload": {"callType": "inbound", "userNumber": "+15005550006"}},
    "text": {"type": "text", "payload": "book"},
    "file": {"type": "file", "payload": {"files": [{"mimeType": "image/png", "url": "https://example.com/a.png"}]}},
    "action": {"type": "action", "payload": {"actions": [{"type": "x", "payload": 1}], "label": "x"}},
    "intent": {"type": "intent", "payload": {**INTENT, "query": "insurance"}},
    "event": {
        "type": "event",
        "payload": {"event": {"name": "call_forward_failed", "outcome": "busy", "seconds": 7}},
    },
    "path": {"type": "path-visit-1", "payload": {"label": "Check-up"}},
    "no-reply": {"type": "no-reply"},
    "message": {"type": "message", "payload": {"message": "opening hours"}},
    "end": {"type": "end", "payload": {"reason": "hangup"}},
    "dtmf": {"type": "dtmf", "payload": "1234"},
    "live-agent-handoff": {"type": "live-agent-handoff", "payload": {"type": "message", "message": "hello"}},
    "general": {"type": "done"},
    "alexa-intent": {"type": "intent", "payload": {**INTENT, "data": {}, "entities": []}},
    "legacy-intent": {
        "type": "intent",
        "payload": {**INTENT, "entities": [{"name": "day", "value": "Monday"}], "confidence": 0.9},
    },
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
HEARD = st.sampled_from(
    [
        "book",
        "check-up",
        "Monday",
        "morning",
        "yes",
        "no",
        "menu",
        "pin",
        "front desk",
        "insurance",
        "goodbye",
        "break",
        "fail slow",
        "fail empty",
        "out of credit",
        "digital colleague",
        "opening hours",
        "mumble",
    ]
)
ANY_ACTION = st.one_of(
    st.sampled_from(list(ACTIONS.values())),
    HEARD.map(lambda words: {"type": "text", "payload": words}),
    st.text("0123456789*#", max_size=5).map(lambda keys: {"type": "dtmf", "payload": keys}),
    st.fixed_dictionaries({"type": st.sampled_from([*(a["type"] for a in ACTIONS.values()), "x"]), "payload": JSON}),
    st.dictionaries(st.text(max_size=5), JSON, max_size=3),
)


@pytest.mark.parametrize("kind", ACTIONS)
def test_sample_of_each_kind_is_in_the_contract(contract, kind):
    contract.action.validate(ACTIONS[kind])


@pytest.mark.parametrize("kind", ACTIONS)
@pytest.mark.parametrize("dialogue", [DENTAL, CHAT], ids=["voice", "chat"])
def test_each_action_in_each_state_is_answered_by_the_contract(contract, dialogue, kind):
    engine = Engine(dialogue, {"opening_hours.wav": "https://example.com/opening_hours.wav"})
    for state in [None, *STATES]:
        for completion_events in (False, True):
            _, turn = engine.take_turn(Session("a", state), ACTIONS[kind], completion_events=completion_events)
            for output in turn.outputs:
                contract.check_trace(json.loads(json.dumps(output.trace)))
                assert output.delay_seconds >= 0


@pytest.mark.parametrize("kind", ACTIONS)
def test_each_kind_of_action_gets_an_answer_over_the_wire(call, kind):
    call.launch()
    assert call.do(ACTIONS[kind]).status == 200


def test_each_state_can_be_reached(contract):
    reached, open_states = set(), [DENTAL.start]
    while open_states:
        name = open_states.pop()
        if name in reached:
            continue
        reached.add(name)
        state = DENTAL.states[name]
        silence = state.silence or DENTAL.silence
        leads = (*state.on, *state.buttons, *DENTAL.everywhere, *([silence] if silence else []))
        open_states += [lead.goto for lead in leads]
        if state.goto:
            open_states.append(state.goto)
    assert reached == set(DENTAL.states)


@settings(max_examples=150, deadline=None)
@given(actions=st.lists(ANY_ACTION, max_size=15), completion_events=st.booleans())
def test_a_turn_never_strands_the_caller(contract, actions, completion_events):
    """After any inputs: valid traces; a turn that asks says how long to wait; an ended session says nothing."""
    engine, session = Engine(DENTAL), Session("a")
    for action in actions:
        session, turn = engine.take_turn(session, action, completion_events=completion_events)
        kinds = [output.trace["type"] for output in turn.outputs]
        for output in turn.outputs:
            contract.check_trace(json.loads(json.dumps(output.trace)))
        if "end" in kinds:
            assert kinds[-1] == "end"
            assert session.state is None
        if "no-reply" in kinds:
            assert kinds[-1] == "no-reply"
            assert session.state is not None
        begun, ended = (
            [o.trace["payload"]["callID"] for o in turn.outputs if _is_tool(o.trace, state)]
            for state in ("start", "end")
        )
        assert begun == ended


def _is_tool(trace, state):
    return trace["type"] == "tool-call" and trace["payload"]["state"] == state
