"""Which rule or button of a state an action leads to, and what is learned from it.

Order: the state's own rules, its buttons, the rules that hold everywhere, then `otherwise`. Pure.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from voicegw.demo import traces
from voicegw.demo.dialogue import Button, Dialogue, Rule, State

Action = Mapping[str, object]

_PUNCTUATION = re.compile(r"[.,;:!?]+(?=\s|$)")


@dataclass(frozen=True, slots=True)
class Match:
    """Where an action leads; `lead` is None when nothing fits, `spoken_to` if an answer is expected then."""

    lead: Rule | Button | None
    learned: Mapping[str, object] = field(default_factory=dict)
    spoken_to: bool = False


def match_action(dialogue: Dialogue, state_name: str, action: Action) -> Match:
    """Returns what `action` leads to in the state of that name; takes anything that a client may send."""
    state = dialogue.states[state_name]
    kind = str(action.get("type", ""))
    match kind:
        case "text" | "message" | "intent":
            return _match_words(dialogue, state, _words_of(action))
        case "dtmf":
            return _match_keys(dialogue, state, str(action.get("payload", "")))
        case "event":
            return _match_event(dialogue, state, _event_of(action))
    for number, button in enumerate(state.buttons, start=1):
        if kind == traces.button_request(state_name, number, button)["type"]:
            return Match(button, {"last_utterance": button.label})
    return Match(_otherwise(dialogue, state))


def _match_words(dialogue: Dialogue, state: State, words: str) -> Match:
    # Speech recognisers punctuate: "No, thanks." is still "no thanks".
    words = " ".join(_PUNCTUATION.sub(" ", words).split())
    learned = {"last_utterance": words}
    leads: tuple[Rule | Button, ...] = (*state.on, *state.buttons, *dialogue.everywhere)
    for lead in leads:
        pattern = lead.said if isinstance(lead, Rule) else _label_pattern(lead)
        if pattern and (found := pattern.search(words)):
            return Match(lead, learned | _groups_of(found))
    return Match(_otherwise(dialogue, state), learned, spoken_to=True)


def _match_keys(dialogue: Dialogue, state: State, keys: str) -> Match:
    # The vendor: an agent "cannot tell the difference between saying and keying numbers".
    learned = {"last_utterance": keys}
    for rule in _rules(dialogue, state):
        if rule.dtmf and (found := rule.dtmf.search(keys)):
            return Match(rule, learned | _groups_of(found))
    for number, button in enumerate(state.buttons, start=1):
        if keys == str(number):
            return Match(button, learned)
    return Match(_otherwise(dialogue, state), learned, spoken_to=True)


def _match_event(dialogue: Dialogue, state: State, event: Mapping[str, object]) -> Match:
    learned = {name: value for name, value in event.items() if name != "name"}
    for rule in _rules(dialogue, state):
        fits = (pattern.search(str(event.get(name, ""))) for name, pattern in rule.where.items())
        if rule.event is not None and rule.event == event.get("name") and all(fits):
            return Match(rule, learned)
    return Match(None, learned)


def _rules(dialogue: Dialogue, state: State) -> Iterator[Rule]:
    yield from state.on
    yield from dialogue.everywhere


def _otherwise(dialogue: Dialogue, state: State) -> Rule | None:
    return next((rule for rule in _rules(dialogue, state) if rule.otherwise), None)


def _label_pattern(button: Button) -> re.Pattern[str]:
    return re.compile(rf"\b{re.escape(button.label)}\b", re.IGNORECASE)


def _groups_of(found: re.Match[str]) -> dict[str, str]:
    return {name: value for name, value in found.groupdict().items() if value is not None}


def _words_of(action: Action) -> str:
    """Returns what the caller said: a text, a chat message, or an intent's query (else its name)."""
    payload = action.get("payload")
    if not isinstance(payload, Mapping):
        return str(payload or "")
    if action.get("type") == "message":
        return str(payload.get("message", ""))
    intent = payload.get("intent")
    name = intent.get("name", "") if isinstance(intent, Mapping) else ""
    return str(payload.get("query") or name)


def _event_of(action: Action) -> Mapping[str, object]:
    payload = action.get("payload")
    event = payload.get("event") if isinstance(payload, Mapping) else None
    return event if isinstance(event, Mapping) else {}
