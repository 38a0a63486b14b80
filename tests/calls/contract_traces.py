"""Traces drawn from the contract itself: schema-valid ones of every kind, and broken ones made of them."""

import copy
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis_jsonschema import from_schema

CONTRACT = Path(__file__).parents[2] / "docs" / "spec" / "voiceflow-interact.openapi.yaml"


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


@cache
def valid_traces(kind: str, count: int) -> list[Any]:
    """So many schema-valid traces of one kind, the same in every run."""
    drawn: list[Any] = []

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(from_schema({"$ref": f"#/components/schemas/{kind}", "components": {"schemas": SCHEMAS}}))
    def draw(trace: Any) -> None:
        drawn.append(copy.deepcopy(trace))

    draw()
    # a kind with few forms is drawn less often than asked for
    return (drawn * count)[:count]


def deep(levels: int) -> Any:
    """Something nested so often."""
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
    "</Say><Dial>+19005551234</Dial>",
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
    "data:audio/wav;base64,AAAA",
)


def mutants(trace: Any, chance: Random, count: int) -> list[Any]:
    """The trace broken in so many ways: one to three fields dropped, swapped, nulled, doubled, nested or blown up."""
    return [_mutant(trace, chance) for _ in range(count)]


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, child in inner for found in [(*path, key), *_places(child, (*path, key))]]


def _mutant(trace: Any, chance: Random) -> Any:
    broken = copy.deepcopy(trace)
    for _ in range(chance.randint(1, 3)):
        *route, last = chance.choice(_places(broken) or [("type",)])
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
    return broken
