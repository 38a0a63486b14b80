"""A Voiceflow agent taking turns: sessions, launches, retries, and answers as they arrive. Time is virtual."""

import asyncio
import json
import selectors
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr

from voicegw.call.inputs import (
    CallerInput,
    CallParties,
    ForwardEnded,
    ForwardOutcome,
    HungUp,
    Pressed,
    Said,
    Started,
    StayedSilent,
)
from voicegw.call.instructions import HangUp, Instruction, Note, Say, SessionOpened
from voicegw.call.profile import NumberProfile
from voicegw.errors import AgentBroke, AgentBusy, AgentError, AgentRefused, AgentUnreachable, SessionExpired
from voicegw.turns.ports import Agent, TurnRequest
from voicegw.voiceflow.agent import VoiceflowAgent
from voicegw.voiceflow.client import AgentSettings, VoiceflowClient
from voicegw.voiceflow.transport import AgentResponse

PARTIES = CallParties(caller_number="+14155550100", called_number="+14155550199")
GREETING = {"type": "text", "payload": {"message": "Welcome.", "messageID": "m1"}}
ANSWER = {"type": "text", "payload": {"message": "At nine.", "messageID": "m2"}}
END = b"event: end\ndata: {}\n\n"


def frame(trace: dict[str, Any]) -> bytes:
    return b"event: trace\ndata: " + json.dumps(trace).encode() + b"\n\n"


def content(text: str) -> bytes:
    return frame({"type": "completion", "payload": {"state": "content", "content": text}})


@dataclass
class Reply:
    """One scripted answer: slices of a body, and between them pauses in seconds or an error."""

    parts: tuple[bytes | float | AgentError, ...] = ()
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


def session(key: str) -> Reply:
    return Reply((json.dumps({"sessionKey": key}).encode(),))


def answer(*traces: dict[str, Any]) -> Reply:
    return Reply((*map(frame, traces), END))


@dataclass
class Wire:
    """A transport that plays a script and writes down what was asked of it."""

    script: list[Reply | AgentError]
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    closed: int = 0
    warmed: int = 0

    @asynccontextmanager
    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> AsyncIterator[AgentResponse]:
        self.asked.append((url.rpartition("/")[2], headers["authorization"], json.loads(body)))
        reply = self.script.pop(0)
        if isinstance(reply, AgentError):
            raise reply
        try:
            yield reply
        finally:
            self.closed += 1

    async def warm(self, url: str) -> bool:
        self.warmed += 1
        return True

    @property
    def actions(self) -> list[str]:
        return [body["action"]["type"] for where, _, body in self.asked if where == "stream"]


def agent_on(wire: Wire) -> VoiceflowAgent:
    settings = AgentSettings(api_key=SecretStr("VF.DM.key"), project_id="p")
    return VoiceflowAgent(lambda _profile: VoiceflowClient(settings, wire))


def turn(heard: CallerInput, **fields: Any) -> TurnRequest:
    known = {"call_sid": "CA1", "parties": PARTIES, "profile": NumberProfile(), "heard": heard}
    return TurnRequest(**(known | fields))


def later(heard: CallerInput, **fields: Any) -> TurnRequest:
    return turn(heard, **({"session_key": "s1", "launched": True} | fields))


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(selectors.DefaultSelector())
        self._really_select = self._selector.select
        self._selector.select = self._jump

    def time(self) -> float:
        return self._now

    def _jump(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "everything waits and nothing will happen"
        self._now += timeout
        return self._really_select(0)


def run(main: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(main)


def take(wire: Wire, request: TurnRequest) -> list[Instruction]:
    return [instruction for _, instruction in take_timed(wire, request)]


def take_timed(wire: Wire, request: TurnRequest) -> list[tuple[float, Instruction]]:
    """The turn's instructions, each with the second it came at."""

    async def main() -> list[tuple[float, Instruction]]:
        loop = asyncio.get_running_loop()
        timed: list[tuple[float, Instruction]] = []
        await agent_on(wire).take_turn(request, lambda instruction: timed.append((loop.time(), instruction)))
        return timed

    return run(main())


def take_failing(wire: Wire, request: TurnRequest) -> tuple[list[Instruction], AgentError]:
    """What a turn brought before it failed, and how it failed."""
    heard: list[Instruction] = []
    with pytest.raises(AgentError) as failure:
        run(agent_on(wire).take_turn(request, heard.append))
    return heard, failure.value


def test_it_is_an_agent_as_turns_ask_for_one() -> None:
    agent: Agent = agent_on(Wire([]))
    assert agent


def test_the_first_turn_opens_a_session_launches_and_seeds_the_variables() -> None:
    wire = Wire([session("s1"), answer(GREETING)])
    assert take(wire, turn(Started(), user_id="caller-7")) == [
        SessionOpened(session_key="s1", user_id="caller-7"),
        Say(text="Welcome."),
    ]
    assert wire.asked[0] == ("session", "VF.DM.key", {"userID": "caller-7"})
    where, key, body = wire.asked[1]
    assert (where, key, body["action"]["type"]) == ("stream", "s1", "launch")
    assert body["variables"]["caller_number"] == "+14155550100"
    assert body["variables"]["call_sid"] == "CA1"


def test_without_a_user_id_the_session_is_the_calls_own() -> None:
    wire = Wire([session("s1"), answer()])
    assert take(wire, turn(Started())) == [SessionOpened(session_key="s1", user_id="CA1")]


def test_a_later_turn_sends_the_input_with_the_variables_of_the_turn_only() -> None:
    wire = Wire([answer(ANSWER)])
    assert take(wire, later(Said(text="when?", confidence=0.5), heard_text="We are")) == [Say(text="At nine.")]
    [(_, key, body)] = wire.asked
    assert key == "s1"
    assert body["action"] == {"type": "text", "payload": "when?"}
    assert body["variables"] == {"heard_text": "We are", "speech_confidence": 0.5}


def test_an_input_after_a_failed_launch_launches_again_first() -> None:
    wire = Wire([answer(GREETING), answer(ANSWER)])
    out = take(wire, turn(Said(text="hello?"), session_key="s1"))
    assert out == [Say(text="Welcome."), Say(text="At nine.")]
    assert wire.actions == ["launch", "text"]


def test_silence_after_a_failed_launch_only_launches_again() -> None:
    wire = Wire([answer(GREETING)])
    take(wire, turn(StayedSilent(), session_key="s1"))
    assert wire.actions == ["launch"]


def test_nothing_is_sent_to_an_agent_that_ended_the_call_at_its_launch() -> None:
    wire = Wire([answer({"type": "end"})])
    assert take(wire, turn(Said(text="hello?"), session_key="s1")) == [HangUp()]
    assert wire.actions == ["launch"]


def test_an_input_with_nothing_to_tell_is_noted_and_not_sent() -> None:
    wire = Wire([])
    ended = ForwardEnded(outcome=ForwardOutcome.COMPLETED)
    assert take(wire, later(ended)) == [Note(about="nothing-to-send", fields={"heard": "forward-ended"})]
    assert wire.asked == []


def test_an_expired_session_is_renewed_once_and_the_same_input_sent_once_more() -> None:
    wire = Wire([Reply(status=401), session("s2"), answer(ANSWER)])
    assert take(wire, later(Pressed(keys="42"))) == [
        SessionOpened(session_key="s2", user_id="CA1"),
        Say(text="At nine."),
    ]
    assert [(where, key) for where, key, _ in wire.asked] == [
        ("stream", "s1"),
        ("session", "VF.DM.key"),
        ("stream", "s2"),
    ]
    assert wire.asked[2][2]["action"] == {"type": "dtmf", "payload": "42"}
    assert wire.asked[2][2]["variables"]["called_number"] == "+14155550199"


def test_a_session_that_expires_at_once_again_fails_the_turn() -> None:
    wire = Wire([Reply(status=401), session("s2"), Reply(status=401)])
    _, failure = take_failing(wire, later(Said(text="x")))
    assert isinstance(failure, SessionExpired)
    assert len(wire.asked) == 3


def test_a_request_that_surely_did_not_arrive_is_sent_once_more() -> None:
    wire = Wire([AgentUnreachable("no"), answer(ANSWER)])
    assert take(wire, later(Said(text="x"))) == [Say(text="At nine.")]
    wire = Wire([AgentUnreachable("no"), AgentUnreachable("no"), answer(ANSWER)])
    _, failure = take_failing(wire, later(Said(text="x")))
    assert isinstance(failure, AgentUnreachable)
    assert len(wire.asked) == 2


def test_a_session_that_could_not_be_opened_is_tried_once_more() -> None:
    wire = Wire([Reply(status=503), session("s1"), answer(GREETING)])
    assert take(wire, turn(Started()))[-1] == Say(text="Welcome.")


def test_a_busy_agent_is_given_the_short_time_it_asks_for() -> None:
    wire = Wire([Reply(status=429, headers={"retry-after": "2"}), answer(ANSWER)])
    [(at, said)] = take_timed(wire, later(Said(text="x")))
    assert said == Say(text="At nine.")
    assert at == pytest.approx(2)


def test_a_busy_agent_that_asks_for_more_than_a_caller_would_wait_fails_the_turn() -> None:
    wire = Wire([Reply(status=429, headers={"retry-after": "30"})])
    _, failure = take_failing(wire, later(Said(text="x")))
    assert isinstance(failure, AgentBusy)


def test_what_may_have_run_is_never_sent_again() -> None:
    wire = Wire([Reply(status=502)])
    _, failure = take_failing(wire, later(Said(text="x")))
    assert isinstance(failure, AgentRefused)
    assert wire.actions == ["text"]


def test_of_an_answer_that_breaks_off_what_had_arrived_is_heard() -> None:
    cut = AgentBroke("reset", answer_begun=True)
    wire = Wire([Reply((frame(ANSWER), content("We open at ni"), cut))])
    heard, failure = take_failing(wire, later(Said(text="x")))
    assert heard == [Say(text="At nine."), Say(text="We open at")]
    assert failure is cut
    assert wire.actions == ["text"]


def test_an_answer_without_its_end_has_broken_off() -> None:
    heard, failure = take_failing(Wire([Reply((frame(ANSWER),))]), later(Said(text="x")))
    assert heard == [Say(text="At nine.")]
    assert isinstance(failure, AgentBroke)


def test_an_answer_that_nobody_can_understand_is_a_failure() -> None:
    heard, failure = take_failing(Wire([answer({"type": 7})]), later(Said(text="x")))
    assert [instruction.kind for instruction in heard] == ["note"]
    assert isinstance(failure, AgentBroke)


def test_an_agent_may_choose_to_be_quiet() -> None:
    assert take(Wire([answer()]), later(Said(text="x"))) == []


def test_sentences_are_given_out_as_they_arrive_and_the_rest_after_a_pause() -> None:
    reply = Reply((content("One. Tw"), 1.0, content("o and"), 4.0, content(" three."), END))
    assert take_timed(Wire([reply]), later(Said(text="x"))) == [
        (0.0, Say(text="One.")),
        (pytest.approx(2.5), Say(text="Two and")),
        (pytest.approx(5.0), Say(text="three.")),
    ]


def test_words_that_wait_for_their_sound_wait_no_longer_for_other_traces() -> None:
    block = frame({"type": "block", "payload": {"blockID": "b"}})
    reply = Reply((frame(ANSWER), 1.0, block, 1.0, block, END))
    profile = NumberProfile(voice_source="agent")
    timed = take_timed(Wire([reply]), later(Said(text="x"), profile=profile))
    assert [at for at, said in timed if isinstance(said, Say)] == [pytest.approx(1.5)]


def test_an_agent_at_work_shows_a_sign_of_life_though_it_says_nothing() -> None:
    piece = frame({"type": "audio", "payload": {"state": "content", "content": "AAAA", "encoding": "audio/mp3"}})
    timed = take_timed(Wire([Reply((piece, *([1.0, piece] * 12), END))]), later(Said(text="x")))
    assert [(at, instruction.kind) for at, instruction in timed] == [
        (5.0, "note"),
        (10.0, "note"),
        (12.0, "play-recording"),
    ]


@pytest.mark.parametrize("begun", [(), (content("One mo"),), (frame(ANSWER),)])
def test_a_cancelled_turn_drops_its_answer_and_brings_no_more(begun: tuple[bytes, ...]) -> None:
    wire = Wire([Reply((*begun, 60.0, frame(ANSWER), END))])
    heard: list[Instruction] = []

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await agent_on(wire).take_turn(later(Said(text="x")), heard.append)
        assert wire.closed == 1
        brought = list(heard)
        await asyncio.sleep(100.0)
        assert heard == brought

    run(main())


def test_the_end_of_a_call_is_told_once_and_its_answer_read() -> None:
    wire = Wire([answer(GREETING)])
    run(agent_on(wire).end(later(HungUp(reason="caller-left"))))
    [(where, key, body)] = wire.asked
    assert (where, key, body["action"]) == ("stream", "s1", {"type": "end", "payload": {"reason": "caller-left"}})
    assert wire.closed == 1


def test_a_turn_that_is_a_hang_up_is_the_end_and_says_nothing() -> None:
    wire = Wire([answer(GREETING)])
    assert take(wire, later(HungUp())) == []
    assert wire.actions == ["end"]


@pytest.mark.parametrize("reply", [Reply(status=401), answer()])
def test_an_end_finds_the_session_over_and_is_content(reply: Reply) -> None:
    wire = Wire([reply])
    run(agent_on(wire).end(later(Started())))
    assert wire.asked[0][2]["action"]["payload"] == {"reason": "hangup"}


def test_a_call_that_never_had_a_session_needs_no_end() -> None:
    wire = Wire([])
    run(agent_on(wire).end(turn(HungUp())))
    assert wire.asked == []


def test_an_end_that_is_not_answered_fails() -> None:
    with pytest.raises(AgentBroke):
        run(agent_on(Wire([Reply((3600.0,))])).end(later(HungUp())))


def test_warming_opens_a_connection_ahead_of_need() -> None:
    wire = Wire([])
    run(agent_on(wire).warm(NumberProfile()))
    assert wire.warmed == 1
