"""What a run of `mutmut` found, by module: `python fuzz/scores.py`. Reads `mutmut results --all true`.

Killed: a test failed. Out of time: the mutant never came to an end, which is as good. The rest survived.
"""

import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

_RESULT = re.compile(r"\s+(?P<module>[\w.]+)\.x[_ǁ].*: (?P<verdict>.+)")


def main() -> None:
    """Print one row of a table for each module."""
    mutmut = Path(sys.executable).with_name("mutmut")
    results = subprocess.run([mutmut, "results", "--all", "true"], capture_output=True, text=True, check=True)  # noqa: S603
    modules: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for line in results.stdout.splitlines():
        if (found := _RESULT.match(line)) is not None:
            modules[found["module"]][found["verdict"]] += 1
    print("| module | mutants | killed | out of time | survived | not run | score |")
    print("|---|---|---|---|---|---|---|")
    for module, verdicts in sorted(modules.items()):
        unchecked = verdicts["not checked"]
        judged = verdicts.total() - unchecked
        dead = verdicts["killed"] + verdicts["timeout"]
        score = f"{100 * dead / judged:.1f} %" if judged else "–"
        cells = (module, judged, verdicts["killed"], verdicts["timeout"], judged - dead, unchecked, score)
        print("|", " | ".join(map(str, cells)), "|")


if __name__ == "__main__":
    main()
