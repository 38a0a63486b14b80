"""Runs `<Dial>`: rings the parties, bridges the first that answers, and leads to the action with how it went.

"timeout (30; Twilio adds ~5 s)"; "Number ×10 simultaneous; sequential=true ⇒ one after another"; with `answerOnBridge`
the caller hears ringing until the bridge. "With action ⇒ verbs after Dial unreachable; no action ⇒ next verb."
"""

import asyncio
import math

from twiml import Dial
from voicegw.simulator.call_context import CallContext, Next
from voicegw.simulator.dial_targets import read_ring_seconds, read_targets
from voicegw.simulator.documents import Document
from voicegw.simulator.far_leg import FarLeg, Whisperer
from voicegw.simulator.timeline import Bridged

DEFAULT_TIME_LIMIT_SECONDS = 14400

_BEST_FIRST = ("completed", "no-answer", "busy", "failed", "canceled")


class _Conversation:
    """Listens while two people talk: keys and words go to the other person, `*` may end it."""

    def __init__(self, hangup_on_star: bool) -> None:
        self._hangup_on_star = hangup_on_star
        self.ended = asyncio.Event()

    def receive_key(self, key: str) -> None:
        """See `line.Listener`."""
        if key == "*" and self._hangup_on_star:
            self.ended.set()

    def receive_speech_started(self) -> None:
        """See `line.Listener`."""

    def receive_speech_ended(self, _text: str, _confidence: float | None) -> None:
        """See `line.Listener`."""


async def run_dial(context: CallContext, document: Document, verb: Dial, whisperer: Whisperer) -> Next:
    """Call whom the verb names; see the file's docstring."""
    caller_id = verb.caller_id or context.leg.from_
    may_be = {context.leg.from_, context.leg.to, *context.rules.owned_numbers}
    targets, warnings = read_targets(verb, caller_id, may_be)
    ring_seconds, timeout_warnings = read_ring_seconds(verb)
    for code, text in (*warnings, *timeout_warnings):
        context.journal.warn(code, text, document.url)
    groups = [[target] for target in targets] if verb.sequential else [list(targets)] if targets else []
    extra = {"DialCallStatus": "failed", "DialBridged": "false"}
    for group in groups:
        legs = [FarLeg(context, document, target, caller_id) for target in group]
        leg = await _call(context, document, verb, legs, ring_seconds + context.rules.ring_grace_seconds, whisperer)
        extra = leg.params()
        if leg.status == "completed":
            break
    if verb.action is None:
        return None
    context.leg.status = "in-progress"
    return context.action(document, verb.action, verb.method, "dial", extra)


async def _call(
    context: CallContext,
    document: Document,
    verb: Dial,
    legs: list[FarLeg],
    ring_seconds: float,
    whisperer: Whisperer,
) -> FarLeg:
    """Ring these parties at once; answers the leg that stands for how it went."""
    line = context.line
    ringing = asyncio.create_task(line.play("ringing", "", math.inf))
    open_legs = list(legs)

    def end_legs() -> None:
        while open_legs:
            open_legs.pop().end(canceled=line.hung_up.is_set())

    try:
        leg = await _first_answer(legs, ring_seconds)
        for other in legs:
            if other is not leg:
                other.end(canceled=leg is not None and other.status == "no-answer")
                open_legs.remove(other)
        if leg is None:
            return min(legs, key=lambda leg: _BEST_FIRST.index(leg.status))
        if verb.answer_on_bridge is not True:
            ringing.cancel()
        if await leg.whisper(whisperer):
            ringing.cancel()
            await asyncio.wait([ringing])
            await _bridge(context, verb, leg)
    except asyncio.CancelledError:
        if verb.action is not None and line.hung_up.is_set():
            # The vendor: "Caller hangs up ⇒ session ends (action still requested with CallStatus=completed)"
            last = open_legs[-1]
            end_legs()
            context.at_hangup = context.action(document, verb.action, verb.method, "dial", last.params())
        raise
    finally:
        ringing.cancel()
        await asyncio.wait([ringing])
        end_legs()
    return leg


async def _first_answer(legs: list[FarLeg], ring_seconds: float) -> FarLeg | None:
    """The leg that answers first; None if none does in time. The others stop ringing."""
    tasks = {asyncio.create_task(leg.ring()): leg for leg in legs}
    waiting = set(tasks)
    try:
        async with asyncio.timeout(ring_seconds):
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task, leg in tasks.items():
                    if task in done and task.result():
                        return leg
    except TimeoutError:
        return None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    return None


async def _bridge(context: CallContext, verb: Dial, leg: FarLeg) -> None:
    """Let the two talk until the far end hangs up, the time limit comes, or the caller's `*` ends it."""
    line, journal = context.line, context.journal
    context.leg.status = "in-progress"
    line.answer()
    leg.bridged_at_seconds = journal.now_seconds()
    journal.tell(Bridged(at_seconds=leg.bridged_at_seconds, address=leg.target.address))
    limit = verb.time_limit or DEFAULT_TIME_LIMIT_SECONDS
    talk = math.inf if leg.callee.talk_seconds is None else leg.callee.talk_seconds
    conversation = _Conversation(verb.hangup_on_star is True)
    with line.listening(conversation):
        voice = asyncio.create_task(line.play("human", leg.callee.greeting, min(talk, limit)))
        ended = asyncio.create_task(conversation.ended.wait())
        try:
            await asyncio.wait([voice, ended], return_when=asyncio.FIRST_COMPLETED)
        finally:
            voice.cancel()
            ended.cancel()
            await asyncio.wait([voice, ended])
