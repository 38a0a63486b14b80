"""`voicegw demo`, as a process: the scripted call without a terminal, and a person at a terminal."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from voicegw.cli.root import app

Command = Callable[..., "subprocess.Popen[str]"]

STEP_SECONDS = 30.0


def test_without_a_terminal_it_plays_a_call_with_speech_keypad_and_forward_and_ends_with_0(
    command: Command, tmp_path: Path
) -> None:
    # Nothing of this machine's settings may disturb it.
    (tmp_path / "voicegw.toml").write_text("not toml", encoding="utf-8")
    process = command("demo", env={"VOICEGW_PORT": "not a port", "TWILIO_AUTH_TOKEN": ""})
    said, complaints = process.communicate(timeout=90)
    assert process.returncode == 0, said + complaints
    assert complaints == ""
    told = [
        r"agent +Hello, this is Bright Smile Dental",
        r"you +I would like to look up my appointment",
        r"you +keys 1234",
        r"agent +.*Doctor Reyes",
        r"calling front desk",
        r"front desk +Bright Smile Dental, front desk",
        r"the call is over: the gateway hung up",
        r"✓ no silence, no loss, nothing twice",
        r"✓ Nothing went wrong in 4 turns: the caller had spoken with a human",
        r"turn 4 .* s",
    ]
    assert re.search(".*".join(told), said, re.DOTALL), said


@pytest.mark.sweep
def test_by_voice_it_plays_a_call_that_is_interrupted_by_a_key_and_by_a_word_and_keeps_its_sound(
    command: Command, tmp_path: Path
) -> None:
    process = command("demo", "--stream", "--record", "call.wav")
    said, complaints = process.communicate(timeout=120)
    assert process.returncode == 0, said + complaints
    assert complaints == ""
    told = [
        r"the gateway listens and speaks",
        r"agent +Hello",
        r"you +I would like to look up my appointment",
        r"key 1",
        r"agent +Thank you.*\d\.\d s after you, interrupted",
        r"front desk +Bright Smile Dental, front desk",
        r"✓ no silence, no loss, nothing twice",
        r"the caller had spoken with a human",
        r"The call's sound: call.wav",
    ]
    assert re.search(".*".join(told), said, re.DOTALL), said
    assert len(re.findall(r"interrupted at .*: silent after", said)) == 2
    with wave.open(str(tmp_path / "call.wav")) as sound:
        assert sound.getnchannels() == 2
        assert sound.getnframes() > 10 * sound.getframerate()


def test_only_a_stream_has_a_sound_to_be_kept() -> None:
    done = CliRunner().invoke(app, ["demo", "--record", "call.wav"], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert "add --stream" in done.stderr


def test_by_voice_it_says_which_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicegw.cli.caller_speech.is_installed", lambda: False)
    done = CliRunner().invoke(app, ["demo", "--stream"], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert "pip install 'voicegw[offline]'" in done.stderr


def test_without_streams_no_model_is_loaded() -> None:
    heavy = "{'hibari', 'moonshine_voice', 'onnxruntime'}"
    ask = f"import sys, voicegw.cli.demo; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", ask], check=False, timeout=STEP_SECONDS).returncode == 0


class Terminal:
    """A process at a terminal of its own: what it shows, and a keyboard."""

    def __init__(self, *arguments: str, cwd: Path) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        self.attributes = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from voicegw.cli import main; main()", *arguments],
            cwd=cwd,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            # so that Ctrl-C reaches it; no thread runs yet
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )
        self.shown = ""
        self._fresh = ""

    def wait_for(self, pattern: str) -> None:
        """Read until `pattern` is shown after what was last waited for."""
        while not (found := re.search(pattern, self._fresh)):
            ready, _, _ = select.select([self.master], [], [], STEP_SECONDS)
            assert ready, f"{pattern} was not shown, but:\n{self.shown}"
            more = os.read(self.master, 4096).decode("utf-8", "replace")
            self._fresh += more
            self.shown += more
        self._fresh = self._fresh[found.end() :]

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())


@pytest.fixture
def demo(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    terminal = Terminal("demo", *getattr(request, "param", ()), cwd=tmp_path)
    yield terminal
    if terminal.process.poll() is None:
        terminal.process.kill()
    terminal.process.wait()
    os.close(terminal.master)
    os.close(terminal.slave)


def test_a_person_types_to_speak_and_to_press_keys_and_hangs_up_by_ctrl_c(demo: Terminal) -> None:
    demo.wait_for("Type to speak")
    demo.wait_for("Bright Smile Dental")
    demo.type("my appoinx\x7ftment\r")
    demo.wait_for("you .*my appointment")
    demo.wait_for("PIN")
    demo.type("12 34\r")
    demo.wait_for("keys 1234")
    demo.wait_for("Thank you")
    demo.type("half a sent")
    demo.wait_for("› half a sent")
    demo.type("\x03")
    demo.wait_for("the call is over: you hung up")
    demo.wait_for("every invariant held")
    demo.wait_for("Nothing went wrong")
    assert demo.process.wait(STEP_SECONDS) == 0
    assert "Traceback" not in demo.shown
    assert termios.tcgetattr(demo.slave)[:6] == demo.attributes[:6], "the terminal is as it was"


@pytest.mark.parametrize("demo", [("--stream",)], indirect=True)
def test_what_a_person_types_is_spoken_into_the_stream_and_heard_there(demo: Terminal) -> None:
    demo.wait_for("Type to speak")
    demo.wait_for("the agent speaks")
    demo.type("goodbye\r")
    demo.wait_for("agent .*interrupted")
    demo.wait_for("you .*goodbye")
    demo.wait_for("agent .*Thank you for calling")
    demo.wait_for("the gateway hung up")
    demo.wait_for("every invariant held")
    assert demo.process.wait(STEP_SECONDS) == 0
    assert "Traceback" not in demo.shown
