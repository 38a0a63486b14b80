"""The carrier: places a call at a gateway, connects it with a caller, and hands back the report.

It reads only the running loop's clock, so it works in real and in virtual time. See the package's docstring for use.
"""

import asyncio
import math
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from random import Random
from typing import cast
from urllib.parse import urlsplit

from voicegw.simulator.call_context import CallContext, GoTo
from voicegw.simulator.callees import Callee
from voicegw.simulator.caller import ScriptedCaller, ScriptError
from voicegw.simulator.interpreter import Interpreter
from voicegw.simulator.journal import Journal, Watcher
from voicegw.simulator.legs import Leg, call_token, new_sid
from voicegw.simulator.line import Line
from voicegw.simulator.phone import Caller, Phone
from voicegw.simulator.report import CallReport, EndReason
from voicegw.simulator.rules import CarrierRules
from voicegw.simulator.speech import CallerSpeech
from voicegw.simulator.timeline import CallEnded, Heard, SoundBegan
from voicegw.simulator.update import NO_SUCH_CALL, UpdateRefusedError, Updates
from voicegw.simulator.web import WebClient
from voicegw.simulator.webhooks import Webhook, WebhookSender

DEFAULT_ACCOUNT_SID = "AC" + "0" * 32

UNKNOWN_CALLEE = Callee(outcome="no-answer")


class Carrier:
    """A telephone company in software. One carrier may place many calls, also at the same time.

    `auth_token` signs the webhooks. `seed` makes the ids of calls repeatable.
    """

    def __init__(
        self,
        web: WebClient,
        *,
        auth_token: str,
        account_sid: str = DEFAULT_ACCOUNT_SID,
        rules: CarrierRules | None = None,
        seed: int | None = None,
        wall_clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._web = web
        self._auth_token = auth_token
        self._account_sid = account_sid
        self._rules = rules or CarrierRules()
        self._random = Random(seed)  # noqa: S311 - ids, not secrets
        self._wall_clock = wall_clock
        self._updates: dict[str, Updates] = {}

    @property
    def live_calls(self) -> tuple[str, ...]:
        """The ids of the calls that are going on, in the order in which they were placed."""
        return tuple(self._updates)

    def redirect_call(self, call_sid: str, url: str, method: str = "POST") -> None:
        """What `POST /Calls/{sid}.json` with a `Url` does to a call in progress. Raises UpdateRefusedError."""
        self._updates_of(call_sid).redirect(url, method)

    def complete_call(self, call_sid: str) -> None:
        """What `POST /Calls/{sid}.json` with `Status=completed` does to a live call. Raises UpdateRefusedError."""
        self._updates_of(call_sid).complete()

    def _updates_of(self, call_sid: str) -> Updates:
        if call_sid not in self._updates:
            raise UpdateRefusedError(NO_SUCH_CALL, f"no call {call_sid}")
        return self._updates[call_sid]

    async def place_call(  # noqa: PLR0913 - what a number is configured with, all optional but three
        self,
        voice_url: str,
        caller: Caller,
        *,
        from_: str = "+14155550123",
        to: str = "+15005550100",
        method: str = "POST",
        fallback_url: str | None = None,
        status_callback: str | None = None,
        callees: Mapping[str, Callee] | None = None,
        default_callee: Callee = UNKNOWN_CALLEE,
        more_params: Mapping[str, str] | None = None,
        speech: CallerSpeech | None = None,
        on_event: Watcher | None = None,
    ) -> CallReport:
        """Place one call and see it to its end, the last request included.

        `more_params` go along with every webhook (`ForwardedFrom`, `SipHeader_X-…`, anything new), and replace those of
        the same name. `speech` is how the caller speaks and understands on a stream (None: by a hum, and not at all).
        `callees` says what dialled parties do, by number or address. Never raises for what the gateway
        does; raises what `caller` raises, except ScriptError. Cancelling ends the call.
        """
        journal = Journal(asyncio.get_running_loop().time, on_event)
        leg, line = self._leg(from_, to, more_params or {}), Line(journal, speech)
        context = self._context(line, leg, callees or {}, default_callee)
        context.own_hosts |= {urlsplit(url).netloc for url in (voice_url, fallback_url) if url}
        interpreter = Interpreter(context, fallback_url=fallback_url)
        updates = self._updates[context.leg.call_sid] = Updates(context)
        try:
            talk = updates.obey(interpreter.run, GoTo(url=voice_url, purpose="voice", method=method))
            reason, script_failure, left_undone = await _converse(context, talk, caller)
            journal.tell(CallEnded(at_seconds=(ended_at := journal.now_seconds()), reason=reason))
            await self._say_goodbye(context, reason, status_callback)
        finally:
            context.sender.close()
            context.errands.close()
            del self._updates[context.leg.call_sid]
        return CallReport(
            call_sid=context.leg.call_sid,
            from_=from_,
            to=to,
            records=tuple(journal.records),
            answered_at_seconds=line.answered_at_seconds,
            ended_at_seconds=ended_at,
            end_reason=reason,
            call_status=context.leg.status,
            script_failure=script_failure,
            left_undone=left_undone,
        )

    def _leg(self, from_: str, to: str, more: Mapping[str, str]) -> Leg:
        leg = Leg(
            call_sid=new_sid("CA", self._random),
            account_sid=self._account_sid,
            from_=from_,
            to=to,
        )
        leg.more = {"CallToken": call_token(leg), "StirVerstat": "TN-Validation-Passed-A", **more}
        return leg

    def _context(self, line: Line, leg: Leg, callees: Mapping[str, Callee], default_callee: Callee) -> CallContext:
        journal = line.journal
        sender = WebhookSender(
            self._web, self._auth_token, journal, random=self._random, latency_seconds=self._rules.latency_seconds
        )
        return CallContext(
            leg=leg,
            line=line,
            journal=journal,
            sender=sender,
            web=self._web,
            auth_token=self._auth_token,
            rules=self._rules,
            random=self._random,
            wall_clock=self._wall_clock,
            callees=callees,
            default_callee=default_callee,
        )

    async def _say_goodbye(self, context: CallContext, reason: str, status_callback: str | None) -> None:
        """What is still requested after the end: the action of a cut verb, the status callback, what was under way."""
        leg, line = context.leg, context.line
        context.sender.call_is_over = True
        if line.answered_at_seconds is not None:
            leg.status = "completed"
        elif reason != "rejected":  # Reject has said "busy" or "no-answer"
            leg.status = "canceled" if reason == "caller-hung-up" else "completed"
        if (cut := context.at_hangup) is not None:
            hook = Webhook(url=cut.url, purpose=cut.purpose, standard=leg.params(), extra=cut.extra, method=cut.method)
            # The vendor: "action still requested with CallStatus=completed, TwiML ignored"
            context.sender.notify(hook)
        if status_callback is not None:
            answered_at = line.answered_at_seconds
            seconds = 0.0 if answered_at is None else context.journal.now_seconds() - answered_at
            extra = {
                "CallDuration": str(round(seconds)),
                "Timestamp": format_datetime(self._wall_clock()),
                "CallbackSource": "call-progress-events",
                "SequenceNumber": "0",
            }
            context.sender.notify(Webhook(url=status_callback, purpose="status", standard=leg.params(), extra=extra))
        await context.errands.drain()
        await context.sender.drain()


async def _converse(
    context: CallContext, instructions: Coroutine[None, None, str], caller: Caller
) -> tuple[EndReason, str, str]:
    """Run both sides until one of them ends the call: why it ended, why the script failed, and what it left undone."""
    line = context.line
    talk = asyncio.create_task(instructions)
    person = asyncio.create_task(_live(caller, line))
    hung_up = asyncio.create_task(line.hung_up.wait())
    ringing = asyncio.create_task(_ring(line))
    tasks = (talk, person, hung_up, ringing)
    try:
        await asyncio.wait([talk, hung_up], timeout=context.rules.max_call_seconds, return_when=asyncio.FIRST_COMPLETED)
        line.end()
        reason: EndReason = "caller-hung-up" if hung_up.done() else "time-limit"
        if talk.done():
            reason = cast(EndReason, talk.result())
        failure = ""
        if person.done() and not person.cancelled() and (problem := person.exception()) is not None:
            if not isinstance(problem, ScriptError):
                raise problem
            failure = str(problem)
        undone = caller.left_undone(line.begun) if isinstance(caller, ScriptedCaller) and not failure else ""
        return reason, failure, undone
    finally:
        line.end()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _live(caller: Caller, line: Line) -> None:
    """The caller's side; a caller whose script fails, or breaks, hangs up."""
    try:
        await caller.run(Phone(line))
    except BaseException:
        line.hung_up.set()
        raise


async def _ring(line: Line) -> None:
    """The ringing tone that the caller hears until the carrier answers."""
    began_at = line.journal.now_seconds()
    line.journal.tell(SoundBegan(at_seconds=began_at, kind="ringing", text="", seconds=math.inf))
    try:
        await line.wait_until(lambda: line.answered_at_seconds is not None)
    finally:
        seconds = round(line.journal.now_seconds() - began_at, 6)
        line.journal.keep(Heard(at_seconds=began_at, seconds=seconds, kind="ringing"))
