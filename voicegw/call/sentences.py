"""Text as it arrives → whole sentences to speak.

Where the text was sliced never shows: a border is final only once what follows it has been seen. A doubtful
border (an abbreviation, an initial, an ordinal) is no border: that costs a moment, a wrong cut the melody.
Knows no clock: the flush after a pause in the text is its caller's decision.
"""

import re
from typing import Final

LONGEST_SENTENCE: Final = 300
"""Characters after which text without a border is cut at a clause, else between words."""

_LONGEST_ATOM: Final = 900
# What must stay in one piece: a tag, and a markdown link, whose label may hold marks of its own.
_ATOM: Final = re.compile(r"</?[A-Za-z][^<>]{0,300}>|\[[^\[\]\n]{0,300}\]\([^()\s]{0,500}\)")
_UNFINISHED_ATOM: Final = re.compile(r"<(?:/?[A-Za-z][^<>]{0,300}|/)?|\[[^\[\]\n]{0,300}(?:\](?:\([^()\s]{0,500})?)?")
_SENTENCE_TAG: Final = re.compile(r"</(?:p|s|speak)\s*>", re.IGNORECASE)
_ENTITY: Final = re.compile(r"&(?:#\w{1,7}|[A-Za-z]\w{1,30});")

# Runs are bounded, so that a peer that sends a megabyte of dots costs no more than one that sends words.
_LONGEST_RUN: Final = 8
_CANDIDATE: Final = re.compile(r"[.!?;…؟।۔]{1,8}|[。！？；｡]{1,8}|[\n<\[]")
_CLOSERS: Final = re.compile(r"[\"'”’“»›)\]}」』）】*_~]{0,8}")
_GAP: Final = re.compile(r"\s{0,8}")
_WIDE_MARKS: Final = frozenset("。！？；｡")
_SPANISH_OPENERS: Final = ("¿", "¡")

_BEFORE_WORD: Final = re.compile(r"[\s(\[{\"'„“«>*_/]")
_INITIALS: Final = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")  # "J", "z.B", "U.S", "S.A"
_LONGEST_ABBREVIATION: Final = 24
_TITLES_AND_SUCH: Final = """
    mr mrs ms mx dr prof st sr jr rev hon gen col capt lt sgt mt ft ave blvd vs approx dept est inc ltd co
    corp hr fr frl dipl ing bzw ca evtl ggf inkl exkl zzgl vgl nr str tel mind max min allg geb
    mme mlle mgr av bd env sra srta dra avda núm pág dpto sig dott avv geom dhr mevr mw drs ir blz
"""
_COUNTED_THINGS: Final = """
    no nos art fig vol chap sec abs kap p pp n° n.º jan feb mar apr jun jul aug sep sept oct okt nov dec dez
    janv févr avr juil déc ene abr ago dic fev mai set out gen giu lug ott
"""
_ABBREVIATIONS: Final = frozenset(_TITLES_AND_SUCH.split())
_ABBREVIATIONS_BEFORE_DIGITS: Final = frozenset(_COUNTED_THINGS.split())

_UNIT: Final = re.compile(rf"(?:{_ATOM.pattern}|\S)++")
_CLAUSE_MARKS: Final = (",", ":", "–", "—", "、", "，", "：", ")")
_WIDE_CLAUSE_MARKS: Final = "、，："


class SentenceAssembler:
    """Collects deltas of one message and gives out each sentence, stripped and never blank, once it is whole.

    Everything that comes in goes out, in order, but for white space; every slicing gives the same sentences.
    """

    __slots__ = ("_searched", "_text")

    def __init__(self) -> None:
        self._text = ""
        self._searched = 0  # no border before it: nothing is read twice, however small the deltas

    @property
    def pending(self) -> bool:
        """Whether there is text that has not been given out."""
        return bool(self._text)

    def receive(self, text: str) -> list[str]:
        """Take the next delta; return the sentences that are whole now."""
        self._text = self._text + text if self._text else text.lstrip()
        return self._take(complete=False)

    def flush(self) -> list[str]:
        """Return what is left, at the message's end or when the caller has waited long enough."""
        return self._take(complete=True)

    def _take(self, *, complete: bool) -> list[str]:
        sentences: list[str] = []
        start = 0
        while start < len(self._text) and (end := self._sentence_end(start, complete=complete)) is not None:
            sentences.append(self._text[start:end].strip())
            start = self._searched = _skip_blank(self._text, end)
        self._text = self._text[start:]
        self._searched -= start
        return sentences

    def _sentence_end(self, start: int, *, complete: bool) -> int | None:
        """Where the sentence that begins at `start` ends; None while that depends on text still to come."""
        text = self._text
        longest = start + LONGEST_SENTENCE
        while (mark := _CANDIDATE.search(text, self._searched, longest + _LONGEST_RUN)) and mark.start() < longest:
            position = mark.end()
            if mark[0] == "\n":
                return position
            if mark[0] in "<[":
                if atom := _ATOM.match(text, mark.start()):
                    position = atom.end()
                    if _SENTENCE_TAG.fullmatch(atom[0]):
                        return position
                elif not complete and _UNFINISHED_ATOM.fullmatch(text, mark.start()):
                    return None
            else:
                position = _end_of(_CLOSERS, text, position)
                verdict = _is_border(text, start, mark, position)
                if verdict is None and not complete:
                    return None
                if verdict is not False:
                    return position
            self._searched = position
        if len(text) > longest:
            return _clause_end(text, start)
        self._searched = len(text)
        return len(text) if complete else None


def _skip_blank(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def _is_border(text: str, start: int, mark: re.Match[str], closed: int) -> bool | None:
    """Whether the sentence ends at `closed`, after mark and closing quotes; None if unseen yet."""
    if mark[0][-1] in _WIDE_MARKS:
        return True if closed < len(text) else None
    after_gap = _end_of(_GAP, text, closed)
    gap = text[closed:after_gap]
    if "\n" in gap:
        return True
    if closed == len(text):
        return None
    if text.startswith(_SPANISH_OPENERS, closed):
        return True
    if not gap:
        return False
    if mark[0] == ";":
        return not _closes_entity(text, mark.start())
    if mark[0][-1] not in ".…":
        return True
    if after_gap == len(text):
        return None
    following = text[after_gap]
    if mark[0] == "." and _is_abbreviated(text, start, mark.start(), following):
        return False
    return not following.islower()


def _is_abbreviated(text: str, start: int, dot: int, following: str) -> bool:
    """Whether the dot is part of its word: "Dr.", "z.B.", "J. Smith", "am 3. Mai", "1. Milk", "No. 5"."""
    word = _BEFORE_WORD.split(text[max(start, dot - _LONGEST_ABBREVIATION) : dot])[-1].lower()
    if word.isdigit():
        return len(word) <= 2
    if word in _ABBREVIATIONS or _INITIALS.fullmatch(word):
        return True
    return following.isdigit() and word in _ABBREVIATIONS_BEFORE_DIGITS


def _closes_entity(text: str, semicolon: int) -> bool:
    ampersand = text.rfind("&", max(0, semicolon - 32), semicolon)
    return ampersand >= 0 and _ENTITY.fullmatch(text, ampersand, semicolon + 1) is not None


def _clause_end(text: str, start: int) -> int:
    """Where to cut text that runs on too long: after a clause in its later two thirds, else after a word."""
    longest = start + LONGEST_SENTENCE
    word_end = clause_end = 0
    for unit in _UNIT.finditer(text, start, longest + _LONGEST_ATOM):
        if unit.end() > longest:
            break
        word_end = unit.end()
        if unit[0].endswith(_CLAUSE_MARKS) and word_end - start > LONGEST_SENTENCE // 3:
            clause_end = word_end
    return clause_end or word_end or _cut_inside_unit(text, start)


def _cut_inside_unit(text: str, start: int) -> int:
    """Where to cut what has no spaces: after a comma of such a script; never inside a tag or link."""
    longest = start + LONGEST_SENTENCE
    end = start
    comma = 0
    while end < longest:
        atom = _ATOM.match(text, end) if text[end] in "<[" else None
        if atom and atom.end() > longest and end > start:
            break
        end = atom.end() if atom else end + 1
        if text[end - 1] in _WIDE_CLAUSE_MARKS and end - start > LONGEST_SENTENCE // 3:
            comma = end
    return comma or end


def _end_of(pattern: re.Pattern[str], text: str, position: int) -> int:
    """The end of a pattern that matches anywhere, if only the empty string."""
    found = pattern.match(text, position)
    return found.end() if found else position
