"""No trace makes the planner raise: schema-valid ones of every kind, and thousands of broken ones."""

import random
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from contract_traces import KINDS, SCHEMAS, mutants
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema

from voicegw.call.instructions import Instruction, Note, PlayAudio, PlayRecording, Say
from voicegw.call.profile import NumberProfile
from voicegw.voiceflow.planner import Planner
from voicegw.voiceflow.planner_budget import MAX_PROMPTS, MAX_TEXT_CHARACTERS
from voicegw.voiceflow.traces import parse_trace

HERE = Path(__file__).parent
INSTRUCTIONS = get_args(Instruction)
PROFILES = (
    NumberProfile(),
    NumberProfile(voice_source="agent", read_buttons=True, allow_twiml=True, barge_in="keys"),
)
MUTANTS_PER_KIND = 210


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
    kind: [mutant for _ in range(MUTANTS_PER_KIND) for mutant in mutants(chance.choice(traces), chance, 1)]
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
