"""Golden turns: traces in, instructions out, one file a turn in `golden/`.

A file holds `name`, `profile` (what differs from the defaults), `traces` and `instructions` (fields that differ from
their defaults). Two words may stand among the traces: `pause` (no text for 1.5 s) and, last, `cut off` (the answer
broke off). `VOICEGW_REGENERATE_GOLDEN=1` writes the instructions anew, to be read before they are committed.
"""

import dataclasses
import os
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import yaml

from voicegw.call.instructions import Instruction
from voicegw.call.profile import NumberProfile
from voicegw.voiceflow.planner import Planner
from voicegw.voiceflow.traces import KnownTrace, parse_trace

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.yaml"))
REGENERATE = os.environ.get("VOICEGW_REGENERATE_GOLDEN") == "1"


def plan(profile: dict[str, Any], traces: list[Any]) -> list[Instruction]:
    planner = Planner(NumberProfile.model_validate(profile))
    out: list[Instruction] = []
    for trace in traces:
        match trace:
            case "pause":
                out += planner.flush_text()
            case "cut off":
                return out + planner.finish(clean=False)
            case _:
                out += planner.receive(parse_trace(trace))
    return out + planner.finish(clean=True)


def render(value: Any) -> Any:
    """An instruction as plain data: its kind, then the fields that differ from their defaults."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        shown = {"kind": value.kind} if hasattr(value, "kind") else {}
        for field in dataclasses.fields(value):
            content = getattr(value, field.name)
            default = field.default_factory() if callable(field.default_factory) else field.default
            if field.name != "kind" and content != default:
                shown[field.name] = render(content)
        return shown
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | list):
        return [render(item) for item in value]
    if isinstance(value, dict):
        return {key: render(item) for key, item in value.items()}
    return value


@pytest.mark.parametrize("path", GOLDEN, ids=[path.stem for path in GOLDEN])
def test_traces_become_these_instructions(path: Path) -> None:
    turn = yaml.safe_load(path.read_text(encoding="utf-8"))
    instructions = [render(instruction) for instruction in plan(turn["profile"], turn["traces"])]
    if REGENERATE:
        turn["instructions"] = instructions
        text = yaml.safe_dump(turn, sort_keys=False, allow_unicode=True, width=110)
        path.write_text(text, encoding="utf-8")
    assert instructions == turn["instructions"]


def test_every_kind_of_the_contract_has_a_golden_turn() -> None:
    shown = {
        trace.get("type")
        for path in GOLDEN
        for trace in yaml.safe_load(path.read_text(encoding="utf-8"))["traces"]
        if isinstance(trace, dict)
    }
    kinds = {kind.model_fields["type"].default for kind in KnownTrace.__args__}
    assert len(kinds) == 26
    assert kinds <= shown
