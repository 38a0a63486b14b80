"""The error tree keeps its promises."""

from __future__ import annotations

import re

import pytest

from voicegw import errors
from voicegw.errors import AgentBroke, AgentBusy, AgentRefused, AgentUnreachable, StoreError, VoicegwError


def tree(root: type[VoicegwError]) -> list[type[VoicegwError]]:
    return [root, *(leaf for branch in root.__subclasses__() for leaf in tree(branch))]


OURS = [kind for kind in tree(VoicegwError) if kind.__module__ == errors.__name__]


def test_every_error_has_a_stable_code_of_its_own() -> None:
    codes = [kind.code for kind in OURS]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.__name__)
def test_the_docstring_draws_every_error(kind: type[VoicegwError]) -> None:
    assert errors.__doc__ is not None
    assert re.search(rf"\b{kind.__name__}\b", errors.__doc__)


def test_the_class_gives_the_verdict_and_the_raiser_may_know_better() -> None:
    assert AgentUnreachable("x").retryable
    assert not AgentUnreachable("x", retryable=False).retryable
    assert not AgentRefused("x", status=500).retryable
    assert AgentRefused("x", status=500, retryable=True).retryable
    assert not AgentBroke("x", answer_begun=True).retryable
    assert StoreError("x").retryable


def test_an_error_tells_its_message_and_what_it_carries() -> None:
    error = AgentBusy("too many", retry_after_seconds=2.5)
    assert (str(error), error.message, error.retry_after_seconds, error.code) == (
        "too many",
        "too many",
        2.5,
        "agent-busy",
    )
