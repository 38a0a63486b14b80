"""A forward from the wish to its outcome: policy, legs in order, what the caller hears, what the agent is told.

Every refused, failed or unanswered forward leads to the next destination, back to the agent, or to words and
listening: never to an unexplained silence. Pure transitions of `CallState`.
"""

from dataclasses import replace

from voicegw.call.forwarding import Refusal, Route, decide_forward, fallback_route, human_route
from voicegw.call.inputs import ForwardEnded, ForwardOutcome
from voicegw.call.instructions import Forward, Prompt
from voicegw.call.moves import AskAgent, Line, Move, Perform, hearing_now, listen, own_words
from voicegw.call.phrases import PhraseName
from voicegw.call.plan import CallPlan, DialLeg, Finish, Leg
from voicegw.call.records import ForwardFinished
from voicegw.call.revising import revise
from voicegw.call.state import CallState, ForwardState, Phase, Silences, finish_call, forget_queued

_WHY = {
    ForwardOutcome.BUSY: PhraseName.FORWARD_BUSY,
    ForwardOutcome.NO_ANSWER: PhraseName.FORWARD_NO_ANSWER,
    ForwardOutcome.DECLINED: PhraseName.FORWARD_NO_ANSWER,
    ForwardOutcome.REFUSED: PhraseName.FORWARD_REFUSED,
}


def begin_forward(state: CallState, line: Line, wish: Forward, prompts: tuple[Prompt, ...]) -> tuple[CallState, Move]:
    """Forward the caller as the agent wishes, after `prompts`; a refusal by policy counts as an attempt."""
    decision = decide_forward(
        wish,
        profile=line.profile,
        parties=state.parties,
        own_numbers=line.own_numbers,
        attempts_so_far=state.forward.attempts,
    )
    state = revise(state, forward=replace(state.forward, by_gateway=False, told_agent=False, waiting=()))
    if isinstance(decision, Refusal):
        told = ForwardFinished(outcome="refused", address=decision.address, reason=decision.reason)
        state = revise(state, happened=(*state.happened, told))
        if state.forward.attempts > line.profile.forwarding.max_attempts:
            return begin_fallback(state, line, prompts, listening_after=True)
        refused = replace(state.forward, attempts=state.forward.attempts + 1)
        outcome = ForwardEnded(outcome=ForwardOutcome.REFUSED, destination=wish.address)
        return _failed(revise(state, forward=refused, unsaid=prompts), line, outcome)
    return _dial(state, line, decision.destinations, prompts)


def begin_human_forward(state: CallState, line: Line) -> tuple[CallState, Move]:
    """Forward to the number's human destination because the caller asked us, not the agent, for one."""
    route = human_route(
        line.profile,
        parties=state.parties,
        own_numbers=line.own_numbers,
        attempts_so_far=state.forward.attempts,
    )
    if isinstance(route, Refusal):
        return begin_fallback(state, line, (), listening_after=True)
    forward = replace(state.forward, by_gateway=True, then_listen=True, told_agent=False)
    state = revise(state, forward=forward, gave_up=state.running)  # a turn that still runs is not waited for
    return _dial(state, line, route.destinations, (_say(PhraseName.FORWARD_CONNECTING, state, line),))


def begin_fallback(
    state: CallState, line: Line, prompts: tuple[Prompt, ...], *, listening_after: bool = False
) -> tuple[CallState, Move]:
    """The agent cannot help: the number's fallback destinations, or an explanation and a goodbye.

    With `listening_after` the caller is listened to instead of being sent away when there is nowhere to go.
    """
    profile = line.profile
    fresh = not state.forward.fell_back
    route = fallback_route(profile, parties=state.parties, own_numbers=line.own_numbers) if fresh else None
    if isinstance(route, Route):
        forward = replace(state.forward, by_gateway=True, fell_back=True, then_listen=listening_after)
        connecting = _say(PhraseName.FORWARD_CONNECTING, state, line)
        return _dial(revise(state, forward=forward), line, route.destinations, (*prompts, connecting))
    if listening_after:
        explanation = _say(PhraseName.FORWARD_EXPLAIN, state, line)
        # what was said over an announcement answers nothing any more
        state = revise(forget_queued(state), phase=Phase.LISTENING, silences=Silences(), interrupted=False)
        return state, Perform(CallPlan(prompts=(*prompts, explanation), then=listen(state, profile)))
    farewell = _say(PhraseName.FAILURE_FINAL, state, line)
    plan = CallPlan(prompts=(*prompts, farewell), then=Finish(reason="agent-failed"))
    return finish_call(state, "agent-failed"), Perform(plan)


def forward_ended(state: CallState, line: Line, ended: ForwardEnded) -> tuple[CallState, Move]:
    """What follows an attempt. `completed` without a bridge is a failure (the vendor's DialBridged=false)."""
    profile = line.profile
    state = revise(state, forward=replace(state.forward, seconds=state.forward.seconds + ended.seconds))
    if ended.outcome is ForwardOutcome.COMPLETED and ended.bridged is not False:
        agent_can = not state.forward.by_gateway or state.forward.then_listen
        if profile.forwarding.after_forward == "agent" and agent_can:
            so_far = state.forward
            done = ForwardState(attempts=so_far.attempts, seconds=so_far.seconds, fell_back=so_far.fell_back)
            return revise(state, phase=Phase.LISTENING, forward=done), AskAgent(ended)
        plan = CallPlan(prompts=(), then=Finish(reason="forward-completed"))
        return finish_call(state, "forward-completed"), Perform(plan)
    if ended.outcome is ForwardOutcome.COMPLETED:  # whoever was asked to accept the call did not, or nobody was there
        asked = state.forward.dialled is not None and state.forward.dialled.confirm
        ended = replace(ended, outcome=ForwardOutcome.DECLINED if asked else ForwardOutcome.FAILED)
    return _failed(state, line, ended)


def _failed(state: CallState, line: Line, ended: ForwardEnded) -> tuple[CallState, Move]:
    """The caller hears why; then the next leg, the agent, or (if we asked for the forward) the way out."""
    profile = line.profile
    why = (*state.unsaid, _say(_WHY.get(ended.outcome, PhraseName.FORWARD_FAILED), state, line))
    state = revise(state, unsaid=())
    if state.forward.waiting and state.forward.attempts < profile.forwarding.max_attempts:
        return _dial(state, line, state.forward.waiting, why)
    dialled = state.forward.dialled
    named = replace(ended, destination=ended.destination or (dialled.address if dialled else ""))
    state = revise(state, forward=replace(state.forward, waiting=(), dialled=None))
    if state.forward.by_gateway:
        return begin_fallback(state, line, why, listening_after=state.forward.then_listen)
    if profile.forwarding.on_failure == "nothing":
        return begin_fallback(state, line, why, listening_after=True)
    state = revise(state, phase=Phase.LISTENING, unsaid=why)
    return revise(state, forward=replace(state.forward, told_agent=True)), AskAgent(named)


def _dial(state: CallState, line: Line, legs: tuple[Leg, ...], prompts: tuple[Prompt, ...]) -> tuple[CallState, Move]:
    leg, *waiting = legs
    forward = replace(state.forward, waiting=tuple(waiting), dialled=leg, attempts=state.forward.attempts + 1)
    state = revise(state, phase=Phase.FORWARDING, forward=forward, unsaid=(), ending=None, after=None)
    then = DialLeg(leg=leg, hearing=hearing_now(state, line.profile))
    return state, Perform(CallPlan(prompts=prompts, then=then))


def _say(name: PhraseName, state: CallState, line: Line) -> Prompt:
    return own_words(name, state, line.profile)
