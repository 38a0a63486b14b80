"""What a turn of the agent tells by its time and by what it brought: slow, silent, endless answers. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from voicegw.call import ailments
from voicegw.call.entries import Entry
from voicegw.call.findings import Finding, find, has_note, heard_of_it
from voicegw.call.patience import FILLER_AFTER_SECONDS, TOOL_BUDGET_SECONDS, TURN_BUDGET_SECONDS
from voicegw.call.records import (
    CallEnded,
    ForwardFinished,
    ForwardTried,
    Noted,
    PromptBegan,
    TraceReceived,
    TurnBegan,
    TurnEnded,
    WordsReady,
)
from voicegw.call.story import FirstWords, Story, first_words, is_answer, is_the_agents

# An agent whose answer holds only these has nothing that a caller could hear, and nothing that the call should do.
_SILENT_TRACES = frozenset({"block", "debug", "dtmf", "entity-filling", "flow", "knowledgeBase"}) | frozenset(
    {"log", "no-reply", "path", "reasoning", "visual"}
)
_OVERDUE = "agent-overdue"
_ASKING = frozenset({"started", "said", "pressed"})
# By then a caller has heard a second filler.
_NOTICEABLE_SECONDS = 6.0


def turn_symptoms(story: Story) -> Iterator[Finding]:
    """What each turn tells by its time and by what it brought."""
    for began in story.of(TurnBegan):
        yield from slowness_of(story, began)
        if _is_empty(story, began):
            yield find(ailments.AGENT_SILENT, began)
        if has_note(story, began.turn, "turn-cut"):
            yield find(ailments.ENDLESS, began)


def slowness_of(story: Story, began: Entry) -> Iterator[Finding]:
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
    overdue = next((each.offset for each in story.of(Noted, turn=turn) if each.record == Noted(about=_OVERDUE)), None)
    if wait.took > budget:
        due = wait.sent + budget
        slowness = f"{slowness} (budget {budget:.0f} s)"
        place = replace(began, offset=due)
        yield find(ailments.AGENT_SLOW, place, told=heard_of_it(story, due) or fillers, slowness=slowness)
    elif overdue is not None:
        slowness = f"The agent fell silent for more than {budget:.0f} s in the middle of its answer to turn {turn}"
        place = replace(began, offset=overdue)
        yield find(ailments.AGENT_SLOW, place, told=heard_of_it(story, overdue), slowness=slowness)
    elif wait.took > FILLER_AFTER_SECONDS and wait.until and wait.until.record == CallEnded(reason="hangup"):
        yield find(ailments.CALLER_LEFT, began, seconds=f"{wait.took:.0f}")
    elif answered and wait.took > _NOTICEABLE_SECONDS:
        yield find(ailments.SLOW_ANSWER, began, slowness=slowness, told=fillers)


def _fillers(story: Story, wait: FirstWords) -> str:
    """What the caller heard to pass the time."""
    until = wait.sent + wait.took
    prompts = (each.record for each in story.between(wait.sent, until) if isinstance(each.record, PromptBegan))
    heard = [prompt for prompt in prompts if not is_the_agents(prompt)]
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
