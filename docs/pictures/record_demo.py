"""Draws demo.svg: runs `voicegw demo` without a terminal and pictures what it printed. Run it when the demo changes."""

import os
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

COLUMNS = 92
PICTURE = Path(__file__).with_name("demo.svg")


def main() -> None:
    """Record one scripted call; what the machine adds (its free ports) is left out."""
    environ = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS)}
    command = [Path(sys.executable).with_name("voicegw"), "demo"]
    done = subprocess.run(  # noqa: S603 - our own command
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environ, check=True
    )
    lines = [line for line in done.stdout.splitlines() if "127.0.0.1" not in line]
    console = Console(record=True, width=COLUMNS, file=StringIO())
    console.print(Text("$ make run < /dev/null", "bold"))
    for line in lines:
        console.print(Text.from_ansi(line), soft_wrap=True)
    picture = console.export_svg(title="voicegw demo", theme=MONOKAI, unique_id="demo")
    # no font from another host: every system has a monospaced one, and each run of text has its length
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    picture = picture.replace("Fira Code, monospace", "ui-monospace, Menlo, Consolas, monospace")
    PICTURE.write_text(re.sub(r"(?m)[ \t]+$", "", picture), encoding="utf-8")


if __name__ == "__main__":
    main()
