"""What the journal is told of a call's webhooks: what came in, what was heard of our words, what was answered.

Only tells: nothing here decides anything, and nothing that fails here can harm a call.
"""

from dataclasses import replace

from voicegw.call.entries import Journal
from voicegw.call.heard import SPEECH_END_SECONDS
from voicegw.call.inputs import CallerInput, ForwardEnded, Pressed, Said, StayedSilent
from voicegw.call.instructions import PlayAudio, PlayChunk, PlayRecording, Prompt, Say
from voicegw.call.moves import Line, endpointing_now, hearing_now
from voicegw.call.plan import CallPlan, DialLeg
from voicegw.call.records import (
    CallerInterrupted,
    CallerSpoke,
    CallerStayedSilent,
    CallRang,
    ForwardFinished,
    ForwardTried,
    KeysPressed,
    PromptBegan,
    PromptCut,
    PromptHeard,
    Record,
    StepAnswered,
    WebhookReceived,
)
from voicegw.call.state import CallState, Phase
from voicegw.turns.ports import Performance


def tell_ring(journal: Journal, state: CallState, line: Line) -> None:
    """A call that nobody knew yet."""
    parties = state.parties
    journal.open(state.call_sid, parties, line.profile, state.started_at)
    rang = CallRang(
        caller_number=parties.caller_number,
        called_number=parties.called_number,
        caller_name=parties.caller_name,
        caller_country=parties.caller_country,
        forwarded_from=parties.forwarded_from,
        direction=parties.direction,
        mode=line.profile.mode.value,
    )
    journal.note(state.call_sid, rang)


def tell_webhook(journal: Journal, state: CallState, line: Line, name: str) -> None:
    """The carrier asks for `name`, which nobody has answered yet. The call may be new to this process."""
    journal.open(state.call_sid, state.parties, line.profile, state.started_at)
    journal.note(state.call_sid, WebhookReceived(name=name), state.turn)


def tell_input(journal: Journal, state: CallState, line: Line, heard: CallerInput, before_cut: str | None) -> None:
    """What the caller did; `before_cut` is what was out of our words when that cut them off."""
    for record in (*_of_prompts(state, heard, before_cut), *_of_input(state, line, heard)):
        journal.note(state.call_sid, record, state.turn)


def tell_heard(journal: Journal, state: CallState, line: Line, heard: CallerInput, quiet_seconds: float) -> None:
    """What the caller did on a stream, where we know for how long the line has been quiet since they spoke."""
    for record in _of_input(state, line, heard):
        told = replace(record, quiet_seconds=quiet_seconds) if isinstance(record, CallerSpoke) else record
        journal.note(state.call_sid, told, state.turn)


def tell_answer(
    journal: Journal, state: CallState, plan: CallPlan, performance: Performance, name: str, seconds: float
) -> None:
    """`plan` was handed to the carrier as the answer to `name`, `seconds` after it had asked."""
    said = plan.prompts[: len(plan.prompts) - len(performance.unsaid)] if performance.unsaid else plan.prompts
    for prompt in said:
        journal.note(state.call_sid, prompt_began(prompt), state.turn)
    answer = performance.answer.decode("utf-8", "replace")
    journal.note(state.call_sid, StepAnswered(name=name, seconds=round(seconds, 4), answer=answer), state.turn)
    if isinstance(plan.then, DialLeg) and performance.complete:
        leg = plan.then.leg
        tried = ForwardTried(
            address=leg.address,
            address_type=leg.kind,
            attempt=state.forward.attempts,
            ring_seconds=leg.ring_seconds,
            confirm=leg.confirm,
        )
        journal.note(state.call_sid, tried, state.turn)


def _of_prompts(state: CallState, heard: CallerInput, before_cut: str | None) -> tuple[Record, ...]:
    if not state.spoken.text or state.spoken.filler:
        return ()
    if before_cut is None:
        return (PromptHeard(),)
    by = CallerInterrupted(by="speech" if isinstance(heard, Said) else "keys")
    return (by, PromptCut(heard=before_cut))


def _of_input(state: CallState, line: Line, heard: CallerInput) -> tuple[Record, ...]:
    sensitive = state.agent.sensitive
    match heard:
        case Said(text=text, confidence=confidence):
            quiet = SPEECH_END_SECONDS[endpointing_now(state, line.profile)]
            return (CallerSpoke(text=text, confidence=confidence, quiet_seconds=quiet, sensitive=sensitive),)
        case Pressed(keys=keys, ended_by=ended_by):
            # a delimiter or the last digit reaches us at once; an entry that just stopped has waited for its gap
            hearing = hearing_now(state, line.profile)
            full = hearing.one_key or hearing.keys_kept + len(keys) >= hearing.keypad.max_digits
            quiet = 0.0 if ended_by or full else hearing.keypad.gap_seconds
            return (KeysPressed(keys=keys, ended_by=ended_by, quiet_seconds=quiet, sensitive=sensitive),)
        case ForwardEnded(outcome=outcome, seconds=seconds, bridged=bridged):
            leg = state.forward.dialled
            address = leg.address if leg else ""
            return (ForwardFinished(outcome=outcome.value, address=address, seconds=seconds, bridged=bridged),)
        case StayedSilent() if state.phase is Phase.LISTENING and state.after is None:
            return (CallerStayedSilent(),)
        case _:
            return ()


def prompt_began(prompt: Prompt) -> PromptBegan:
    """The record of a prompt that was handed to the carrier."""
    match prompt:
        case Say(text=text, by_gateway=by_gateway, filler=filler):
            return PromptBegan(text=text, by_gateway=by_gateway, filler=filler)
        case PlayAudio(source=source, instead=instead):
            # a `data:` URI is the recording itself
            return PromptBegan(text=instead, source=source if source.startswith("https:") else "data:")
        case PlayRecording(encoding=encoding, instead=instead) | PlayChunk(encoding=encoding, instead=instead):
            return PromptBegan(text=instead, source=encoding)
