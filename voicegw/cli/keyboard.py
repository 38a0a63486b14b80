"""Typing while something else prints: a line at the bottom of the terminal, and what is printed appears above it."""

import asyncio
import codecs
import os
import signal
import sys
import termios
import tty
from collections.abc import Callable
from typing import Self

from rich.cells import cell_len
from rich.text import Text

from voicegw.cli.showing import out

_PROMPT = "› "
_CLEAR_LINE = "\r\x1b[2K"
_ESCAPE, _END_OF_INPUT, _CLEAR = "\x1b", "\x04", "\x15"
_ERASE = frozenset("\x7f\b")
_ENTER = frozenset("\r\n")


class LineEditor:
    """PURE: characters in, whole lines out; `text` is what stands in the line now.

    Knows Enter, backspace, Ctrl-U and Ctrl-D; keys that send escape sequences (arrows …) do nothing.
    """

    def __init__(self) -> None:
        self.text = ""
        self._in_escape = False

    def receive(self, characters: str) -> list[str | None]:
        """The lines that these characters complete; None stands for Ctrl-D, the end of all input."""
        lines: list[str | None] = []
        for character in characters:
            if self._in_escape:
                # ECMA-48: ESC [ (or ESC O), parameters, and a final byte from @ to ~
                self._in_escape = not ("@" <= character <= "~" and character not in "[O")
            elif character == _ESCAPE:
                self._in_escape = True
            elif character in _ENTER:
                lines.append(self.text)
                self.text = ""
            elif character == _END_OF_INPUT:
                lines.append(None)
            elif character in _ERASE:
                self.text = self.text[:-1]
            elif character == _CLEAR:
                self.text = ""
            elif character.isprintable():
                self.text += character
        return lines


class Keyboard:
    """Reads the terminal inside a `with`, from the running loop. `on_line` gets each line, Ctrl-D and Ctrl-C `on_end`.

    A second Ctrl-C cancels the task that entered.
    """

    def __init__(self, *, on_line: Callable[[str], None], on_end: Callable[[], None]) -> None:
        self._on_line = on_line
        self._on_end = on_end
        self._editor = LineEditor()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._input = sys.stdin.fileno()
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> Self:
        self._before = termios.tcgetattr(self._input)
        tty.setcbreak(self._input, termios.TCSANOW)
        self._loop.add_reader(self._input, self._read)
        self._task = asyncio.current_task()
        self._interrupted = False
        self._loop.add_signal_handler(signal.SIGINT, self._interrupt)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.remove_reader(self._input)
        self._loop.remove_signal_handler(signal.SIGINT)
        termios.tcsetattr(self._input, termios.TCSADRAIN, self._before)
        self._write(_CLEAR_LINE)

    def print(self, text: Text) -> None:
        """Print a line above the one that is being typed."""
        self._write(_CLEAR_LINE)
        out.print(text, soft_wrap=True)
        self._draw()

    def _read(self) -> None:
        typed = os.read(self._input, 4096)
        for line in self._editor.receive(self._decoder.decode(typed)) if typed else [None]:
            if line is None:
                self._on_end()
            else:
                self._on_line(line)
        if not typed:  # the terminal is gone
            self._loop.remove_reader(self._input)
        self._draw()

    def _interrupt(self) -> None:
        if self._interrupted and self._task is not None:
            self._task.cancel()
        self._interrupted = True
        self._on_end()

    def _draw(self) -> None:
        """Show the end of the line, as much as fits."""
        shown = self._editor.text
        while cell_len(shown) > max(10, out.width - len(_PROMPT) - 1):
            shown = shown[1:]
        self._write(f"{_CLEAR_LINE}{_PROMPT}{shown}")

    def _write(self, text: str) -> None:
        out.file.write(text)
        out.file.flush()
