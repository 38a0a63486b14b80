"""What is sent to the agent for what happened on the phone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.call.inputs import (
    CallerInput,
    CallParties,
    EventRaised,
    ForwardEnded,
    ForwardOutcome,
    HungUp,
    Pressed,
    RequestReturned,
    Said,
    Started,
    StayedSilent,
)
from voicegw.call.instructions import Button
from voicegw.call.profile import Forwarding, NumberProfile
from voicegw.voiceflow.actions import parse_request, render_action
from voicegw.voiceflow.next_action import AgentMemory, plan_action

PARTIES = CallParties(caller_number="+14155550100", called_number="+14155550199")
NOTHING = AgentMemory()
SALES = Button(name="Sales", request={"type": "path-sales", "payload": {"label": "Sales"}})
CAFE = Button(name="Café, bitte!", request={"type": "text", "payload": "cafe"})
NAME_ONLY = Button(name="Opening hours")
UNFIT = Button(name="Unfit", request={"type": 7})
CHOICES = AgentMemory(buttons=(SALES, CAFE, NAME_ONLY, UNFIT))


def sent(
    heard: CallerInput, memory: AgentMemory = NOTHING, profile: NumberProfile | None = None
) -> dict[str, object] | None:
    action = plan_action(heard, memory, PARTIES, profile or NumberProfile())
    return None if action is None else render_action(action)


def forwarding(**settings: object) -> NumberProfile:
    return NumberProfile(forwarding=Forwarding.model_validate(settings))


def test_an_answered_call_launches_with_both_numbers() -> None:
    facts = {"callType": "inbound", "userNumber": "+14155550100", "agentNumber": "+14155550199"}
    assert sent(Started()) == {"type": "launch", "payload": facts}


def test_a_call_that_we_placed_launches_as_outbound() -> None:
    parties = CallParties(caller_number="", called_number="+14155550199", direction="outbound-api")
    action = plan_action(Started(), NOTHING, parties, NumberProfile())
    assert action is not None
    facts = {"callType": "outbound", "userNumber": "", "agentNumber": "+14155550199"}
    assert render_action(action) == {"type": "launch", "payload": facts}


def test_speech_goes_as_text() -> None:
    assert sent(Said(text="I need help", confidence=0.9)) == {"type": "text", "payload": "I need help"}


@pytest.mark.parametrize("heard", [Said(text="  "), Pressed(keys=""), Pressed(keys="", ended_by="")])
def test_an_input_without_content_is_nothing_to_tell(heard: CallerInput) -> None:
    assert sent(heard) is None


def test_keys_go_as_a_string_without_the_delimiter() -> None:
    assert sent(Pressed(keys="0042", ended_by="#")) == {"type": "dtmf", "payload": "0042"}


def test_a_delimiter_pressed_alone_goes_as_itself() -> None:
    assert sent(Pressed(keys="", ended_by="#")) == {"type": "dtmf", "payload": "#"}


def test_keys_go_as_text_where_the_number_says_so() -> None:
    assert sent(Pressed(keys="12"), profile=NumberProfile(keys_as="text")) == {"type": "text", "payload": "12"}


def test_a_legacy_keypad_gets_the_request_type_of_its_one_key() -> None:
    assert sent(Pressed(keys="12"), AgentMemory(legacy_keypad=True)) == {"type": "DTMF 1"}


def test_silence_is_a_no_reply() -> None:
    assert sent(StayedSilent()) == {"type": "no-reply"}


def test_a_hang_up_ends_with_its_reason() -> None:
    assert sent(HungUp()) == {"type": "end", "payload": {"reason": "hangup"}}


def test_an_outside_event_carries_its_fields_and_keeps_its_name() -> None:
    raised = EventRaised(name="paid", fields={"amount": 12.5, "final": True, "name": "other"})
    event = {"name": "paid", "amount": 12.5, "final": True}
    assert sent(raised) == {"type": "event", "payload": {"event": event}}


def test_a_returned_request_is_sent_verbatim() -> None:
    request = {"type": "path-1", "payload": {"label": "x", "new": [1]}, "diagramID": "d"}
    assert sent(RequestReturned(request=request)) == request


def test_a_returned_request_that_does_not_fit_the_contract_is_not_sent() -> None:
    assert sent(RequestReturned(request={"type": None})) is None


@pytest.mark.parametrize(
    "heard", [Pressed(keys="1"), Said(text="sales."), Said(text=" SALES! "), Pressed(keys="1", ended_by="#")]
)
def test_a_key_or_word_that_names_a_button_sends_its_request_verbatim(heard: CallerInput) -> None:
    assert sent(heard, CHOICES) == SALES.request


def test_case_accents_and_punctuation_do_not_matter_in_a_buttons_name() -> None:
    assert sent(Said(text="cafe BITTE"), CHOICES) == CAFE.request


@pytest.mark.parametrize("words", ["sales please", "sale", "!", "👍"])
def test_words_that_are_not_the_whole_name_go_as_text(words: str) -> None:
    assert sent(Said(text=words), CHOICES) == {"type": "text", "payload": words}


def test_marks_that_carry_a_vowel_distinguish_names() -> None:
    buttons = (Button(name="की", request={"type": "a"}), Button(name="का", request={"type": "b"}))
    assert sent(Said(text="का"), AgentMemory(buttons=buttons)) == {"type": "b"}


@pytest.mark.parametrize("keys", ["0", "5", "01", "9" * 5000])
def test_keys_that_name_no_button_go_as_keys(keys: str) -> None:
    assert sent(Pressed(keys=keys), CHOICES) == {"type": "dtmf", "payload": keys}


def test_a_button_whose_name_is_a_number_is_found_by_its_name_first() -> None:
    buttons = (Button(name="2", request={"type": "two"}), Button(name="1", request={"type": "one"}))
    assert sent(Pressed(keys="1"), AgentMemory(buttons=buttons)) == {"type": "one"}


@pytest.mark.parametrize("button", [NAME_ONLY, UNFIT])
def test_a_button_without_a_request_that_fits_sends_words(button: Button) -> None:
    memory = AgentMemory(buttons=(button,))
    assert sent(Pressed(keys="1"), memory) == {"type": "text", "payload": button.name}
    assert sent(Said(text=button.name.upper()), memory) == {"type": "text", "payload": button.name.upper()}


def test_buttons_are_never_chosen_while_an_entry_is_collected() -> None:
    collecting = AgentMemory(buttons=CHOICES.buttons, collecting=True)
    assert sent(Pressed(keys="1"), collecting) == {"type": "dtmf", "payload": "1"}
    assert sent(Said(text="Sales"), collecting) == {"type": "text", "payload": "Sales"}


def test_a_failed_forward_is_an_event_with_its_outcome() -> None:
    event = {"name": "call_forward_failed", "outcome": "busy", "seconds": 3}
    ended = ForwardEnded(outcome=ForwardOutcome.BUSY, seconds=3)
    assert sent(ended) == {"type": "event", "payload": {"event": event}}


def test_a_forward_that_was_answered_but_never_bridged_has_failed() -> None:
    event = {"name": "call_forward_failed", "outcome": "failed", "seconds": 9}
    ended = ForwardEnded(outcome=ForwardOutcome.COMPLETED, seconds=9, bridged=False)
    assert sent(ended) == {"type": "event", "payload": {"event": event}}


def test_a_failed_forward_is_told_in_words_where_the_number_says_so() -> None:
    told = sent(ForwardEnded(outcome=ForwardOutcome.NO_ANSWER), profile=forwarding(on_failure="text"))
    assert told == {"type": "text", "payload": "The call could not be forwarded: no-answer."}


def test_a_failed_forward_is_not_told_where_the_number_says_nothing() -> None:
    assert sent(ForwardEnded(outcome=ForwardOutcome.BUSY), profile=forwarding(on_failure="nothing")) is None


def test_a_completed_forward_is_told_only_if_the_agent_goes_on_after_it() -> None:
    ended = ForwardEnded(outcome=ForwardOutcome.COMPLETED, seconds=61, bridged=True)
    event = {"name": "call_forward_completed", "seconds": 61}
    assert sent(ended) is None
    assert sent(ended, profile=forwarding(after_forward="agent")) == {
        "type": "event",
        "payload": {"event": event},
    }


INPUTS: st.SearchStrategy[CallerInput] = st.one_of(
    st.builds(Said, text=st.text()),
    st.builds(Pressed, keys=st.text(), ended_by=st.sampled_from(["", "#", "*", None])),
    st.builds(HungUp, reason=st.text()),
    st.builds(
        EventRaised, name=st.text(), fields=st.dictionaries(st.text(), st.text() | st.integers() | st.booleans())
    ),
    st.builds(ForwardEnded, outcome=st.sampled_from(ForwardOutcome), bridged=st.sampled_from([None, True, False])),
    st.builds(
        RequestReturned,
        request=st.dictionaries(st.sampled_from(["type", "payload", "x"]), st.text() | st.none()),
    ),
)
MEMORIES = st.builds(
    AgentMemory,
    buttons=st.lists(
        st.builds(Button, name=st.text(), request=st.none() | st.just({"type": "x"}) | st.just({"type": 1}))
    ).map(tuple),
    collecting=st.booleans(),
    legacy_keypad=st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(INPUTS, MEMORIES, st.sampled_from(["dtmf", "text"]))
def test_whatever_is_heard_the_action_fits_the_contract(heard: CallerInput, memory: AgentMemory, keys_as: str) -> None:
    action = plan_action(heard, memory, PARTIES, NumberProfile.model_validate({"keys_as": keys_as}))
    assert action is None or parse_request(render_action(action)) is not None
