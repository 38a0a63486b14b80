"""What is sent to the agent for what happened on the phone. Pure: `CallerInput` in, one action (or none) out.

Knows no session, no HTTP and no carrier; what the action depends on besides the input is `AgentMemory`.
"""

import unicodedata
from dataclasses import dataclass
from typing import assert_never

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
from voicegw.call.profile import NumberProfile
from voicegw.voiceflow import actions
from voicegw.voiceflow.actions import Action

FORWARD_FAILED = "call_forward_failed"
FORWARD_COMPLETED = "call_forward_completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentMemory:
    """What earlier turns left behind that the next action depends on.

    `collecting`: a `dtmf` trace of the agent is in force and gathers entries. `legacy_keypad`: its last turn
    ended in the old custom action `DTMF`. `heard_text`: what was heard of a prompt that was interrupted.
    """

    buttons: tuple[Button, ...] = ()
    collecting: bool = False
    legacy_keypad: bool = False
    heard_text: str = ""


def plan_action(heard: CallerInput, memory: AgentMemory, parties: CallParties, profile: NumberProfile) -> Action | None:
    """The action that tells the agent what was heard; None where there is nothing to tell.

    A request of the agent's own that does not fit the contract's `AnyRequest` is never sent.
    """
    match heard:
        case Started():
            return plan_launch(parties)
        case Said():
            return _plan_speech(heard, memory)
        case Pressed():
            return _plan_keys(heard, memory, profile)
        case StayedSilent():
            return actions.no_reply()
        case ForwardEnded():
            return _plan_forward_news(heard, profile)
        case HungUp():
            return actions.end(heard.reason)
        case EventRaised():
            fields = {key: value for key, value in heard.fields.items() if key != "name"}
            return actions.event(heard.name, **fields)
        case RequestReturned():
            return actions.parse_request(dict(heard.request))
        case _:
            assert_never(heard)


def plan_launch(parties: CallParties) -> Action:
    """The action that begins the conversation of a call."""
    call_type: actions.CallType = "outbound" if parties.direction.startswith("outbound") else "inbound"
    return actions.launch(call_type, parties.caller_number, parties.called_number)


def _plan_speech(said: Said, memory: AgentMemory) -> Action | None:
    if not said.text.strip():
        return None
    button = None if memory.collecting else _named_button(said.text, memory.buttons)
    return _button_request(button) or actions.text(said.text)


def _plan_keys(pressed: Pressed, memory: AgentMemory, profile: NumberProfile) -> Action | None:
    # A delimiter pressed alone is no empty entry but an answer of its own ("press # for the menu").
    entry = pressed.keys or pressed.ended_by or ""
    if not entry:
        return None
    if memory.legacy_keypad:
        # An agent of that age has one path for each key: "DTMF 12" would lead nowhere.
        return actions.custom(f"DTMF {entry[0]}")
    button = None if memory.collecting else _keyed_button(entry, memory.buttons)
    if button is not None:
        return _button_request(button) or actions.text(button.name)
    return actions.text(entry) if profile.keys_as == "text" else actions.dtmf(entry)


def _plan_forward_news(ended: ForwardEnded, profile: NumberProfile) -> Action | None:
    # A call that was answered but never bridged (the vendor's DialBridged) reached nobody.
    if ended.outcome is ForwardOutcome.COMPLETED and ended.bridged is not False:
        if profile.forwarding.after_forward == "hang-up":
            return None
        return actions.event(FORWARD_COMPLETED, seconds=ended.seconds)
    outcome = ForwardOutcome.FAILED if ended.outcome is ForwardOutcome.COMPLETED else ended.outcome
    if profile.forwarding.on_failure == "nothing":
        return None
    if profile.forwarding.on_failure == "text":
        return actions.text(f"The call could not be forwarded: {outcome.value}.")
    return actions.event(FORWARD_FAILED, outcome=outcome.value, seconds=ended.seconds)


def _button_request(button: Button | None) -> Action | None:
    if button is None or button.request is None:
        return None
    return actions.parse_request(dict(button.request))


def _named_button(words: str, buttons: tuple[Button, ...]) -> Button | None:
    wanted = _bare_words(words) if buttons else ""
    return next((button for button in buttons if wanted and _bare_words(button.name) == wanted), None)


def _keyed_button(entry: str, buttons: tuple[Button, ...]) -> Button | None:
    placed = (button for place, button in enumerate(buttons, start=1) if str(place) == entry)
    return _named_button(entry, buttons) or next(placed, None)


def _bare_words(text: str) -> str:
    """The words alone, so that "Oui, café !" and "oui cafe" are the same: no case, accents or punctuation.

    Marks that carry a vowel (Thai, Devanagari) are part of the word and stay.
    """
    letters = (
        character if unicodedata.category(character)[0] in "LNM" else " "
        for character in unicodedata.normalize("NFKD", text).casefold()
        if not "\u0300" <= character <= "\u036f"
    )
    return " ".join("".join(letters).split())
