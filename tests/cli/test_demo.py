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
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

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
def demo(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal("demo", cwd=tmp_path)
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
