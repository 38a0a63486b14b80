"""One call in the hands of whoever moves it on, a webhook or a stream: its line, and its state's version in the store.

What is decided is pure and lives in `voicegw.call`; here it meets the agent's turns, the store and the journal.
"""

from collections.abc import Callable
from dataclasses import dataclass

from voicegw.call.answer import begin_turn, fold, settle
from voicegw.call.entries import Journal
from voicegw.call.inputs import CallerInput, Pressed, Said
from voicegw.call.instructions import PlayAudio, Prompt
from voicegw.call.moves import Line, Move, is_collecting, own_words
from voicegw.call.orders import take_over_orders
from voicegw.call.phrases import PhraseName
from voicegw.call.records import TurnBegan
from voicegw.call.revising import revise
from voicegw.call.state import CallState
from voicegw.call.streaming import is_streamed
from voicegw.errors import StaleVersion
from voicegw.turns.call_book import CallBook
from voicegw.turns.ending import CallEnder
from voicegw.turns.incoming import UnknownCall
from voicegw.turns.ports import CallStore, Performer, TurnRequest
from voicegw.turns.progress import Progress
from voicegw.turns.runner import TurnRunner


@dataclass(frozen=True, slots=True)
class Desk:
    """What everyone needs who moves calls on. `clock` is monotonic, `wall` gives epoch seconds."""

    runner: TurnRunner
    ender: CallEnder
    book: CallBook
    store: CallStore
    performer: Performer
    clock: Callable[[], float]
    wall: Callable[[], float]
    journal: Journal


class CallInHand:
    """A call's state is given in and out; its version is kept here."""

    def __init__(self, desk: Desk, line: Line, version: int) -> None:
        self.desk = desk
        self.line = line
        self.version = version

    async def begin(self, state: CallState, heard: CallerInput, *, keep: bool = True) -> CallState:
        """Begin the agent's turn with `heard`, after the state was kept. Raises `StaleVersion`, `StoreError`."""
        state = self.tell_what_happened(state)
        if state.running:  # the call has left this turn behind: what matters now is whether it began the conversation
            progress = await self.so_far(state)
            settings, _ = fold(state, progress.instructions)
            state = revise(
                state, session_key=settings.session_key, user_id=settings.user_id, launched=settings.launched
            )
        request = turn_request(state, self.line, heard)
        state = begin_turn(revise(state, heard_text="", waiting_since=self.desk.wall()), heard)
        # saved before the agent is asked: a restart must know that this input has been used
        state = await self.save(state) if keep else state
        self.desk.journal.note(state.call_sid, TurnBegan(heard=heard.kind), state.turn)
        self.desk.runner.begin(request, state.turn)
        return state

    async def so_far(self, state: CallState) -> Progress:
        """What the turn has brought by now and the state does not know."""
        # a turn begins where waiting does; what the caller adds to it meanwhile only makes us more patient
        return await self.desk.runner.so_far(state.call_sid, state.turn, state.taken, begun_at=state.waiting_since)

    def settle(self, state: CallState, progress: Progress) -> tuple[CallState, Move]:
        """What to do with what the turn has brought."""
        state, prompts = fold(state, progress.instructions)
        over = progress.over
        return settle(
            state,
            self.line,
            prompts,
            over=over is not None,
            failure=over.failure if over else "",
            permanent=bool(over and over.permanent),
            waited_seconds=self.desk.wall() - state.waiting_since,
        )

    async def save(self, state: CallState, answered: tuple[str, bytes] | None = None) -> CallState:
        """Keep the state, and in it the orders that were placed since it was read. Raises `StaleVersion` where anybody
        wrote anything else."""
        while True:
            try:
                self.version = await self.desk.book.save(state, self.version, answered)
            except StaleVersion:
                taken = await self.take_orders(state)
                if taken is state:
                    raise
                state = taken
            else:
                return state

    async def take_orders(self, state: CallState) -> CallState:
        """The state with the orders that were placed since it was read; itself where there are none, or where anybody
        wrote anything else. Raises `StoreError`."""
        try:
            found, version = await self.desk.book.load(state.call_sid)
        except UnknownCall:
            return state
        placed = found.orders_placed - state.orders_placed
        if not placed or placed != version - self.version:
            return state
        self.version = version
        return take_over_orders(state, found)

    def tell_what_happened(self, state: CallState) -> CallState:
        """Tell the journal what a transition left for it."""
        for record in state.happened:
            self.desk.journal.note(state.call_sid, record, state.turn)
        return revise(state, happened=()) if state.happened else state

    def fill(self, state: CallState) -> tuple[CallState, tuple[Prompt, ...]]:
        """Something to hear while the agent is busy: its tool's sound, else a filler, never the same twice running.
        On a stream the tool's sound is heard anyway, if it can be had: what is asked for there are words."""
        sounds = [sound for _, sound in state.agent.tools if sound.startswith("https://")]
        if sounds and not is_streamed(state, self.line):
            return state, (PlayAudio(source=sounds[-1]),)
        filler = own_words(PhraseName.FILLER, state, self.line.profile, variant=state.fillers)
        return revise(state, fillers=state.fillers + 1), (filler,)


def turn_request(state: CallState, line: Line, heard: CallerInput) -> TurnRequest:
    """What the agent needs to know for the next turn of this call."""
    return TurnRequest(
        call_sid=state.call_sid,
        parties=state.parties,
        profile=line.profile,
        heard=heard,
        user_id=state.user_id,
        session_key=state.session_key,
        launched=state.launched,
        buttons=state.asked.buttons,
        collecting=is_collecting(state),
        legacy_keypad=state.asked.legacy_keypad,
        heard_text=state.heard_text,
        turn=state.turn + 1,
        sensitive=state.agent.sensitive and isinstance(heard, Said | Pressed),
        live_sound=is_streamed(state, line),
    )
