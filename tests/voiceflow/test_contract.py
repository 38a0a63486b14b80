"""Our models against the contract itself: docs/spec/voiceflow-interact.openapi.yaml is the oracle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from voicegw.voiceflow import actions
from voicegw.voiceflow.actions import TypedAction, parse_action, parse_request, render_action
from voicegw.voiceflow.trace_kinds import KnownTrace
from voicegw.voiceflow.traces import MalformedTrace, UnknownTrace, parse_trace

SPEC = yaml.safe_load(
    (Path(__file__).parents[2] / "docs/spec/voiceflow-interact.openapi.yaml").read_text(encoding="utf-8")
)


def as_json_schema(node: Any) -> Any:
    """Resolve references and turn OpenAPI 3.0's dialect into JSON schema's (`nullable`, no remote formats)."""
    if isinstance(node, list):
        return [as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return as_json_schema(SPEC["components"]["schemas"][node["$ref"].rsplit("/", 1)[1]])
    ignored = {"nullable", "x-enumNames", "format", "description", "default"}
    schema = {
        # A property may be called `description`, so the names of properties are never filtered.
        key: {name: as_json_schema(sub) for name, sub in value.items()}
        if key == "properties"
        else as_json_schema(value)
        for key, value in node.items()
        if key not in ignored
    }
    if node.get("nullable"):
        schema["type"] = [schema["type"], "null"]
    return schema


REQUEST_KINDS = [as_json_schema(kind) for kind in SPEC["components"]["schemas"]["AnyRequest"]["anyOf"]]
TRACE_KINDS = [as_json_schema(kind) for kind in SPEC["components"]["schemas"]["AnyTrace"]["oneOf"]]
ANY_REQUEST = Draft202012Validator({"anyOf": REQUEST_KINDS})
TRACE_IDS = [kind["properties"]["type"]["enum"][0] for kind in TRACE_KINDS]
REQUEST_IDS = [
    f"{kind['properties']['type'].get('enum', ['any'])[0]}-{index}" for index, kind in enumerate(REQUEST_KINDS)
]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(["type", "payload", "label", "actions", "files", "intent", "event", "metadata", "time", "state"])

quick = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def instances(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Documents that fit the part of JSON schema which the contract uses, sometimes with a field that is new."""
    match schema:
        case {"enum": values}:
            return st.sampled_from(values)
        case {"anyOf": options} | {"oneOf": options} | {"allOf": options}:
            return st.one_of([instances(option) for option in options])
        case {"type": [kind, "null"]}:
            return st.none() | instances({**schema, "type": kind})
        case {"type": "object"}:
            fields = {name: instances(sub) for name, sub in schema.get("properties", {}).items()}
            required = {name: fields.pop(name) for name in schema.get("required", [])}
            extra = schema.get("additionalProperties", {})
            return st.fixed_dictionaries(required, optional={**fields, "new field": instances(extra)})
        case {"type": "array"}:
            return st.lists(instances(schema["items"]), min_size=schema.get("minItems", 0), max_size=3)
        case {"type": "string"}:
            return st.text(min_size=schema.get("minLength", 0), max_size=10)
        case {"type": "number"}:
            low, high = schema.get("minimum", -1_000_000), schema.get("maximum", 10_000_000_000)
            return st.integers(low, high) | st.floats(low, high)
        case {"type": "boolean"}:
            return st.booleans()
        case {}:
            assert not schema, f"the contract has grown beyond this generator: {schema}"
            return JSON


@st.composite
def mutations(draw: st.DrawFn, valid: st.SearchStrategy[Any]) -> Any:
    """One valid document with one to three of its parts replaced, dropped, or joined by something new."""
    document = json.loads(json.dumps(draw(valid)))
    for _ in range(draw(st.integers(1, 3))):
        container, parts = document, list(_containers(document))
        if parts:
            container = draw(st.sampled_from(parts))
        if isinstance(container, dict) and container and draw(st.booleans()):
            container.pop(draw(st.sampled_from(sorted(container))))
        elif isinstance(container, dict):
            known = st.sampled_from(sorted(container)) if container else KEYS
            container[draw(known | KEYS)] = draw(JSON)
        elif isinstance(container, list):
            container.insert(draw(st.integers(0, len(container))), draw(JSON))
    return document


def _containers(node: Any) -> Any:
    if isinstance(node, (dict, list)):
        yield node
        for child in node.values() if isinstance(node, dict) else node:
            yield from _containers(child)


def test_the_contract_has_fifteen_requests_and_twenty_six_traces_and_so_have_we() -> None:
    assert len(REQUEST_KINDS) == len(get_args(TypedAction)) == 15
    assert len(TRACE_KINDS) == len(get_args(KnownTrace)) == 26
    assert {kind.model_fields["type"].default for kind in get_args(KnownTrace)} == set(TRACE_IDS)


@pytest.mark.parametrize("schema", REQUEST_KINDS, ids=REQUEST_IDS)
def test_a_request_of_any_kind_is_read_and_rendered_unchanged(schema: dict[str, Any]) -> None:
    @quick
    @given(instances(schema))
    def check(data: Any) -> None:
        assert ANY_REQUEST.is_valid(data)
        action = parse_action(data)
        assert action is not None
        assert json.dumps(render_action(action), sort_keys=True) == json.dumps(data, sort_keys=True)

    check()


@pytest.mark.parametrize("schema", REQUEST_KINDS, ids=REQUEST_IDS)
def test_we_take_exactly_the_requests_that_the_contract_takes(schema: dict[str, Any]) -> None:
    @quick
    @given(mutations(instances(schema)))
    def check(data: Any) -> None:
        assert (parse_request(data) is not None) == ANY_REQUEST.is_valid(data)

    check()


@given(JSON)
@quick
def test_whatever_is_no_request_is_refused_without_an_error(data: Any) -> None:
    assert (parse_request(data) is not None) == ANY_REQUEST.is_valid(data)


@pytest.mark.parametrize(
    "action",
    [
        actions.launch("inbound", "+15551230001", "+15551230002"),
        actions.launch("outbound", "", "+15551230002"),
        actions.text("I need help"),
        actions.dtmf("1234"),
        actions.no_reply(),
        actions.end("hangup"),
        actions.event("call_forward_failed", outcome="busy", seconds=12),
        actions.custom("DTMF 1"),
    ],
    ids=lambda action: type(action).__name__,
)
def test_what_we_send_fits_the_contract_and_holds_no_null(action: TypedAction) -> None:
    rendered = render_action(action)
    assert ANY_REQUEST.is_valid(rendered)
    assert "null" not in json.dumps(rendered)


@pytest.mark.parametrize("schema", TRACE_KINDS, ids=TRACE_IDS)
def test_a_valid_trace_of_any_kind_is_typed(schema: dict[str, Any]) -> None:
    @quick
    @given(instances(schema))
    def check(data: Any) -> None:
        assert isinstance(parse_trace(data), get_args(KnownTrace)), data

    check()


@pytest.mark.parametrize("schema", TRACE_KINDS, ids=TRACE_IDS)
def test_a_mutated_trace_never_raises_and_is_never_lost(schema: dict[str, Any]) -> None:
    @quick
    @given(mutations(instances(schema)))
    def check(data: Any) -> None:
        trace = parse_trace(data)
        if isinstance(trace, (UnknownTrace, MalformedTrace)):
            assert trace.data is data
        else:
            assert trace.type == data["type"]

    check()
