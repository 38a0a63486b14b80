"""`voicegw call` against a served gateway: a script, its verdicts, and what it says when nothing works."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from voicegw.cli.phone import _act
from voicegw.cli.root import app
from voicegw.simulator.caller import Presses, Says

AUTH_TOKEN = "0123456789abcdef0123456789abcdef"

runner = CliRunner()

SCRIPT = """
from: "+14155550177"
to: "+15005550188"
steps:
  - hears: how can I help
  - presses: "42#"
    when: now
  - hears: You keyed 42
  - hears: how can I help
    until: begin
  - says: bye
    when: now
    after_seconds: 0.1
    seconds: 0.3
  - stays_silent
"""


async def run(*arguments: str) -> Any:
    """The command, in a thread: the gateway answers from the test's own loop."""
    return await asyncio.to_thread(runner.invoke, app, ["call", *arguments])


QUICK_SCRIPT = """
from: "+14155550177"
steps:
  - hears: how can I help
  - hangs_up
"""


@pytest.fixture(autouse=True)
def short_apology(monkeypatch: pytest.MonkeyPatch) -> None:
    """The carrier's own apology takes five seconds; here nobody listens to it."""
    monkeypatch.setattr("voicegw.simulator.interpreter.ERROR_PROMPT_SECONDS", 0.1)


@pytest.fixture
def quick_script(tmp_path: Path) -> str:
    (tmp_path / "quick.yaml").write_text(QUICK_SCRIPT, encoding="utf-8")
    return str(tmp_path / "quick.yaml")


@pytest.fixture
def script(tmp_path: Path) -> str:
    (tmp_path / "call.yaml").write_text(SCRIPT, encoding="utf-8")
    return str(tmp_path / "call.yaml")


async def test_a_script_calls_and_the_verdict_is_good(gateway: str, script: str, agent: Any) -> None:
    done = await run(f"{gateway}/twilio/voice", "-s", script, "--auth-token", AUTH_TOKEN, "--words-per-second", "12")
    assert done.exit_code == 0, done.output
    for line in ("you          keys 42#", "agent        You keyed 42", "… interrupted", "Goodbye.", "✓ no silence"):
        assert line in done.output
    launch = agent.agent.received[0].action
    assert launch["payload"]["userNumber"] == "+14155550177"
    assert launch["payload"]["agentNumber"] == "+15005550188"


async def test_options_win_over_the_script_and_the_environment_gives_the_secret(
    gateway: str, quick_script: str, agent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", f"{AUTH_TOKEN}, the-next-one")
    voice = f"{gateway}/twilio/voice"
    done = await run(voice, "-s", quick_script, "--from", "+14155550166", "--words-per-second", "12")
    assert done.exit_code == 0, done.output
    assert agent.agent.received[0].action["payload"]["userNumber"] == "+14155550166"


async def test_past_a_proxy_it_signs_for_the_public_url(gateway: str, quick_script: str) -> None:
    here = gateway.replace("127.0.0.1", "localhost")
    arguments = (f"{here}/twilio/voice", "-s", quick_script, "--auth-token", AUTH_TOKEN, "--words-per-second", "12")
    assert (await run(*arguments, "--public-url", gateway)).exit_code == 0


async def test_a_script_that_waits_in_vain_ends_with_1(gateway: str, tmp_path: Path) -> None:
    path = tmp_path / "vain.yaml"
    path.write_text("steps:\n  - hears: the sea\n    within_seconds: 0.5\n", encoding="utf-8")
    done = await run(f"{gateway}/twilio/voice", "-s", str(path), "--auth-token", AUTH_TOKEN)
    assert done.exit_code == 1
    assert "✗ script: did not hear /the sea/" in done.output


async def test_a_script_that_the_gateway_cuts_short_ends_with_1(gateway: str, tmp_path: Path) -> None:
    path = tmp_path / "short.yaml"
    steps = '[{hears: how can I help}, {says: bye, seconds: 0.3}, {hears: "^Goodbye"}, {presses: "1234"}]'
    path.write_text(f"steps: {steps}\n", encoding="utf-8")
    done = await run(f"{gateway}/twilio/voice", "-s", str(path), "--auth-token", AUTH_TOKEN, "--words-per-second", "12")
    assert done.exit_code == 1
    assert "✗ script: the call was over before step 4 was done: presses '1234'" in done.output


async def test_a_wrong_secret_is_explained(gateway: str, script: str) -> None:
    done = await run(f"{gateway}/twilio/voice", "-s", script, "--auth-token", "wrong")
    assert done.exit_code == 1
    assert "The gateway refused the signature." in done.stderr


def test_nobody_at_the_other_end_is_explained(script: str, port: int) -> None:
    done = runner.invoke(app, ["call", f"http://127.0.0.1:{port}/elsewhere", "-s", script])
    assert done.exit_code == 1
    assert "Nobody answered there." in done.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "--script"),
        (["ftp://example.com", "-s", "{script}"], "is no http(s) address"),
        (["-s", "missing.yaml"], "cannot be read"),
        (["-s", "{bad}"], "line 1: steps"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(arguments: list[str], complaint: str, script: str, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("from: '+14155550123'\n", encoding="utf-8")
    given = [text.format(script=script, bad=tmp_path / "bad.yaml") for text in arguments]
    done = runner.invoke(app, ["call", *given], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert complaint in done.stderr


class Person:
    """Writes down what a typed line makes a person do."""

    def __init__(self) -> None:
        self.acts: list[object] = []

    def say(self, text: str) -> None:
        self.acts.append(Says(text))

    def press(self, keys: str) -> None:
        self.acts.append(Presses(keys))

    def hang_up(self) -> None:
        self.acts.append("hangs up")


@pytest.mark.parametrize(
    ("line", "act"),
    [
        ("hello there", [Says("hello there")]),
        ("1234#", [Presses("1234#")]),
        ("12 34 *", [Presses("1234*")]),
        ("at 9", [Says("at 9")]),
        ("/hangup", ["hangs up"]),
        ("   ", []),
    ],
)
def test_a_typed_line_is_words_or_keys(line: str, act: list[object]) -> None:
    person: Any = Person()
    _act(person, line)
    assert person.acts == act
