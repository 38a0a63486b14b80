"""One call as a value: what must survive between two webhooks, two processes and a restart.

Transitions live in `conduct` (what the caller does) and `answer` (what the agent says); the versioned dict form here.

    THINKING  ──turn over──►  LISTENING  ──input──►  THINKING
       │  └──forward──►  FORWARDING  ──outcome──►  THINKING | FORWARDING (next destination) | ENDED
       └──end──►  ENDED
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated

import msgspec
from pydantic import Field, TypeAdapter, ValidationError

from voicegw.call.inputs import CallerInput, CallParties, EventRaised, Order
from voicegw.call.instructions import BargeIn, Button, Collect, Ending, Prompt, Say, StartRealtime
from voicegw.call.plan import Leg, Then
from voicegw.call.records import ForwardFinished
from voicegw.call.revising import revise

SCHEMA = 1

_Input = Annotated[CallerInput, Field(discriminator="kind")]
_Order = Annotated[Order, Field(discriminator="kind")]
_Prompt = Annotated[Prompt, Field(discriminator="kind")]
_Ending = Annotated[Ending, Field(discriminator="kind")]
_Then = Annotated[Then, Field(discriminator="kind")]


class Phase(StrEnum):
    """Who is expected to do something."""

    THINKING = "thinking"
    LISTENING = "listening"
    FORWARDING = "forwarding"
    ENDED = "ended"


@dataclass(frozen=True, kw_only=True)  # no slots: see `revise`
class AgentSettings:
    """What the agent has set and what therefore holds until it sets it anew (None: the number's own default).

    `tools` are those at work now, each with the sound that the caller hears meanwhile; `sensitive`: the next entry is
    to be hidden; `background` names the sound behind the conversation.
    """

    keypad: Collect | None = None
    silence_seconds: float | None = None
    barge_in: BargeIn | None = None
    endpointing: str = ""
    language: str = ""
    hints: tuple[str, ...] = ()
    tools: tuple[tuple[str, str], ...] = ()
    sensitive: bool = False
    background: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the agent's last turn left open: choices, a legacy keypad, a custom action that waits for its path."""

    buttons: tuple[Button, ...] = ()
    legacy_keypad: bool = False
    path: dict[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardState:
    """Where a forward stands: legs not tried yet, attempts in this call, and who asked for it (`by_gateway`: not the
    agent; `then_listen`: where it fails, the dialogue goes on). `fell_back`: the fallback destinations are used up.
    `seconds`: how long the caller has been with humans in all.
    """

    waiting: tuple[Leg, ...] = ()
    dialled: Leg | None = None
    attempts: int = 0
    by_gateway: bool = False
    then_listen: bool = False
    told_agent: bool = False
    fell_back: bool = False
    seconds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Silences:
    """How long the caller has been silent since the last exchange, and what we have said about it."""

    seconds: float = 0.0
    prompts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """What was last handed to the carrier to say, and when (epoch seconds): the ground for `heard_text`.

    `filler`: nothing but something of ours to pass the time.
    """

    text: str = ""
    at: float = 0.0
    filler: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamState:
    """The call's media streams: how many the carrier was told to open, whether the last of them is `open` (nobody has
    ended it in order), whether one has taken it (`claimed`), how many were `lost` since the caller last did something;
    `stopped`: the carrier ended the last one and has not asked anything since, so that the caller may have hung up;
    `given_up`: the carrier hears and speaks for the rest of the call."""

    count: int = 0
    open: bool = False
    claimed: bool = False
    lost: int = 0
    stopped: bool = False
    given_up: bool = False


@dataclass(frozen=True, kw_only=True)  # no slots: see `revise`
class CallState:
    """A live call. `turn` and `step` name the one step URL that is expected next; `taken` counts the instructions
    of this turn already folded in, and `spoke` says that there were words among them; `queued` is what the caller did
    while the agent was thinking; `ending` is what the turn wants done once it is over; `unsaid` is what did not fit
    into the last answer, or was not heard on a stream, and `after` what follows it; `bridge`: a realtime server has
    the caller;
    `entry_full` says that the last entry ended by its length, so that a delimiter right after it belongs to it, and
    `repeatable` are the prompts which that delimiter may cut off. `overdue`: the agent has kept the caller waiting for
    too long; `gave_up`: we have apologised for it, and the turn still runs; `waiting_since` (epoch seconds): since when
    the caller waits for an answer. `orders` from outside wait for the next webhook; `orders_placed` counts them all."""

    call_sid: str
    parties: CallParties
    schema: int = SCHEMA
    started_at: float = 0.0
    user_id: str = ""
    session_key: str = ""
    launched: bool = False
    phase: Phase = Phase.THINKING
    turn: int = 0
    step: int = 0
    running: bool = False
    taken: int = 0
    spoke: bool = False
    agent: AgentSettings = AgentSettings()
    asked: Asked = Asked()
    queued: tuple[_Input, ...] = ()
    keys_kept: str = ""
    entry_full: bool = False
    repeatable: tuple[_Prompt, ...] = ()
    interrupted: bool = False
    ending: _Ending | None = None
    bridge: StartRealtime | None = None
    unsaid: tuple[_Prompt, ...] = ()
    after: _Then | None = None
    silences: Silences = Silences()
    spoken: Spoken = Spoken()
    heard_text: str = ""
    fillers: int = 0
    failures: int = 0
    hops: int = 0
    forward: ForwardState = ForwardState()
    overdue: bool = False
    gave_up: bool = False
    waiting_since: float = 0.0
    fallbacks_asked: int = 0
    stream: StreamState = StreamState()
    end_sent: bool = False
    ended_reason: str = ""
    orders: tuple[_Order, ...] = ()
    orders_placed: int = 0
    # what a transition has to tell the journal; told before the state is kept, and no part of what is kept
    happened: tuple[ForwardFinished, ...] = ()

    def __repr__(self) -> str:  # the session key and what the caller typed never reach a log or a traceback
        return f"CallState({self.call_sid!r}, phase={self.phase!s}, turn={self.turn}, step={self.step})"


_ADAPTER = TypeAdapter(CallState)
# The same JSON as pydantic's, which still reads it, in less than half the time: a state is written twice in every turn.
_ENCODER = msgspec.json.Encoder(enc_hook=dict)  # for a `Mapping` that is no dict


def dump_state(state: CallState) -> bytes:
    """The state as JSON bytes."""
    return _ENCODER.encode(revise(state, happened=()) if state.happened else state)


def load_state(document: bytes) -> CallState | None:
    """The state from `dump_state`'s bytes; None if another version of the gateway wrote what this one cannot read."""
    try:
        state = _ADAPTER.validate_json(document)
    except ValidationError:
        return None
    return state if state.schema == SCHEMA else None


def start_call(call_sid: str, parties: CallParties, *, user_id: str, started_at: float) -> CallState:
    """A call whose phone begins to ring."""
    return CallState(call_sid=call_sid, parties=parties, user_id=user_id, started_at=started_at)


def spoken_text(prompts: tuple[Prompt, ...]) -> str:
    """The words of `prompts`, as far as they are words."""
    return " ".join(prompt.text for prompt in prompts if isinstance(prompt, Say))


def is_filler(prompts: tuple[Prompt, ...]) -> bool:
    """Is there something in `prompts`, and nothing but what passes the time?"""
    return bool(prompts) and all(isinstance(prompt, Say) and prompt.filler for prompt in prompts)


def without_words(state: CallState) -> CallState:
    """The state as it is kept of a call that is over: no session key, nothing that was said or keyed."""
    agent = replace(state.agent, tools=(), hints=())
    forgotten = revise(state, session_key="", agent=agent, asked=Asked(), keys_kept="", repeatable=(), heard_text="")
    return revise(forgotten, spoken=replace(state.spoken, text=""))


def finish_call(state: CallState, reason: str) -> CallState:
    """The call is over; the first reason stays."""
    if state.phase is Phase.ENDED:
        return state
    state = revise(state, queued=(), unsaid=(), ending=None, bridge=None, after=None, orders=())
    return revise(state, phase=Phase.ENDED, ended_reason=reason)


def forget_queued(state: CallState) -> CallState:
    """What the caller did meanwhile counts no more. An event from outside, which nobody will repeat, still waits."""
    events = tuple(waiting for waiting in state.queued if isinstance(waiting, EventRaised))
    return revise(state, queued=(), orders=(*state.orders, *events))
