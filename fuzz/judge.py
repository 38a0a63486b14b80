"""Judges the mutants that mutmut made, in one pytest session: `python fuzz/judge.py [--again] 'twiml.text.*'`.

mutmut starts pytest anew for every mutant, and limits it by the clock, so that on a busy machine it takes for endless
what only had to wait. Here the tests are collected once; a forked child for each mutant plays those that reach the
changed function, the quickest first, until one fails. The verdicts stand where mutmut keeps its own (`*.py.meta`).
"""

import json
import os
import resource
import signal
import sys
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NoReturn

import pytest

SURVIVED, KILLED, NO_TESTS, ENDLESS = 0, 1, 33, 36  # as mutmut numbers its verdicts
_CHILDREN = len(os.sched_getaffinity(0))
# What a test may take, in multiples of what it took when mutmut measured it: of the processor, and of the clock.
_CPU_TIMES, _CPU_SECONDS_MORE = 6, 6
_CLOCK_TIMES, _CLOCK_SECONDS_MORE = 40, 180
_MOST_MEMORY = 4 << 30


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which mutants."""
    parser.addoption("--mutants", default="*", help="names of mutants, with wildcards, apart by blanks")
    parser.addoption("--again", action="store_true", help="also those that have survived or never ended before")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mutant, and the tests that reach its function."""

    name: str
    meta: Path
    tests: tuple[pytest.Item, ...]


@dataclass(slots=True)
class Judge:
    """What mutmut wrote into the folder `mutants`, and the verdicts."""

    session: pytest.Session
    seconds_of: dict[str, float]
    tests_of: dict[str, list[str]]
    metas: dict[Path, dict[str, Any]]

    def choose(self, patterns: list[str], *, again: bool) -> list[Mutant]:
        """The mutants that are still to be judged, those with the quickest tests first."""
        by_id = {item.nodeid: item for item in self.session.items}
        chosen = []
        for path, meta in self.metas.items():
            for name, verdict in meta["exit_code_by_key"].items():
                wanted = any(fnmatch(name, pattern) for pattern in patterns)
                if wanted and (verdict is None or (again and verdict != KILLED)):
                    reaching = self.tests_of.get(name.rpartition("__mutmut_")[0], [])
                    tests = sorted((by_id[test] for test in reaching if test in by_id), key=self._usual_seconds)
                    chosen.append(Mutant(name, path, tuple(tests)))
        return sorted(chosen, key=lambda mutant: sum(map(self._usual_seconds, mutant.tests)))

    def judge(self, mutants: list[Mutant]) -> None:
        """Give a verdict on each. Raises `pytest.UsageError` where the tests fail without any mutant."""
        tests = {test: None for mutant in mutants for test in mutant.tests}
        if os.waitpid(self._fork(Mutant("", Path(), tuple(tests))), 0)[1]:
            raise pytest.UsageError("the tests fail although nothing was changed")
        running: dict[int, Mutant] = {}
        for mutant in mutants:
            if not mutant.tests:
                self._note(mutant, NO_TESTS)
                continue
            if len(running) == _CHILDREN:
                self._wait(running)
            running[self._fork(mutant)] = mutant
        while running:
            self._wait(running)

    def _wait(self, running: dict[int, Mutant]) -> None:
        pid, status = os.wait()
        code = os.waitstatus_to_exitcode(status)
        self._note(running.pop(pid), ENDLESS if code in {-signal.SIGPROF, -signal.SIGALRM} else code)

    def _note(self, mutant: Mutant, verdict: int) -> None:
        meta = self.metas[mutant.meta]
        meta["exit_code_by_key"][mutant.name] = verdict
        mutant.meta.write_text(json.dumps(meta), encoding="utf-8")

    def _fork(self, mutant: Mutant) -> int:
        pid = os.fork()
        if not pid:
            try:
                self._play(mutant)
            finally:
                os._exit(KILLED)
        return pid

    def _play(self, mutant: Mutant) -> NoReturn:
        os.environ["MUTANT_UNDER_TEST"] = mutant.name
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        for test, following in zip(mutant.tests, (*mutant.tests[1:], None), strict=True):
            usual = self._usual_seconds(test)
            signal.setitimer(signal.ITIMER_PROF, _CPU_TIMES * usual + _CPU_SECONDS_MORE)
            signal.setitimer(signal.ITIMER_REAL, _CLOCK_TIMES * usual + _CLOCK_SECONDS_MORE)
            test.config.hook.pytest_runtest_protocol(item=test, nextitem=following)
            if self.session.testsfailed:
                os._exit(KILLED)
        os._exit(SURVIVED)

    def _usual_seconds(self, test: pytest.Item) -> float:
        return self.seconds_of.get(test.nodeid, 1.0)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """Instead of running the tests."""
    stats = json.loads(Path("mutmut-stats.json").read_text(encoding="utf-8"))
    metas = {path: json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path().rglob("*.py.meta"))}
    judge = Judge(session, stats["duration_by_test"], stats["tests_by_mangled_function_name"], metas)
    patterns, again = session.config.getoption("--mutants"), session.config.getoption("--again")
    judge.judge(judge.choose(patterns.split(), again=again))
    return True


def main() -> None:
    """Judge in the folder `mutants`, with the tests and the options that mutmut has in pyproject.toml."""
    names = [argument for argument in sys.argv[1:] if argument != "--again"]
    os.chdir("mutants")
    sys.path.insert(0, str(Path.cwd()))  # before the code that is not mutated
    mutmut = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
    arguments = ["-q", "-x", "--capture=sys", f"--mutants={' '.join(names) or '*'}"]
    arguments += ["--again"] if "--again" in sys.argv else []
    tests = [*mutmut["pytest_add_cli_args"], *mutmut["pytest_add_cli_args_test_selection"]]
    raise SystemExit(pytest.main([*arguments, *tests], plugins=[sys.modules[__name__]]))


if __name__ == "__main__":
    main()
