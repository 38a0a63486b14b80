"""A call as a value: it survives being written down, says nothing secret, and ends once."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.call.inputs import (
    CallParties,
    EventRaised,
    ForwardEnded,
    ForwardOutcome,
    Pressed,
    RequestReturned,
    Said,
    StayedSilent,
)
from voicegw.call.instructions import (
    AgentDown,
    BargeIn,
    Button,
    Collect,
    Forward,
    HangUp,
    PlayAudio,
    PlayRecording,
    ReturnRequest,
    Say,
    SpliceTwiml,
    StartRealtime,
)
from voicegw.call.plan import DialLeg, Finish, GoOn, HandOver, Hearing, Leg, Listen, still_to_do
from voicegw.call.profile import Endpointing
from voicegw.call.revising import revise
from voicegw.call.state import (
    SCHEMA,
    AgentSettings,
    Asked,
    CallState,
    ForwardState,
    Phase,
    Silences,
    Spoken,
    dump_state,
    finish_call,
    load_state,
    spoken_text,
    start_call,
)

PARTIES = CallParties(
    caller_number="+14155550123", called_number="+15005550006", sip_headers={"X-Tenant": "7"}, caller_verified=True
)
HEARING = Hearing(keypad=Collect(), language="en-US", endpointing=Endpointing.PATIENT)
LISTEN = Listen(hearing=HEARING, silence_seconds=10)
LEG = Leg(kind="phone", address="+14155550100", sip_headers=(("X-A", "b"),), confirm=True)

# JSON cannot hold a lone surrogate, and nothing that came over the wire has one
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
KEYS = st.text("0123456789*#", max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
REQUEST = st.dictionaries(TEXT, JSON, max_size=3)
INPUT = st.one_of(
    st.builds(Said, text=TEXT, confidence=st.none() | st.floats(0, 1)),
    st.builds(Pressed, keys=KEYS, ended_by=st.none() | st.sampled_from(["", "#"])),
    st.just(StayedSilent()),
    st.builds(ForwardEnded, outcome=st.sampled_from(ForwardOutcome), bridged=st.none() | st.booleans()),
    st.builds(EventRaised, name=TEXT, fields=st.dictionaries(TEXT, TEXT | st.booleans() | st.integers(), max_size=2)),
    st.builds(RequestReturned, request=REQUEST),
)
PROMPT = st.one_of(
    st.builds(Say, text=TEXT, ssml=st.none() | TEXT, barge_in=st.sampled_from(BargeIn), filler=st.booleans()),
    st.builds(PlayAudio, source=TEXT, instead=TEXT, loop=st.integers(0, 3)),
    st.builds(PlayRecording, content=st.lists(TEXT, max_size=2).map(tuple), encoding=TEXT),
)
ENDING = st.one_of(
    st.builds(Forward, address=TEXT, address_type=st.sampled_from(["phone", "sip", "human"])),
    st.just(HangUp()),
    st.builds(StartRealtime, input_encoding=TEXT, output_encoding=TEXT, input_rate=st.none() | st.integers(0, 48000)),
    st.builds(ReturnRequest, request=REQUEST),
    st.builds(SpliceTwiml, document=TEXT),
    st.builds(AgentDown, code=TEXT),
)
THEN = st.sampled_from(
    [
        LISTEN,
        GoOn(hearing=HEARING),
        DialLeg(leg=LEG, hearing=HEARING),
        Finish(reason="agent-ended"),
        HandOver(document="<Response/>", listen=LISTEN),
    ]
)
STATE = st.builds(
    CallState,
    call_sid=TEXT,
    parties=st.just(PARTIES),
    started_at=st.floats(0, 2e9),
    session_key=TEXT,
    launched=st.booleans(),
    phase=st.sampled_from(Phase),
    turn=st.integers(0, 999),
    step=st.integers(0, 999),
    agent=st.builds(
        AgentSettings,
        keypad=st.none() | st.builds(Collect, delimiters=st.sampled_from([(), ("#",), ("#", "*")])),
        silence_seconds=st.none() | st.floats(0, 600),
        barge_in=st.none() | st.sampled_from(BargeIn),
        hints=st.lists(TEXT, max_size=2).map(tuple),
    ),
    asked=st.builds(
        Asked,
        buttons=st.lists(st.builds(Button, name=TEXT, request=st.none() | REQUEST), max_size=2).map(tuple),
        legacy_keypad=st.booleans(),
        path=st.none() | REQUEST,
    ),
    queued=st.lists(INPUT, max_size=3).map(tuple),
    keys_kept=KEYS,
    entry_full=st.booleans(),
    repeatable=st.lists(PROMPT, max_size=1).map(tuple),
    ending=st.none() | ENDING,
    unsaid=st.lists(PROMPT, max_size=3).map(tuple),
    after=st.none() | THEN,
    silences=st.builds(Silences, seconds=st.floats(0, 600), prompts=st.integers(0, 5)),
    spoken=st.builds(Spoken, text=TEXT, at=st.floats(0, 2e9)),
    forward=st.builds(
        ForwardState,
        waiting=st.lists(st.just(LEG), max_size=2).map(tuple),
        dialled=st.none() | st.just(LEG),
        attempts=st.integers(0, 5),
        by_gateway=st.booleans(),
        then_listen=st.booleans(),
    ),
)


@settings(max_examples=300, deadline=None)
@given(STATE)
def test_a_call_that_was_written_down_is_the_same_call(state: CallState) -> None:
    assert load_state(dump_state(state)) == state


def test_what_another_version_wrote_is_no_call() -> None:
    state = start_call("CA1", PARTIES, user_id="u", started_at=1.0)
    assert load_state(dump_state(replace(state, schema=SCHEMA + 1))) is None
    document = json.loads(dump_state(state))
    document["phase"] = "dreaming"
    assert load_state(json.dumps(document).encode()) is None


@pytest.mark.parametrize("document", [b"", b"null", b"{", b"[]", b"\xff\xfe", b'{"call_sid": 1}'])
def test_what_cannot_be_read_is_no_call(document: bytes) -> None:
    assert load_state(document) is None


def test_a_call_that_lacks_what_was_added_later_takes_the_defaults() -> None:
    document = json.loads(dump_state(start_call("CA1", PARTIES, user_id="u", started_at=1.0)))
    del document["repeatable"]
    state = load_state(json.dumps(document).encode())
    assert state is not None
    assert state.repeatable == ()


def test_a_call_begins_with_nothing_said_and_nobody_told() -> None:
    state = start_call("CA1", PARTIES, user_id="u", started_at=5.0)
    assert (state.phase, state.turn, state.launched, state.end_sent) == (Phase.THINKING, 0, False, False)
    assert (state.started_at, state.user_id, state.session_key) == (5.0, "u", "")


def test_neither_session_key_nor_keys_reach_a_log() -> None:
    state = start_call("CA1", PARTIES, user_id="u", started_at=5.0)
    state = replace(
        state,
        session_key="SECRET-KEY",
        keys_kept="4711",
        queued=(Pressed(keys="4711"),),
        spoken=Spoken(text="Your PIN is 4711"),
    )
    for shown in (repr(state), str(state), f"{state}"):
        assert "SECRET-KEY" not in shown
        assert "4711" not in shown
        assert "CA1" in shown


def test_only_what_was_spoken_in_words_is_spoken_text() -> None:
    prompts = (Say(text="One."), PlayAudio(source="https://a.example/b.wav", instead="Two."), Say(text="Three."))
    assert spoken_text(prompts) == "One. Three."
    assert spoken_text(()) == ""


def test_the_first_reason_for_the_end_stays() -> None:
    state = start_call("CA1", PARTIES, user_id="u", started_at=5.0)
    ended = finish_call(state, "agent-ended")
    assert (ended.phase, ended.ended_reason) == (Phase.ENDED, "agent-ended")
    assert finish_call(ended, "hangup") == ended


def test_what_was_still_to_be_done_ends_with_the_call() -> None:
    state = start_call("CA1", PARTIES, user_id="u", started_at=5.0)
    state = replace(state, queued=(Said(text="hi"),), unsaid=(Say(text="hi"),), ending=HangUp(), after=LISTEN)
    ended = finish_call(state, "hangup")
    assert (ended.queued, ended.unsaid, ended.ending, ended.after) == ((), (), None, None)


@pytest.mark.parametrize(
    ("then", "complete", "left"),
    [
        (LISTEN, True, None),
        (LISTEN, False, LISTEN),
        (GoOn(hearing=HEARING), True, None),
        (GoOn(hearing=HEARING), False, GoOn(hearing=HEARING)),
        (Finish(reason="x"), True, None),
        (Finish(reason="x"), False, Finish(reason="x")),
        (HandOver(document="d", listen=LISTEN), False, HandOver(document="d", listen=LISTEN)),
        (HandOver(document="d", listen=LISTEN), True, LISTEN),
    ],
)
def test_an_answer_that_only_leads_towards_its_end_leaves_it_to_do(then: object, complete: bool, left: object) -> None:
    assert still_to_do(then, complete=complete) == left  # type: ignore[arg-type]


def test_a_state_cannot_be_revised_in_a_field_that_it_does_not_have() -> None:
    state = start_call("CA1", PARTIES, user_id="CA1", started_at=1_700_000_000.0)
    with pytest.raises(TypeError, match="CallState has no such field: mood"):
        revise(state, mood="sunny")
