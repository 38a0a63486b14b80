"""Digits that were said one by one → written as one number: "four seven two, oh one" → "47201". English. Pure.

A recogniser writes a number as words, as digits, or half and half, as it pleases. Two single digits in a row may be a
phrase ("one two-seater"), so at least three are joined.
"""

import re
from typing import Final

_DIGIT_OF: Final = {
    "zero": "0", "oh": "0", "o": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
    "seven": "7", "eight": "8", "nine": "9",
}  # fmt: skip
_TIMES: Final = {"double": 2, "triple": 3}
_NAMED: Final = "|".join(sorted(_DIGIT_OF, key=len, reverse=True))
# "oh" and "o" are digits only between others: no number begins with "oh well".
_FIRST: Final = rf"(?:(?:double|triple)\s+)?(?:(?!oh?\b)(?:{_NAMED})\b|\d\b)"
_NEXT: Final = rf"(?:(?:double|triple)\s+)?(?:(?:{_NAMED})\b|\d+\b)"
_RUN: Final = re.compile(rf"\b{_FIRST}(?:[\s,.-]+{_NEXT})*(?:[\s,.-]+{_NEXT})", re.IGNORECASE)
_DIGIT: Final = re.compile(rf"(?:(double|triple)\s+)?({_NAMED}|\d+)", re.IGNORECASE)
_FEWEST: Final = 3


def join_spoken_digits(text: str) -> str:
    """The text with runs of three or more single digits joined; everything else stays as it is."""
    return _RUN.sub(_join, text)


def _join(run: re.Match[str]) -> str:
    digits = "".join(
        _DIGIT_OF.get(digit.lower(), digit) * _TIMES.get(times.lower(), 1) for times, digit in _DIGIT.findall(run[0])
    )
    return digits if len(digits) >= _FEWEST and _is_single(run[0]) else run[0]


def _is_single(run: str) -> bool:
    """False where a written number of several digits is part of it: "1, 200, 35" is a list."""
    return not re.search(r"\d\d", run)
