"""The house's measures: files under 300 lines, functions under 50, an opening docstring in every file.

Run by `make check`; prints what is over and exits with 1.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 50
FOLDERS = ("bench", "fuzz", "twiml", "voicegw")


def faults(path: Path) -> Iterator[str]:
    """What is wrong with one file."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    if (lines := len(text.splitlines())) > MAX_FILE_LINES:
        yield f"{path}: {lines} lines, at most {MAX_FILE_LINES}: split by noun"
    if text.strip() and not ast.get_docstring(tree):
        yield f"{path}: does not say what lives here"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            length = node.end_lineno - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                yield f"{path}:{node.lineno}: {node.name} has {length} lines, at most {MAX_FUNCTION_LINES}"


def main() -> int:
    """Check all source files but the tests."""
    found = [fault for folder in FOLDERS for path in sorted(Path(folder).rglob("*.py")) for fault in faults(path)]
    print("\n".join(found) or "lengths: all files and functions within their measures")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
