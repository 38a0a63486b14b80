"""Reads a dialogue file: YAML to a checked `Dialogue`, or all its faults at once, each with the mend.

The only file of this room that touches the disk.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from voicegw.demo.dialogue import (
    Button,
    Dialogue,
    Fault,
    Forward,
    Keypad,
    Play,
    Rule,
    Silence,
    State,
    Tool,
)

DENTAL_PRACTICE = Path(__file__).with_name("dental_practice.yaml")

_MODELS: dict[str, type[BaseModel]] = {
    "on": Rule,
    "everywhere": Rule,
    "buttons": Button,
    "keypad": Keypad,
    "silence": Silence,
    "tool": Tool,
    "play": Play,
    "forward": Forward,
    "fault": Fault,
}


@dataclass(frozen=True, slots=True)
class DialogueFault:
    """One thing wrong in a dialogue file: where, what, and what to do about it."""

    where: str
    problem: str
    mend: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}. Mend: {self.mend}"


class DialogueError(ValueError):
    """A dialogue file that cannot be played; `faults` holds everything wrong with it."""

    def __init__(self, name: str, faults: list[DialogueFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(f"{name}: {fault}" for fault in faults))


def load_dialogue(path: Path = DENTAL_PRACTICE) -> Dialogue:
    """Returns the dialogue in the file at `path`, with the recordings that lie beside it.

    Raises DialogueError naming each state, field and mend; OSError when the file cannot be read.
    """
    dialogue = parse_dialogue(path.read_text(encoding="utf-8"), name=path.name)
    recordings: dict[str, bytes] = {}
    faults = []
    for where, name in _recordings_in(dialogue):
        file = path.parent / name
        if Path(name).name != name or not file.is_file():
            mend = f"put the recording beside {path.name}, or write its https URL"
            faults.append(DialogueFault(where, f"there is no file {name!r}", mend))
        else:
            recordings[name] = file.read_bytes()
    if faults:
        raise DialogueError(path.name, faults)
    return dialogue.model_copy(update={"recordings": recordings})


def parse_dialogue(text: str, *, name: str = "dialogue") -> Dialogue:
    """Returns the dialogue written in `text`, without its recordings; raises DialogueError."""
    try:
        document = yaml.load(text, Loader=_DialogueLoader)  # noqa: S506 (a SafeLoader)
    except yaml.YAMLError as exc:
        mark, problem = getattr(exc, "problem_mark", None), getattr(exc, "problem", None)
        where = f"line {mark.line + 1}" if mark else "the file"
        mend = "look there for a name used twice, for indentation, and for , : # ? outside quotes"
        raise DialogueError(name, [DialogueFault(where, problem or str(exc), mend)]) from exc
    if not isinstance(document, dict):
        fault = DialogueFault("the file", "holds no dialogue", "begin with `start:` and `states:`")
        raise DialogueError(name, [fault])
    try:
        dialogue = Dialogue.model_validate(document)
    except ValidationError as exc:
        raise DialogueError(name, [_fault_of(error) for error in exc.errors()]) from exc
    if faults := [*_dangling(dialogue), *_circles(dialogue)]:
        raise DialogueError(name, faults)
    return dialogue


class _DialogueLoader(yaml.SafeLoader):
    """YAML with words left alone: `on`, `yes`, `no` and 10:30 are text here, and no key stands twice."""

    # Its own table, so that nothing is inherited (and the base class, not this one, says what kind it is).
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a name is no text", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} stands twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


# YAML 1.2's core schema, less octal and hexadecimal; each with the characters that it can begin with.
for _tag, _form, _first in (
    ("bool", r"true|false", ["t", "f"]),
    ("int", r"-?(?:0|[1-9][0-9]*)", [*"-0123456789"]),
    ("float", r"-?[0-9]+\.[0-9]+", [*"-0123456789"]),
    ("null", r"null|~|", ["n", "~", ""]),
):
    _DialogueLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_form})$"), _first)


def _fault_of(error: Mapping[str, Any]) -> DialogueFault:
    """Says in a reader's words what the models objected to."""
    # pydantic marks a mapping's key, where the key itself is at fault, by a last "[key]".
    path = [part for part in error["loc"] if part != "[key]"]
    where, given = _place(path), error.get("input")
    match error["type"]:
        case "extra_forbidden":
            fields = [field.alias or key for key, field in _model_at(path).model_fields.items() if key != "recordings"]
            return DialogueFault(where, "there is no such field", _suggest(str(path[-1]), fields))
        case "missing":
            return DialogueFault(where, "is missing", "add it")
        case "string_type":
            return DialogueFault(where, f"{given!r} is no text", f'put it in quotes: "{given}"')
        case "literal_error":
            return DialogueFault(
                where, f"{given!r} is not known", f"write {str(error['ctx']['expected']).replace('True', 'true')}"
            )
        case "value_error":
            problem, _, mend = str(error["ctx"]["error"]).partition("; ")
            return DialogueFault(where, problem, mend)
        case _:
            mend = "see docs/agent-dialogue.md for what may stand there"
            return DialogueFault(where, f"{given!r} does not fit ({error['msg']})", mend)


def _model_at(path: list[Any]) -> type[BaseModel]:
    inside = path[2:-1] if path[0] == "states" else path[:-1]
    named = [part for part in inside if part in _MODELS]
    if named:
        return _MODELS[named[-1]]
    return State if path[0] == "states" else Dialogue


def _place(path: list[Any]) -> str:
    """Writes `state "welcome", field "on[2].goto"`; counts from 1, as readers do."""
    state = ""
    if path[:1] == ["states"] and len(path) > 1:
        state, path = f'state "{path[1]}"', path[2:]
    field = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
    return ", ".join(part for part in (state, f'field "{field}"' if field else "") if part) or "the file"


def _suggest(wrong: str, known: list[str]) -> str:
    close = difflib.get_close_matches(wrong, known, n=1)
    return f'did you mean "{close[0]}"?' if close else f"write one of {', '.join(known)}"


def _leads(dialogue: Dialogue) -> Iterator[tuple[list[Any], str]]:
    """Yields every place that names a state, and the name."""
    yield ["start"], dialogue.start
    if dialogue.silence:
        yield ["silence", "goto"], dialogue.silence.goto
    for number, rule in enumerate(dialogue.everywhere):
        yield ["everywhere", number, "goto"], rule.goto
    for name, state in dialogue.states.items():
        if state.goto:
            yield ["states", name, "goto"], state.goto
        if state.silence:
            yield ["states", name, "silence", "goto"], state.silence.goto
        for number, button in enumerate(state.buttons):
            yield ["states", name, "buttons", number, "goto"], button.goto
        for number, rule in enumerate(state.on):
            yield ["states", name, "on", number, "goto"], rule.goto


def _dangling(dialogue: Dialogue) -> Iterator[DialogueFault]:
    """Yields the leads to states that are not there."""
    for path, name in _leads(dialogue):
        if name not in dialogue.states:
            mend = _suggest(name, list(dialogue.states))
            yield DialogueFault(_place(path), f'there is no state "{name}"', mend)


def _circles(dialogue: Dialogue) -> Iterator[DialogueFault]:
    """Yields the states that go on for ever without listening."""
    for name in dialogue.states:
        place, seen = name, set[str]()
        while (state := dialogue.states.get(place)) and state.goto and place not in seen:
            seen.add(place)
            place = state.goto
        if seen and place == name:
            mend = "let one state on the way listen, forward or hang up"
            yield DialogueFault(_place(["states", name, "goto"]), "goes round in a circle", mend)


def _recordings_in(dialogue: Dialogue) -> Iterator[tuple[str, str]]:
    for name, state in dialogue.states.items():
        if state.play and not state.play.recording.startswith(("https://", "http://", "data:")):
            yield _place(["states", name, "play"]), state.play.recording
