"""What a check found: one line each, ✓ good, ✗ bad with the mend, · not checked with the reason."""

from dataclasses import dataclass
from typing import Literal

from rich.text import Text

from voicegw.cli.showing import out, printable

Verdict = Literal["good", "bad", "skipped"]

_MARKS = {"good": ("✓ ", "bold green"), "bad": ("✗ ", "bold red"), "skipped": ("· ", "dim")}
_SUBJECT_COLUMN = 12


@dataclass(frozen=True, slots=True)
class Finding:
    """`subject` is what was looked at, `detail` what was found, `mend` what to do about it (bad ones only)."""

    verdict: Verdict
    subject: str
    detail: str
    mend: str = ""

    def show(self) -> None:
        """Print the line, and the mend below it."""
        detail = (printable(self.detail), "dim" if self.verdict == "skipped" else "")
        line = Text.assemble(_MARKS[self.verdict], (f"{self.subject:<{_SUBJECT_COLUMN}} ", "bold"), detail)
        if self.mend:
            line.append(f"\n  {'':<{_SUBJECT_COLUMN}} → {printable(self.mend)}", "yellow")
        out.print(line, soft_wrap=True)


def good(subject: str, detail: str) -> Finding:
    """All is well."""
    return Finding("good", subject, detail)


def bad(subject: str, detail: str, mend: str) -> Finding:
    """Calls, or what is kept and told of them, would suffer; `mend` is what to do."""
    return Finding("bad", subject, detail, mend)


def skipped(subject: str, reason: str) -> Finding:
    """Not looked at."""
    return Finding("skipped", subject, reason)
