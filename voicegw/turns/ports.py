"""What turns ask of the world: an agent to talk to and a store that remembers calls. Adapters live elsewhere.

No query here that a key-value server with expiry could not answer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from voicegw.call.inputs import CallerInput, CallParties
from voicegw.call.instructions import Button, Instruction, Prompt
from voicegw.call.moves import Line
from voicegw.call.plan import CallPlan
from voicegw.call.profile import NumberProfile
from voicegw.call.state import CallState


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRequest:
    """All that one turn of the agent depends on. `session_key` is empty until a `SessionOpened` was given;
    `live_sound`: sound is wanted in pieces, as it comes."""

    call_sid: str
    parties: CallParties
    profile: NumberProfile
    heard: CallerInput
    user_id: str = ""
    session_key: str = ""
    launched: bool = False
    buttons: tuple[Button, ...] = ()
    collecting: bool = False
    legacy_keypad: bool = False
    heard_text: str = ""
    turn: int = 0
    sensitive: bool = False
    live_sound: bool = False

    def __repr__(self) -> str:  # the session key is a secret, what was heard may be one
        return f"TurnRequest(call_sid={self.call_sid!r}, heard={self.heard.kind!r})"


class Agent(Protocol):
    """An agent on some platform."""

    async def take_turn(self, turn: TurnRequest, give: Callable[[Instruction], None]) -> None:
        """Tell the agent what was heard and `give` its answer, instruction by instruction, as it arrives.

        Raises a child of `voicegw.errors.AgentError`. Never sends twice what may have arrived. Cancel-safe.
        """
        ...

    async def end(self, turn: TurnRequest) -> None:
        """Tell the agent that the call is over (`heard` is a `HungUp`). Raises `AgentError`."""
        ...

    async def warm(self, profile: NumberProfile) -> None:
        """Open a connection ahead of need; never raises."""
        ...


@dataclass(frozen=True, slots=True)
class StoredCall:
    """A call's document as last saved, and the version to save the next one against."""

    document: bytes
    version: int


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """A turn's progress: entries in order; `over` once the last was appended; `beat_at` in epoch seconds."""

    entries: tuple[bytes, ...]
    over: bool
    beat_at: float


# Twice what one answer can hold, so that what the caller is hearing now is always there
RECORDINGS_KEPT = 100
# The last one is fetched at once; a call itself is remembered for longer, because its webhooks may be replayed
RECORDING_REST_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class StoredAudio:
    """Audio that the carrier will fetch."""

    content: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Performance:
    """A plan as the carrier gets it. Not `complete`: it only leads towards what the plan does in the end, and the next
    step says the `unsaid` prompts and does it. Not `audible`: the caller would hear nothing of it."""

    answer: bytes
    unsaid: tuple[Prompt, ...] = ()
    complete: bool = True
    audible: bool = True


class Performer(Protocol):
    """Turns a plan into what one carrier understands."""

    async def perform(self, state: CallState, line: Line, plan: CallPlan) -> Performance:
        """Render `plan`; the next step it names is `state.turn` and `state.step`. Never raises."""
        ...

    def apologise(self, state: CallState, line: Line, again: tuple[int, int] | None = None) -> bytes:
        """An answer that says sorry and leads to the step named by `state`, or `again` to one that was answered."""
        ...

    def point_to(self, state: CallState) -> bytes:
        """An answer that says nothing and leads to the step named by `state`."""
        ...

    def connect(self, state: CallState) -> bytes:
        """An answer that opens stream number `state.stream.count`, and then asks what follows it."""
        ...

    def ask_again(self, state: CallState) -> bytes:
        """An answer that says nothing and asks, after a moment, once more what follows that stream."""
        ...


class Streams(Protocol):
    """Carries calls in which we hear and speak ourselves. Of a call that it does not have it does nothing; `closing`:
    it takes none any more."""

    @property
    def closing(self) -> bool: ...

    def prepare(self, state: CallState, version: int, line: Line) -> None:
        """The carrier was told to open a stream for this call: be ready when it comes."""
        ...

    async def leave(self, call_sid: str) -> bool:
        """Give the call back as it stands, within two seconds: somebody else goes on with it. False where the call is
        not here. Never raises."""
        ...

    def notice_order(self, call_sid: str) -> bool:
        """An order was kept for this call: see to it. False where the call is not here."""
        ...

    async def close(self) -> None:
        """Give every call back as it stands, within two seconds, for another process to go on with."""
        ...


class CarrierControl(Protocol):
    """Reaches into a live call from outside, where the carrier lets us. Both methods raise `CarrierError`."""

    async def interrupt(self, state: CallState) -> None:
        """Break off what the call is doing now; the carrier asks at once what to do, and says for which order
        (`state.orders_placed`). What the caller was saying or keying in is lost."""
        ...

    async def hang_up(self, call_sid: str) -> None:
        """End the call at once, without a word."""
        ...


class CallStore(Protocol):
    """Live-call state, shared by all processes of the gateway. Every method raises `StoreError` when it cannot.

    Everything of a call expires `lifetime_seconds` after it was last written, or up to a minute sooner.
    """

    async def create_call(self, call_sid: str, document: bytes) -> bool:
        """Remember a new call at version 1; False if it is known already (nothing is changed)."""
        ...

    async def load_call(self, call_sid: str) -> StoredCall | None: ...

    async def save_call(
        self,
        call_sid: str,
        document: bytes,
        version: int,
        *,
        answered: tuple[str, bytes] | None = None,
        live: bool = True,
    ) -> int:
        """Replace the document if `version` is still the stored one; returns the next version, else `StaleVersion`.
        Versions count the saves of a call.

        `answered` (a step's name and its answer) is kept in the same act: both or neither. A call that is not `live`
        any more is only remembered.
        """
        ...

    async def live_calls(self) -> tuple[str, ...]:
        """The ids of all calls that are not over."""
        ...

    async def forget_call(self, call_sid: str) -> None:
        """Drop a call with its turns, audio and answers. Idempotent."""
        ...

    async def append_turn(self, call_sid: str, turn: int, entries: tuple[bytes, ...], *, over: bool) -> None:
        """Append to a turn's progress; no entries: only a sign of life. A call keeps its latest two turns."""
        ...

    async def read_turn(self, call_sid: str, turn: int) -> StoredTurn | None: ...

    async def put_audio(self, call_sid: str, token: str, audio: StoredAudio) -> None:
        """Keep a recording: the `RECORDINGS_KEPT` latest of a call, and after its end for `RECORDING_REST_SECONDS`."""
        ...

    async def get_audio(self, token: str) -> StoredAudio | None: ...

    async def get_answer(self, call_sid: str, step: str) -> bytes | None: ...

    async def claim_name(self, name: str, owner: str) -> bool:
        """True if `name` was free or is already `owner`'s."""
        ...

    async def release_name(self, name: str, owner: str) -> None: ...

    async def count(self, key: str, window_seconds: int) -> int:
        """Count one more under `key` and return how many there were in this window (fixed windows)."""
        ...

    async def purge(self) -> int:
        """Drop what has expired, and what the agent said in calls that ended `RECORDING_REST_SECONDS` ago; returns how
        many calls expired."""
        ...

    async def close(self) -> None: ...
