"""Log lines: one line each, short, printable, forged by nobody, without numbers and without foreign words."""

import json
import logging
import re
import sys
import threading
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from voicegw.cli.log_fields import MAX_CHARACTERS, MAX_ITEMS, describe_exception, forget_futures, guard_fields
from voicegw.cli.logs import configure_logs
from voicegw.errors import AgentUnreachable

RAW = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
HOSTILE = [
    "\x1b]0;title\x07\x1b[2J",
    '\n{"level": "error", "event": "forged"}',
    '\r\n{"level":"error"}\r\n',
    '", "level": "error", "x": "',
    "\u2028forged\u2029forged\x85forged\x0bforged\x0cforged\x1cforged",
    "\u202etxt.exe\u2066\u200f",
    "\x9b31m\x9d",
    "\ud800 half a surrogate",
    "\x00",
    "x" * 100_000,
    "%s %d {0} $event",
]
TEXT = st.one_of(
    st.sampled_from(HOSTILE), st.text(max_size=60), st.text('\x1b[]0m\n\r\u2028\u202e\x9b{}":,\\', max_size=30)
)
NAMES = st.text(st.characters(categories=["Ll"], max_codepoint=127), min_size=1, max_size=8).map("x_".__add__)
VALUES = st.recursive(
    st.one_of(TEXT, st.integers(), st.floats(), st.booleans(), st.none(), st.binary(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=5,
)


def line_of(stderr: str) -> dict[str, Any]:
    """The one line that was written."""
    assert stderr.count("\n") == 1
    assert stderr.endswith("\n")
    assert not RAW.search(stderr[:-1])
    return dict(json.loads(stderr, parse_constant=pytest.fail))


def guard(text: str) -> object:
    return guard_fields(None, "info", {"field": text})["field"]


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("calling +14155550123 now", "calling +…0123 now"),
        ("+49 (30) 123-45", "+…2345"),
        ("sip:+15550100199@example.com", "sip:+…0199@example.com"),
        ("From=%2B15550100199&x", "From=+…0199&x"),
        ("015550100199", "…0199"),
        ("4111 1111 1111 1111", "[card number]"),
        ("4111111111111111 123", "[card number]"),
        ("CA00000000000000000000000012345678", "CA00000000000000000000000012345678"),
        ("2026-11-23T08:00:00.123456Z", "2026-11-23T08:00:00.123456Z"),
        ("1 + 2 and +1", "1 + 2 and +1"),
    ],
)
def test_numbers_are_masked_and_call_ids_are_not(text: str, safe: str) -> None:
    assert guard(text) == safe


@pytest.mark.parametrize(
    ("value", "safe"),
    [
        (14155550123, "…0123"),
        (911, 911),
        (1_700_000_000.25, 1_700_000_000.25),
        (float("nan"), "nan"),
        (True, True),
        (None, None),
        ({"to": ["+14155550123"]}, {"to": ["+…0123"]}),
        ({"+14155550123": 1}, {"+…0123": 1}),
        ([[[[["deep"]]]]], [[[["…"]]]]),
        (("a", "b"), ["a", "b"]),
        (ValueError("what a caller said"), "ValueError"),
        (AgentUnreachable("nobody took it"), "AgentUnreachable: nobody took it"),
    ],
)
def test_values_of_every_kind_are_looked_into(value: object, safe: object) -> None:
    assert guard_fields(None, "info", {"field": value}) == {"field": safe}


class _Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError("what a caller said")


def test_a_value_that_cannot_be_written_does_not_fail_the_line() -> None:
    assert guard_fields(None, "info", {"field": _Unspeakable()}) == {"field": "<_Unspeakable: RuntimeError>"}


def test_nothing_is_long() -> None:
    text = guard("a" * 5000 + "z" * 5000)
    assert isinstance(text, str)
    assert len(text) < MAX_CHARACTERS
    assert text.startswith("aaa")
    assert text.endswith("zzz")
    many = guard_fields(None, "info", {f"field{n}": list(range(1000)) for n in range(1000)})
    assert len(many) == MAX_ITEMS
    assert {len(value) for value in many.values()} == {MAX_ITEMS}


@given(event=TEXT, fields=st.dictionaries(NAMES, VALUES, max_size=4))
def test_every_event_is_one_line_that_nobody_else_wrote(event: str, fields: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        stderr = _Stream()
        patch.setattr(sys, "stderr", stderr)
        configure_logs()
        structlog.get_logger("voicegw.test").info(event, **fields)
        line = line_of(stderr.written)
        assert (line["level"], line["logger"]) == ("info", "voicegw.test")
        assert set(line) == {"event", "level", "logger", "timestamp", *fields}
        assert not RAW.search("".join(map(str, _leaves(line))))
        assert all(len(leaf) <= 10 * MAX_CHARACTERS for leaf in _leaves(line) if isinstance(leaf, str))
        stderr.written = ""
        logging.getLogger("library").warning("%s", event)
        assert line_of(stderr.written)["level"] == "warning"


class _Stream:
    def __init__(self) -> None:
        self.written = ""

    def write(self, text: str) -> None:
        self.written += text

    def flush(self) -> None: ...

    def isatty(self) -> bool:
        return False


def _leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for pair in value.items() for inner in pair for leaf in _leaves(inner)]
    return [leaf for inner in value for leaf in _leaves(inner)] if isinstance(value, list) else [value]


def _raise(error: BaseException, cause: BaseException | None = None) -> None:
    raise error from cause


def described(error: BaseException, cause: BaseException | None = None) -> str:
    try:
        _raise(error, cause)
    except BaseException:
        return describe_exception(sys.exc_info())
    raise AssertionError


def test_a_traceback_tells_places_and_kinds_but_no_foreign_words() -> None:
    text = described(ValueError("could not convert '4711'"))
    assert "4711" not in text
    assert text.splitlines()[-1] == "ValueError"
    assert "in _raise" in text
    assert "raise error from cause" in text


def test_our_own_errors_and_the_systems_say_what_they_have_to_say() -> None:
    text = described(AgentUnreachable("no such host"), OSError(28, "No space left on device", "/var/lib/secret"))
    assert "AgentUnreachable: no such host" in text
    assert "raised from:" in text
    assert text.endswith("OSError: No space left on device")


def test_what_was_raised_together_or_along_the_way_is_told_too() -> None:
    assert described(ExceptionGroup("4711", [KeyError("4711")])).endswith("KeyError")
    error = ValueError("4711")
    error.__context__ = KeyError("4711")
    assert describe_exception((ValueError, error, None)).endswith("KeyError")
    endless = ValueError("a")
    endless.__cause__ = endless
    assert describe_exception((ValueError, endless, None)).count("ValueError") == 5
    assert describe_exception((None, None, None)) == ""


def test_asyncio_does_not_quote_what_a_task_died_of() -> None:
    said = "Task exception was never retrieved\nfuture: <Task exception=ValueError('4711')>"
    event = {"logger": "asyncio", "event": said}
    assert forget_futures(None, "error", event)["event"] == "Task exception was never retrieved"
    assert forget_futures(None, "error", {"logger": "mine", "event": said})["event"] == said


def test_a_thread_that_dies_is_told_of_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    thread = threading.Thread(target=_raise, args=(ValueError("4711"),), name="dying")
    thread.start()
    thread.join()
    line = line_of(capsys.readouterr().err)
    assert (line["event"], line["thread"]) == ("a thread broke down", "dying")
    assert "4711" not in str(line)


def test_libraries_only_ever_warn(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(level=logging.DEBUG)
    structlog.get_logger("voicegw.test").debug("ours")
    logging.getLogger("aiosqlite").debug("INSERT INTO records VALUES ('what a caller said')")
    assert line_of(capsys.readouterr().err)["event"] == "ours"
