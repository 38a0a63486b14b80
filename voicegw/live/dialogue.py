"""The dialogue of one stream call: what its session asks and its turn brings, decided, kept and given back as plans.

One task, one thing after another, in the order in which it came. The decisions are those of all modes (`voicegw.call`);
a turn is followed sentence by sentence. Until the stream is here (`claim`) nothing is kept and no new turn is begun:
it may come to another process, which then begins where the store says.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, assert_never

import structlog

from voicegw.call.backgrounds import backgrounds_of
from voicegw.call.bridging import leave_bridge
from voicegw.call.conduct import end_if_too_long, hear, is_escape
from voicegw.call.inputs import CallerInput, EventRaised, Pressed, Said
from voicegw.call.instructions import ControlRealtime
from voicegw.call.moves import AskAgent, AwaitAgent, Move, Perform, go_on
from voicegw.call.orders import hear_with_orders
from voicegw.call.plan import BridgeRealtime, CallPlan, DialLeg, Finish, GoOn, HandOver, Listen
from voicegw.call.records import Failed
from voicegw.call.revising import revise
from voicegw.call.state import CallState, Phase, Spoken
from voicegw.call.streaming import claim_stream, hear_on_stream, is_streamed, leave_stream, note_answer
from voicegw.errors import StaleVersion, StoreError
from voicegw.live.messages import Claimed, Ended, Heard, Message, OrderCame, TurnNews
from voicegw.media import commands
from voicegw.turns.call_in_hand import CallInHand
from voicegw.turns.progress import Progress, TurnOver
from voicegw.turns.telling import tell_heard

TOUCH_SECONDS: Final = 60.0

_log = structlog.get_logger(__name__)


class Dialogue:
    """`say(turn, plan)` hands a plan to the session, for the session's own turn of that number; `void_server()` says
    that what a realtime server said and nobody has heard is void, `set_backgrounds(sources)` what sounds
    under it all."""

    def __init__(
        self,
        call: CallInHand,
        state: CallState,
        say: Callable[[int, CallPlan], None],
        void_server: Callable[[], None],
        set_backgrounds: Callable[[Mapping[str, str]], None],
    ) -> None:
        self.state = revise(state, keys_kept="")  # the session has them
        self._call = call
        self._line = call.line
        self._desk = call.desk
        self._say = say
        self._void_server = void_server
        self._set_backgrounds = set_backgrounds
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._claimed = False
        self._waiting_for_claim: CallerInput | None = None
        self._session_turn = 0
        self._followed = 0
        self._follower: asyncio.Task[None] | None = None

    def put(self, message: Message) -> None:
        """Something happened; it is seen to after everything before it."""
        self._inbox.put_nowait(message)

    async def run(self) -> None:
        """From the stream's first words to its end. Raises `StaleVersion` where somebody else has the call by now."""
        try:
            await self._carry_out(*self._begin())
            self._set_backgrounds(backgrounds_of(self.state))
            while True:
                message = await self._next()
                if message is None:
                    await self._touch()
                    continue
                if isinstance(message, Ended):
                    await self._leave(message)
                    return
                await self._see_to(message)
                self._set_backgrounds(backgrounds_of(self.state))
        finally:
            if self._follower is not None:
                self._follower.cancel()

    async def _next(self) -> Message | None:
        """What comes next; None where nothing has come for long."""
        try:
            async with asyncio.timeout(TOUCH_SECONDS):
                return await self._inbox.get()
        except TimeoutError:
            return None

    async def _touch(self) -> None:
        """Nobody may take the call for abandoned, and it may go on too long (a bridge asks nothing for hours)."""
        too_long = end_if_too_long(self.state, self._line, self._desk.wall())
        if too_long is not None:
            await self._carry_out(*too_long)
        else:
            self.state = await self._keep(self.state)

    def _begin(self) -> tuple[CallState, Move]:
        too_long = end_if_too_long(self.state, self._line, self._desk.wall())
        return too_long or hear_with_orders(self.state, self._line, None)

    async def _see_to(self, message: Message) -> None:
        match message:
            case Heard(asked=asked, quiet_seconds=quiet_seconds):
                await self._hear(asked, quiet_seconds)
            case commands.NoteWaiting(heard=heard):
                if self.state.phase is not Phase.ENDED and is_escape(self.state, self._line, heard):
                    await self._carry_out(*hear(self.state, self._line, heard))
            case commands.AskFiller():
                await self._fill()
            case Claimed(taken=taken):
                await self._claim(taken)
            case OrderCame():
                await self._take_orders()
            case TurnNews(turn=turn, progress=progress):
                if turn == self.state.turn and self.state.phase in (Phase.THINKING, Phase.LISTENING):
                    await self._take_in(progress)
            case Ended():
                pass  # `run` sees to it
            case _:
                assert_never(message)

    async def _take_orders(self) -> None:
        try:
            self.state = await self._call.take_orders(self.state)
        except StoreError as error:  # it still waits there, and is found with whatever is kept next
            self._note_failure(error)
            return
        if self.state.phase is not Phase.ENDED:
            await self._carry_out(*hear_with_orders(self.state, self._line, None))

    async def _hear(self, asked: commands.AskAgent, quiet_seconds: float) -> None:
        self._session_turn = asked.turn
        tell_heard(self._desk.journal, self.state, self._line, asked.heard, quiet_seconds)
        # the session knows which delimiter belongs to a full entry: what it hands on, it means
        state = revise(self.state, entry_full=False)
        if isinstance(asked.heard, Said | Pressed):
            heard_text = asked.heard_text or ""
            state = revise(note_answer(state), waiting_since=self._desk.wall(), heard_text=heard_text)
        too_long = end_if_too_long(state, self._line, self._desk.wall())
        if state.bridge is not None and isinstance(asked.heard, EventRaised):
            await self._carry_out(*(too_long or leave_bridge(state, self._line, asked.heard)))
        else:
            await self._carry_out(*(too_long or hear_on_stream(state, self._line, asked.heard)))

    async def _take_in(self, progress: Progress) -> None:
        if ControlRealtime(action="INTERRUPTED") in progress.instructions:
            self._void_server()
        state, move = self._call.settle(self.state, progress)
        late = self.state.phase is Phase.LISTENING  # we gave up on this turn: only what is to be heard matters now
        if late and not progress.is_news():
            self.state = revise(state, phase=Phase.LISTENING)
        else:
            await self._carry_out(state, move)

    async def _fill(self) -> None:
        if not self.state.running or self.state.phase is not Phase.THINKING:
            return
        state, move = self._call.settle(self.state, Progress())
        if isinstance(move, Perform) and isinstance(move.plan.then, GoOn) and not move.plan.prompts:
            state, filler = self._call.fill(state)
            move = Perform(replace(move.plan, prompts=filler))
        await self._carry_out(state, move)

    async def _carry_out(self, state: CallState, move: Move) -> None:
        self.state = state
        match move:
            case AskAgent(heard=heard) if not self._claimed:
                self._waiting_for_claim = heard
            case AskAgent(heard=heard):
                await self._ask(state, heard)
            case AwaitAgent(otherwise=otherwise):
                self._follow()
                if otherwise is not None:  # what the turn still brings is taken as it comes
                    await self._carry_out(*otherwise)
                else:
                    self._say(self._session_turn, CallPlan(prompts=(), then=go_on(state, self._line.profile)))
            case Perform(plan=plan):
                await self._perform(state, plan)
            case _:
                assert_never(move)

    async def _ask(self, state: CallState, heard: CallerInput) -> None:
        prompts, state = state.unsaid, revise(state, unsaid=())
        # said before anything is kept: the caller waits for nobody's disk
        self._say(self._session_turn, CallPlan(prompts=prompts, then=go_on(state, self._line.profile)))
        try:
            self.state = await self._call.begin(state, heard)
        except StaleVersion:
            raise
        except StoreError as error:
            self._note_failure(error)
            self.state = await self._call.begin(state, heard, keep=False)
        self._follow()

    async def _perform(self, state: CallState, plan: CallPlan) -> None:
        state = self._call.tell_what_happened(state)
        if not isinstance(plan.then, BridgeRealtime):
            state = revise(state, bridge=None)
        if not is_streamed(state, self._line) and isinstance(plan.then, GoOn | Listen):
            # Bridged no more: once all is heard the stream ends, and the carrier hears and speaks again.
            self._say(self._session_turn, CallPlan(prompts=(), then=Finish(reason="bridge-left")))
            self.state = await self._keep(revise(state, unsaid=plan.prompts, after=plan.then))
            return
        self._say(self._session_turn, plan)
        if isinstance(plan.then, GoOn):
            self.state = state
            self._follow()
            return
        if isinstance(plan.then, Finish | DialLeg | HandOver):
            # should this process die before it was said, another one says it
            state = revise(state, unsaid=plan.prompts, after=plan.then)
        if state.running:
            self._follow()
        self.state = await self._keep(state)

    async def _claim(self, taken: asyncio.Future[bool]) -> None:
        try:
            self.state = await self._call.save(claim_stream(self.state))
        except StaleVersion:
            taken.set_result(False)
            raise
        except StoreError as error:  # the caller is here, and nobody else has the call: go on without
            self._note_failure(error)
        self._claimed = True
        if not taken.done():
            taken.set_result(True)
        heard, self._waiting_for_claim = self._waiting_for_claim, None
        if heard is not None:
            await self._ask(self.state, heard)

    async def _leave(self, ended: Ended) -> None:
        if not self._claimed:
            return
        end = ended.end
        if end.words is not None:
            tell_heard(self._desk.journal, self.state, self._line, end.words, 0.0)
        state = leave_stream(self.state, self._line, ended.reason, end.unsaid, end.then, end.keys, end.words)
        await self._keep(state)

    async def _keep(self, state: CallState) -> CallState:
        """Keep the state once the stream is ours. A store that fails costs only what other processes could know."""
        if not self._claimed:
            return state
        state = revise(state, spoken=Spoken(at=self._desk.wall()))
        try:
            return await self._call.save(state)
        except StaleVersion:
            raise
        except StoreError as error:
            self._note_failure(error)
            return state

    def _follow(self) -> None:
        """Have what the turn brings told to us, from where the state stands."""
        state = self.state
        if not state.running or state.turn == self._followed:
            return
        if self._follower is not None:
            self._follower.cancel()
        self._followed = state.turn
        self._follower = asyncio.create_task(
            self._tell_news(state.turn, state.taken, state.waiting_since), name=f"follow-{state.call_sid}"
        )

    async def _tell_news(self, turn: int, taken: int, begun_at: float) -> None:
        runner = self._desk.runner
        while True:
            try:
                progress = await runner.news(self.state.call_sid, turn, taken, begun_at=begun_at)
            except StoreError as error:
                self._note_failure(error)
                progress = Progress(over=TurnOver(failure="turn-lost"))
            except Exception:  # the task's root: the caller would wait for ever for a turn that nobody follows
                _log.exception("turn not followed", call_sid=self.state.call_sid)
                self._desk.journal.note(self.state.call_sid, Failed(part="gateway", code="turn-crashed"), turn)
                progress = Progress(over=TurnOver(failure="turn-crashed"))
            taken += len(progress.instructions)
            self.put(TurnNews(turn, progress))
            if progress.over is not None:
                return

    def _note_failure(self, error: StoreError) -> None:
        _log.warning("stream call not kept", call_sid=self.state.call_sid, code=error.code, reason=str(error))
        self._desk.journal.note(self.state.call_sid, Failed(part="store", code=error.code), self.state.turn)
