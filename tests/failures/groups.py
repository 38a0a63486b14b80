"""Cells in groups: every test plays a tuple of `cases`, a few of them always, all of them in the sweep.

`table.py` reads the groups from here: what fails, what the caller hears, how many cells there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import pytest

_Case = TypeVar("_Case")

FILLER = "One moment, please|Just a moment|still working on it|Bear with me"
SORRY = "something went wrong. Please say that again|that didn't work|a little trouble getting started"
GIVE_UP = "taking longer than it should"
UNAVAILABLE = "our assistant is not available"
FINAL = "can't help you at the moment. Please call again later"
RECOVERING = "I'll be right back with you"
BUSY = "All our lines are busy"
CONNECTING = "I'm connecting you"
HUMAN = "Hello\\?"


@dataclass(frozen=True, slots=True)
class Group:
    """One row of the table: where the fault is, what it is, and what the caller hears."""

    part: str
    fault: str
    hears: str


def failure(part: str, fault: str, hears: str) -> pytest.MarkDecorator:
    """Mark a test as a group of cells."""
    return pytest.mark.failure(Group(part, fault, hears))


def cases(every: Sequence[_Case], *, quick: int, size: int = 60, first: int = 0) -> pytest.MarkDecorator:
    """Give a test its `cases`: every `quick`-th of them in one go (from the `first`), the others in the sweep, `size`
    in one go. The order is kept, so that a case is found again by its name."""
    always = every[first::quick]
    rest = [case for index, case in enumerate(every) if index % quick != first % quick]
    chunks = [tuple(rest[begin : begin + size]) for begin in range(0, len(rest), size)]
    params = [pytest.param(tuple(always), id="quick")] if always else []
    params += [
        pytest.param(chunk, id=f"sweep-{number}", marks=pytest.mark.sweep) for number, chunk in enumerate(chunks, 1)
    ]
    return pytest.mark.parametrize("cases", params)
