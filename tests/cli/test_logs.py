"""Logs: JSON lines where no person reads along, and never a telephone number."""

import json
import logging
import re

import pytest
import structlog

from voicegw.cli.logs import configure_logs


def test_every_line_is_json_libraries_and_tracebacks_included(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    structlog.get_logger("voicegw.test").info("hello\nforged", call_sid="CA1", odd="\x1b[31m\u2028")
    logging.getLogger("someone.else").warning("for %s", "+14155550123")
    logging.getLogger("uvicorn.error").info("not said")
    try:
        int("dialled +14155550123")
    except ValueError:
        structlog.get_logger("voicegw.test").exception("broke")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["hello\\nforged", "for +…0123", "broke"]
    assert lines[0]["call_sid"] == "CA1"
    assert lines[2]["exception"].endswith("ValueError")
    assert "+1415" not in lines[2]["exception"].splitlines()[-1]


def test_a_line_begins_with_when_how_bad_and_what(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    structlog.get_logger("voicegw.app").warning("store failed", call_sid="CA1", code="store-error")
    (line,) = capsys.readouterr().err.splitlines()
    assert list(json.loads(line))[:3] == ["timestamp", "level", "event"]
    assert json.loads(line)["code"] == "store-error"


def test_in_a_terminal_people_can_read_it(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    configure_logs()
    secret = "".join(["not for ", "the log"])
    try:
        int("x" * len(secret[:3]))
    except ValueError:
        structlog.get_logger("voicegw.test").exception("broke")
    said = capsys.readouterr().err
    assert "broke" in said
    assert "ValueError" in said
    assert "Traceback" in said
    assert secret not in said
    assert not said.startswith("{")


def _fail(message: str) -> None:
    raise ValueError(message)


def test_in_a_terminal_nothing_that_is_logged_can_forge_a_line_or_steer_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    configure_logs()
    hostile = "\x1b]0;title\x07\x1b[2J\r\nforged \u202e\x9b31m"
    structlog.get_logger("voicegw.test").warning(hostile, reason=hostile)
    logging.getLogger("someone.else").warning("%s", hostile)
    one_line = hostile.replace("\n", " ")  # the lines of a traceback stay lines
    try:
        _fail(f"dialled +14155550123 {one_line}")
    except ValueError:
        structlog.get_logger("voicegw.test").exception("broke")
    said = capsys.readouterr().err
    bare = re.sub(r"\x1b\[[0-9;]*m", "", said)  # our own colours
    assert not set(bare) & set("\x1b\x07\r\x9b\u202e")
    assert not [line for line in bare.splitlines() if line.startswith("forged")]
    assert "\\x1b]0;title" in bare
    assert "4155550123" not in bare
