"""What went wrong on a call, told from its entries alone: `diagnose` → findings, `verdict` → one sentence.

Pure, and never raises, whatever the entries are. What each finding is called and what mends it is in `call.ailments`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from voicegw.call import ailments
from voicegw.call.ailments import Ailment
from voicegw.call.entries import Entry
from voicegw.call.failure_signs import ailment_of, detail_of, shortened, status_in
from voicegw.call.inputs import ForwardOutcome
from voicegw.call.patience import (
    FILLER_AFTER_SECONDS,
    RINGING_AT_MOST_SECONDS,
    TOOL_BUDGET_SECONDS,
    TURN_BUDGET_SECONDS,
)
from voicegw.call.records import (
    CallEnded,
    CallerSpoke,
    Failed,
    ForwardFinished,
    ForwardTried,
    KeysPressed,
    Noted,
    PromptBegan,
    Record,
    TraceReceived,
    TurnBegan,
    TurnEnded,
    WebhookReceived,
    WordsReady,
)
from voicegw.call.story import FirstWords, Story, first_words, is_answer, is_the_agents

# An agent whose answer holds only these has nothing that a caller could hear, and nothing that the call should do.
_SILENT_TRACES = frozenset({"block", "debug", "dtmf", "entity-filling", "flow", "knowledgeBase"}) | frozenset(
    {"log", "no-reply", "path", "reasoning", "visual"}
)
OVERDUE = "agent-overdue"
"""What is noted when an agent has used up its budget of silence."""
_ASKING = frozenset({"started", "said", "pressed"})
_SILENT_TURNS = 2
_ENDS = MappingProxyType(
    {
        "hangup": "the caller hung up",
        "agent-ended": "the agent ended the call",
        "forward-completed": "the caller had spoken with a human",
        "agent-failed": "the gateway said goodbye, because the agent failed",
        "caller-silent": "the gateway said goodbye to a silent caller",
        "max-duration": "the call reached its longest duration",
        "reaped": "nobody told the gateway of its end",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that went wrong. `code` is stable, `sentence` names it, `advice` says what to do.

    `turn` and `offset` (seconds since the call began) say where; `serious`: callers suffer by it; `times`: how often.
    """

    code: str
    sentence: str
    advice: str
    turn: int
    offset: float
    serious: bool = True
    times: int = 1

    @property
    def where(self) -> str:
        """As in "turn 3, 0:41"."""
        at = f"{int(self.offset) // 60}:{int(self.offset) % 60:02}"
        return f"turn {self.turn}, {at}" if self.turn else at


def diagnose(entries: Sequence[Entry]) -> tuple[Finding, ...]:
    """What went wrong, what matters most first: serious before harmless, and of those the one that came first."""
    story = Story(entries)
    found = [*_failures(story), *_turns(story), *_carrier(story), *_forwards(story), *_end(story)]
    merged: dict[str, Finding] = {}
    for finding in sorted(found, key=lambda each: (not each.serious, each.offset)):
        first = merged.get(finding.code)
        merged[finding.code] = finding if first is None else replace(first, times=first.times + 1)
    return tuple(merged.values())


def verdict(entries: Sequence[Entry], findings: Sequence[Finding]) -> str:
    """One sentence that names what went wrong most, or says that nothing did."""
    story = Story(entries)
    if findings:
        first = findings[0]
        again = f" ({first.times} times)" if first.times > 1 else ""
        return f"{first.sentence}{again}."
    turns = sum(1 for _ in story.of(TurnBegan))
    size = f"{turns} {'turn' if turns == 1 else 'turns'}"
    ended = story.first(CallEnded)
    if ended is None:
        return f"The call goes on; nothing has gone wrong so far, in {size}."
    return f"Nothing went wrong in {size}: {end_in_words(ended.record)}."


def end_in_words(record: Record) -> str:
    """Why a call ended, for people; a reason that is new to us stays as it is."""
    reason = record.reason if isinstance(record, CallEnded) else ""
    return _ENDS.get(reason, reason or "it ended")


def _finding(
    ailment: Ailment, entry: Entry, /, *, serious: bool | None = None, told: str = "", **fields: str
) -> Finding:
    of_turn = f"turn {entry.turn}" if entry.turn else "the call"
    given = {"turn": of_turn, "detail": "", "status": "", "code": ailment.code, **fields}
    return Finding(
        code=ailment.code,
        sentence=ailment.says.format_map(given) + told,
        advice=ailment.advice.format_map(given),
        turn=entry.turn,
        offset=entry.offset,
        serious=ailment.serious if serious is None else serious,
    )


def explain(entry: Entry, *, unreadable: bool = False) -> Finding | None:
    """What a failed record means, in words; None for any other. `unreadable`: traces of its turn could not be read."""
    failed = _failure_in(entry.record)
    if failed is None:
        return None
    return _finding(
        ailment_of(failed, unreadable=unreadable),
        entry,
        status=status_in(failed.reason) or failed.code,
        detail=detail_of(failed),
        code=failed.code,
        slowness=f"The agent took too long over turn {entry.turn}",
    )


def _failure_in(record: Record) -> Failed | None:
    match record:
        case Failed():
            return record
        case TurnEnded(failure=code) if code:
            return Failed(part="agent", code=code)
        case _:
            return None


def _failures(story: Story) -> Iterator[Finding]:
    """What was told as failed: by whoever failed, with the reason, and by turns whose end alone tells it."""
    told: set[tuple[int, str]] = set()
    for entry in (*story.of(Failed), *story.of(TurnEnded)):
        failed = _failure_in(entry.record)
        finding = explain(entry, unreadable=_has_note(story, entry.turn, "malformed-trace"))
        if failed is None or finding is None or (entry.turn, failed.code) in told:
            continue
        told.add((entry.turn, failed.code))
        if finding.code == ailments.AGENT_SLOW.code and next(_waits(story, entry), None) is not None:
            continue  # told with how long it took
        over = story.first(TurnEnded, turn=entry.turn)
        if failed.part == "agent" and over is not None and over.record == TurnEnded():
            sentence = f"{finding.sentence}; it was asked again, and answered"
            yield replace(finding, sentence=sentence, serious=False)
        else:
            yield replace(finding, sentence=finding.sentence + _heard_of_it(story, entry.offset))


def _turns(story: Story) -> Iterator[Finding]:
    """What each turn tells by its time and by what it brought."""
    for began in story.of(TurnBegan):
        yield from _waits(story, began)
        if _is_empty(story, began):
            yield _finding(ailments.AGENT_SILENT, began)
        if _has_note(story, began.turn, "turn-cut"):
            yield _finding(ailments.ENDLESS, began)


def _waits(story: Story, began: Entry) -> Iterator[Finding]:
    """Was the agent slow to say its first word?"""
    turn = began.turn
    wait = first_words(story, turn)
    tool = any(trace.type == "tool-call" for trace in story.records(TraceReceived, turn))
    budget = TOOL_BUDGET_SECONDS if tool else TURN_BUDGET_SECONDS
    answered = wait.until is not None and is_answer(wait.until.record)
    took = f"{wait.took:.0f} s"
    slowness = f"took {took} to answer turn {turn}" if answered else f"had not answered turn {turn} after {took}"
    slowness = f"The agent {slowness}"
    fillers = _fillers(story, wait)
    overdue = next((each.offset for each in story.of(Noted, turn=turn) if each.record == Noted(about=OVERDUE)), None)
    if wait.took > budget:
        due = wait.sent + budget
        slowness = f"{slowness} (budget {budget:.0f} s)"
        place = replace(began, offset=due)
        yield _finding(ailments.AGENT_SLOW, place, told=_heard_of_it(story, due) or fillers, slowness=slowness)
    elif overdue is not None:
        slowness = f"The agent fell silent for more than {budget:.0f} s in the middle of its answer to turn {turn}"
        place = replace(began, offset=overdue)
        yield _finding(ailments.AGENT_SLOW, place, told=_heard_of_it(story, overdue), slowness=slowness)
    elif wait.took > FILLER_AFTER_SECONDS and wait.until and wait.until.record == CallEnded(reason="hangup"):
        yield _finding(ailments.CALLER_LEFT, began, seconds=f"{wait.took:.0f}")
    elif answered and wait.took > RINGING_AT_MOST_SECONDS:
        yield _finding(ailments.SLOW_ANSWER, began, slowness=slowness, told=fillers)


def _fillers(story: Story, wait: FirstWords) -> str:
    """What the caller heard to pass the time."""
    until = wait.sent + wait.took
    heard = [
        each for each in story.of(PromptBegan) if wait.sent <= each.offset <= until and not is_the_agents(each.record)
    ]
    return f": the caller heard {len(heard)} fillers meanwhile" if len(heard) > 1 else ""


def _is_empty(story: Story, began: Entry) -> bool:
    """Did the agent end this turn well, with nothing to say or do, though an answer was asked for?"""
    turn = began.turn
    over = story.first(TurnEnded, turn=turn)
    if over is None or over.record != TurnEnded() or getattr(began.record, "heard", "") not in _ASKING:
        return False
    left = story.first(CallEnded)
    if left is not None and left.offset <= over.offset:
        return False
    acted = story.first(WordsReady, ForwardTried, ForwardFinished, turn=turn) is not None
    spoke = any(is_the_agents(each.record) for each in story.of(PromptBegan, turn=turn))
    types = {trace.type for trace in story.records(TraceReceived, turn)}
    return not acted and not spoke and types <= _SILENT_TRACES


def _carrier(story: Story) -> Iterator[Finding]:
    """What the carrier complains of where nobody else has."""
    if any(entry.record.part == "carrier" for entry in story.of(Failed)):  # type: ignore[union-attr]
        return
    for entry in story.of(WebhookReceived):
        if entry.record == WebhookReceived(name="fallback"):
            yield _finding(ailments.ANSWER_UNUSABLE, entry, told=_heard_of_it(story, entry.offset))


def _forwards(story: Story) -> Iterator[Finding]:
    """Attempts to reach a human that came to nothing; harmless where a later one did."""
    reached = [entry.offset for entry in story.of(ForwardFinished) if _reached(entry.record)]
    dialled = ""
    for entry in story.of(ForwardTried, ForwardFinished):
        match entry.record:
            case ForwardTried(address=address):
                dialled = address
            case ForwardFinished(outcome=outcome, reason=reason) as ended if not _reached(ended):
                outcome = ForwardOutcome.FAILED if outcome == ForwardOutcome.COMPLETED else outcome
                ailment = ailments.OF_FORWARDS.get(outcome, ailments.OF_FORWARDS[ForwardOutcome.FAILED])
                saved = any(offset > entry.offset for offset in reached)
                why = ailments.WHY_REFUSED.get(reason, reason)
                yield _finding(
                    ailment,
                    entry,
                    serious=False if saved else None,
                    told="; the next destination took the call" if saved else _heard_of_it(story, entry.offset),
                    address=ended.address or dialled or "the human",
                    detail=f": {shortened(why)}" if why else "",
                )


def _end(story: Story) -> Iterator[Finding]:
    """What the call's end tells: its reason, and callers of whom nothing was heard."""
    ended = story.first(CallEnded)
    if ended is not None and (ailment := ailments.OF_ENDS.get(getattr(ended.record, "reason", ""))):
        yield _finding(ailment, ended)
    active = list(story.of(CallerSpoke, KeysPressed))
    since = active[-1].offset if active else 0.0
    silent = [each for each in story.of(TurnBegan) if each.record == TurnBegan(heard="stayed-silent")]
    silent = [each for each in silent if each.offset > since]
    goodbye = ended is not None and ended.record == CallEnded(reason="caller-silent")
    if not goodbye and len(silent) < _SILENT_TURNS:
        return
    last = ended or silent[-1]
    if active:
        silence = f"The caller fell silent: nothing was heard of them for {last.offset - since:.0f} s"
    else:
        silence = f"Nothing was ever heard of the caller, in {last.offset:.0f} s"
    yield _finding(ailments.CALLER_SILENT, replace(last, offset=since), serious=not active, silence=silence)


def _has_note(story: Story, turn: int, about: str) -> bool:
    return any(noted.about == about for noted in story.records(Noted, turn))


def _heard_of_it(story: Story, since: float) -> str:
    text = story.explanation(since)
    return f": the caller heard “{shortened(text).rstrip('.')}”" if text else ""


def _reached(record: Record) -> bool:
    completed = isinstance(record, ForwardFinished) and record.outcome == ForwardOutcome.COMPLETED
    return completed and getattr(record, "bridged", None) is not False
