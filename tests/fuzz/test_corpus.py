"""The fuzzer's corpus as plain tests: what once led somewhere new still holds, in a second each, without atheris."""

import importlib
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[2] / "fuzz"
MOST_CORPUS_BYTES = 200_000

sys.path.append(str(FUZZ))  # the files there import each other as scripts do
targets = importlib.import_module("targets")
CORPUS = sorted((FUZZ / "corpus").glob("*/*"))


@pytest.mark.parametrize("name", targets.TARGETS)
def test_every_input_of_the_corpus_is_taken_or_refused_as_documented(name: str) -> None:
    inputs = [path for path in CORPUS if path.parent.name == name]
    assert inputs
    for path in inputs:
        try:
            targets.check_in_time(targets.TARGETS[name], path.read_bytes())
        except Exception as exc:
            raise AssertionError(f"{path.relative_to(FUZZ)}: {exc!r}") from exc


def test_a_fault_is_told_from_a_refusal() -> None:
    def crash(data: bytes) -> None:
        raise IndexError(data)

    with pytest.raises(IndexError):
        targets.check_in_time(crash, b"any")


def test_too_slow_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter((0.0, targets.MOST_CPU_SECONDS + 0.1))
    monkeypatch.setattr(targets.time, "process_time", lambda: next(ticks))
    with pytest.raises(targets.TooSlow):
        targets.check_in_time(lambda _: None, b"any")


def test_every_target_has_a_corpus_and_no_corpus_is_left_over() -> None:
    assert {path.parent.name for path in CORPUS} == set(targets.TARGETS)
    assert sum(path.stat().st_size for path in CORPUS) < MOST_CORPUS_BYTES
