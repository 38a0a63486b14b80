"""The line at the bottom of the terminal: characters in, lines out."""

import pytest

from voicegw.cli.keyboard import LineEditor


@pytest.mark.parametrize(
    ("typed", "lines", "left"),
    [
        ("hello\r", ["hello"], ""),
        ("hello\nyou\nand", ["hello", "you"], "and"),
        ("helo\x7flo\r", ["hello"], ""),
        ("x\b\b\by\r", ["y"], ""),
        ("wrong\x15right\r", ["right"], ""),
        ("a\x04", [None], "a"),
        ("\x1b[A\x1b[1;5Dleft\x1bOP\r", ["left"], ""),
        ("\x00\x07caf\u00e9 \u4f60\r", ["caf\u00e9 \u4f60"], ""),
        ("\r", [""], ""),
    ],
)
def test_what_is_typed_becomes_lines(typed: str, lines: list[str | None], left: str) -> None:
    editor = LineEditor()
    assert editor.receive(typed) == lines
    assert editor.text == left


def test_an_escape_sequence_that_comes_in_pieces_is_still_swallowed() -> None:
    editor = LineEditor()
    assert [editor.receive(piece) for piece in ("a\x1b", "[", "D", "b\r")] == [[], [], [], ["ab"]]
