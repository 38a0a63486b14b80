"""Text → words for a voice that reads numbers as quantities: telephone numbers and codes digit by digit.

English only. Pure.
"""

import re
from typing import Final

# "+49 30 901820", "1 (212) 555-0186", "212.555.0186", "555-0186"; and runs of five digits or more: codes, in a call.
_NUMBER: Final = re.compile(
    r"(?<![\w.,$€£-])"
    r"(?:\+\d[\d ().-]{5,20}\d|(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}|\d{3}-\d{4}|\d{5,15})"
    r"(?![\w%-]|[.,]\d)"
)
_NORTH_AMERICAN: Final = re.compile(r"\+?(1?)(\d{3})(\d{3})(\d{4})")
_GROUP: Final = re.compile(r"\d+")
_LONGEST_GROUP: Final = 4
_USUAL_GROUP: Final = 3
_MARKUP: Final = re.compile(r"<[^<>]{0,2000}>|[*_`#|~]+|https?://\S+")
_BLANKS: Final = re.compile(r"\s+")

# Where a sentence may be cut so that its beginning is heard while the rest is made.
_CLAUSE: Final = re.compile(r"(?<=[,;:—–])\s+")
_WORD_GAP: Final = re.compile(r"\s+")
LONGEST_PIECE: Final = 120
_SHORTEST_PIECE: Final = 30


def has_words(text: str) -> bool:
    """Whether there is anything in it to be said."""
    return any(character.isalnum() for character in text)


def prepare_text(text: str) -> str:
    """What is read aloud for `text`: no markup, numbers that are not quantities spelled out."""
    plain = _MARKUP.sub(" ", text)
    return _BLANKS.sub(" ", _NUMBER.sub(_spell, plain)).strip()


def split_clauses(text: str) -> list[str]:
    """Pieces of at most about 120 characters, cut after clauses, and between words where a clause is too long."""
    pieces: list[str] = []
    for clause in _CLAUSE.split(text):
        if pieces and (len(pieces[-1]) < _SHORTEST_PIECE or len(pieces[-1]) + len(clause) < LONGEST_PIECE // 2):
            pieces[-1] = f"{pieces[-1]} {clause}"
        else:
            pieces.append(clause)
    return [part for piece in pieces for part in _split_words(piece)] if len(text) > LONGEST_PIECE else [text]


def _split_words(piece: str) -> list[str]:
    parts: list[str] = [""]
    for word in _WORD_GAP.split(piece):
        if parts[-1] and len(parts[-1]) + len(word) >= 2 * LONGEST_PIECE:
            parts.append(word)
        else:
            parts[-1] = f"{parts[-1]} {word}".lstrip()
    return parts


def _spell(number: re.Match[str]) -> str:
    """Digits apart, and a comma, which is a short pause, between groups."""
    plus = "plus " if number[0].startswith("+") else ""
    return plus + ", ".join(" ".join(group) for group in _groups(number[0]))


def _groups(number: str) -> list[str]:
    """As they were written; a long group in threes, a North American number as it is said there."""
    groups = _GROUP.findall(number)
    american = _NORTH_AMERICAN.fullmatch(number)
    if american is not None:
        return [group for group in american.groups() if group]
    parts: list[str] = []
    for group in groups:
        size = _LONGEST_GROUP if len(group) <= _LONGEST_GROUP else _USUAL_GROUP
        parts += [group[at : at + size] for at in range(0, len(group), size)]
    return parts
