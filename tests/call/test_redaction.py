"""What the redactor hides of a call: keys, sensitive entries and all that repeats them, card numbers."""

from dataclasses import fields
from html import escape
from typing import get_args
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicegw.call.hidden_values import CARD, HIDDEN
from voicegw.call.profile import NumberProfile
from voicegw.call.records import (
    ActionSent,
    CallEnded,
    CallerSpoke,
    CallRang,
    Failed,
    ForwardFinished,
    ForwardTried,
    KeysPressed,
    Noted,
    OrderReceived,
    PromptBegan,
    PromptCut,
    PromptHeard,
    Record,
    StepAnswered,
    TraceReceived,
    TurnBegan,
)
from voicegw.call.redaction import NUMBERS, TEXTS, CallRedactor

VISA = "4111111111111111"
AMEX = "378282246310005"
CALLER = "+15550100199"

# Whose words the other texts are: ours, or none.
OF_OURS = {"kind", "mode", "direction", "name", "by", "heard", "code", "part", "failure", "outcome", "order"}
OF_OURS |= {"address_type", "ended_by", "text", "keys", "about", "file"}


def redactor(**settings: bool) -> CallRedactor:
    return CallRedactor(NumberProfile(**settings))


def shown(text: str, by: CallRedactor) -> str:
    """How a text of the agent's looks in the log."""
    record = by.redact(PromptBegan(text=text))
    assert isinstance(record, PromptBegan)
    return record.text


class TestKeys:
    def test_keys_are_dots_and_their_count_stays_visible(self) -> None:
        record = redactor().redact(KeysPressed(keys="4711", ended_by="#", quiet_seconds=2.0))
        assert record == KeysPressed(keys="••••", ended_by="#", quiet_seconds=2.0)

    def test_a_number_may_ask_for_keys_in_clear(self) -> None:
        pressed = KeysPressed(keys="4711")
        assert redactor(keys_in_log=True).redact(pressed) is pressed

    def test_keys_in_clear_are_no_card_numbers_and_no_sensitive_ones(self) -> None:
        assert redactor(keys_in_log=True).redact(KeysPressed(keys=VISA)) == KeysPressed(keys=CARD)
        both = redactor(keys_in_log=True, sensitive=True).redact(KeysPressed(keys="4711", ended_by="#"))
        assert both == KeysPressed(keys=HIDDEN, sensitive=True)

    @pytest.mark.parametrize(
        ("action", "hidden"),
        [
            ({"type": "dtmf", "payload": "1"}, {"type": "dtmf", "payload": "•"}),
            ({"type": "dtmf", "payload": "4711"}, {"type": "dtmf", "payload": "••••"}),
            ({"type": "text", "payload": "1"}, {"type": "text", "payload": "•"}),
            ({"type": "DTMF 1"}, {"type": "DTMF •"}),
            ({"type": "text", "payload": "one"}, {"type": "text", "payload": "one"}),
            ({"type": "text", "payload": "9"}, {"type": "text", "payload": "9"}),
            ({"payload": "1"}, {"payload": "1"}),
        ],
    )
    def test_an_entry_of_few_keys_is_hidden_in_the_action_too(
        self, action: dict[str, object], hidden: dict[str, object]
    ) -> None:
        by = redactor()
        by.redact(KeysPressed(keys="1"))
        by.redact(KeysPressed(keys="4711"))
        assert by.redact(ActionSent(action=action)) == ActionSent(action=hidden)

    def test_actions_show_the_keys_of_a_number_that_shows_keys(self) -> None:
        sent = ActionSent(action={"type": "dtmf", "payload": "1"})
        assert redactor(keys_in_log=True).redact(sent) == sent

    def test_a_menu_choice_does_not_blank_every_1(self) -> None:
        by = redactor()
        by.redact(KeysPressed(keys="1"))
        assert shown("At 11:15 on the 11th, costs 110.", by) == "At 11:15 on the 11th, costs 110."


class TestRepeating:
    @pytest.mark.parametrize(
        ("text", "hidden"),
        [
            ("Your PIN is 4711.", "Your PIN is ••••."),
            ("4 7 1 1", "• • • •"),
            ("4-7-1-1", "•-•-•-•"),
            ("4, 7, 1, 1!", "•, •, •, •!"),
            ('<say-as interpret-as="digits">4711</say-as>', '<say-as interpret-as="digits">••••</say-as>'),
            (
                '4<break time="200ms"/>7 1<break strength="weak"/> 1',
                '•<break time="200ms"/>• •<break strength="weak"/> •',
            ),
            ('<Say>47</Say><Pause length="1"/><Say>11</Say>', None),
            ("?pin=4711&amp;ok=1", "?pin=••••&amp;ok=1"),
            ("?pin=%34%37%31%31", "?pin=•"),
            ("4%2C7%2C1%2C1", "•%2C•%2C•%2C•"),
            ("&#52;&#55;&#x31;1", "••••"),
            ('["4", "7", "1", "1"]', '["•", "•", "•", "•"]'),
            ("٤٧١١ und ４７１１", "•••• und ••••"),
            ("\\u0034711", "••••"),
            ("Nr. 1471199", "Nr. 1••••99"),
        ],
    )
    def test_hidden_keys_are_found_however_they_are_written(self, text: str, hidden: str | None) -> None:
        by = redactor()
        by.redact(KeysPressed(keys="4711"))
        assert shown(text, by) == (text.replace("47", "••").replace("11", "••") if hidden is None else hidden)

    def test_keys_that_came_one_by_one_make_one_value(self) -> None:
        by = redactor()
        for key in "1224":
            by.redact(KeysPressed(keys=key))
        assert shown("So 1224, or 122, or 224.", by) == "So ••••, or •••, or •••."

    def test_nothing_is_hidden_from_what_was_before_it(self) -> None:
        assert shown("Your PIN is 4711.", redactor()) == "Your PIN is 4711."

    def test_every_record_of_the_call_is_searched(self) -> None:
        by = redactor()
        by.redact(KeysPressed(keys="4711"))
        records: list[Record] = [
            CallerSpoke(text="4711"),
            ActionSent(
                action={"type": "x", "payload": {"a": ["4711", 4711, 47.11, None, True]}}, variables={"v": "4711"}
            ),
            StepAnswered(name="1/2", seconds=0.1, answer="<Say>4 7 1 1</Say>"),
            PromptBegan(text="4711", source="https://a.example/4711.wav"),
            PromptCut(heard="Your PIN is 4711"),
            TraceReceived(type="4711", summary="4711"),
            ForwardTried(address="+15550104711", address_type="phone", attempt=1, ring_seconds=20),
            ForwardFinished(outcome="busy", address="+15550104711", reason="4711"),
            OrderReceived(order="event", name="pin-4711", by="4711"),
            Failed(part="agent", code="agent-refused", reason="no such PIN: 4711"),
            Noted(about="4711", fields={"4711": "4711", "number": 4711, "fine": 3}),
            CallEnded(reason="4711"),
        ]
        for record in records:
            assert "4711" not in repr(by.redact(record)), record
            assert "47.11" not in repr(by.redact(record)), record

    def test_a_call_with_too_many_hidden_keys_shows_no_numbers_at_all(self) -> None:
        by = redactor()
        for number in range(60):
            by.redact(KeysPressed(keys=f"{number:010}"[::-1]))
        assert shown("Room 847, floor 12.", by) == "Room •••, floor 12."
        assert by.redact(ActionSent(action={"type": "text", "payload": "9"})) == ActionSent(
            action={"type": "text", "payload": "•"}
        )


class TestSensitive:
    def test_what_was_said_is_hidden_as_a_whole(self) -> None:
        record = redactor().redact(CallerSpoke(text="Mabel Featherstone", confidence=0.9, sensitive=True))
        assert record == CallerSpoke(text=HIDDEN, confidence=0.9, sensitive=True)

    def test_what_was_pressed_is_hidden_with_its_length(self) -> None:
        record = redactor().redact(KeysPressed(keys="4711", ended_by="#", sensitive=True))
        assert record == KeysPressed(keys=HIDDEN, sensitive=True)

    def test_the_action_and_its_variables_are_hidden(self) -> None:
        sent = ActionSent(
            action={"type": "text", "payload": "blue"}, variables={"heard_text": "What is"}, sensitive=True
        )
        assert redactor().redact(sent) == ActionSent(
            action={"type": "text", "payload": HIDDEN}, variables={"heard_text": HIDDEN}, sensitive=True
        )

    def test_a_sensitive_number_hides_every_entry_but_not_how_the_call_goes(self) -> None:
        by = redactor(sensitive=True)
        assert by.redact(CallerSpoke(text="blue")) == CallerSpoke(text=HIDDEN, sensitive=True)
        assert by.redact(PromptCut(heard="What is your")) == PromptCut(heard=HIDDEN)
        entry = by.redact(ActionSent(action={"type": "text", "payload": "blue"}))
        assert entry == ActionSent(action={"type": "text", "payload": HIDDEN}, sensitive=True)
        for no_entry in ({"type": "launch"}, {"type": "no-reply"}, {"type": "end", "payload": {"reason": "hangup"}}):
            assert by.redact(ActionSent(action=no_entry)) == ActionSent(action=no_entry)

    def test_the_key_in_a_legacy_action_is_hidden(self) -> None:
        sent = redactor().redact(ActionSent(action={"type": "DTMF 7"}, sensitive=True))
        assert sent == ActionSent(action={"type": "DTMF •"}, sensitive=True)

    @pytest.mark.parametrize(
        ("said", "text", "hidden"),
        [
            ("Mabel Featherstone", "Thanks, mabel featherstone!", f"Thanks, {HIDDEN} {HIDDEN}!"),
            ("It is Mabel Featherstone.", "Thanks, Featherstone", f"Thanks, {HIDDEN}"),
            ("my word is blue horse battery", "blue horse battery, right?", f"{HIDDEN} {HIDDEN} {HIDDEN}, right?"),
            ("My pin is 47 11", "So 4711, or 4 7 1 1", "So ••••, or • • • •"),
            ("blue", "Is BLUE right?", f"Is {HIDDEN} right?"),
            ("yes it is O'Brien", "O&apos;Brien", f"O&apos;{HIDDEN}"),
            ("It is Jürgen", "name=J%C3%BCrgen", f"name={HIDDEN}"),
            ("私は太郎です", "はい私は太郎ですね", HIDDEN),
            ("ok", "ok then", "ok then"),
            ("Mabel", "M-A-B-E-L, M a b e l", "•-•-•-•-•, • • • • •"),
            ("Mabel", "A B C, and I a m", "A B C, and I a m"),
            ("It is X5 and B2B", "B2B or X5", f"{HIDDEN} or X5"),
            ("It was fun. Then we left", "Then what?", "Then what?"),
        ],
    )
    def test_what_repeats_it_is_hidden(self, said: str, text: str, hidden: str) -> None:
        by = redactor()
        by.redact(CallerSpoke(text=said, sensitive=True))
        assert shown(text, by) == hidden

    def test_a_call_with_too_many_hidden_words_shows_no_more_texts(self) -> None:
        by = redactor(sensitive=True)
        for number in range(60):
            by.redact(CallerSpoke(text=" ".join(f"w{number}x{place}" for place in range(40))))
        assert shown("Hello.", by) == HIDDEN


class TestCards:
    @pytest.mark.parametrize(
        "text",
        [
            VISA,
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1",
            AMEX,
            "3782 822463 10005",
            "4222222222222",
            "6304000000000000000",
            "4111<break time='200ms'/>1111<break time='200ms'/>1111<break time='200ms'/>1111",
            "４１１１１１１１１１１１１１１１",
        ],
    )
    def test_card_numbers_never_get_through(self, text: str) -> None:
        assert shown(f"It is {text}, thanks", redactor()) == f"It is {CARD}, thanks"

    def test_what_follows_a_card_number_goes_with_it(self) -> None:
        assert shown("4111 1111 1111 1111 12/27 123", redactor()) == CARD
        assert shown(f"{VISA}123", redactor()) == CARD
        assert shown(f"{AMEX}1234", redactor()) == CARD

    def test_what_comes_before_it_stays_unless_it_is_hidden_itself(self) -> None:
        by = redactor()
        assert shown(f"12 - {VISA}", by) == f"12 - {CARD}"
        by.redact(KeysPressed(keys="911"))
        assert shown(f"911 {VISA}", by) == f"••• {CARD}"

    @pytest.mark.parametrize(
        "text",
        ["4111111111111112", "411111111111", "+4915112345678901234567", "1 2 3 4 5 6 7", "1234567890011 5"],
    )
    def test_other_numbers_stay(self, text: str) -> None:
        assert shown(text, redactor()) == text

    @pytest.mark.parametrize("text", ["20% off", "20%25 off", "Grüße um 10:30 – 4 €", "عند ٣", '<break time="1s"/> 4'])
    def test_texts_that_are_looked_at_more_closely_stay_too(self, text: str) -> None:
        assert shown(text, redactor()) == text

    def test_a_telephone_number_in_its_own_place_is_no_card_number(self) -> None:
        record = ForwardTried(address=f"+{VISA}", address_type="phone", attempt=1, ring_seconds=20)
        assert redactor().redact(record) is record


class TestNumbers:
    def test_the_callers_number_stands_in_clear_only_where_the_call_rings(self) -> None:
        by = redactor()
        rang = CallRang(caller_number=CALLER, called_number="+15550100100")
        assert by.redact(rang) is rang
        sent = ActionSent(action={"type": "launch", "payload": {"userNumber": CALLER}}, variables={"caller": CALLER})
        assert by.redact(sent) == ActionSent(
            action={"type": "launch", "payload": {"userNumber": "+…0199"}}, variables={"caller": "+…0199"}
        )
        assert shown("?from=%2B15550100199", by) == "?from=%2B…0199"

    def test_a_short_number_is_not_searched_for(self) -> None:
        by = redactor()
        by.redact(CallRang(caller_number="+100", called_number=""))
        assert shown("100", by) == "100"


class TestWithoutProfile:
    @pytest.mark.parametrize(
        "record",
        [
            CallRang(caller_number=CALLER, called_number="secret", caller_name="secret", forwarded_from="secret"),
            CallerSpoke(text="secret"),
            KeysPressed(keys="secret"),
            ActionSent(action={"type": "secret", "payload": "secret"}, variables={"a": "secret"}),
            ActionSent(action={"type": "launch", "payload": {"a": "secret"}}),
            StepAnswered(name="1/2", seconds=0.1, answer="secret"),
            PromptBegan(text="secret", source="secret"),
            PromptCut(heard="secret"),
            TraceReceived(type="secret", summary="secret"),
            ForwardTried(address="secret", address_type="sip", attempt=1, ring_seconds=20),
            ForwardFinished(outcome="busy", address="secret", reason="secret"),
            OrderReceived(order="event", name="secret", by="secret"),
            Failed(part="agent", code="agent-refused", reason="secret"),
            Noted(about="secret", fields={"a": "secret"}),
            CallEnded(reason="secret"),
        ],
    )
    def test_everything_that_others_wrote_is_hidden(self, record: Record) -> None:
        redacted = CallRedactor(None).redact(record)
        assert "secret" not in repr(redacted)
        assert CALLER not in repr(redacted)
        assert redacted.kind == record.kind

    def test_what_is_empty_stays_empty(self) -> None:
        assert CallRedactor(None).redact(PromptBegan()) == PromptBegan()


def test_records_without_foreign_words_are_the_same_object() -> None:
    for record in (PromptHeard(), TurnBegan(heard="said"), PromptBegan(text="Hello. Press 1.")):
        assert redactor().redact(record) is record


def test_every_text_of_every_record_is_looked_at_or_is_ours() -> None:
    by_hand = {CallerSpoke, KeysPressed, ActionSent, Noted}
    for kind in get_args(Record):
        looked_at = {*TEXTS.get(kind, ()), *NUMBERS.get(kind, ())}
        texts = {field.name for field in fields(kind) if field.type in (str, "str")}
        assert kind in by_hand or texts - looked_at <= OF_OURS, (kind, texts - looked_at - OF_OURS)


def test_what_is_nested_too_deep_is_hidden() -> None:
    value: object = "4711"
    for _ in range(50):
        value = [value]
    sent = redactor().redact(ActionSent(action={"type": "x", "payload": value}))
    assert "4711" not in repr(sent)
    assert HIDDEN in repr(sent)
    odd = redactor().redact(ActionSent(action={"type": "x", "payload": object()}))
    assert odd == ActionSent(action={"type": "x", "payload": HIDDEN})


KEYS = st.text("0123456789*#", min_size=3, max_size=12).filter(lambda keys: sum(map(str.isdecimal, keys)) >= 3)
WRITTEN = st.sampled_from(
    [
        str,
        " ".join,
        "-".join,
        ", ".join,
        '<break time="200ms"/>'.join,
        quote,
        lambda keys: "".join(f"%{ord(key):02X}" for key in keys),
        lambda keys: "".join(f"&#{ord(key)};" for key in keys),
        lambda keys: escape(f'"{keys}"'),
        list,
    ]
)
AROUND = st.text(st.sampled_from("abc <>/\"'%&;#,.-1234567890é€"), max_size=12)


@given(keys=KEYS, written=WRITTEN, before=AROUND, after=AROUND)
def test_no_hidden_value_ever_comes_out(keys: str, written: object, before: str, after: str) -> None:
    by = redactor()
    by.redact(KeysPressed(keys=keys))
    secret = "".join(key for key in keys if key.isdecimal())
    form = written(keys)  # type: ignore[operator]
    text = f"{before} {form if isinstance(form, str) else ' '.join(form)} {after}"
    records: list[Record] = [
        PromptBegan(text=text),
        StepAnswered(name="", seconds=0.0, answer=text),
        TraceReceived(type="text", summary=text),
        ActionSent(action={"type": "text", "payload": text}, variables={"x": [text]}),
        ActionSent(action={"type": "dtmf", "payload": keys}),
        Noted(about="x", fields={"text": text}),
        Failed(part="agent", code="c", reason=text),
    ]
    for record in records:
        redacted = by.redact(record)
        assert secret not in repr(redacted)
        assert keys not in repr(redacted)
        if isinstance(redacted, PromptBegan):
            middle = redacted.text[len(before) : len(redacted.text) - len(after) or None]
            assert form not in (redacted.text, middle)


@given(
    words=st.lists(
        st.text(st.characters(categories=["Ll", "Lu", "Nd"]), min_size=3, max_size=9), min_size=1, max_size=8
    ),
    between=st.sampled_from([" ", ", ", "-", "%20", "\n"]),
)
def test_no_hidden_phrase_ever_comes_out(words: list[str], between: str) -> None:
    by = redactor(sensitive=True)
    spoke = by.redact(CallerSpoke(text=" ".join(words)))
    phrase = between.join(words)
    assert spoke == CallerSpoke(text=HIDDEN, sensitive=True)
    assert phrase not in shown(f"«{phrase}.»", by)
    sent = ActionSent(action={"type": "text", "payload": phrase})
    assert by.redact(sent) == ActionSent(action={"type": "text", "payload": HIDDEN}, sensitive=True)


@given(text=st.text(max_size=80), keys=st.text("0123456789*#", max_size=6))
def test_whatever_comes_is_redacted_without_a_fault_and_twice_changes_nothing(text: str, keys: str) -> None:
    by = redactor()
    by.redact(KeysPressed(keys=keys))
    by.redact(CallerSpoke(text=text[::-1], sensitive=True))
    once = by.redact(PromptBegan(text=text))
    assert isinstance(once, PromptBegan)
    if HIDDEN not in once.text and CARD not in once.text:
        assert by.redact(once) == once
