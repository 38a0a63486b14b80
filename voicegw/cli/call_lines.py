"""One entry of a call's log → the line that a person reads: when, who, what. Pure: entries in, rich texts out.

Callers and agents write what stands here: nothing of it is read as markup, and nothing of it steers a terminal.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rich.text import Text

from voicegw.call.diagnosis import end_in_words, explain
from voicegw.call.entries import Entry
from voicegw.call.records import (
    ActionSent,
    AnswerBegan,
    CallEnded,
    CallerInterrupted,
    CallerSpoke,
    CallerStayedSilent,
    CallRang,
    Failed,
    ForwardFinished,
    ForwardTried,
    KeysPressed,
    Noted,
    OrderReceived,
    PromptBegan,
    PromptCut,
    Record,
    RecordingBegan,
    SessionStarted,
    StepAnswered,
    TraceReceived,
    TurnEnded,
    WebhookReceived,
)
from voicegw.cli.showing import printable

STYLES = {
    "caller": "bold green",
    "agent": "bold cyan",
    "gateway": "bold yellow",
    "human": "bold magenta",
    "!": "bold red",
}
_LONGEST_ASIDE = 100
_UNSURE = 0.5
# What is told by another line, or by nothing that a person needs.
_PASSED_OVER = frozenset(
    {"block", "entity-filling", "flow", "knowledgeBase", "log", "path", "reasoning", "still-answering", "visual"}
)
# Why words and keys of a stream's caller meant nothing.
_WHY_IGNORED = {
    "too-short": "too little to interrupt a prompt",
    "echo": "the agent's own voice, coming back",
    "not-interruptible": "nothing may interrupt that prompt",
    "speech-off": "speech does not count now",
    "keypad-off": "keys do not count now",
    "entry-abandoned": "an entry that was never finished",
    "bridged": "a realtime server had the caller",
    "call-ending": "the call was ending",
}


@dataclass(frozen=True, slots=True)
class CallLine:
    """A line of a call: `at` seconds since it began, `who` (see `STYLES`, or empty), `what` they said or did."""

    at: float
    who: str
    what: Text


def call_lines(entries: Iterable[Entry], *, twiml: bool = False) -> Iterator[CallLine]:
    """The lines of a call's entries, in their order; with `twiml` also what the carrier was told each time.

    Traces that came in a row share a line, and a turn does not fail twice for one reason.
    """
    traces: list[Entry] = []
    told: set[tuple[int, str]] = set()
    for entry in entries:
        if isinstance(entry.record, TraceReceived):
            traces.append(entry)
            continue
        line = _document(entry) if twiml and isinstance(entry.record, StepAnswered) else line_of(entry)
        if line is None or _is_told(entry, told):
            continue
        if traces:
            yield _traces(traces)
            traces = []
        yield line
    if traces:
        yield _traces(traces)


def _is_told(entry: Entry, told: set[tuple[int, str]]) -> bool:
    """Was this failure of this turn among `told`? It is from now on."""
    match entry.record:
        case Failed(code=code) | TurnEnded(failure=code):
            again = (entry.turn, code) in told
            told.add((entry.turn, code))
            return again
        case _:
            return False


def line_of(entry: Entry) -> CallLine | None:
    """The line of one entry; None where it says nothing to a person by itself."""
    if isinstance(entry.record, TraceReceived):
        return _traces([entry])
    who, what = _spoken(entry.record) or _happened(entry) or ("", Text(_aside(entry.record), "dim"))
    return CallLine(entry.offset, who, what) if what.plain.strip() else None


def _spoken(record: Record) -> tuple[str, Text] | None:
    """What was said and pressed."""
    match record:
        case CallerSpoke(text=text, confidence=confidence):
            unsure = confidence is not None and confidence < _UNSURE
            return "caller", Text.assemble(_words(text), (f"  confidence {confidence:.2f}" if unsure else "", "dim"))
        case KeysPressed(keys=keys, ended_by=ended_by):
            return "caller", Text(f"keys {printable(keys + (ended_by or ''))}")
        case CallerStayedSilent():
            return "caller", Text("(nothing was heard)", "dim")
        case CallerInterrupted(by=by):
            return "caller", Text(f"interrupts by {printable(by)}", "yellow")
        case PromptBegan(text=text, source=source, by_gateway=by_gateway, filler=filler):
            words = _words(text) if text else Text(f"♪ {_short(source) or 'a recording'}")
            words.stylize("dim" if filler else "")
            return "gateway" if by_gateway or filler else "agent", words
        case PromptCut(heard=heard):
            until = f"cut off after “{printable(heard)}”" if heard.strip() else "cut off before a word was out"
            return "", Text(until, "yellow")
        case _:
            return None


def _happened(entry: Entry) -> tuple[str, Text] | None:
    """What went wrong, and what became of forwards."""
    match entry.record:
        case Failed(code=code) | TurnEnded(failure=code) if code and (explained := explain(entry)) is not None:
            return "!", Text.assemble((printable(explained.sentence), "red"), (f"  {_short(code)}", "dim red"))
        case AnswerBegan(status=status) if not 200 <= status < 300:
            return "!", Text(f"the agent answers with status {status}", "red")
        case WebhookReceived(name="fallback"):
            return "!", Text("Twilio asks the fallback URL: it could not use an answer", "red")
        case Noted(about="agent-overdue"):
            return "!", Text("the agent has been silent for longer than callers are kept waiting", "red")
        case ForwardTried(address=address, attempt=attempt, ring_seconds=ring_seconds, confirm=confirm):
            asked = ", asked to accept" if confirm else ""
            return "human", Text(f"{printable(address)} is called, attempt {attempt}, for {ring_seconds} s{asked}")
        case ForwardFinished(outcome="completed", bridged=None | True, seconds=seconds):
            return "human", Text(f"was on the line for {seconds} s")
        case ForwardFinished(outcome=outcome, address=address, reason=reason):
            outcome = "answered, but not connected" if outcome == "completed" else outcome
            why = f": {_short(reason)}" if reason else ""
            return "!", Text(f"not forwarded to {printable(address) or 'a human'}: {_short(outcome)}{why}", "red")
        case CallEnded():
            return "", Text(f"the call is over: {printable(end_in_words(entry.record))}", "bold")
        case _:
            return None


def _aside(record: Record) -> str:
    """What else happened, in short; empty where nobody needs to know."""
    match record:
        case CallRang():
            name = f" ({_short(record.caller_name)})" if record.caller_name else ""
            by_way_of = f", forwarded from {printable(record.forwarded_from)}" if record.forwarded_from else ""
            caller = printable(record.caller_number) or "a withheld number"
            return f"it rings: {caller}{name} calls {printable(record.called_number)}{by_way_of}"
        case SessionStarted(seconds=seconds, renewed=renewed):
            return f"{'a new' if renewed else 'the'} session with the agent begins, {seconds:.2f} s"
        case ActionSent(action=action):
            return f"→ {_action(action)}"
        case RecordingBegan(file=file):
            return f"recorded in {printable(file)}"
        case OrderReceived(order=order, name=name, by=by):
            return f"{_short(by) or 'somebody'} orders: {order} {_short(name)}".rstrip()
        case Noted(about="input-ignored", fields={"reason": str(reason), "characters": count}):
            why = _WHY_IGNORED.get(reason, "not said why")
            return f"· {count} characters of the caller's were ignored: {why} ({_short(reason)})"
        case Noted(about=about, fields=fields) if about not in _PASSED_OVER:
            told = ", ".join(f"{name}={value}" for name, value in fields.items())
            return f"· {_short(f'{about} {told}')}"
        case _:
            return ""


def _traces(entries: list[Entry]) -> CallLine:
    """The agent's traces that came in a row, each kind once."""
    counts = Counter(entry.record.type for entry in entries if isinstance(entry.record, TraceReceived))
    told = (f"{_short(name) or '?'} ×{count}" if count > 1 else _short(name) or "?" for name, count in counts.items())
    return CallLine(entries[0].offset, "", Text(f"← {', '.join(told)}", "dim"))


def _document(entry: Entry) -> CallLine | None:
    """A document as the carrier got it, an element to a line."""
    if not isinstance(entry.record, StepAnswered) or not entry.record.answer:
        return None
    elements = entry.record.answer.replace("><", ">\n<").splitlines()
    return CallLine(entry.offset, "twiml", Text("\n".join(map(printable, elements)), "dim"))


def _action(action: Mapping[str, object]) -> str:
    """An action in short: its type, and its payload where that is a text or has a name."""
    kind, payload = _short(str(action.get("type", "?"))), action.get("payload")
    if isinstance(payload, Mapping):
        event = payload.get("event")
        named = event.get("name") if isinstance(event, Mapping) else payload.get("name") or payload.get("label")
        payload = named if isinstance(named, str) else None
    return kind if payload in (None, "") else f"{kind} “{_short(str(payload))}”"


def _words(text: str) -> Text:
    return Text(printable(text))


def _short(text: str) -> str:
    line = printable(text)
    return line if len(line) <= _LONGEST_ASIDE else f"{line[: _LONGEST_ASIDE - 1]}…"
