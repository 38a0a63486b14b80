"""Markdown → what a person would read out: the words, with a pause where the page had a line of its own.

Takes half a message as well as a whole one: a sentence may be cut out of a bold passage or a table. Digits,
`snake_case`, `C#`, `a*b` and the key `*` are words, not markup. Knows no tags: each stands in the text as one
character from `FIRST_STAND_IN` up, and comes out where it was.
"""

import re
from dataclasses import dataclass
from typing import Final

FIRST_STAND_IN: Final = 0xF0000
"""The first code point (private use, so never a word) of those that stand for something that is not text."""

# --- characters that mean themselves: escaped, or within code ------------------------------------------------
_LITERAL: Final = 0xE000
_ESCAPED: Final = re.compile(r"\\([!#$*+\-.<>\[\\\]_`{|}~])")
_CODE: Final = re.compile(r"(`{1,3})([^`\n]++)\1")
_TO_LITERAL: Final = {ord(character): chr(_LITERAL + ord(character)) for character in "*_~#|[]"}
_FROM_LITERAL: Final = {_LITERAL + code: chr(code) for code in range(128)}

# --- links and addresses -------------------------------------------------------------------------------------
_TARGET: Final = r'\((?P<url>[^()\s]*(?:\([^()\s]*\)[^()\s]*)?)(?: "[^"\n]*")? ?\)'
_IMAGE: Final = re.compile(rf"!\[(?P<label>[^\[\]\n]*)\]{_TARGET}")
_LINK: Final = re.compile(rf"\[(?P<label>[^\[\]\n]*)\]{_TARGET}")
_HALF_LINK: Final = re.compile(r"\]\((?=[a-z]{2,10}:|[/#])[^()\s]*\)")
_FOOTNOTE: Final = re.compile(r"\[\^[\w-]{1,40}\]:?")
_ADDRESS: Final = re.compile(
    r"(?<![\w@.+-])(?P<scheme>mailto:(?=[\w.+-]{1,64}@)|[A-Za-z][A-Za-z0-9+-]{1,14}://|(?i:www)\.(?=\w))"
    r"""(?P<rest>[^\s<>\[\]{}"`|\U000f0000-\U0010ffff]*)"""
)
_HOST: Final = re.compile(r"(?:[^/?#@]*@)?(?:(?i:www)\.)?([^/?#:\\]*)")
_AFTER_ADDRESS: Final = ".,;:!?*_~…。，'’)"

# --- lines ---------------------------------------------------------------------------------------------------
_QUOTE: Final = re.compile(r"(?:> ?)++(?!=)")
_FENCE: Final = re.compile(r"(?:`{3,}|~{3,})[\w+#.-]*")
_RULE: Final = re.compile(r"(?:[-*_=] ?){3,}|--|==")
_HEADING: Final = re.compile(r"#{1,6} (.*?)(?: #+)?")
_BULLET: Final = re.compile(r"[-*+•‣·–—] (?:\[[ xX]\] )?(?=\S)")
_NUMBERED: Final = re.compile(r"\d{1,3}[.)] ")
_PAUSES: Final = frozenset(".!?…:;,–—。！？；：，、؟।")
_CLOSERS: Final = frozenset("\"'”’“»)]}」』） ")

# --- emphasis ------------------------------------------------------------------------------------------------
_DELIMITERS: Final = re.compile(r"\*+|_+|~~+")
_BACKTICKS: Final = re.compile(r"(?<!\w)`+|`+(?!\w)")
_AROUND_A_KEY: Final = frozenset({'""', "''", "()", "[]", "“”", "„“", "‘’", "«»", "‹›"})
_NEVER_OPENED: Final = frozenset(".,;:!?)]}»”")
_NEVER_CLOSED: Final = frozenset("([{«„“")
_WITHIN_A_NAME: Final = frozenset("@/\\=&%")
# Scripts written without spaces have a delimiter between two letters and mean it.
_UNSPACED: Final = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


def read_out_markdown(text: str) -> str:
    """Return the words of markdown `text` as one line; headings, list items and rows end like sentences.

    White space in `text` must be single spaces and newlines. Linear in its length.
    """
    text = _CODE.sub(lambda code: code[2].translate(_TO_LITERAL), text)
    text = _ESCAPED.sub(lambda escaped: chr(_LITERAL + ord(escaped[1])), text)
    text = _LINK.sub(_label, _IMAGE.sub(_label, _FOOTNOTE.sub("", text)))
    text = _ADDRESS.sub(_speak_address, _HALF_LINK.sub("", text))
    return _join([_read_line(line.strip()) for line in text.split("\n")]).translate(_FROM_LITERAL)


def _label(link: re.Match[str]) -> str:
    return link["label"].strip() or f" {link['url']} "


def _speak_address(address: re.Match[str]) -> str:
    """Name the place: the host of a URL, the whole of an e-mail address; marks that follow it are kept."""
    place = address["rest"].rstrip(_AFTER_ADDRESS)
    tail = address["rest"][len(place) :]
    if "(" in place:
        tail = tail.replace(")", "", 1)
    if address["scheme"] != "mailto:" and (host := _HOST.match(place)):
        place = host[1]
    return place + tail


@dataclass(frozen=True, slots=True)
class _Line:
    words: str
    stands_alone: bool = False


def _read_line(line: str) -> _Line:
    if quote := _QUOTE.match(line):
        line = line[quote.end() :]
    if not line or _FENCE.fullmatch(line) or _RULE.fullmatch(line) or _is_table_rule(line):
        return _Line("")
    if heading := _HEADING.fullmatch(line):
        return _Line(_strip_emphasis(heading[1]), stands_alone=True)
    if bullet := _BULLET.match(line):
        return _Line(_strip_emphasis(line[bullet.end() :]), stands_alone=True)
    if cells := _cells(line):
        return _Line(_list_cells([_strip_emphasis(cell) for cell in cells]), stands_alone=True)
    return _Line(_strip_emphasis(line), stands_alone=_NUMBERED.match(line) is not None)


def _is_table_rule(line: str) -> bool:
    return "-" in line and "|" in line and not line.strip("|:-+ ")


def _cells(line: str) -> list[str]:
    """The cells of a table's row, or nothing if the line is none."""
    if line.startswith("|") or line.endswith("|"):
        cells = line.split("|")
    elif " | " in line:
        cells = line.split(" | ")
    else:
        return []
    return [cell.strip() for cell in cells if cell.strip()]


def _list_cells(cells: list[str]) -> str:
    listed = [cell if _ends_in_pause(cell) else cell + "," for cell in cells[:-1]]
    return " ".join([*listed, *cells[-1:]])


def _join(lines: list[_Line]) -> str:
    """Put lines into one, with a full stop between two that the eye would have kept apart."""
    out: list[str] = []
    last: _Line | None = None
    between = ""  # stand-ins on lines of their own: they follow the pause
    blank = False
    for line in lines:
        if not _has_words(line.words):
            between += line.words
            blank = blank or not line.words
            continue
        if last is not None:
            apart = blank or last.stands_alone or line.stands_alone or not _begins_small(line.words)
            out.append(". " if apart and not _ends_in_pause(last.words) else " ")
        out += [between, line.words]
        last, between, blank = line, "", False
    return "".join(out) + between


def _has_words(line: str) -> bool:
    return any(ord(character) < FIRST_STAND_IN and character != " " for character in line)


def _begins_small(line: str) -> bool:
    return next((character for character in line if character.isalnum()), "").islower()


def _ends_in_pause(line: str) -> bool:
    for character in reversed(line):
        if character not in _CLOSERS and ord(character) < FIRST_STAND_IN:
            return character in _PAUSES
    return False


def _strip_emphasis(line: str) -> str:
    """Remove the delimiters of bold, italic and struck-out text, paired or cut in half, and backticks."""
    line = _BACKTICKS.sub("", line)
    runs = list(_DELIMITERS.finditer(line))
    paired: set[int] = set()
    opened: dict[str, int] = {}
    for index, run in enumerate(runs):
        opens, closes = _flanks(line, run)
        if run[0] in opened and (closes or (len(run[0]) > 1 and _before(line, run) != " ")):
            paired |= {opened.pop(run[0]), index}
        elif opens:
            opened[run[0]] = index
    kept, position = [], 0
    for index, run in enumerate(runs):
        if index in paired or _is_half(line, run):
            kept.append(line[position : run.start()])
            position = run.end()
    return "".join([*kept, line[position:]])


def _is_half(line: str, run: re.Match[str]) -> bool:
    """Whether a lone run is markup, its other half lost to another sentence; `*67` and `5*` are words."""
    opens, closes = _flanks(line, run)
    before, after = _before(line, run), _after(line, run)
    if len(run[0]) > 1:
        return opens or closes or (len(run[0]) > 2 and before == after == " ")
    return (opens and after.isalpha()) or (closes and (before.isalpha() or before in _PAUSES))


def _flanks(line: str, run: re.Match[str]) -> tuple[bool, bool]:
    """Whether the run may open, and whether it may close, a passage."""
    before, after = _before(line, run), _after(line, run)
    if before + after in _AROUND_A_KEY:
        return False, False
    opens = not (after == " " or after in _NEVER_OPENED or _is_in_word(before))
    closes = not (before == " " or before in _NEVER_CLOSED or _is_in_word(after))
    if run[0][0] == "_":
        opens, closes = opens and before not in _WITHIN_A_NAME, closes and after not in _WITHIN_A_NAME
    return opens, closes


def _before(line: str, run: re.Match[str]) -> str:
    return line[run.start() - 1 : run.start()] or " "


def _after(line: str, run: re.Match[str]) -> str:
    return line[run.end() : run.end() + 1] or " "


def _is_in_word(character: str) -> bool:
    return character.isalnum() and not _UNSPACED.match(character)
