"""What the agent says → what the call does next. Pure transitions of `CallState`; `conduct` has the caller's half.

`fold` takes instructions in as they arrive; `settle` decides once the turn is over or the webhook must be answered.
`end` and `call-forward` act only after everything the turn said was heard, whatever order they came in.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from voicegw.call.bridging import MAX_HOPS, UNAVAILABLE, control_bridge, enter_bridge, leave_bridge
from voicegw.call.conduct import take_queued
from voicegw.call.forward_conduct import begin_fallback, begin_forward
from voicegw.call.inputs import CallerInput, Pressed, RequestReturned, Said
from voicegw.call.instructions import (
    AgentDown,
    AwaitPath,
    Collect,
    ControlRealtime,
    Ending,
    Forward,
    HangUp,
    HoldSound,
    Instruction,
    LegacyKeypad,
    Note,
    OfferButtons,
    Overdue,
    PlayAudio,
    PlayChunk,
    PlayRecording,
    Prompt,
    ReturnRequest,
    Say,
    SessionOpened,
    SetBackground,
    SetBargeIn,
    SetRecognition,
    SetSensitive,
    Setting,
    SilenceTimeout,
    SpliceTwiml,
    StartRealtime,
    proves_launch,
)
from voicegw.call.moves import AskAgent, Line, Move, Perform, go_on, listen, own_words
from voicegw.call.patience import TURN_BUDGET_SECONDS
from voicegw.call.phrases import PhraseName
from voicegw.call.plan import CallPlan, Finish, HandOver
from voicegw.call.revising import revise
from voicegw.call.state import Asked, CallState, Phase, Silences, finish_call, forget_queued

__all__ = ["MAX_HOPS", "begin_turn", "fail_turn", "fold", "settle"]


def begin_turn(state: CallState, heard: CallerInput | None = None) -> CallState:
    """A new turn begins, with what was heard: what the last one left open has been used."""
    agent = state.agent
    if agent.tools or (agent.sensitive and isinstance(heard, Said | Pressed)):
        agent = revise(agent, tools=(), sensitive=agent.sensitive and not isinstance(heard, Said | Pressed))
    return revise(
        state,
        phase=Phase.THINKING,
        turn=state.turn + 1,
        step=0,
        running=True,
        taken=0,
        spoke=False,
        asked=Asked(),
        interrupted=False,
        ending=None,
        bridge=None,
        after=None,
        overdue=False,
        gave_up=False,
        agent=agent,
    )


def fold(state: CallState, instructions: Iterable[Instruction]) -> tuple[CallState, tuple[Prompt, ...]]:
    """Take in what has arrived since the last time; returns what it adds to say."""
    arrived = tuple(instructions)
    prompts: list[Prompt] = []
    for instruction in arrived:
        match instruction:
            case Say() | PlayAudio() | PlayRecording() | PlayChunk():
                prompts.append(_with_barge_in(state, instruction))
                state = state if state.asked.path is None else revise(state, asked=replace(state.asked, path=None))
            case Forward() | HangUp() | StartRealtime() | ReturnRequest() | SpliceTwiml() | AgentDown():
                state = _note_ending(state, instruction)
            case HoldSound() as hold:
                others = tuple(tool for tool in state.agent.tools if tool[0] != hold.tool_id)
                tools = (*others, (hold.tool_id, hold.sound)) if hold.playing else others
                state = revise(state, agent=revise(state.agent, tools=tools))
            case ControlRealtime() as control:
                state = control_bridge(state, control)
            case Overdue() | Note():
                pass
            case _:
                state = _set(state, instruction)
    if arrived:
        state = revise(
            state,
            taken=state.taken + len(arrived),
            spoke=state.spoke or bool(prompts),
            overdue=isinstance(arrived[-1], Overdue),
            launched=state.launched or any(proves_launch(instruction) for instruction in arrived),
        )
    return state, tuple(prompts)


def _set(state: CallState, setting: Setting) -> CallState:
    agent = state.agent
    match setting:
        case Collect(enabled=enabled):
            # keys that came before are ignored with all others
            kept = state.keys_kept if enabled else ""
            return revise(state, agent=revise(agent, keypad=setting), keys_kept=kept)
        case SilenceTimeout(seconds=seconds):
            return revise(state, agent=revise(agent, silence_seconds=seconds))
        case OfferButtons(buttons=buttons):
            return revise(state, asked=replace(state.asked, buttons=state.asked.buttons + buttons))
        case LegacyKeypad():
            return revise(state, asked=replace(state.asked, legacy_keypad=True, path=None))
        case SetBargeIn(barge_in=barge_in):
            return revise(state, agent=revise(agent, barge_in=barge_in))
        case SetRecognition():
            return revise(
                state,
                agent=revise(
                    agent,
                    endpointing=setting.endpointing or agent.endpointing,
                    language=setting.language or agent.language,
                    hints=setting.hints or agent.hints,
                ),
            )
        case SetSensitive(sensitive=sensitive):
            return revise(state, agent=revise(agent, sensitive=sensitive))
        case SetBackground(source=source):
            return revise(state, agent=revise(agent, background=source))
        case SessionOpened():
            return revise(state, session_key=setting.session_key, user_id=setting.user_id)
        case AwaitPath(request=request):
            return revise(state, asked=replace(state.asked, path=dict(request)))
        case _:
            assert_never(setting)


def _with_barge_in(state: CallState, prompt: Prompt) -> Prompt:
    """The agent's own word on interruptions (custom action `interruption`) holds for the rest of the call."""
    if state.agent.barge_in is None:
        return prompt
    return replace(prompt, barge_in=state.agent.barge_in)


def _note_ending(state: CallState, ending: Ending) -> CallState:
    """The first ending of a turn counts; only a hang-up gives way to a forward that comes with it."""
    if state.ending is None or (isinstance(state.ending, HangUp) and isinstance(ending, Forward)):
        return revise(state, ending=ending)
    return state


def settle(
    state: CallState,
    line: Line,
    prompts: tuple[Prompt, ...],
    *,
    over: bool,
    failure: str = "",
    permanent: bool = False,
    waited_seconds: float = 0.0,
) -> tuple[CallState, Move]:
    """What to do with `prompts` now. `failure` is the code of a turn that failed, `over` says that no more comes;
    `waited_seconds` is how long the caller has been waiting since they last said or pressed something."""
    if _says_anything(prompts):
        state = _forget_telling(state)  # the agent has dealt with the forward that failed
    state = enter_bridge(state, line)
    spoken_over = state.interrupted and state.ending is None  # the next turn answers what the caller said
    prompts = () if spoken_over else state.unsaid + prompts
    if state.bridge is not None:
        state = revise(state, unsaid=(), running=not over, phase=Phase.THINKING)
        return state, Perform(CallPlan(prompts=prompts, then=go_on(state, line.profile)))
    if isinstance(state.ending, StartRealtime):  # a turn that waits for a bridge to end would wait for ever
        return _act_on(revise(state, unsaid=(), ending=None), line, state.ending, prompts)
    if not over:
        return _keep_waiting(revise(state, unsaid=()), line, prompts, waited_seconds)
    if failure and state.ending is None:
        state = revise(state, unsaid=(), running=False)
        if state.gave_up and not permanent:  # apologised for already: what the caller has said since is what counts
            return _turn_over(state, line, prompts)
        return fail_turn(state, line, prompts, failure, permanent=permanent)
    state = revise(state, unsaid=(), running=False, failures=0, launched=True)
    if state.ending is not None:
        return _act_on(revise(state, ending=None), line, state.ending, prompts)
    return _turn_over(state, line, prompts)


def _keep_waiting(
    state: CallState, line: Line, prompts: tuple[Prompt, ...], waited_seconds: float
) -> tuple[CallState, Move]:
    """The turn still runs: go on, or give up on it with an apology; the second time it is left behind."""
    profile = line.profile
    if not prompts and state.overdue and not state.gave_up:
        return _give_up(state, line)
    if not prompts and state.gave_up and waited_seconds > TURN_BUDGET_SECONDS:
        if (queued := take_queued(state, line)) is not None:
            return queued
        state = revise(state, phase=Phase.LISTENING, silences=Silences(), interrupted=False)
        return state, Perform(CallPlan(prompts=(), then=listen(state, profile)))
    return revise(state, phase=Phase.THINKING), Perform(CallPlan(prompts=prompts, then=go_on(state, profile)))


def _give_up(state: CallState, line: Line) -> tuple[CallState, Move]:
    """Apologise and let the caller speak again. The turn runs on: a late answer is still welcome."""
    state = revise(state, gave_up=True, failures=state.failures + 1)
    sorry = own_words(PhraseName.GIVE_UP, state, line.profile)
    if state.failures >= line.profile.failures_before_fallback:
        return begin_fallback(state, line, (sorry,))
    state = revise(state, phase=Phase.LISTENING, silences=Silences())
    return state, Perform(CallPlan(prompts=(sorry,), then=listen(state, line.profile)))


def _turn_over(state: CallState, line: Line, prompts: tuple[Prompt, ...]) -> tuple[CallState, Move]:
    profile = line.profile
    told, state = state.forward.told_agent, _forget_telling(state)
    if (queued := take_queued(state, line)) is not None:
        state, move = queued
        return revise(state, unsaid=prompts), move
    if state.asked.path is not None and state.hops < MAX_HOPS:
        request = state.asked.path
        state = revise(state, hops=state.hops + 1, unsaid=prompts)
        return state, AskAgent(RequestReturned(request=request))
    if told:
        return begin_fallback(state, line, prompts, listening_after=True)
    state = revise(state, phase=Phase.LISTENING, silences=Silences(), interrupted=False)
    return state, Perform(CallPlan(prompts=prompts, then=listen(state, profile)))


def fail_turn(
    state: CallState, line: Line, prompts: tuple[Prompt, ...], failure: str, *, permanent: bool = False
) -> tuple[CallState, Move]:
    """A turn failed: what had arrived is said once, then the failure phrase; at last the number's way out."""
    profile = line.profile
    state = forget_queued(_forget_telling(state))
    state = revise(state, running=False, failures=state.failures + 1, keys_kept="")
    if permanent:
        sorry = own_words(PhraseName.AGENT_UNAVAILABLE, state, profile)
        return begin_fallback(state, line, (*prompts, sorry))
    if state.failures >= profile.failures_before_fallback:
        return begin_fallback(state, line, prompts)
    name = PhraseName.GIVE_UP if failure == "agent-slow" else PhraseName.FAILURE
    if state.turn == 1 and not prompts:
        name = PhraseName.FAILURE_AT_START  # the caller has said nothing yet that could be said again
    state = revise(state, phase=Phase.LISTENING, silences=Silences(), interrupted=False)
    sorry = own_words(name, state, profile, variant=state.failures - 1)
    return state, Perform(CallPlan(prompts=(*prompts, sorry), then=listen(state, profile)))


def _act_on(state: CallState, line: Line, ending: Ending, prompts: tuple[Prompt, ...]) -> tuple[CallState, Move]:
    profile = line.profile
    match ending:
        case HangUp(reason=reason):
            if not (prompts or state.spoke):  # nobody is hung up on without a word
                prompts = (own_words(PhraseName.GOODBYE, state, profile),)
            return finish_call(state, reason), Perform(CallPlan(prompts=prompts, then=Finish(reason=reason)))
        case Forward():
            return begin_forward(state, line, ending, prompts)
        case ReturnRequest(request=request):
            if state.hops >= MAX_HOPS:
                return _turn_over(state, line, prompts)
            state = revise(state, hops=state.hops + 1, unsaid=prompts)
            return state, AskAgent(RequestReturned(request=request))
        case StartRealtime():
            return leave_bridge(revise(state, unsaid=prompts), line, UNAVAILABLE)
        case SpliceTwiml(document=document):
            state = revise(_forget_telling(state), phase=Phase.LISTENING, silences=Silences(), interrupted=False)
            then = HandOver(document=document, listen=listen(state, profile))
            return state, Perform(CallPlan(prompts=prompts, then=then))
        case AgentDown(code=code):
            return fail_turn(state, line, prompts, code, permanent=True)
        case _:
            assert_never(ending)


def _forget_telling(state: CallState) -> CallState:
    return revise(state, forward=replace(state.forward, told_agent=False)) if state.forward.told_agent else state


def _says_anything(prompts: tuple[Prompt, ...]) -> bool:
    return any(not (isinstance(prompt, Say) and prompt.by_gateway) for prompt in prompts)
