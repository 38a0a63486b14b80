"""A call as people read it in a terminal: verdict, who said what, where the seconds went. Entries in, renderables out.

Knows no database; what one entry says is in `call_lines`.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from voicegw.call.diagnosis import diagnose, verdict
from voicegw.call.entries import Entry
from voicegw.call.findings import Finding
from voicegw.call.records import (
    CallEnded,
    CallerInterrupted,
    CallerSpoke,
    CallerStayedSilent,
    CallRang,
    ForwardFinished,
    KeysPressed,
    PromptCut,
    TurnBegan,
    WebhookReceived,
)
from voicegw.call.story import Story, first_words
from voicegw.call.waterfall import (
    AGENT_FIRST_BYTE,
    AGENT_FIRST_SENTENCE,
    AGENT_WITHOUT_WORDS,
    CARRIER_END_OF_SPEECH,
    CARRIER_TO_THE_EAR,
    GATEWAY,
    GATEWAY_ANSWER,
    GATEWAY_END_OF_SPEECH,
    parts,
    turn_times,
)
from voicegw.cli.call_lines import STYLES, CallLine, call_lines
from voicegw.cli.showing import printable

_BAR_CELLS = 24
_SHORTEST_MS = 10
_UNANSWERED = "no answer"
_INPUTS = (
    CallerInterrupted,
    CallerSpoke,
    CallerStayedSilent,
    ForwardFinished,
    KeysPressed,
    PromptCut,
    WebhookReceived,
)
# Each part has a sign of its own, so that the bar also reads without colours.
_PARTS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        CARRIER_END_OF_SPEECH: ("░", "white", "carrier: end of speech"),
        GATEWAY_END_OF_SPEECH: ("▁", "white", "end of speech"),
        GATEWAY: ("▌", "yellow", "gateway"),
        AGENT_FIRST_BYTE: ("█", "blue", "agent: first byte"),
        AGENT_FIRST_SENTENCE: ("▓", "cyan", "agent: first sentence"),
        AGENT_WITHOUT_WORDS: ("▞", "cyan", "agent: without words"),
        GATEWAY_ANSWER: ("▒", "green", "answer"),
        CARRIER_TO_THE_EAR: ("▖", "magenta", "carrier: to the ear"),
        _UNANSWERED: ("▚", "red", "no answer"),
    }
)


def timeline(entries: Sequence[Entry], *, twiml: bool = False) -> RenderableType:
    """The whole call; with `twiml` also what the carrier was told each time."""
    story = Story(entries)
    return Group(
        heading(story.entries), assessment(entries), Text(), _lines(story, twiml=twiml), Text(), _legend(story)
    )


def summary(entries: Sequence[Entry]) -> RenderableType:
    """The call in short: the verdict, and where the seconds of each turn went."""
    story = Story(entries)
    grid = Table.grid(padding=(0, 1))
    for turn, bar in _bars(story).items():
        grid.add_row(f"  turn {turn}", bar)
    return Group(assessment(entries), grid, Padding.indent(_legend(story), 2))


def heading(entries: Sequence[Entry]) -> Text:
    """Who called whom, when, and for how long."""
    rang = next((entry.record for entry in entries if isinstance(entry.record, CallRang)), None)
    line = Text(printable(entries[0].call_sid) if entries else "", "bold")
    if rang is not None:
        line.append(f"  {printable(rang.caller_number) or 'withheld'} → {printable(rang.called_number)}", "")
    if entries:
        ended = next((entry for entry in entries if isinstance(entry.record, CallEnded)), None)
        # What comes after the end (the agent is told of it) is not the call any more.
        line.append(f"  {_moment(entries[0].at)}  {_minutes((ended or entries[-1]).offset)}", "dim")
        if ended is None:
            line.append("  live", "bold green")
    return line


def assessment(entries: Sequence[Entry]) -> RenderableType:
    """What went wrong, most important first, and what to do about it."""
    findings = diagnose(entries)
    sentence = printable(verdict(entries, findings))
    if not findings:
        return Text.assemble(("✓ ", "bold green"), sentence)
    first, *others = findings
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    mark, style = _mark(first)
    grid.add_row(mark, Text.assemble((sentence, style), _place(first)))
    grid.add_row("", Text(printable(first.advice)))
    for finding in others:
        mark, _ = _mark(finding)
        grid.add_row(mark, Text.assemble(f"{printable(finding.sentence)}.", _place(finding)))
    return grid


def _place(finding: Finding) -> tuple[str, str]:
    return f"  {printable(finding.code)}, {finding.where}", "dim"


def _mark(finding: Finding) -> tuple[Text, str]:
    return (Text("✗", "bold red"), "bold red") if finding.serious else (Text("!", "bold yellow"), "yellow")


def _lines(story: Story, *, twiml: bool) -> Table:
    """Each line with its time; before a turn's lines a bar of where its seconds went."""
    bars = _bars(story)
    grid = _grid()
    for chapter in _chapters(story.entries):
        began = next((entry for entry in chapter if isinstance(entry.record, TurnBegan)), None)
        if began is not None:
            grid.add_row("", "", "")
            grid.add_row("", Text(f"turn {began.turn}", "bold"), bars.get(began.turn, Text()))
        for line in call_lines(chapter, twiml=twiml):
            grid.add_row(*_cells(line))
    return grid


def _chapters(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """The entries cut where a turn begins, which is with the input that it answers."""
    chapter: list[Entry] = []
    for entry in entries:
        if isinstance(entry.record, TurnBegan):
            first = len(chapter)
            while first and isinstance(chapter[first - 1].record, _INPUTS):
                first -= 1
            if first:
                yield chapter[:first]
            chapter = chapter[first:]
        chapter.append(entry)
    if chapter:
        yield chapter


def _cells(line: CallLine) -> tuple[Text, Text, Text]:
    style = STYLES.get(line.who, "dim")
    dimmed = "dim" if "dim" in str(line.what.style) else style
    return Text(f"{line.at:.1f}", "dim"), Text(line.who, dimmed), line.what


def _grid() -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(justify="right", no_wrap=True, min_width=6)
    grid.add_column(no_wrap=True, min_width=8)
    grid.add_column(overflow="fold")
    return grid


def _waits(story: Story) -> dict[int, list[tuple[str, int]]]:
    """What each turn's wait was made of, in milliseconds; what was never answered lasts until the end."""
    waits: dict[int, list[tuple[str, int]]] = {}
    for turn in turn_times(story.entries):
        wait = waits[turn.turn] = list(parts(turn))
        if turn.answered_ms is None and turn.first_sentence_ms is None:
            last_ms = turn.sent_ms if turn.first_byte_ms is None else turn.first_byte_ms
            lasted_ms = (turn.sent_ms or 0) + round(1000 * first_words(story, turn.turn).took)
            wait.append((_UNANSWERED, lasted_ms - (last_ms or 0)))
    return waits


def _bars(story: Story) -> dict[int, Text]:
    """A bar for each turn, all to one scale."""
    waits = _waits(story)
    longest = max((sum(max(0, took) for _, took in wait) for wait in waits.values()), default=0) or 1
    return {turn: _bar(wait, longest) for turn, wait in waits.items()}


def _bar(wait: Sequence[tuple[str, int]], longest_ms: int) -> Text:
    """One turn's wait: as a bar to the call's scale, in all, and in seconds for each part long enough to matter."""
    took = [(*_PARTS[name][:2], milliseconds) for name, milliseconds in wait if milliseconds >= _SHORTEST_MS]
    bar = Text()
    for sign, style, milliseconds in took:
        bar.append(sign * round(_BAR_CELLS * milliseconds / longest_ms), style)
    if not took:
        return bar
    bar.append(f"{' ' if bar else ''}{_seconds(sum(milliseconds for *_, milliseconds in took))} s ", "bold")
    for sign, style, milliseconds in took if len(took) > 1 else ():
        bar.append(f" {sign}", style).append(_seconds(milliseconds), "dim")
    return bar


def _legend(story: Story) -> Columns:
    """What the signs of these bars mean; lines break between two of them."""
    drawn = {name for wait in _waits(story).values() for name, milliseconds in wait if milliseconds >= _SHORTEST_MS}
    meanings = {_PARTS[name]: None for name in _PARTS if name in drawn}
    return Columns(
        [Text.assemble((sign, style), (f" {words}", "dim")) for sign, style, words in meanings], padding=(0, 2)
    )


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.2f}" if milliseconds < 100 else f"{milliseconds / 1000:.1f}"


def _moment(at: float) -> str:
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return "?"


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
