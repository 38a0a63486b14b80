"""What was hidden in one call, and where a later text repeats it: digits, words, and any payment card's number.

Pure. Digits are found however they are written (spaced, dashed, between SSML tags, URL-encoded, XML-escaped), words as
phrases. Hiding too much is harmless here, hiding too little is not: a call with too much to remember hides it all.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from urllib.parse import unquote

DOT = "•"
HIDDEN = "[hidden]"
CARD = "[card number]"

_SHORTEST = 3  # characters: a menu choice of one key must not blank every 1
_MAX_DIGITS = 512
_MAX_WORDS = 2048

# The only digits a tag between two digits may hold are a pause's: what hides in any other is searched on its own.
_TAG = r"<[^<>0-9]{1,60}(?:[0-9]{1,2}[^<>0-9]{1,20}|[0-9]{1,4}m?s[^<>0-9]{1,20})?>"
_BETWEEN = r"[\s!-/:;=?@\[-`{-~\u00a0-\u00bf\u2000-\u206f\u3000-\u303f]{0,5}"  # all but letters, digits and < >
_RUN = re.compile(rf"\d{_BETWEEN}(?:{_TAG}{_BETWEEN}){{0,3}}\d(?:{_BETWEEN}(?:{_TAG}{_BETWEEN}){{0,3}}\d)+")
_DIGIT = re.compile(r"\d")
_DIGIT_OR_REFERENCE = re.compile(r"[0-9]|&#")
_NO_ASCII_DIGITS = bytes(set(range(256)) - set(b"0123456789"))
_DIGITS_AS_ZERO = bytes.maketrans(b"123456789", b"000000000")
_SEPARATORS = bytes(code for code in range(256) if code >= 128 or not (chr(code).isalnum() or chr(code) in "<>"))
# In UTF-8 the decimal digits of other scripts begin with D9 or more, and none with E2 (dashes, quotes, currencies).
_NO_FOREIGN_DIGITS = bytes((*range(0xD9), 0xE2))
_CARD_LONG = b"0" * 13
_WORD = re.compile(r"[^\W_]+")
_SPELLED = re.compile(r"(?<![^\W_])[^\W\d_](?:(?:[^\w]|_){1,3}[^\W\d_](?![^\W_])){2,}")
_KEYS = re.compile(r"[0-9A-D*#]+")
_ESCAPE = re.compile(
    r"(?:%[0-9A-Fa-f]{2})+|&(?:#[0-9]{1,6}|#[xX][0-9A-Fa-f]{1,5}|amp|lt|gt|quot|apos);|\\u[0-9a-fA-F]{4}"
)
_NAMED = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'"}
_SENTENCE_END = frozenset(".!?")

Spans = list[tuple[int, int, str]]


class HiddenValues:
    """What must not be read in any later text of one call. Bounded: beyond the bounds everything of that sort goes."""

    def __init__(self) -> None:
        self._digits = ""  # all of them in their order, so that keys that came one by one make one value
        self._phrases: set[tuple[str, ...]] = set()
        self._letters = ""  # of all of them, for whoever spells one
        self._unspaced: set[str] = set()  # phrases of scripts that put no spaces between words
        self._word_count = 0

    def remember_keys(self, keys: str) -> None:
        """Keys as they were pressed, one by one or many at once."""
        digits = _plain(keys)
        if (len(digits) < _SHORTEST or digits not in self._digits) and len(self._digits) <= _MAX_DIGITS:
            self._digits += digits

    def remember_words(self, text: str) -> None:
        """What was said: its digits, every three words that follow each other, and every name and number in it."""
        self.remember_keys(text)
        if self._word_count > _MAX_WORDS:
            return
        found = list(_WORD.finditer(text))
        words = tuple(match[0].casefold() for match in found)
        self._word_count += len(words)
        if len("".join(words)) < _SHORTEST:
            return
        self._letters += "".join(words)
        self._phrases.update(words[start : start + 3] for start in range(max(1, len(words) - 2)))
        for position, match in enumerate(found):
            if len(match[0]) < _SHORTEST:
                continue
            if _is_unspaced(match[0]):
                self._unspaced.add(words[position])
            elif _is_telling(match[0]) and not _begins_sentence(text, match.start()):
                self._phrases.add((words[position],))

    def holds_keys(self, text: str) -> bool:
        """Is `text` nothing but keys, and all of them hidden ones?"""
        if not _KEYS.fullmatch(text):
            return False
        return len(self._digits) > _MAX_DIGITS or _plain(text) in self._digits

    def clean(self, text: str, *, cards: bool = True) -> str:
        """`text` with a dot for each digit of what is remembered, a word for hidden phrases, and no card numbers."""
        # Most texts of a call have no digits. Those of any script are escaped with one of ours (%E0%AB%AA, \u0aea), or
        # by a reference (&#xAEA;).
        if not self._word_count and text.isascii() and _DIGIT_OR_REFERENCE.search(text) is None:
            return text
        if not self._might_hold(text, cards=cards):
            return text
        if self._word_count > _MAX_WORDS:
            return HIDDEN
        view = _View(text)
        spans: Spans = []
        for run in _RUN.finditer(view.text):
            spans += self._in_run(run, cards=cards)
        if self._phrases:
            spans += (*self._in_words(view.text), *self._in_spellings(view.text))
        return view.replace(spans) if spans else text

    def _might_hold(self, text: str, *, cards: bool) -> bool:
        """A quick look that lets nearly every text of an ordinary call pass, and nothing that is to be hidden."""
        if not (self._digits or self._phrases) and len(text) < len(_CARD_LONG):
            return False
        if self._phrases or "%" in text or "&#" in text or "\\u" in text:
            return True
        written = text.encode(errors="replace")
        if not text.isascii() and written.translate(None, _NO_FOREIGN_DIGITS):
            return True
        if cards and _CARD_LONG in written.translate(_DIGITS_AS_ZERO, _SEPARATORS):
            return True
        if cards and ("<break" in text or "<say-as" in text):
            return True
        if not self._digits:
            return False
        digits = written.translate(None, _NO_ASCII_DIGITS).decode()
        triples = (digits[start : start + 3] for start in range(len(digits) - 2))
        return len(self._digits) > _MAX_DIGITS or any(triple in self._digits for triple in triples)

    def _in_run(self, run: re.Match[str], *, cards: bool) -> Spans:
        """What must go of one run of digits: each digit of a remembered value, the whole of a card number."""
        places = _places_of_digits(run)
        digits = _plain("".join(run.string[place] for place in places))
        spans: Spans = []
        if cards and (card := find_card(digits, places)) is not None:
            # whatever follows a card number is its expiry or its code
            spans.append((places[card], run.end(), CARD))
            digits = digits[:card]
        if self._digits:
            all_of_them = len(self._digits) > _MAX_DIGITS
            for start in range(len(digits) - 2):
                if all_of_them or digits[start : start + 3] in self._digits:
                    spans += ((place, place + 1, DOT) for place in places[start : start + 3])
        return spans

    def _in_words(self, text: str) -> Iterator[tuple[int, int, str]]:
        found = [(match.start(), match.end(), match[0].casefold()) for match in _WORD.finditer(text)]
        words = tuple(word for _, _, word in found)
        for place in range(len(words)):
            for length in (1, 2, 3):
                if words[place : place + length] in self._phrases:
                    for start, end, _ in found[place : place + length]:
                        yield start, end, HIDDEN
        for start, end, word in found:
            if any(phrase in word for phrase in self._unspaced):
                yield start, end, HIDDEN

    def _in_spellings(self, text: str) -> Iterator[tuple[int, int, str]]:
        """The letters of hidden words that are spelled: three that follow each other in one are enough."""
        for run in _SPELLED.finditer(text):
            places = [place for place in range(run.start(), run.end()) if run.string[place].isalpha()]
            letters = "".join(run.string[place] for place in places).casefold()
            for start in range(min(len(letters), len(places)) - 2):
                if letters[start : start + 3] in self._letters:
                    yield from ((place, place + 1, DOT) for place in places[start : start + 3])


class _View:
    """A text with its URL- and XML-escapes undone, which still knows where each character came from."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._begins: list[int] = []  # where in the view each escape begins, …
        self._escapes: list[tuple[int, int, int]] = []  # … its length there, and where it is in the source
        self.text = source
        if _ESCAPE.search(source):
            self.text = "".join(self._undo_escapes())

    def _undo_escapes(self) -> Iterator[str]:
        done = length = 0
        for escape in _ESCAPE.finditer(self._source):
            start, end = escape.span()
            decoded = _decode(escape[0])
            length += start - done
            self._begins.append(length)
            self._escapes.append((len(decoded), start, end))
            yield self._source[done:start]
            yield decoded
            length += len(decoded)
            done = end
        yield self._source[done:]

    def replace(self, spans: Spans) -> str:
        """The source with `spans` (of the view: start, end, what stands there instead) replaced; the first of any
        that overlap or repeat each other side by side in the source wins, and hides as far as they all reach."""
        pieces: list[str] = []
        done = 0
        for start, end, mark in sorted(self._in_source(span) for span in spans):
            if start >= done:
                pieces += (self._source[done:start], mark)
            done = max(done, end)
        return "".join(pieces) + self._source[done:]

    def _in_source(self, span: tuple[int, int, str]) -> tuple[int, int, str]:
        start, end, mark = span
        return self._at(start)[0], self._at(end - 1)[1], mark

    def _at(self, place: int) -> tuple[int, int]:
        """Where the character at `place` of the view stands in the source; for an escape, all of it."""
        index = bisect_right(self._begins, place) - 1
        if index < 0:
            return place, place + 1
        length, start, end = self._escapes[index]
        beyond = place - self._begins[index] - length
        return (start, end) if beyond < 0 else (end + beyond, end + beyond + 1)


def find_card(digits: str, places: list[int]) -> int | None:
    """Where in a run of digits a payment card's number begins, None if none does: 13 to 19 digits that pass Luhn's
    check, from the start of a group of digits (`places`: where each stands in its text) to the end of one.

    What is shorter than the run must begin as cards do (2 to 6), or every long list of numbers would hold one.
    """
    count = len(digits)
    starts = [0, *(place for place in range(1, count) if places[place] != places[place - 1] + 1)]
    ends = {*starts[1:], count}
    sums = _luhn_sums(digits)
    for start in starts:
        # a code may follow a card number without a gap; cards of 15 digits begin with 34 or 37
        usual = start + 15 if digits.startswith(("34", "37"), start) else start + 16
        for end in range(start + 13, min(start + 19, count) + 1):
            if end not in ends and end != usual:
                continue
            to_end = sums[(end - 1) % 2]
            passes = (to_end[end] - to_end[start]) % 10 == 0
            if passes and (end - start == count or digits[start] in "23456"):
                return start
    return None


def _luhn_sums(digits: str) -> tuple[list[int], list[int]]:
    """Luhn's sums of all beginnings of `digits`, for numbers whose last digit is at an even and at an odd place: of
    its digits every second one is doubled, counted from the last. A list as long as a document has millions of numbers
    in it: none may cost more than a subtraction."""
    as_it_is = [int(digit) for digit in digits]
    doubled = [(0, 2, 4, 6, 8, 1, 3, 5, 7, 9)[digit] for digit in as_it_is]
    even, odd = as_it_is[:], doubled[:]
    even[1::2], odd[1::2] = doubled[1::2], as_it_is[1::2]
    return list(accumulate(even, initial=0)), list(accumulate(odd, initial=0))


def _places_of_digits(run: re.Match[str]) -> list[int]:
    """Where the digits of a run stand in its text, those inside tags left out."""
    written: list[int] = []
    inside = False
    for place in range(run.start(), run.end()):
        character = run.string[place]
        if character in "<>":
            inside = character == "<"
        elif not inside and character.isdecimal():
            written.append(place)
    return written


def _plain(text: str) -> str:
    """The decimal digits of `text`, those of other scripts as ours."""
    if text.isascii():
        return text.encode().translate(None, _NO_ASCII_DIGITS).decode()
    return "".join(str(int(digit)) for digit in _DIGIT.findall(text))


def _decode(escape: str) -> str:
    if escape[0] == "%":
        return unquote(escape)
    if escape[0] == "\\":
        return chr(int(escape[2:], 16))
    if escape[1] != "#":
        return _NAMED[escape]
    code = int(escape[3:-1], 16) if escape[2] in "xX" else int(escape[2:-1])
    return chr(code)


def _is_telling(word: str) -> bool:
    """A name or a number, as far as its writing shows."""
    return word[0].isupper() or any(letter.isdecimal() for letter in word)


def _is_unspaced(word: str) -> bool:
    return word[0].isalpha() and word.lower() == word.upper()


def _begins_sentence(text: str, place: int) -> bool:
    before = text[:place].rstrip()
    return not before or before[-1] in _SENTENCE_END
