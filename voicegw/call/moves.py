"""What the conduct of a call decides to do next (`Move`), and the line it decides for. Pure values."""

from dataclasses import dataclass

from voicegw.call.inputs import CallerInput
from voicegw.call.instructions import BargeIn, Collect, Say
from voicegw.call.phrases import PhraseName, phrase
from voicegw.call.plan import BridgeRealtime, CallPlan, GoOn, Hearing, Listen
from voicegw.call.profile import Endpointing, NumberProfile
from voicegw.call.state import CallState

DEFAULT_DISCLOSURE = "default"


@dataclass(frozen=True, slots=True)
class Line:
    """The called number's profile, every number that is ours (a call is never forwarded to one of them), and whether
    there is a `realtime` server to bridge callers to."""

    profile: NumberProfile
    own_numbers: frozenset[str] = frozenset()
    realtime: bool = False


@dataclass(frozen=True, slots=True)
class AskAgent:
    """Begin a new turn with `heard`."""

    heard: CallerInput


@dataclass(frozen=True, slots=True)
class AwaitAgent:
    """The agent's turn runs: wait for it as patience allows. With `otherwise`, do not wait: what to do unless the
    turn has brought something by now."""

    otherwise: "tuple[CallState, Perform] | None" = None


@dataclass(frozen=True, slots=True)
class Perform:
    """Carry out `plan`."""

    plan: CallPlan


Move = AskAgent | AwaitAgent | Perform


def keypad_in_force(state: CallState, profile: NumberProfile) -> Collect:
    """How keys are gathered now: as the agent's last `dtmf` trace says, else as the number does."""
    if state.agent.keypad is not None:
        return state.agent.keypad
    own = profile.keypad
    return Collect(
        enabled=own.enabled,
        gap_seconds=own.gap_seconds,
        delimiters=tuple(own.delimiters),
        max_digits=own.max_digits,
    )


def is_collecting(state: CallState) -> bool:
    """Does the agent itself collect an entry by keypad?"""
    return state.agent.keypad is not None and state.agent.keypad.enabled


def endpointing_now(state: CallState, profile: NumberProfile) -> Endpointing:
    """How long a pause of the caller's may be: as the agent's last word on it, else as the number does."""
    return Endpointing(state.agent.endpointing) if state.agent.endpointing else profile.endpointing


def hearing_now(state: CallState, profile: NumberProfile) -> Hearing:
    """How the caller is listened to at this moment."""
    keypad = keypad_in_force(state, profile)
    collecting = is_collecting(state)
    one_key = state.asked.legacy_keypad or (not collecting and 0 < len(state.asked.buttons) <= 9)
    keys_only = profile.while_collecting == "keys" and collecting and keypad.max_digits > 1
    names = tuple(button.name for button in state.asked.buttons if button.name)
    return Hearing(
        keypad=keypad,
        speech=not keys_only,
        one_key=one_key,
        keys_kept=len(state.keys_kept),
        language=state.agent.language or profile.language,
        endpointing=endpointing_now(state, profile),
        speech_model=profile.speech_model,
        hints=names + state.agent.hints + profile.hints,
        profanity_filter=profile.profanity_filter,
    )


def silence_to_await(state: CallState, profile: NumberProfile) -> float:
    """Seconds of silence until somebody does something about it: the agent's wish, else the number's next prompt."""
    if state.agent.silence_seconds is not None:
        return state.agent.silence_seconds
    own = profile.silence
    instants = (*own.prompts_at_seconds[state.silences.prompts :], own.goodbye_at_seconds)
    return max(1.0, instants[0] - state.silences.seconds)


def listen(state: CallState, profile: NumberProfile) -> Listen:
    """Listen to the caller as things stand."""
    return Listen(hearing=hearing_now(state, profile), silence_seconds=silence_to_await(state, profile))


def go_on(state: CallState, profile: NumberProfile) -> GoOn | BridgeRealtime:
    """Stay reachable while more is to come, by the agent or by the realtime server that has the caller."""
    hearing = hearing_now(state, profile)
    return GoOn(hearing=hearing) if state.bridge is None else BridgeRealtime(start=state.bridge, hearing=hearing)


def opening_words(state: CallState, profile: NumberProfile) -> tuple[Say, ...]:
    """What we say ourselves before the agent's first word: the disclosure, which nothing interrupts, and a greeting."""
    opening: list[Say] = []
    if profile.disclosure == DEFAULT_DISCLOSURE:
        opening.append(own_words(PhraseName.CONSENT, state, profile, barge_in=BargeIn.NONE))
    elif profile.disclosure:
        opening.append(_own(profile.disclosure, profile, BargeIn.NONE))
    if profile.greeting:
        opening.append(_own(profile.greeting, profile, BargeIn(profile.barge_in)))
    return tuple(opening)


def _own(text: str, profile: NumberProfile, barge_in: BargeIn) -> Say:
    return Say(text=text, language=profile.language, barge_in=barge_in, by_gateway=True)


def own_words(
    name: PhraseName,
    state: CallState,
    profile: NumberProfile,
    /,
    *,
    variant: int = 0,
    barge_in: BargeIn = BargeIn.ANY,
    **fields: str,
) -> Say:
    """Something we say ourselves, in the caller's language and the number's own wording."""
    language = state.agent.language or profile.language
    text = phrase(name, language, profile.phrases, variant, **fields)
    return Say(
        text=text,
        language=language,
        barge_in=barge_in,
        by_gateway=True,
        filler=name is PhraseName.FILLER,
    )
