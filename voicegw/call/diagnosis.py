"""What went wrong on a call, told from its entries alone: `diagnose` → findings, `verdict` → one sentence.

Pure, and never raises, whatever the entries are. What each finding is called and what mends it is in `call.ailments`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import MappingProxyType

from voicegw.call import ailments
from voicegw.call.entries import Entry
from voicegw.call.failure_signs import ailment_of, detail_of, shortened, status_in
from voicegw.call.findings import Finding, find, has_note, heard_of_it
from voicegw.call.inputs import ForwardOutcome
from voicegw.call.records import (
    CallEnded,
    CallerSpoke,
    Failed,
    ForwardFinished,
    ForwardTried,
    KeysPressed,
    Record,
    TurnBegan,
    TurnEnded,
    WebhookReceived,
    WordsReady,
)
from voicegw.call.story import Story
from voicegw.call.turn_symptoms import slowness_of, turn_symptoms

_SILENT_TURNS = 2
_ENDS = MappingProxyType(
    {
        "hangup": "the caller hung up",
        "agent-ended": "the agent ended the call",
        "operator-ended": "an operator ended the call",
        "forward-completed": "the caller had spoken with a human",
        "agent-failed": "the gateway said goodbye, because the agent failed",
        "caller-silent": "the gateway said goodbye to a silent caller",
        "max-duration": "the call reached its longest duration",
        "reaped": "nobody told the gateway of its end",
    }
)


def diagnose(entries: Sequence[Entry]) -> tuple[Finding, ...]:
    """What went wrong, what matters most first: serious before harmless, and of those the one that came first."""
    story = Story(entries)
    found = [*_failures(story), *turn_symptoms(story), *_carrier(story), *_forwards(story), *_end(story)]
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


def explain(entry: Entry, *, unreadable: bool = False) -> Finding | None:
    """What a failed record means, in words; None for any other. `unreadable`: traces of its turn could not be read."""
    failed = _failure_in(entry.record)
    if failed is None:
        return None
    return find(
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
        finding = explain(entry, unreadable=has_note(story, entry.turn, "malformed-trace"))
        if failed is None or finding is None or (entry.turn, failed.code) in told:
            continue
        told.add((entry.turn, failed.code))
        if finding.code == ailments.AGENT_SLOW.code and next(slowness_of(story, entry), None) is not None:
            continue  # told with how long it took
        words = next((each for each in story.of(WordsReady, turn=entry.turn) if each.offset >= entry.offset), None)
        if failed.part == "agent" and words is not None and not _has_failed(story, entry.turn):
            sentence = f"{finding.sentence}; it was asked again, and answered"
            yield replace(finding, sentence=sentence, serious=False)
        else:
            yield replace(finding, sentence=finding.sentence + heard_of_it(story, entry))


def _carrier(story: Story) -> Iterator[Finding]:
    """What the carrier complains of where nobody else has."""
    if any(failed.part == "carrier" for failed in story.records(Failed)):
        return
    for entry in story.of(WebhookReceived):
        if entry.record == WebhookReceived(name="fallback"):
            yield find(ailments.ANSWER_UNUSABLE, entry, told=heard_of_it(story, entry))


def _forwards(story: Story) -> Iterator[Finding]:
    """Attempts to reach a human that came to nothing; harmless where a later one did."""
    reached = [entry.offset for entry in story.of(ForwardFinished) if _reached(entry.record)]
    tried: ForwardTried | None = None
    for entry in story.of(ForwardTried, ForwardFinished):
        match entry.record:
            case ForwardTried() as tried:
                pass
            case ForwardFinished(reason=reason) as ended if not _reached(ended):
                ailment = ailments.OF_FORWARDS.get(_outcome(ended, tried), ailments.OF_FORWARDS[ForwardOutcome.FAILED])
                saved = any(offset > entry.offset for offset in reached)
                why = ailments.WHY_REFUSED.get(reason, reason)
                yield find(
                    ailment,
                    entry,
                    serious=False if saved else None,
                    told="; the next destination took the call" if saved else heard_of_it(story, entry),
                    address=ended.address or (tried.address if tried else "") or "The human",
                    detail=f": {shortened(why)}" if why else "",
                )


def _end(story: Story) -> Iterator[Finding]:
    """What the call's end tells: its reason, and callers of whom nothing was heard."""
    ended = story.first(CallEnded)
    if ended is not None and (ailment := ailments.OF_ENDS.get(getattr(ended.record, "reason", ""))):
        yield find(ailment, ended)
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
    yield find(ailments.CALLER_SILENT, replace(last, offset=since), serious=not active, silence=silence)


def _has_failed(story: Story, turn: int) -> bool:
    return any(ended.failure for ended in story.records(TurnEnded, turn))


def _outcome(ended: ForwardFinished, tried: ForwardTried | None) -> str:
    """How the attempt ended: whoever was asked to accept the call, answered, and was not connected, did not accept."""
    if ended.outcome != ForwardOutcome.COMPLETED:
        return ended.outcome
    return ForwardOutcome.DECLINED if tried is not None and tried.confirm else ForwardOutcome.FAILED


def _reached(record: Record) -> bool:
    completed = isinstance(record, ForwardFinished) and record.outcome == ForwardOutcome.COMPLETED
    return completed and getattr(record, "bridged", None) is not False
