"""Agents that fail, are down, are busy, and come back: what is sent to them, and when. Time is virtual."""

import asyncio
import json
import tracemalloc
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from voicegw.call.inputs import CallerInput, CallParties, ForwardEnded, ForwardOutcome, HungUp, Said, Started
from voicegw.call.instructions import AgentDown, Instruction, Note, Say
from voicegw.call.profile import NumberProfile
from voicegw.errors import (
    AgentBroke,
    AgentBusy,
    AgentCircuitOpen,
    AgentError,
    AgentNotConfigured,
    AgentTalkedTooMuch,
    AgentUnreachable,
    SessionExpired,
)
from voicegw.simulator.virtual_time import run_virtual
from voicegw.turns.ports import TurnRequest
from voicegw.voiceflow.agent import VoiceflowAgent
from voicegw.voiceflow.answers import AnswerCaps
from voicegw.voiceflow.client import AgentSettings, VoiceflowClient
from voicegw.voiceflow.transport import AgentResponse

PARTIES = CallParties(caller_number="+14155550100", called_number="+14155550199")
END = b"event: end\ndata: {}\n\n"
SECRET = "VF.DM.secret"


def frame(trace: Mapping[str, Any]) -> bytes:
    return b"event: trace\ndata: " + json.dumps(trace).encode() + b"\n\n"


HELLO = frame({"type": "text", "payload": {"message": "Hello.", "messageID": "m1"}})
NO_CREDIT = frame({"type": "debug", "payload": {"message": "credit_limit_reached"}})


@dataclass
class Reply:
    """One answer: slices of a body, and between them pauses in seconds or an error."""

    parts: tuple[bytes | float | AgentError, ...] = (HELLO, END)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    async def chunks(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            if isinstance(part, AgentError):
                raise part
            if isinstance(part, bytes):
                yield part
            else:
                await asyncio.sleep(part)


REFUSED = Reply((), status=500)
UNREACHABLE = AgentUnreachable("refused")
RESET = AgentBroke("reset", answer_begun=False)


@dataclass
class Wire:
    """A transport whose answers can be changed at any time; writes down what was sent, and when."""

    turn: Reply | AgentError | Callable[[], Reply | AgentError] = field(default_factory=Reply)
    session: Reply | AgentError | None = None
    sent: list[tuple[float, str]] = field(default_factory=list)
    sessions: int = 0

    @asynccontextmanager
    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> AsyncIterator[AgentResponse]:
        document = json.loads(body)
        what = "session" if url.endswith("/session") else document["action"]["type"]
        if document.get("userID") == "voicegw-check":
            what = "probe"
        self.sent.append((asyncio.get_running_loop().time(), what))
        reply = self._open_session() if what in ("session", "probe") else self.turn
        if callable(reply):
            reply = reply()
        if isinstance(reply, AgentError):
            raise reply
        yield reply

    def _open_session(self) -> Reply | AgentError:
        self.sessions += 1
        return self.session or Reply((json.dumps({"sessionKey": f"s{self.sessions}"}).encode(),))

    async def warm(self, url: str) -> bool:
        return True

    @property
    def kinds(self) -> list[str]:
        return [what for _, what in self.sent]


def agent_on(*wires: Wire, **settings: Any) -> VoiceflowAgent:
    """An agent for each wire; the number's environment says which one it is."""
    caps = settings.pop("caps", None)
    clients = {
        f"env-{number}": VoiceflowClient(
            AgentSettings(api_key=SecretStr(SECRET), project_id="p", environment=f"env-{number}"), wire, caps
        )
        for number, wire in enumerate(wires)
    }
    return VoiceflowAgent(lambda profile: clients[profile.environment], **settings)


def turn(heard: CallerInput, agent_number: int = 0, **fields: Any) -> TurnRequest:
    known = {
        "call_sid": "CA1",
        "parties": PARTIES,
        "profile": NumberProfile(environment=f"env-{agent_number}"),
        "heard": heard,
    }
    return TurnRequest(**(known | fields))


def said(text: str = "x", agent_number: int = 0) -> TurnRequest:
    return turn(Said(text=text), agent_number, session_key="s0", launched=True)


async def take(agent: VoiceflowAgent, request: TurnRequest | None = None) -> list[Instruction] | AgentError:
    """What a turn brought, or how it failed."""
    brought: list[Instruction] = []
    try:
        await agent.take_turn(request or said(), brought.append)
    except AgentError as error:
        return error
    return brought


async def take_timed(agent: VoiceflowAgent) -> tuple[float, list[Instruction] | AgentError]:
    """A turn and how many seconds it took."""
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    outcome = await take(agent)
    return loop.time() - began_at, outcome


async def fail_often(agent: VoiceflowAgent, times: int = 5) -> None:
    for _ in range(times):
        assert isinstance(await take(agent), AgentError)


def is_open(outcome: object) -> bool:
    return isinstance(outcome, AgentCircuitOpen)


# What opens it


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(UNREACHABLE, id="unreachable"),
        pytest.param(REFUSED, id="500"),
        pytest.param(Reply((), status=503), id="503"),
        pytest.param(RESET, id="reset-before-the-first-byte"),
        pytest.param(Reply((HELLO, AgentBroke("reset", answer_begun=True))), id="reset-in-the-answer"),
        pytest.param(Reply((HELLO,)), id="cut-off"),
        pytest.param(Reply((frame({"type": 7}), END)), id="garbage"),
    ],
)
def test_after_five_failed_turns_the_sixth_fails_at_once_and_nothing_is_sent(failure: Reply | AgentError) -> None:
    async def main() -> None:
        wire = Wire(turn=failure)
        agent = agent_on(wire)
        await fail_often(agent)
        sent = len(wire.sent)
        seconds, outcome = await take_timed(agent)
        assert isinstance(outcome, AgentCircuitOpen)
        assert (seconds, outcome.code, outcome.retryable) == (0, "agent-circuit-open", False)
        assert len(wire.sent) == sent

    run_virtual(main())


def test_sessions_that_cannot_be_started_open_it_too() -> None:
    async def main() -> None:
        wire = Wire(session=Reply((), status=503))
        agent = agent_on(wire)
        for _ in range(5):
            assert isinstance(await take(agent, turn(Started())), AgentError)
        assert is_open(await take(agent, turn(Started())))
        assert wire.kinds == ["session"] * 10  # starting again does no harm: each was tried twice

    run_virtual(main())


def test_an_agent_that_never_answers_opens_it_when_patience_is_over() -> None:
    async def main() -> None:
        wire = Wire(turn=Reply((3600.0, END)))
        agent = agent_on(wire)
        hanging = [asyncio.create_task(take(agent)) for _ in range(5)]
        await asyncio.sleep(24.9)
        assert len(wire.sent) == 5
        await asyncio.sleep(0.2)
        assert is_open(await take(agent))
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)

    run_virtual(main())


def test_a_session_alone_is_no_answer() -> None:
    async def main() -> None:
        wire = Wire(turn=Reply((3600.0, END)))
        agent = agent_on(wire)
        hanging = [asyncio.create_task(take(agent, turn(Started()))) for _ in range(5)]
        await asyncio.sleep(25.1)
        assert sorted(wire.kinds) == ["launch"] * 5 + ["session"] * 5
        assert is_open(await take(agent))
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)

    run_virtual(main())


def test_an_agent_that_chooses_to_be_quiet_is_well_and_stays_so() -> None:
    async def main() -> None:
        agent = agent_on(Wire(turn=Reply((END,))))
        assert [await take(agent) for _ in range(5)] == [[]] * 5
        await asyncio.sleep(25.1)
        assert await take(agent) == []

    run_virtual(main())


def test_a_turn_that_is_late_and_then_breaks_counts_once() -> None:
    async def main() -> None:
        wire = Wire(turn=Reply((26.0, RESET)))
        agent = agent_on(wire)
        await asyncio.gather(*(take(agent) for _ in range(4)))
        wire.turn = Reply()
        assert await take(agent) == [Say(text="Hello.")]

    run_virtual(main())


def test_a_late_answer_is_good_enough() -> None:
    async def main() -> None:
        wire = Wire(turn=Reply((40.0, HELLO, END)))
        agent = agent_on(wire)
        outcomes = await asyncio.gather(*(take(agent) for _ in range(4)))
        assert outcomes == [[Say(text="Hello.")]] * 4
        wire.turn = REFUSED
        await fail_often(agent, 4)
        assert not is_open(await take(agent))

    run_virtual(main())


def test_an_answer_that_takes_long_is_no_failure_once_it_has_begun() -> None:
    async def main() -> None:
        wire = Wire(turn=Reply((HELLO, 100.0, HELLO, END)))
        agent = agent_on(wire)
        running = [asyncio.create_task(take(agent)) for _ in range(8)]
        await asyncio.sleep(30)
        wire.turn = Reply()
        assert await take(agent) == [Say(text="Hello.")]
        assert all(isinstance(outcome, list) for outcome in await asyncio.gather(*running))

    run_virtual(main())


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply((), status=429, headers={"retry-after": "30"}), AgentBusy),
        (Reply((), status=401), SessionExpired),
        (Reply((), status=400), AgentError),
        (Reply((HELLO * 4, END)), AgentTalkedTooMuch),
    ],
    ids=["429", "401", "400", "too-much"],
)
def test_what_an_agent_in_good_health_may_answer_does_not_open_it(reply: Reply, kind: type[AgentError]) -> None:
    async def main() -> None:
        wire = Wire(turn=reply)
        agent = agent_on(wire, caps=AnswerCaps(max_traces=3))
        for _ in range(20):
            outcome = await take(agent)
            assert isinstance(outcome, kind)
            assert not is_open(outcome)

    run_virtual(main())


def test_another_agent_is_not_affected() -> None:
    async def main() -> None:
        sick, well = Wire(turn=REFUSED), Wire()
        agent = agent_on(sick, well)
        await fail_often(agent, 6)
        assert is_open(await take(agent))
        assert await take(agent, said(agent_number=1)) == [Say(text="Hello.")]

    run_virtual(main())


def test_a_turn_in_progress_goes_on_while_it_opens() -> None:
    async def main() -> None:
        wire = Wire(turn=Reply((HELLO, 3.0, HELLO, END)))
        agent = agent_on(wire)
        running = asyncio.create_task(take(agent))
        await asyncio.sleep(1)
        wire.turn = REFUSED
        await fail_often(agent)
        assert is_open(await take(agent))
        assert await running == [Say(text="Hello."), Say(text="Hello.")]
        assert is_open(await take(agent))

    run_virtual(main())


def test_the_end_of_a_call_is_told_though_the_agent_rests() -> None:
    async def main() -> None:
        wire = Wire(turn=REFUSED)
        agent = agent_on(wire)
        await fail_often(agent)
        wire.turn = Reply()
        await agent.end(turn(HungUp(), session_key="s0", launched=True))
        assert wire.kinds[-1] == "end"
        assert is_open(await take(agent))

    run_virtual(main())


def test_what_is_of_no_interest_to_an_agent_neither_waits_for_it_nor_speaks_for_it() -> None:
    async def main() -> None:
        wire = Wire(turn=REFUSED)
        agent = agent_on(wire)
        completed = turn(ForwardEnded(outcome=ForwardOutcome.COMPLETED), session_key="s0", launched=True)
        await fail_often(agent, 4)
        assert await take(agent, completed) == [Note(about="nothing-to-send", fields={"heard": "forward-ended"})]
        await fail_often(agent, 1)
        assert is_open(await take(agent))
        assert isinstance(await take(agent, completed), list)

    run_virtual(main())


# How it comes back


def test_after_the_rest_one_turn_tries_and_its_success_lets_all_through() -> None:
    async def main() -> None:
        wire = Wire(turn=REFUSED)
        agent = agent_on(wire)
        await fail_often(agent)
        await asyncio.sleep(10.1)
        wire.turn = Reply((2.0, HELLO, END))
        trial = asyncio.create_task(take(agent))
        await asyncio.sleep(1)
        assert is_open(await take(agent))
        assert await trial == [Say(text="Hello.")]
        outcomes = await asyncio.gather(*(take(agent) for _ in range(10)))
        assert outcomes == [[Say(text="Hello.")]] * 10

    run_virtual(main())


def test_an_outage_of_ten_minutes_costs_the_agent_a_dozen_requests() -> None:
    async def main() -> None:
        wire = Wire(turn=REFUSED)
        agent = agent_on(wire)
        for _ in range(1200):  # two turns a second
            await take(agent)
            await asyncio.sleep(0.5)
        instants = [round(at - wire.sent[0][0]) for at, _ in wire.sent]
        rests = [after - before for before, after in pairwise(instants[4:])]
        assert len(instants) <= 5 + 13
        assert rests[:4] == [10, 20, 40, 60]
        assert set(rests[4:]) <= {60, 61}

    run_virtual(main())


def test_a_trial_that_nobody_waits_for_any_more_makes_room_for_the_next() -> None:
    async def main() -> None:
        wire = Wire(turn=REFUSED)
        agent = agent_on(wire)
        await fail_often(agent)
        await asyncio.sleep(10.1)
        wire.turn = Reply((HELLO, 60.0, END))
        trial = asyncio.create_task(take(agent))
        await asyncio.sleep(1.0)
        trial.cancel()
        await asyncio.wait({trial})
        wire.turn = Reply()
        assert await take(agent) == [Say(text="Hello.")]

    run_virtual(main())


def test_a_trial_that_has_begun_to_answer_does_not_keep_the_others_out_for_long() -> None:
    async def main() -> None:
        wire = Wire(turn=REFUSED)
        agent = agent_on(wire)
        await fail_often(agent)
        await asyncio.sleep(10.1)
        wire.turn = Reply((HELLO, 300.0, HELLO, END))
        trial = asyncio.create_task(take(agent))
        await asyncio.sleep(25.1)
        wire.turn = Reply()
        assert await take(agent) == [Say(text="Hello.")]
        assert await trial == [Say(text="Hello."), Say(text="Hello.")]

    run_virtual(main())


def test_a_busy_agent_on_trial_is_neither_back_nor_down() -> None:
    async def main() -> None:
        wire = Wire(turn=REFUSED)
        agent = agent_on(wire)
        await fail_often(agent)
        await asyncio.sleep(10.1)
        wire.turn = Reply((), status=429, headers={"retry-after": "30"})
        assert isinstance(await take(agent), AgentBusy)
        wire.turn = Reply()
        assert await take(agent) == [Say(text="Hello.")]

    run_virtual(main())


# Faults that a person has to mend


@asynccontextmanager
async def probing(agent: VoiceflowAgent) -> AsyncIterator[None]:
    task = asyncio.create_task(agent.keep_probing())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("status", [401, 403, 404, 400, 302])
def test_a_wrong_key_or_environment_sends_everyone_elsewhere_until_a_probe_succeeds(status: int) -> None:
    async def main() -> None:
        wire = Wire(session=Reply((), status=status))
        agent = agent_on(wire)
        async with probing(agent):
            assert isinstance(await take(agent, turn(Started())), AgentNotConfigured)
            for _ in range(120):
                assert isinstance(await take(agent, turn(Started())), AgentNotConfigured)
                assert isinstance(await take(agent), AgentNotConfigured)
                await asyncio.sleep(1)
            assert wire.kinds[0] == "session"
            assert set(wire.kinds[1:]) == {"probe"}
            probed_at = [at for at, what in wire.sent if what == "probe"]
            gaps = [after - before for before, after in pairwise(probed_at)]
            assert all(12 <= gap <= 18 for gap in gaps)
            assert len(set(gaps)) > 1  # not in step with other gateways
            wire.session = None
            await asyncio.sleep(20)
            assert (await take(agent, turn(Started())))[-1] == Say(text="Hello.")
            probes = wire.kinds.count("probe")
            await asyncio.sleep(300)
            assert wire.kinds.count("probe") == probes

    run_virtual(main())


def test_an_agent_out_of_credit_is_tried_by_one_real_turn_at_a_time() -> None:
    async def main() -> None:
        wire = Wire(turn=Reply((HELLO, NO_CREDIT, END)))
        agent = agent_on(wire)
        async with probing(agent):
            assert await take(agent) == [Say(text="Hello."), AgentDown(code="out-of-credit")]
            assert isinstance(await take(agent), AgentNotConfigured)
            await asyncio.sleep(20)
            assert wire.kinds == ["text", "probe"]
            # the session could be started, so one turn may see for itself; it meets the same
            wire.turn = Reply((1.0, NO_CREDIT, END))
            trial = asyncio.create_task(take(agent))
            await asyncio.sleep(0.5)
            assert isinstance(await take(agent), AgentNotConfigured)
            assert await trial == [AgentDown(code="out-of-credit")]
            assert isinstance(await take(agent), AgentNotConfigured)
            # somebody pays
            wire.turn = Reply()
            assert isinstance(await take(agent), AgentNotConfigured)
            await asyncio.sleep(20)
            assert await take(agent) == [Say(text="Hello.")]
            assert await take(agent) == [Say(text="Hello.")]

    run_virtual(main())


def test_one_task_probes_all_agents_that_are_down() -> None:
    async def main() -> None:
        wires = [Wire(session=Reply((), status=401)) for _ in range(3)]
        well = Wire()
        agent = agent_on(*wires, well)
        async with probing(agent):
            for number in range(3):
                assert isinstance(await take(agent, turn(Started(), number)), AgentNotConfigured)
            assert isinstance(await take(agent, turn(Started(), 3)), list)
            await asyncio.sleep(20)
            assert [wire.kinds.count("probe") for wire in wires] == [1, 1, 1]
            wires[1].session = None
            await asyncio.sleep(20)
            assert isinstance(await take(agent, turn(Started(), 1)), list)
            assert isinstance(await take(agent, turn(Started(), 2)), AgentNotConfigured)
        assert well.kinds.count("probe") == 0

    run_virtual(main())


def test_a_probe_that_crashes_is_not_the_last_one() -> None:
    class OddError(Exception):
        pass

    async def main() -> None:
        wire = Wire(session=Reply((), status=401))
        agent = agent_on(wire)
        async with probing(agent):
            await take(agent, turn(Started()))
            wire.session = OddError  # type: ignore[assignment]  # neither an answer nor one of our errors
            with structlog.testing.capture_logs() as logs:
                await asyncio.sleep(20)
            assert [line["event"] for line in logs] == ["probe crashed"]
            wire.session = None
            await asyncio.sleep(20)
            assert isinstance(await take(agent, turn(Started())), list)

    run_virtual(main())


def test_new_settings_may_have_mended_every_agent() -> None:
    async def main() -> None:
        wire = Wire(session=Reply((), status=401))
        agent = agent_on(wire)
        await take(agent, turn(Started()))
        wire.session = None
        assert isinstance(await take(agent, turn(Started())), AgentNotConfigured)
        agent.forget_faults()
        assert isinstance(await take(agent, turn(Started())), list)

    run_virtual(main())


def test_the_operator_reads_each_change_once_and_never_a_secret() -> None:
    async def main() -> None:
        wire = Wire(turn=REFUSED)
        agent = agent_on(wire)
        async with probing(agent):
            await fail_often(agent, 20)
            await asyncio.sleep(10.1)
            wire.turn = Reply()
            await take(agent)
            wire.turn = Reply((NO_CREDIT, END))
            await take(agent)
            await fail_often(agent, 20)

    with structlog.testing.capture_logs() as logs:
        run_virtual(main())
    assert [(line["event"], line["log_level"], line.get("code")) for line in logs] == [
        ("agent fails and is given a rest", "warning", "agent-refused"),
        ("agent is on trial", "info", None),
        ("agent is back", "info", None),
        ("agent is down until someone mends it", "error", "out-of-credit"),
    ]
    assert {line["agent"] for line in logs} == {"p/env-0 at general-runtime.voiceflow.com"}
    assert SECRET not in str(logs)


# Limits and sessions


@pytest.mark.parametrize(
    ("retry_after", "least_seconds", "most_seconds"),
    [
        ("0", 0.15, 0.45),
        ("1", 1.0, 1.0),
        ("3", 3.0, 3.0),
        ("soon, I hope", 0.15, 0.45),
        ("", 0.15, 0.45),
        ("-5", 0.15, 0.45),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.15, 0.45),
    ],
)
def test_a_busy_agent_is_asked_once_more_when_it_says(
    retry_after: str, least_seconds: float, most_seconds: float
) -> None:
    async def main() -> None:
        replies = [Reply((), status=429, headers={"retry-after": retry_after}), Reply()]
        wire = Wire(turn=lambda: replies.pop(0))
        seconds, outcome = await take_timed(agent_on(wire))
        assert outcome == [Say(text="Hello.")]
        assert least_seconds <= seconds + 1e-6
        assert seconds <= most_seconds + 1e-6
        assert wire.kinds == ["text", "text"]

    run_virtual(main())


def test_a_busy_agent_may_name_a_date() -> None:
    async def main() -> None:
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
        replies = [Reply((), status=429, headers={"retry-after": date}), Reply()]
        seconds, outcome = await take_timed(agent_on(Wire(turn=lambda: replies.pop(0))))
        assert outcome == [Say(text="Hello.")]
        assert 0.15 <= seconds <= 2

    run_virtual(main())


@pytest.mark.parametrize("retry_after", ["30", "3.1", "999999999"])
def test_a_busy_agent_that_asks_for_too_much_is_not_asked_again(retry_after: str) -> None:
    async def main() -> None:
        wire = Wire(turn=Reply((), status=429, headers={"retry-after": retry_after}))
        seconds, outcome = await take_timed(agent_on(wire))
        assert isinstance(outcome, AgentBusy)
        assert (seconds, wire.kinds) == (0, ["text"])

    run_virtual(main())


def test_an_agent_that_is_still_busy_is_not_asked_a_third_time() -> None:
    async def main() -> None:
        wire = Wire(turn=Reply((), status=429))
        assert isinstance(await take(agent_on(wire)), AgentBusy)
        assert wire.kinds == ["text", "text"]

    run_virtual(main())


def test_a_busy_agent_can_also_be_busy_when_a_session_starts() -> None:
    async def main() -> None:
        wire = Wire(session=Reply((), status=429, headers={"retry-after": "1"}))
        assert isinstance(await take(agent_on(wire), turn(Started())), AgentBusy)
        assert wire.kinds == ["session", "session"]

    run_virtual(main())


def test_a_session_that_expires_gets_one_new_one_and_twice_in_a_row_fails_the_turn() -> None:
    async def main() -> None:
        replies = [Reply((), status=401), Reply()]
        wire = Wire(turn=lambda: replies.pop(0))
        agent = agent_on(wire)
        assert isinstance(await take(agent), list)
        assert wire.kinds == ["text", "session", "text"]
        replies += [Reply((), status=401), Reply((), status=401), Reply()]
        assert isinstance(await take(agent), SessionExpired)
        assert wire.kinds[3:] == ["text", "session", "text"]

    run_virtual(main())


@pytest.mark.parametrize("failure", [RESET, REFUSED, Reply((HELLO[:40], AgentBroke("reset", answer_begun=True)))])
def test_what_may_have_arrived_is_never_sent_twice_not_even_after_a_renewal(failure: Reply | AgentError) -> None:
    async def main() -> None:
        replies = [Reply((), status=401), failure, Reply()]
        wire = Wire(turn=lambda: replies.pop(0))
        assert isinstance(await take(agent_on(wire)), AgentError)
        assert wire.kinds == ["text", "session", "text"]

    run_virtual(main())


# Answers without end


def endless(part: bytes, pause_seconds: float = 0.0) -> Reply:
    class Endless(Reply):
        sent_bytes = 0

        @property
        async def chunks(self) -> AsyncIterator[bytes]:
            while True:
                await asyncio.sleep(pause_seconds)
                self.sent_bytes += len(part)
                yield part

    return Endless()


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(HELLO * 50, id="speech"),
        pytest.param(frame({"type": "block", "payload": {"blockID": "b"}}) * 50, id="blocks"),
        pytest.param(frame({"type": "dtmf", "payload": {"enabled": True}}) * 50, id="settings"),
        pytest.param(b": ping\n\n" * 500, id="comments"),
        pytest.param(b"data: x\n" * 500, id="one-frame"),
        pytest.param(b"a" * 65_536, id="one-line"),
        pytest.param(frame({"type": 7}) * 50, id="garbage"),
    ],
)
def test_an_answer_without_end_is_cut_off_at_its_caps(part: bytes) -> None:
    async def main() -> None:
        reply = endless(part)
        agent = agent_on(Wire(turn=reply), caps=AnswerCaps(max_bytes=150_000, max_frame_bytes=100_000))
        brought: list[Instruction] = []
        with pytest.raises(AgentTalkedTooMuch):
            await agent.take_turn(said(), brought.append)
        assert reply.sent_bytes <= 150_000 + len(part)
        assert len(brought) <= 450

    run_virtual(main())


@pytest.mark.parametrize(
    "part",
    [
        b"a" * 65_536,
        b"data: aaaaaaaaaaaaaaaa\n" * 2000,
        b": ping\n\n" + b": pong pong pong pong pong pong pong pong pong" * 90 + b"\n\n",
    ],
    ids=["one-line", "one-frame", "comments"],
)
def test_an_answer_without_end_takes_only_so_much_memory(part: bytes) -> None:
    async def main() -> None:
        agent = agent_on(Wire(turn=endless(part)))
        tracemalloc.start()
        try:
            assert isinstance(await take(agent), AgentTalkedTooMuch)
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak_bytes < 32 * 1024 * 1024

    run_virtual(main())


@pytest.mark.parametrize(
    "part", [HELLO, frame({"type": "block", "payload": {"blockID": "b"}})], ids=["speech", "blocks"]
)
def test_an_answer_that_trickles_without_end_shows_no_sign_of_life_for_ever(part: bytes) -> None:
    async def main() -> None:
        agent = agent_on(Wire(turn=endless(part, pause_seconds=1.0)))
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        brought_at: list[float] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(3000):
                await agent.take_turn(said(), lambda _: brought_at.append(loop.time()))
        assert brought_at[-1] - began_at < 250

    run_virtual(main())
