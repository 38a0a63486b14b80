"""Writes the table of docs/failures.md from the cells themselves: what fails, what the caller hears, how often played.

python tests/failures/table.py            writes the table into the page
python tests/failures/table.py --check    says whether the page is up to date (exit status 1: it is not)
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "failures.md"
BEGIN = "<!-- the table begins: written by tests/failures/table.py -->"
PARTS = (
    "agent slow",
    "agent refuses",
    "agent cannot work",
    "session",
    "answer breaks off",
    "answer damaged",
    "answer in pieces",
    "forward fails",
    "caller hangs up",
    "webhook lost",
    "webhook repeated",
    "status callbacks",
    "store fails",
    "gateway is told to stop",
    "gateway is replaced",
    "gateway dies",
    "two faults at once",
)
END = "<!-- the table ends -->"


@dataclass
class Row:
    """One group of cells."""

    group: Any
    test: str
    line: int
    quick: int = 0
    sweep: int = 0


@dataclass
class Collector:
    """A pytest plugin that looks at what was collected and runs nothing."""

    rows: dict[str, Row] = field(default_factory=dict)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Everything is collected."""
        self.count(session.items)

    def count(self, items: Iterable[Any]) -> None:
        """Count the cells of each test that is marked as a group."""
        for item in items:
            mark = item.get_closest_marker("failure")
            if mark is None:
                continue
            name = item.nodeid.partition("[")[0].removeprefix("tests/failures/")
            row = self.rows.setdefault(name, Row(mark.args[0], name, item.location[1] or 0))
            cells = _cells_of(item)
            if item.get_closest_marker("sweep"):
                row.sweep += cells
            else:
                row.quick += cells


def _cells_of(item: Any) -> int:
    """How many cells a test plays: its cases, or the kills of its rounds."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    if "cases" in params:
        return len(params["cases"])
    return int(params.get("rounds", 1)) * int(params.get("gateways", 1))


def collect() -> list[Row]:
    """All groups."""
    collector = Collector()
    room = str(Path(__file__).parent)
    arguments = ["--collect-only", "-q", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--no-header", room]
    if pytest.main(arguments, plugins=[collector]) != pytest.ExitCode.OK:
        raise SystemExit("the tests cannot be collected")
    return list(collector.rows.values())


def render(rows: Iterable[Row]) -> str:
    """The table in Markdown, grouped by where the fault is; the order of `rows` does not matter."""
    parts: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (PARTS.index(row.group.part), row.test.partition("::")[0], row.line)):
        parts.setdefault(row.group.part, []).append(row)
    lines: list[str] = []
    total = quick = 0
    for part, its in parts.items():
        lines += [
            f"### {part[0].upper()}{part[1:]}",
            "",
            "| fault | what the caller hears | cells | test |",
            "|---|---|---|---|",
        ]
        for row in its:
            cells = row.quick + row.sweep
            total, quick = total + cells, quick + row.quick
            test = row.test.replace("::", " · ")
            lines.append(f"| {row.group.fault} | {row.group.hears} | {cells:,} | `{test}` |")
        lines.append("")
    groups = sum(map(len, parts.values()))
    head = f"{total:,} cells in {groups} groups: {quick:,} of them in `make test`, the others in `make sweep`."
    return "\n".join([head, "", *lines]).rstrip()


def written(page: str, table: str) -> str:
    """The page with this table in it."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


def main() -> int:
    """Write the table, or check it."""
    page = PAGE.read_text(encoding="utf-8")
    fresh = written(page, render(collect()))
    if "--check" in sys.argv[1:]:
        return int(fresh != page)
    PAGE.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
