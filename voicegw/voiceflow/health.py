"""How all agents are doing: a breaker for each, told by the turns that ask it, and one task that probes those down.

Knows when, by which clock, and who is told; what follows from what is the breaker's business. Sends nothing but
probes, and no secret into a log.
"""

import asyncio
import random
from types import TracebackType
from typing import Self, assert_never

import structlog

from voicegw.call.instructions import AgentDown, Instruction, SessionOpened
from voicegw.call.patience import TURN_BUDGET_SECONDS
from voicegw.errors import (
    AgentBroke,
    AgentCircuitOpen,
    AgentError,
    AgentNotConfigured,
    AgentRefused,
    AgentUnreachable,
)
from voicegw.voiceflow.breaker import Breaker, BreakerState, Ticket
from voicegw.voiceflow.client import AgentName, VoiceflowClient

PROBE_EVERY_SECONDS = 15.0

_log = structlog.get_logger(__name__)


class AgentHealth:
    """The breakers of all agents that were asked so far. Lives in one event loop."""

    def __init__(self) -> None:
        self._agents: dict[AgentName, _Patient] = {}
        self._some_down = asyncio.Event()

    def admit(self, client: VoiceflowClient) -> "Attempt":
        """Leave to ask the agent behind `client`, as a context manager around the whole turn.

        Raises `AgentCircuitOpen`, or `AgentNotConfigured` while a person has to mend the agent.
        """
        patient = self._agents.setdefault(client.agent_name, _Patient(client, self._some_down))
        return Attempt(patient, patient.admit())

    def states(self) -> dict[str, BreakerState]:
        """How each agent that was asked so far is doing, by its name for people."""
        return {str(name): patient.breaker.state for name, patient in self._agents.items()}

    def forget(self) -> None:
        """Believe in all agents again: their settings may have changed."""
        self._agents.clear()

    async def keep_probing(self) -> None:
        """Ask the agents that are down whether they are back, for ever; to be run as one task of the process."""
        while True:
            await self._some_down.wait()
            await asyncio.sleep(PROBE_EVERY_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311 - spreads probes
            down = [patient for patient in self._agents.values() if patient.breaker.state is BreakerState.DOWN]
            if not down:
                self._some_down.clear()
            await asyncio.gather(*(patient.probe() for patient in down))


class _Patient:
    """One agent, its breaker, and the log of how it is doing: a line for each change."""

    def __init__(self, client: VoiceflowClient, some_down: asyncio.Event) -> None:
        self.breaker = Breaker()
        self._client = client
        self._some_down = some_down
        self._logged = BreakerState.CLOSED
        self._fault = ""

    def admit(self) -> Ticket:
        ticket = self.breaker.admit(asyncio.get_running_loop().time())
        self.log_change()
        if ticket is not None:
            return ticket
        if self.breaker.refuses_for_good:
            raise AgentNotConfigured(f"the agent is down until a probe succeeds ({self._fault})")
        raise AgentCircuitOpen("the agent has failed too often and is given a rest")

    def receive_failure(self, ticket: Ticket, code: str) -> None:
        self.breaker.receive_failure(ticket, asyncio.get_running_loop().time())
        self.log_change(code)

    def receive_fault(self, code: str, *, probe_can_tell: bool) -> None:
        self._fault = code
        self.breaker.receive_fault(probe_can_tell=probe_can_tell)
        self.log_change(code)

    async def probe(self) -> None:
        """Start a session of our own; a session is started without credit, too."""
        try:
            result = await self._client.probe()
        except Exception:  # the probing task's root: it must go on for all other agents
            _log.exception("probe crashed", agent=str(self._client.agent_name))
            return
        if result.error is None:
            self.breaker.receive_probe_success()
            self.log_change()

    def log_change(self, code: str = "") -> None:
        """Tell the operator once how the agent is doing now; `code` says why."""
        state = self.breaker.state
        if state is BreakerState.DOWN:
            self._some_down.set()
        if state is self._logged:
            return
        self._logged = state
        agent = str(self._client.agent_name)
        match state:
            case BreakerState.CLOSED:
                _log.info("agent is back", agent=agent)
            case BreakerState.HALF_OPEN:
                _log.info("agent is on trial", agent=agent)
            case BreakerState.OPEN:
                _log.warning("agent fails and is given a rest", agent=agent, code=code)
            case BreakerState.DOWN:
                _log.error("agent is down until someone mends it", agent=agent, code=code)
            case _:
                assert_never(state)


class Attempt:
    """One turn that was let through. Around it as a context manager, it tells the breaker what became of it.

    A turn that is not over when a caller's patience is gets its verdict then: did the agent say anything at all?
    """

    def __init__(self, patient: _Patient, ticket: Ticket) -> None:
        self._patient = patient
        self._ticket = ticket
        self._answered = False
        self._failed = False
        self._timer = asyncio.get_running_loop().call_later(TURN_BUDGET_SECONDS, self._judge_late_turn)

    def __enter__(self) -> Self:
        return self

    def receive(self, instruction: Instruction) -> None:
        """What the agent's answer has come to so far."""
        self._answered = self._answered or not isinstance(instruction, SessionOpened)
        if isinstance(instruction, AgentDown):
            self._patient.receive_fault(instruction.code, probe_can_tell=False)

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        match error:
            case None:
                self._succeed()
            case AgentNotConfigured():
                self._patient.receive_fault(error.code, probe_can_tell=True)
            case AgentError() if _may_pass(error):
                self._fail(error.code)
            case _:  # closed, cancelled, or an error that an agent in good health makes, too
                self._patient.breaker.receive_no_verdict(self._ticket)

    def _judge_late_turn(self) -> None:
        if self._answered:
            self._succeed()
        else:
            self._fail("agent-slow")

    def _succeed(self) -> None:
        self._patient.breaker.receive_success(self._ticket)
        self._patient.log_change()

    def _fail(self, code: str) -> None:
        if not self._failed:
            self._failed = True
            self._patient.receive_failure(self._ticket, code)


def _may_pass(error: AgentError) -> bool:
    """Is this a failure of the agent's health? A rate limit, an old session or a refused input is not."""
    match error:
        case AgentUnreachable() | AgentBroke():
            return True
        case AgentRefused(status=status):
            return status >= 500
        case _:
            return False
