"""Choices made for a screen (buttons, cards, carousels) → what a caller can say or press, and hear read aloud.

Pure. Requests that do not fit the contract are left out here: such a button still has a name to answer with.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from voicegw.call.instructions import Button, Instruction, Note, OfferButtons
from voicegw.call.phrases import PhraseName, phrase
from voicegw.call.profile import NumberProfile
from voicegw.call.speakable import make_speakable
from voicegw.voiceflow import screen_payloads as screen
from voicegw.voiceflow.actions import parse_request

_MAX_BUTTONS = 30
_MAX_NAME_CHARACTERS = 200
_LAST_KEY = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """`offer` is what can be chosen, `message` how it is read aloud, `notes` what was wrong with it."""

    offer: OfferButtons | None
    message: str
    notes: tuple[Note, ...] = ()

    @property
    def instructions(self) -> list[Instruction]:
        """What the offer asks of the call, nothing spoken."""
        return [*([self.offer] if self.offer else []), *self.notes]


def read_buttons(buttons: Sequence[screen.Button], profile: NumberProfile, *, first: int) -> Choices:
    """The buttons of a `choice`; `first` is the key that names the first of them."""
    return _offer([], buttons, profile, first)


def read_cards(
    cards: Iterable[screen.Card], profile: NumberProfile, *, first: int, read: Callable[[str], str]
) -> Choices:
    """Cards, one after the other, then all their buttons; `first` is the key that names the first of them, and `read`
    gives as much of a text as the turn has room for."""
    words: list[str] = []
    buttons: list[screen.Button] = []
    for card in cards:
        words += [read(card.title), read(card.description.text) if card.description else ""]
        buttons += card.buttons
    return _offer(words, buttons, profile, first)


def _offer(words: list[str], buttons: Sequence[screen.Button], profile: NumberProfile, first: int) -> Choices:
    notes: list[Note] = []
    offered: list[Button] = []
    for button in buttons[: max(0, _MAX_BUTTONS - first + 1)]:
        request = None if button.request is None else parse_request(button.request)
        if button.request is not None and request is None:
            notes.append(Note(about="request-refused", fields={"from": "button"}))
        name = button.name[:_MAX_NAME_CHARACTERS]
        offered.append(Button(name=name, request=None if request is None else request.data))
    named = [_read_out(_spoken(button.name), place, profile) for place, button in enumerate(offered, start=first)]
    message = " ".join(_sentence(spoken) for spoken in [*map(_spoken, words), *named] if spoken)
    offer = OfferButtons(buttons=tuple(offered), message=message) if offered else None
    return Choices(offer=offer, message=message, notes=tuple(notes))


def _read_out(name: str, place: int, profile: NumberProfile) -> str:
    """A choice by its key; beyond nine there is no key for it, only its name."""
    if not name or place > _LAST_KEY:
        return name
    return phrase(PhraseName.PRESS_FOR, profile.language, profile.phrases, 0, name=name, digit=str(place))


def _spoken(text: str) -> str:
    return make_speakable(text).text.strip()


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…", "。")) else f"{text}."
