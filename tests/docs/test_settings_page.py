"""docs/settings.md against the models: every setting is there, with its default and its name in the environment."""

import json
from enum import Enum
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
from pydantic import BaseModel, SecretStr

from voicegw.call.phrases import PhraseName
from voicegw.call.profile import Destination, Forwarding, Keypad, NumberProfile, Silence, Stream
from voicegw.config import ENVIRONMENT_NAMES, EventReceiver, Realtime, Settings, Twilio, Voiceflow, needs_restart

PAGE = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
MUST_BE_SET = {"public_url", "api_key", "project_id", "to", "number", "name", "secret"}
OWN_OF_A_NUMBER = {"number", "project_id", "environment"}
# heading → (the table's path in the file, its model, the settings that stand under another heading)
TABLES: dict[str, tuple[tuple[str, ...], type[BaseModel], set[str]]] = {
    "Top of the file": ((), Settings, {"insecure_dev", "twilio", "voiceflow", "realtime", "events", "numbers"}),
    "`[twilio]`": (("twilio",), Twilio, set()),
    "`[voiceflow]`": (("voiceflow",), Voiceflow, set()),
    "`[realtime]`": (("realtime",), Realtime, set()),
    "`[[events]]`": (("events",), EventReceiver, set()),
    "`[defaults]`": (("defaults",), NumberProfile, OWN_OF_A_NUMBER | {"keypad", "silence", "stream", "forwarding"}),
    "`[defaults.keypad]`": (("defaults", "keypad"), Keypad, set()),
    "`[defaults.silence]`": (("defaults", "silence"), Silence, set()),
    "`[defaults.stream]`": (("defaults", "stream"), Stream, set()),
    "`[defaults.forwarding]`": (("defaults", "forwarding"), Forwarding, {"destinations"}),
    "`[defaults.forwarding.destinations]`": (("defaults", "forwarding", "destinations"), Destination, set()),
    "`[[numbers]]`": (("numbers",), NumberProfile, set(NumberProfile.model_fields) - OWN_OF_A_NUMBER),
}
ENVIRONMENT_OF = {path: name for name, path in ENVIRONMENT_NAMES.items()}


def section(heading: str) -> str:
    return PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def rows(heading: str) -> dict[str, list[str]]:
    """The rows of a section's first table, by the name in the first cell."""
    table = [line for line in section(heading).splitlines() if line.startswith("|")][2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return {first.strip("`"): rest for first, *rest in cells}


def written(value: object) -> str:
    """A default as it is written in the file."""
    if value is None:
        return "not set"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    plain = list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value
    return f"`{json.dumps(plain)}`"


@pytest.mark.parametrize("heading", TABLES)
def test_every_setting_has_a_row_and_every_row_is_a_setting(heading: str) -> None:
    _, model, elsewhere = TABLES[heading]
    assert set(rows(heading)) == set(model.model_fields) - elsewhere


@pytest.mark.parametrize("heading", TABLES)
def test_defaults_are_true(heading: str) -> None:
    _, model, _ = TABLES[heading]
    must_be_set = MUST_BE_SET - ({"api_key"} if model is Realtime else set())
    must_be_set -= {"project_id"} if model is NumberProfile else set()
    must_be_set |= {"url"} if model is EventReceiver else set()
    for name, (_, default, _) in rows(heading).items():
        field = model.model_fields[name]
        expected = "—" if name in must_be_set else written(field.get_default(call_default_factory=True))
        assert default == expected, name


@pytest.mark.parametrize("heading", TABLES)
def test_environment_names_are_true(heading: str) -> None:
    path, _, _ = TABLES[heading]
    for name, (variable, _, _) in rows(heading).items():
        assert variable.strip("`") == ENVIRONMENT_OF.get((*path, name), ""), name


def choices(annotation: object) -> list[str]:
    """The words that a setting may be, wherever in its type they stand."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return [member.value for member in annotation]
    return [choice for part in get_args(annotation) for choice in choices(part)]


@pytest.mark.parametrize("heading", TABLES)
def test_every_choice_of_a_setting_is_named(heading: str) -> None:
    _, model, _ = TABLES[heading]
    for name, (_, _, meaning) in rows(heading).items():
        for choice in choices(model.model_fields[name].annotation):
            assert f"`{choice}`" in meaning, (name, choice)


def test_every_phrase_is_named() -> None:
    assert set(rows("Phrases")) == {phrase.value for phrase in PhraseName}


def test_what_needs_a_restart_is_named() -> None:
    old = Settings.model_construct(voiceflow=Voiceflow(api_key=SecretStr("key"), base_url="https://old.example"))
    changed = {name: object() for name in Settings.model_fields if name != "voiceflow"}
    new = old.model_copy(update={**changed, "voiceflow": Voiceflow(api_key=SecretStr("key"))})
    for name in set(needs_restart(old, new)) - {"insecure_dev"}:
        assert f"`{name}`" in section("Taking on changes"), name
