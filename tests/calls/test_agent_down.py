"""Whole calls while the agent fails, is down, is busy, never stops, and comes back: what callers hear, what is sent."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from voicegw.call.profile import Destination
from voicegw.demo.server import create_agent
from voicegw.simulator import HangsUp, Hears, Says, ScriptedCaller, StaysSilent, Waits
from voicegw.simulator.callees import human

World = Any

FALLBACK = "+15005550188"
FAILURE = "Sorry, something went wrong|I'm sorry, that didn't work|a little trouble getting started"
UNAVAILABLE = "our assistant is not available"
CONNECTING = "connecting you"

Trouble = Callable[[float, str], str]
"""(seconds since the agent was built, what came: `session`, `probe` or an action's type) → what goes wrong, if any:
`refused`, `wrong-key`, `expired`, `reset`, `hangs`, `no-credit`, `busy <Retry-After>`, or an `endless-…` answer."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """One request that reached the agent's door."""

    at_seconds: float
    what: str
    action: Any = None


class TroubledAgent:
    """The dental practice behind a door where things go wrong."""

    def __init__(self, trouble: Trouble) -> None:
        self.arrived: list[Arrived] = []
        self.sent_bytes = 0
        self._trouble = trouble
        self._practice = create_agent()
        self._built_at = asyncio.get_running_loop().time()

    def actions_of(self, call_sid: str) -> list[Any]:
        """What the practice itself got to see."""
        return [received.action for received in self._practice.received_from(call_sid)]

    def kinds(self) -> list[str]:
        return [request.what for request in self.arrived]

    def times(self, text: str) -> int:
        """How often these words of a caller reached the door."""
        return sum(request.action == {"type": "text", "payload": text} for request in self.arrived)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        body = json.loads(message["body"])
        action = body.get("action")
        what = action["type"] if action else "probe" if body["userID"] == "voicegw-check" else "session"
        now = asyncio.get_running_loop().time() - self._built_at
        self.arrived.append(Arrived(now, what, action))
        kind, _, detail = self._trouble(now, what).partition(" ")
        match kind:
            case "":
                await self._practice(scope, _replayed(message, receive), send)
            case "refused":
                await _refuse(send, 500)
            case "wrong-key" | "expired":
                await _refuse(send, 401)
            case "busy":
                await _refuse(send, 429, detail)
            case "reset":
                raise ConnectionResetError
            case "hangs":
                await asyncio.sleep(3600)
            case "no-credit":
                await _begin(send)
                no_credit = _frame({"type": "debug", "payload": {"message": "credit_limit_reached"}})
                await send({"type": "http.response.body", "body": no_credit + b"event: end\ndata: {}\n\n"})
            case _:
                await self._never_stop(send, ENDLESS[kind])

    async def _never_stop(self, send: Any, endless: tuple[bytes, float]) -> None:
        part, pause_seconds = endless
        await _begin(send)
        while True:
            await asyncio.sleep(pause_seconds)
            self.sent_bytes += len(part)
            await send({"type": "http.response.body", "body": part, "more_body": True})


def _replayed(message: Any, receive: Any) -> Any:
    waiting = [message]

    async def replay() -> Any:
        return waiting.pop() if waiting else await receive()

    return replay


async def _refuse(send: Any, status: int, retry_after: str = "") -> None:
    headers = [(b"retry-after", retry_after.encode())] if retry_after else []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"message":"no"}'})


async def _begin(send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})


def _frame(trace: Any) -> bytes:
    return b"event: trace\ndata: " + json.dumps(trace).encode() + b"\n\n"


_BLOCK = _frame({"type": "block", "payload": {"blockID": "b"}})
_WORDS = _frame({"type": "text", "payload": {"message": "And so on."}})
ENDLESS = {
    "endless-words": (_WORDS * 200, 0.0),
    "endless-blocks": (_BLOCK * 200, 0.0),
    "endless-line": (b"a" * 65_536, 0.0),
    "endless-comments": (b": ping, and nothing but ping, for as long as you like\n\n" * 1000, 0.0),
    "trickling-comments": (b": ping\n\n", 5.0),
    "trickling-blocks": (_BLOCK, 2.0),
    "trickling-words": (_WORDS, 2.0),
}


@dataclass(slots=True)
class Practice:
    """The world, and the agent of its last calls."""

    world: Any
    agent: TroubledAgent | None = None

    def play(self, trouble: Trouble, callers: Sequence[Any], **place: Any) -> list[Any]:
        """Play calls; every one of them must be in order, whatever the agent did."""

        def build() -> TroubledAgent:
            self.agent = TroubledAgent(trouble)
            return self.agent

        self.world.agent = build
        calls: list[Any] = self.world.play(callers, **place)
        for call in calls:
            assert call.violations() == [], call.explain()
        return calls

    @property
    def door(self) -> TroubledAgent:
        assert self.agent is not None
        return self.agent


@pytest.fixture
def practice(world: World) -> Practice:
    """A number with a human to fall back on."""
    world.profile = world.profile.model_copy(update={"fallback": (Destination(to=FALLBACK),)})
    world.callees = {FALLBACK: human(talk_seconds=10)}
    return Practice(world)


def dialled(call: Any) -> list[str]:
    return [attempt.address for attempt in call.report.dialled]


def heard(call: Any) -> str:
    return " | ".join(call.report.spoken)


def stubborn(times: int = 3) -> ScriptedCaller:
    """Says the same again whenever asked, and stays on the line."""
    steps: list[Any] = []
    for _ in range(times):
        steps += [Hears(FAILURE), Says("opening hours")]
    return ScriptedCaller([*steps, StaysSilent()])


def until(seconds: float, kind: str, *whats: str) -> Trouble:
    return lambda now, what: kind if now < seconds and (not whats or what in whats) else ""


# Failures that pass by themselves


@pytest.mark.parametrize("kind", ["refused", "reset"])
def test_the_third_failure_in_a_row_leads_to_a_human(practice: Practice, kind: str) -> None:
    [call] = practice.play(until(9999, kind), [stubborn(2)])
    assert dialled(call) == [FALLBACK]
    assert "a little trouble getting started" in heard(call)
    assert heard(call).count("orry") == 1


def test_without_a_human_the_call_ends_with_a_goodbye(practice: Practice) -> None:
    practice.world.profile = practice.world.profile.model_copy(update={"fallback": ()})
    [call] = practice.play(until(9999, "refused"), [stubborn(2)])
    assert call.report.end_reason == "hangup"
    assert "Please call again later. Goodbye." in heard(call)


def test_once_it_has_failed_five_times_callers_are_answered_at_once_and_the_agent_is_left_alone(
    practice: Practice,
) -> None:
    calls = practice.play(until(9999, "refused"), [stubborn(2) for _ in range(12)], apart_seconds=1.0)
    assert [dialled(call) for call in calls] == [[FALLBACK]] * 12
    sent_at = [request.at_seconds for request in practice.door.arrived]
    opened_at = sent_at[9]  # a session's start is tried twice
    assert not [at for at in sent_at if opened_at < at < opened_at + 10]
    for call in calls[6:]:
        assert call.report.webhooks[0].seconds < 0.1


def test_an_agent_that_hangs_costs_only_the_first_callers_their_patience(practice: Practice) -> None:
    callers = [ScriptedCaller([Hears("taking longer"), HangsUp()]) for _ in range(9)]
    callers += [ScriptedCaller([Hears(FAILURE, within_seconds=10), HangsUp()]) for _ in range(2)]
    calls = practice.play(until(9999, "hangs", "launch"), callers, apart_seconds=5.0)
    assert practice.door.kinds().count("launch") == 9  # at second 45 the fifth of them had been waited for in vain
    assert all(call.report.webhooks[0].seconds < 0.1 for call in calls[9:])


def test_an_agent_that_recovers_is_back_for_the_callers_who_are_still_there(practice: Practice) -> None:
    failed_at: list[float] = []

    def trouble(now: float, what: str) -> str:
        if what == "text" and not failed_at:
            failed_at.append(now)
        return "refused" if failed_at and now < failed_at[0] + 9 else ""

    steps = [
        Hears("How can I help you"),
        Says("insurance"),
        Hears(FAILURE),
        Hears("still there"),  # the agent's own words again: it is on trial, and passes
        Says("opening hours"),
        Hears("anything else"),
        HangsUp(),
    ]
    calls = practice.play(trouble, [ScriptedCaller(steps) for _ in range(7)], apart_seconds=0.5)
    assert practice.door.times("insurance") == 5
    assert all(call.texts() == ["opening hours"] for call in calls)
    assert all(call.kinds().count("launch") == 1 for call in calls)


def test_a_call_in_the_middle_of_a_turn_hears_its_answer_while_others_find_the_agent_resting(
    practice: Practice,
) -> None:
    def trouble(now: float, what: str) -> str:
        return "refused" if now > 5 and what == "launch" else ""

    slow = ScriptedCaller([Hears("How can I help you"), Waits(6), Says("fail slow"), Hears("a while"), HangsUp()])
    others = [ScriptedCaller([Hears("How can I help you|" + FAILURE), HangsUp()]) for _ in range(7)]
    [slow_call, *_] = practice.play(trouble, [slow, *others], apart_seconds=3.5)
    assert "orry, something" not in heard(slow_call)
    asked_at = next(request.at_seconds for request in practice.door.arrived if request.what == "text")
    refused_at = [request.at_seconds for request in practice.door.arrived if request.what == "launch"][2:]
    assert len(refused_at) == 5  # the sixth of them was not asked for
    assert asked_at < refused_at[-1] < asked_at + 8


def test_the_end_of_a_call_is_told_to_an_agent_that_rests(practice: Practice) -> None:
    def trouble(now: float, what: str) -> str:
        return "refused" if what == "text" else ""

    calls = practice.play(
        trouble,
        [
            ScriptedCaller([Hears("How can I help you"), Says("hello"), Hears(FAILURE), HangsUp(after_seconds=1)])
            for _ in range(8)
        ],
        apart_seconds=0.5,
    )
    assert [call.kinds()[-1] for call in calls] == ["end"] * 8
    assert practice.door.kinds().count("end") == 8
    assert practice.door.times("hello") < 8  # the last ones found it resting


# Faults that a person has to mend


def test_a_wrong_key_sends_callers_to_a_human_at_once_until_it_is_mended(practice: Practice) -> None:
    callers = [ScriptedCaller([StaysSilent()]) for _ in range(6)]
    callers += [ScriptedCaller([Hears("How can I help you"), HangsUp()]) for _ in range(2)]
    calls = practice.play(until(101, "wrong-key", "session", "probe"), callers, apart_seconds=20.0)
    for call in calls[:6]:
        assert dialled(call) == [FALLBACK]
        assert heard(call).count(UNAVAILABLE) == 1
        assert call.report.webhooks[0].seconds < 0.1
    assert [dialled(call) for call in calls[6:]] == [[], []]
    assert practice.door.kinds().count("session") == 3  # the one that found out, and two for the last callers
    assert 5 <= practice.door.kinds().count("probe") <= 9


def test_credit_that_runs_out_sends_this_and_later_callers_to_a_human_until_there_is_some(practice: Practice) -> None:
    def trouble(now: float, what: str) -> str:
        return "no-credit" if 15 < now < 75 and what in ("launch", "text") else ""

    first = ScriptedCaller([Hears("How can I help you"), Waits(8), Says("insurance"), StaysSilent()])
    callers = [first, *(ScriptedCaller([StaysSilent()]) for _ in range(9))]
    callers += [ScriptedCaller([Hears("How can I help you"), HangsUp()]) for _ in range(2)]
    calls = practice.play(trouble, callers, apart_seconds=10.0)
    for call in calls[:1] + calls[3:8]:
        assert dialled(call) == [FALLBACK], call.explain()
        assert heard(call).count(UNAVAILABLE) == 1
    assert [dialled(call) for call in calls[-2:]] == [[], []]
    # while there was no credit: the turn that found out, and at most one trial after each probe
    asked = [r.what for r in practice.door.arrived if 15 < r.at_seconds < 75 and r.what in ("launch", "text")]
    assert len(asked) <= 1 + practice.door.kinds().count("probe")


def test_a_lasting_fault_without_a_human_is_explained(practice: Practice) -> None:
    practice.world.profile = practice.world.profile.model_copy(update={"fallback": ()})
    calls = practice.play(
        until(9999, "wrong-key", "session", "probe"),
        [ScriptedCaller([StaysSilent()]) for _ in range(3)],
        apart_seconds=3.0,
    )
    for call in calls:
        assert UNAVAILABLE in heard(call)
        assert call.report.end_reason == "hangup"


# Limits and sessions


def once(kind: str, *whats: str, times: int = 1) -> Trouble:
    """Goes wrong for the first `times` requests of these kinds."""
    struck: list[str] = []

    def trouble(now: float, what: str) -> str:
        if what in whats and len(struck) < times:
            struck.append(what)
            return kind
        return ""

    return trouble


HOURS = [Hears("How can I help you"), Says("opening hours"), Hears("anything else"), HangsUp()]
HOURS_AFTER_FAILURE = [
    Hears("How can I help you"),
    Says("opening hours"),
    Hears(FAILURE),
    Says("opening hours please"),
    Hears("anything else"),
    HangsUp(),
]


@pytest.mark.parametrize("retry_after", ["", "0", "1", "soon", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_busy_agent_is_asked_again_and_the_caller_notices_nothing(practice: Practice, retry_after: str) -> None:
    [call] = practice.play(once(f"busy {retry_after}", "text"), [ScriptedCaller(HOURS)])
    assert practice.door.times("opening hours") == 2
    assert call.texts() == ["opening hours"]
    assert "orry" not in heard(call)


def test_a_busy_agent_that_asks_for_half_a_minute_is_apologised_for(practice: Practice) -> None:
    [call] = practice.play(once("busy 30", "text"), [ScriptedCaller(HOURS_AFTER_FAILURE)])
    assert practice.door.times("opening hours") == 1
    assert call.texts() == ["opening hours please"]


def test_a_busy_agent_leads_to_a_human_in_the_end_but_not_to_a_rest(practice: Practice) -> None:
    calls = practice.play(until(9999, "busy 30", "session"), [stubborn(2) for _ in range(4)])
    assert [dialled(call) for call in calls] == [[FALLBACK]] * 4
    assert practice.door.kinds() == ["session"] * 12


def test_an_expired_session_is_renewed_and_the_caller_notices_nothing(practice: Practice) -> None:
    [call] = practice.play(once("expired", "text"), [ScriptedCaller(HOURS)])
    assert practice.door.kinds() == ["session", "launch", "text", "session", "text", "end"]
    assert "orry" not in heard(call)


def test_a_session_that_expires_twice_in_a_row_is_apologised_for(practice: Practice) -> None:
    [call] = practice.play(once("expired", "text", times=2), [ScriptedCaller(HOURS_AFTER_FAILURE)])
    assert practice.door.times("opening hours") == 2
    assert call.texts() == ["opening hours please"]
    assert call.kinds().count("launch") == 1


@pytest.mark.parametrize("kind", ["reset", "refused"])
def test_words_that_may_have_arrived_are_never_sent_again(practice: Practice, kind: str) -> None:
    [call] = practice.play(once(kind, "text"), [ScriptedCaller(HOURS_AFTER_FAILURE)])
    assert practice.door.times("opening hours") == 1
    assert call.texts() == ["opening hours please"]


@pytest.mark.parametrize("kind", ["reset", "refused"])
def test_a_launch_that_failed_is_made_up_for_by_the_next_words(practice: Practice, kind: str) -> None:
    caller = ScriptedCaller([Hears(FAILURE), Says("opening hours"), Hears("anything else"), HangsUp()])
    [call] = practice.play(once(kind, "launch"), [caller])
    assert practice.door.kinds() == ["session", "launch", "launch", "text", "end"]
    assert call.texts() == ["opening hours"]


# Answers without end


@pytest.mark.parametrize("kind", ["endless-words", "endless-blocks", "endless-line", "endless-comments"])
def test_an_answer_without_end_is_cut_off_and_the_call_goes_on(practice: Practice, kind: str) -> None:
    caller = ScriptedCaller(
        [
            Hears("How can I help you"),
            Says("hello"),
            Hears(FAILURE, within_seconds=300),
            Says("opening hours"),
            Hears("anything else"),
            HangsUp(),
        ]
    )
    [call] = practice.play(once(kind, "text"), [caller])
    assert call.texts() == ["opening hours"]
    assert practice.door.sent_bytes < 20 * 1024 * 1024


@pytest.mark.parametrize("kind", ["trickling-comments", "trickling-blocks", "trickling-words"])
def test_an_answer_that_trickles_without_end_is_given_up_and_the_call_goes_on(practice: Practice, kind: str) -> None:
    caller = ScriptedCaller(
        [
            Hears("How can I help you"),
            Says("hello"),
            Hears("taking longer", within_seconds=400),
            Says("opening hours"),
            Hears("anything else", within_seconds=100),
            HangsUp(),
        ]
    )
    [call] = practice.play(once(kind, "text"), [caller])
    assert call.texts() == ["opening hours"]
