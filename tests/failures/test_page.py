"""The published table is what is played."""

from pathlib import Path

import pytest
from table import PAGE, Collector, collect, render, written


def test_the_table_of_failures_is_up_to_date(room: list[pytest.Item]) -> None:
    collector = Collector()
    collector.count(room)
    files = {path.name for path in Path(__file__).parent.glob("test_*.py")}
    whole = {item.path.name for item in room} == files
    rows = list(collector.rows.values()) if whole else collect()
    page = PAGE.read_text(encoding="utf-8")
    assert written(page, render(rows)) == page, "run tests/failures/table.py"
