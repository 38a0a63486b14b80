"""What may be a label: every word of our own, and nothing from outside."""

import ast
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import voicegw
from voicegw import errors
from voicegw.call.waterfall import TurnTimes, parts
from voicegw.errors import VoicegwError
from voicegw.prompts import errors as prompt_errors
from voicegw.telemetry.labels import (
    BREAKER_STATES,
    FAILURE_CODES,
    OTHER,
    PARTS,
    REASONS,
    known,
    number_label,
    status_label,
    webhook_label,
)
from voicegw.twilio import forms
from voicegw.voiceflow.breaker import BreakerState

SOURCES = sorted(Path(voicegw.__path__[0]).rglob("*.py"))
OURS = {"+14155550199", "sip:desk@example.com"}


@cache
def calls_in_source() -> list[ast.Call]:
    trees = [ast.parse(source.read_text(encoding="utf-8")) for source in SOURCES]
    return [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]


def words(call: str, argument: str) -> set[str]:
    """The literal texts that the source passes as `argument` to `call`."""
    return {
        keyword.value.value
        for node in calls_in_source()
        if isinstance(node.func, ast.Name) and node.func.id == call
        for keyword in node.keywords
        if keyword.arg == argument and isinstance(keyword.value, ast.Constant)
    }


@pytest.mark.parametrize("room", [errors, prompt_errors, forms])
def test_every_code_of_the_errors_that_end_turns_is_known(room) -> None:
    codes = {found.code for found in vars(room).values() if isinstance(found, type) and issubclass(found, VoicegwError)}
    assert codes
    assert codes <= FAILURE_CODES


@pytest.mark.parametrize(("call", "argument"), [("Failed", "code"), ("TurnOver", "failure"), ("AgentDown", "code")])
def test_every_code_in_the_source_is_known(call, argument) -> None:
    found = words(call, argument)
    assert found
    assert found <= FAILURE_CODES


def test_every_reason_in_the_source_is_known() -> None:
    found = words("Finish", "reason")
    assert "agent-failed" in found
    assert found <= REASONS


def test_every_part_of_a_wait_has_a_label() -> None:
    with_words = TurnTimes(
        turn=1, heard="said", stopped_ms=-1, sent_ms=2, first_byte_ms=3, first_sentence_ms=4, answered_ms=5
    )
    without = TurnTimes(turn=1, heard="said", answered_ms=5)
    on_a_stream = TurnTimes(turn=1, heard="said", stopped_ms=-1, answered_ms=5, sounded_ms=6)
    assert {name for times in (with_words, without, on_a_stream) for name, _ in parts(times)} == set(PARTS)


def test_every_state_of_a_breaker_is_known() -> None:
    assert set(BREAKER_STATES) == {state.value for state in BreakerState}


@given(st.text())
def test_what_is_not_ours_is_other(text: str) -> None:
    assert known(text, FAILURE_CODES) in FAILURE_CODES | {"other", "none"}


@given(st.text())
def test_a_webhook_has_one_of_six_names(text: str) -> None:
    assert webhook_label(text) in {"voice", "status", "fallback", "rescue", "step", "other", "none"}


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("voice", "voice"),
        ("0/0", "voice"),
        ("3/12", "step"),
        ("rescue/RQ1", "rescue"),
        ("hello/1", "other"),
        ("", "none"),
    ],
)
def test_the_steps_of_all_calls_are_one_webhook(name, label) -> None:
    assert webhook_label(name) == label


@pytest.mark.parametrize(
    ("called", "label"),
    [
        ("+14155550199", "+14155550199"),
        ("sip:Desk@example.com:5061", "sip:desk@example.com"),
        ("+14155550100", OTHER),
        ("", "none"),
    ],
)
def test_a_number_is_named_only_where_the_settings_list_it(called, label) -> None:
    assert number_label(called, OURS) == label


@pytest.mark.parametrize(("status", "label"), [(200, "2xx"), (429, "4xx"), (599, "5xx"), (0, OTHER), (10_000, OTHER)])
def test_a_status_is_known_by_its_class(status, label) -> None:
    assert status_label(status) == label
