"""Feeds one target with what atheris (libFuzzer) invents: `python fuzz/run.py TARGET [SECONDS] [libFuzzer's options]`.

New inputs go to build/fuzz/TARGET, a finding to build/fuzz/TARGET-crash-…; the committed corpus is only read.
`python fuzz/run.py TARGET distil` writes build/fuzz/TARGET.kept: the few short inputs that reach what all of them do.
"""

import logging
import shlex
import shutil
import sys
from pathlib import Path

import atheris
import structlog

with atheris.instrument_imports(include=["twiml", "voicegw"]):
    from targets import TARGETS, check_in_time

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))  # bad input is the rule
HERE = Path(__file__).parent
FOUND = HERE.parent / "build" / "fuzz"
LONGEST_INPUT_BYTES = 4096
LONGEST_KEPT_BYTES = 512
AS_TOLD = "as-told"


def main(name: str, task: str = "120", *options: str) -> None:
    """Fuzz one target for so many seconds, or distil its corpus. Exits as libFuzzer does: not 0 after a finding."""
    # To distil, libFuzzer starts this program anew, by its first argument in a shell.
    program = shlex.join([sys.executable, __file__, name, AS_TOLD])
    arguments = list(options) if task == AS_TOLD else [*_arguments(name, task), *options]
    atheris.Setup([program, *arguments], lambda data: check_in_time(TARGETS[name], data))
    atheris.Fuzz()


def _arguments(name: str, task: str) -> list[str]:
    corpus, found, kept = HERE / "corpus" / name, FOUND / name, FOUND / f"{name}.kept"
    found.mkdir(parents=True, exist_ok=True)
    arguments = [f"-artifact_prefix={FOUND}/{name}-", f"-dict={HERE}/words/{name}.dict", "-timeout=60"]
    if task == "distil":
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir()
        return [*arguments, "-merge=1", f"-max_len={LONGEST_KEPT_BYTES}", str(kept), str(corpus), str(found)]
    return [*arguments, f"-max_total_time={task}", f"-max_len={LONGEST_INPUT_BYTES}", str(found), str(corpus)]


if __name__ == "__main__":
    main(*sys.argv[1:])
