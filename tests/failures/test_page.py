"""The published table is what is played."""

import subprocess
import sys
from pathlib import Path


def test_the_table_of_failures_is_up_to_date() -> None:
    table = Path(__file__).with_name("table.py")
    done = subprocess.run([sys.executable, str(table), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"run {table.name}\n{done.stdout}{done.stderr}"
