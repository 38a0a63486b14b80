"""A Voiceflow agent as turns ask for one: session, launch, action out, traces in, instructions as they arrive.

The only place where the client, the next action and the planner meet. Keeps nothing of a call between two turns: what
a turn depends on comes with its request; what is kept is how the agents are doing. Knows no carrier, no store, and
nobody's patience but that of unfinished text.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeVar

from voicegw.call.entries import Journal, NoJournal
from voicegw.call.inputs import HungUp, Started, StayedSilent
from voicegw.call.instructions import Ending, Instruction, Note, SessionOpened
from voicegw.call.profile import NumberProfile
from voicegw.call.records import ActionSent, AnswerBegan, Record, SessionStarted
from voicegw.call.tracecontext import traceparent
from voicegw.errors import AgentBroke, AgentBusy, AgentError, SessionExpired
from voicegw.turns.ports import TurnRequest
from voicegw.voiceflow.actions import Action, Verbatim, end, render_action
from voicegw.voiceflow.client import VoiceflowClient
from voicegw.voiceflow.health import AgentHealth
from voicegw.voiceflow.hearing import Hearing
from voicegw.voiceflow.next_action import AgentMemory, plan_action, plan_launch
from voicegw.voiceflow.planner import Planner
from voicegw.voiceflow.variables import plan_turn_variables, plan_variables

END_PATIENCE_SECONDS = 10.0
_MAX_USER_ID_CHARACTERS = 256
_MAX_BUSY_WAIT_SECONDS = 3.0
_MAX_ATTEMPTS = 2

_Request = tuple[Action | None, dict[str, object]]  # with the variables that are set before it
ClientFor = Callable[[NumberProfile], VoiceflowClient]
_Result = TypeVar("_Result")


class _Retry:
    """One more try of what surely did not run, after a moment."""

    def __init__(self, pause_seconds: float) -> None:
        self._pause_seconds = pause_seconds

    async def wait_after(self, error: AgentError, attempts: int) -> None:
        """Wait until it may be tried again; raises `error` if it must not be, or was tried often enough."""
        asked_for = error.retry_after_seconds if isinstance(error, AgentBusy) else None
        # A caller is waiting: what the agent asks for beyond that is no retry but a failed turn.
        if not error.retryable or attempts >= _MAX_ATTEMPTS or (asked_for or 0) > _MAX_BUSY_WAIT_SECONDS:
            raise error
        jitter = random.uniform(0.5, 1.5)  # noqa: S311 - spreads retries, guards nothing
        await asyncio.sleep(max(self._pause_seconds * jitter, asked_for or 0))

    async def call(self, attempt: Callable[[], Awaitable[_Result]]) -> _Result:
        """The result of `attempt`, made again where that is safe."""
        attempts = 0
        while True:
            try:
                return await attempt()
            except AgentError as exc:
                attempts += 1
                await self.wait_after(exc, attempts)


class VoiceflowAgent:
    """The agents behind all numbers; `client_for` gives the client of a number's project and environment."""

    def __init__(
        self, client_for: ClientFor, *, retry_pause_seconds: float = 0.3, journal: Journal | None = None
    ) -> None:
        self._client_for = client_for
        self._journal = journal or NoJournal()
        self._retry = _Retry(retry_pause_seconds)
        self._health = AgentHealth()

    async def take_turn(self, turn: TurnRequest, give: Callable[[Instruction], None]) -> None:
        """Tell the agent what was heard and `give` its answer as it arrives.

        Starts a session and launches where that has not been done. Of an answer that breaks off, what had arrived
        is given before the error. An agent that has failed too often is not asked: the turn fails at once. Raises
        a child of `AgentError`; never sends twice what may have arrived; cancel-safe, and that drops the answer.
        """
        if isinstance(turn.heard, HungUp):
            await self.end(turn)
            return
        requests = _plan_requests(turn)
        if not any(action is not None for action, _ in requests):
            give(Note(about="nothing-to-send", fields={"heard": turn.heard.kind}))
            return
        client = self._client_for(turn.profile)
        with self._health.admit(client) as attempt:

            def receive(instruction: Instruction) -> None:
                attempt.receive(instruction)
                give(instruction)

            await _Conversation(client, turn, self._retry, self._journal, receive).run(requests)

    async def end(self, turn: TurnRequest) -> None:
        """Tell the agent that the call is over; nothing to do where it never knew of it. Raises `AgentError`.

        Tried even while the agent is given a rest: its sessions are to end, and nobody waits for it.
        """
        if not turn.session_key:
            return
        client = self._client_for(turn.profile)
        action = end(turn.heard.reason if isinstance(turn.heard, HungUp) else HungUp().reason)
        self._journal.note(turn.call_sid, ActionSent(action=render_action(action)), turn.turn)
        try:
            async with asyncio.timeout(END_PATIENCE_SECONDS):
                await self._retry.call(lambda: client.interact(turn.session_key, action, lambda _: None))
        except SessionExpired:
            return  # it is over already
        except TimeoutError as exc:
            raise AgentBroke("no answer to the end of the call", answer_begun=False) from exc

    async def warm(self, profile: NumberProfile) -> None:
        """Open a connection ahead of need; never raises."""
        await self._client_for(profile).warm()

    async def keep_probing(self) -> None:
        """Bring agents back that could not work at all, once they can; to be run as one task of the process."""
        await self._health.keep_probing()

    def breaker_states(self) -> dict[str, str]:
        """How each agent that was asked so far is doing, by its name for people."""
        return {name: state.value for name, state in self._health.states().items()}

    def forget_faults(self) -> None:
        """Ask every agent again: settings have changed."""
        self._health.forget()


class _Conversation:
    """One turn with the agent, from the session it needs to the end of the last answer."""

    def __init__(
        self,
        client: VoiceflowClient,
        turn: TurnRequest,
        retry: _Retry,
        journal: Journal,
        give: Callable[[Instruction], None],
    ) -> None:
        self._client = client
        self._journal = journal
        self._retry = retry
        self._turn = turn
        self._session_key = turn.session_key
        self._give = give
        self._ended = False

    async def run(self, requests: Iterable[_Request]) -> None:
        if not self._session_key:
            self._give(await self._open_session())
        for action, variables in requests:
            if self._ended or action is None:
                return
            await self._ask_surely(action, variables)

    async def _open_session(self) -> SessionOpened:
        user_id = (self._turn.user_id or self._turn.call_sid)[:_MAX_USER_ID_CHARACTERS]
        loop = asyncio.get_running_loop()
        asked_at, renewed = loop.time(), bool(self._session_key)
        self._session_key = await self._retry.call(lambda: self._client.start_session(user_id))
        self._note(SessionStarted(seconds=round(loop.time() - asked_at, 4), renewed=renewed))
        return SessionOpened(session_key=self._session_key, user_id=user_id)

    async def _ask_surely(self, action: Action, variables: dict[str, object]) -> None:
        """Ask; once more where the request surely did not run, and in a new session where this one has expired."""
        attempts = renewals = 0
        while True:
            try:
                return await self._ask(action, variables)
            except SessionExpired:
                renewals += 1
                if renewals > 1:
                    raise
                self._give(await self._open_session())
                variables = {**_launch_variables(self._turn), **variables}
            except AgentError as exc:
                attempts += 1
                await self._retry.wait_after(exc, attempts)

    async def _ask(self, action: Action, variables: Mapping[str, object]) -> None:
        planner = Planner(self._turn.profile, live_sound=self._turn.live_sound)
        hearing = Hearing(planner, self._bring, self._note)
        asked = render_action(action)
        self._note(ActionSent(action=asked, variables=variables, sensitive=self._turn.sensitive))
        try:
            await self._client.interact(
                self._session_key,
                Verbatim(asked),
                hearing.receive,
                variables,
                traceparent=traceparent(self._turn.call_sid, self._turn.turn),
                on_answer=lambda status: self._note(AnswerBegan(status=status)),
            )
        except AgentError:
            hearing.finish(clean=False)
            raise
        finally:
            hearing.close()
        hearing.finish(clean=True)
        if not planner.understood:
            raise AgentBroke("nothing in the answer could be understood", answer_begun=True)

    def _bring(self, instructions: Iterable[Instruction]) -> None:
        for instruction in instructions:
            self._ended = self._ended or isinstance(instruction, Ending)
            self._give(instruction)

    def _note(self, record: Record) -> None:
        self._journal.note(self._turn.call_sid, record, self._turn.turn)


def _plan_requests(turn: TurnRequest) -> list[_Request]:
    """What to send in this turn. An input that finds no conversation (its launch failed) begins one first."""
    variables = plan_turn_variables(turn.heard, turn.heard_text, turn.profile)
    first: list[_Request] = []
    if isinstance(turn.heard, Started) or not turn.launched:
        first = [(plan_launch(turn.parties), {**_launch_variables(turn), **variables})]
        if isinstance(turn.heard, Started | StayedSilent):
            return first
    memory = AgentMemory(
        buttons=turn.buttons,
        collecting=turn.collecting,
        legacy_keypad=turn.legacy_keypad,
        heard_text=turn.heard_text,
    )
    return [*first, (plan_action(turn.heard, memory, turn.parties, turn.profile), variables)]


def _launch_variables(turn: TurnRequest) -> dict[str, object]:
    return plan_variables(turn.parties, turn.call_sid, turn.profile)
