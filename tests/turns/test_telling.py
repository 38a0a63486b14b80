"""What the journal learns of a call's webhooks: which were asked for, what came in with them, what the carrier lost."""

import asyncio
from collections.abc import Callable
from typing import Any

from voicegw.call.entries import NoJournal
from voicegw.call.inputs import CallParties, EventRaised, Pressed
from voicegw.call.instructions import Say
from voicegw.call.profile import Keypad, NumberProfile
from voicegw.call.records import (
    CallerInterrupted,
    CallerSpoke,
    CallerStayedSilent,
    CallRang,
    Failed,
    KeysPressed,
    OrderReceived,
    PromptCut,
    PromptHeard,
    Record,
    WebhookReceived,
)

Call = Callable[..., Any]
HELLO = Say(text="Hello.")
PAID = EventRaised(name="paid")


class Diary(NoJournal):
    """Keeps which calls were opened, how, and every record with its turn."""

    def __init__(self) -> None:
        self.opened: list[tuple[str, CallParties, NumberProfile, float]] = []
        self.noted: list[tuple[str, Record, int]] = []

    def open(self, call_sid: str, parties: CallParties, profile: NumberProfile, started_at: float) -> None:
        self.opened.append((call_sid, parties, profile, started_at))

    def note(self, call_sid: str, record: Record, turn: int = 0) -> None:
        self.noted.append((call_sid, record, turn))

    def of(self, *kinds: type) -> list[Record]:
        return [record for _, record, _ in self.noted if isinstance(record, kinds)]


def watched(phone: Any) -> Diary:
    """A diary of what the phone's gateway does from now on, which is another process than before."""
    diary = Diary()
    phone.conversations = phone.process(journal=diary)
    return diary


async def test_each_webhook_is_told_by_its_name(call: Call) -> None:
    phone = call([HELLO], [HELLO], [HELLO])
    diary = watched(phone)
    await phone.ring()
    await phone.say("book")
    await phone.conversations.order(phone.call_sid, PAID)
    await phone.come(1)
    names = ["voice", "1/1", "ordered/1"]
    assert diary.of(WebhookReceived) == [WebhookReceived(name=name) for name in names]


async def test_a_call_rings_once_though_it_is_asked_for_again(call: Call) -> None:
    phone = call([HELLO])
    diary = watched(phone)
    await phone.ring()
    await phone.ring()
    assert len(diary.of(CallRang)) == 1


async def test_words_that_cut_a_prompt_off_are_told_with_what_was_out_of_it(call: Call) -> None:
    phone = call([Say(text=" ".join(str(number) for number in range(40)))])
    diary = watched(phone)
    await phone.ring()
    await asyncio.sleep(5.0)
    await phone.press("1", "#")
    cut, pressed = diary.of(PromptCut, KeysPressed)
    assert isinstance(cut, PromptCut)
    assert cut.heard.startswith("0 1 2")
    assert pressed == KeysPressed(keys="1", ended_by="#")
    assert diary.of(CallerInterrupted) == [CallerInterrupted(by="keys")]


async def test_a_prompt_that_was_heard_to_its_end_is_told_so_and_then_what_the_caller_said(call: Call) -> None:
    phone = call([HELLO])
    diary = watched(phone)
    await phone.ring()
    await asyncio.sleep(20.0)
    await phone.say("book")
    heard, spoke = diary.of(PromptHeard, PromptCut, CallerSpoke)
    assert heard == PromptHeard()
    assert isinstance(spoke, CallerSpoke)
    assert spoke.text == "book"


async def test_silence_is_told(call: Call) -> None:
    phone = call([HELLO])
    diary = watched(phone)
    await phone.ring()
    await phone.silence()
    assert diary.of(CallerStayedSilent) == [CallerStayedSilent()]


async def test_an_answer_that_the_carrier_could_not_use_is_a_failure_of_the_carrier_s_in_that_turn(call: Call) -> None:
    phone = call([HELLO], profile=NumberProfile(language="fr-FR"))
    await phone.ring()
    started_at = (await phone.state()).started_at
    diary = watched(phone)
    await phone.conversations.rescue(phone.call_sid, "asked", error_code="11200")
    assert diary.opened == [(phone.call_sid, phone.parties, phone.profile, started_at)]
    assert diary.noted[0] == (phone.call_sid, Failed(part="carrier", code="carrier-11200"), 1)


async def test_an_order_of_nobody_in_particular_names_nobody(call: Call) -> None:
    phone = call([HELLO])
    diary = watched(phone)
    await phone.ring()
    await phone.conversations.order(phone.call_sid, PAID)
    assert diary.of(OrderReceived) == [OrderReceived(order="event", name="paid", by="")]


async def test_keys_are_told_with_the_delimiter_that_ended_them(call: Call) -> None:
    phone = call([HELLO])
    diary = watched(phone)
    await phone.ring()
    await phone.step(Pressed(keys="12", ended_by="*"))
    assert diary.of(KeysPressed) == [KeysPressed(keys="12", ended_by="*")]


async def test_only_an_entry_that_waited_for_its_gap_is_told_with_quiet_after_it(call: Call) -> None:
    phone = call([HELLO], [HELLO], profile=NumberProfile(keypad=Keypad(max_digits=4, gap_seconds=3.0)))
    diary = watched(phone)
    await phone.ring()
    await phone.step(Pressed(keys="123"))
    await phone.step(Pressed(keys="1234"))
    assert diary.of(KeysPressed) == [KeysPressed(keys="123", quiet_seconds=3.0), KeysPressed(keys="1234")]
