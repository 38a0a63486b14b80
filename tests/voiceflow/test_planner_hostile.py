"""No trace makes the planner raise: schema-valid ones of every kind, and thousands of broken ones."""

import copy
import random
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema

from voicegw.call.instructions import Instruction, Note, PlayAudio, PlayRecording, Say
from voicegw.call.profile import NumberProfile
from voicegw.voiceflow.planner import Planner
from voicegw.voiceflow.planner_budget import MAX_PROMPTS, MAX_TEXT_CHARACTERS
from voicegw.voiceflow.traces import parse_trace

HERE = Path(__file__).parent
CONTRACT = HERE.parents[1] / "docs" / "spec" / "voiceflow-interact.openapi.yaml"
INSTRUCTIONS = get_args(Instruction)
PROFILES = (
    NumberProfile(),
    NumberProfile(voice_source="agent", read_buttons=True, allow_twiml=True, barge_in="keys"),
)
MUTANTS_PER_KIND = 210


def as_json_schema(openapi: Any) -> Any:
    """OpenAPI 3.0 as JSON schema: `nullable` becomes a type. Free-form values stay small, so that many can be drawn."""
    if openapi == {}:
        return {"type": ["string", "integer", "boolean", "null"]}
    if isinstance(openapi, list):
        return [as_json_schema(item) for item in openapi]
    if not isinstance(openapi, dict):
        return openapi
    schema = {key: as_json_schema(value) for key, value in openapi.items() if key not in ("nullable", "description")}
    if openapi.get("type") == "array":
        schema["maxItems"] = 3
    return {"anyOf": [schema, {"type": "null"}]} if openapi.get("nullable") is True else schema


SCHEMAS = as_json_schema(yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))["components"]["schemas"])
KINDS = [ref["$ref"].rpartition("/")[2] for ref in SCHEMAS["AnyTrace"]["oneOf"]]


def valid_traces(kind: str) -> st.SearchStrategy[Any]:
    return from_schema({"$ref": f"#/components/schemas/{kind}", "components": {"schemas": SCHEMAS}})


def plan(profile: NumberProfile, traces: list[Any], *, clean: bool = True) -> tuple[Planner, list[Instruction]]:
    planner = Planner(profile)
    out: list[Instruction] = []
    for place, trace in enumerate(traces):
        out += planner.receive(parse_trace(trace))
        if place % 7 == 6:
            out += planner.flush_text()
    out += planner.finish(clean=clean)
    assert not planner.text_pending
    return planner, out


def assert_sane(instructions: list[Instruction]) -> None:
    assert all(isinstance(instruction, INSTRUCTIONS) for instruction in instructions)
    spoken = [instruction for instruction in instructions if isinstance(instruction, Say)]
    prompts = [i for i in instructions if isinstance(i, Say | PlayAudio | PlayRecording)]
    assert len(prompts) <= MAX_PROMPTS
    assert all(say.text.strip() for say in spoken)
    assert sum(len(say.text) for say in spoken) <= MAX_TEXT_CHARACTERS


def test_the_contract_has_26_kinds_of_traces() -> None:
    assert len(KINDS) == 26


def assert_every_valid_trace_is_understood(kind: str, examples: int) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(valid_traces(kind))
    def understood(trace: Any) -> None:
        for profile in PROFILES:
            planner, instructions = plan(profile, [trace])
            assert planner.understood
            assert not [i for i in instructions if isinstance(i, Note) and i.about == "malformed-trace"]
            assert_sane(instructions)

    understood()


@pytest.mark.parametrize("kind", KINDS)
def test_every_valid_trace_is_understood(kind: str) -> None:
    assert_every_valid_trace_is_understood(kind, 4)


@pytest.mark.sweep
@pytest.mark.parametrize("kind", KINDS)
def test_every_valid_trace_is_understood_at_length(kind: str) -> None:
    assert_every_valid_trace_is_understood(kind, 150)


def deep(levels: int) -> Any:
    value: Any = "bottom"
    for level in range(levels):
        value = {"payload": value} if level % 2 else [value]
    return value


STRANGE: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    10**400,
    1e308,
    "",
    "\ud800\x00\x1b<break time='1s'/>",
    "wide ünïcödé 👩‍👩‍👧 \u202e",
    "x" * 20_000,
    "word " * 4_000,
    [],
    {},
    [None] * 500,
    {str(number): number for number in range(500)},
    {"name": {"name": []}},
    deep(90),
    "credit_limit_reached",
    '{"number": null}',
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something can be broken: every field and item, at every depth."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, child in inner for found in [(*path, key), *places(child, (*path, key))]]


def mutant(trace: dict[str, Any], chance: random.Random) -> Any:
    """The trace with one to three fields dropped, swapped, nulled, doubled, nested or blown up."""
    broken = copy.deepcopy(trace)
    for _ in range(chance.randint(1, 3)):
        *route, last = chance.choice(places(broken) or [("type",)])
        parent: Any = broken
        for key in route:
            parent = parent[key]
        match chance.randrange(5):
            case 0 if isinstance(parent, dict):
                parent.pop(last, None)
            case 1:
                parent[last] = [parent.get(last) if isinstance(parent, dict) else parent[last]] * 3
            case 2 if isinstance(parent, dict):
                parent[f"new{chance.randrange(9)}"] = parent.get(last)
            case _:
                parent[last] = copy.deepcopy(chance.choice(STRANGE))
        if not places(broken):
            break
    return broken


def corpus() -> dict[str, list[dict[str, Any]]]:
    """The golden traces by type."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted((HERE / "golden").glob("*.yaml")):
        for trace in yaml.safe_load(path.read_text(encoding="utf-8"))["traces"]:
            if isinstance(trace, dict) and "type" in trace:
                found.setdefault(trace["type"], []).append(trace)
    return found


CORPUS = corpus()
MUTANTS = {
    kind: [mutant(chance.choice(traces), chance) for _ in range(MUTANTS_PER_KIND)]
    for kind, traces in CORPUS.items()
    for chance in [random.Random(f"voicegw {kind}")]
}


def test_there_are_five_thousand_mutants() -> None:
    assert sum(map(len, MUTANTS.values())) >= 5000


@pytest.mark.parametrize("kind", sorted(MUTANTS))
def test_no_mutant_makes_the_planner_raise(kind: str) -> None:
    chance = random.Random(f"dialogue {kind}")
    sound = [trace for traces in CORPUS.values() for trace in traces]
    for first in range(0, MUTANTS_PER_KIND, 3):
        mixed = [*MUTANTS[kind][first : first + 3], *chance.sample(sound, 4)]
        chance.shuffle(mixed)
        for profile in PROFILES:
            _, instructions = plan(profile, mixed, clean=chance.random() < 0.8)
            assert_sane(instructions)
