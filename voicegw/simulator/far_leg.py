"""One dialled party: rings, answers or not, hears its whisper, and is written down as a `Dialled` record."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from email.utils import format_datetime

from voicegw.simulator.call_context import CallContext, GoTo
from voicegw.simulator.callees import find_callee
from voicegw.simulator.dial_targets import Target
from voicegw.simulator.documents import Document
from voicegw.simulator.journal import Journal
from voicegw.simulator.legs import Leg, new_sid
from voicegw.simulator.line import Line
from voicegw.simulator.phone import Phone
from voicegw.simulator.timeline import Dialled, DiallingBegan, Heard
from voicegw.simulator.webhooks import Webhook

Whisperer = Callable[[CallContext, GoTo], Coroutine[None, None, str]]
"""Runs a whisper document on the far leg's context and answers how it ended."""

_SIP_CODES = {"completed": "200", "busy": "486", "no-answer": "487", "failed": "404", "canceled": "487"}


class FarLeg:
    """One party of a Dial. `status` is its `DialCallStatus` once it is over."""

    def __init__(self, context: CallContext, document: Document, target: Target, caller_id: str) -> None:
        self.target = target
        self.callee = find_callee(context.callees, target.address, context.default_callee)
        self.status = "failed"
        self.answered_at_seconds: float | None = None
        self.bridged_at_seconds: float | None = None
        self._context = context
        self._document = document
        self._sequence = 0
        self._journal = context.journal
        self._began_at = self._journal.now_seconds()
        self.leg = Leg(
            call_sid=new_sid("CA", context.random),
            account_sid=context.leg.account_sid,
            from_=caller_id,
            to=target.address,
            direction="outbound-dial",
            parent_sid=context.leg.call_sid,
            status="initiated",
        )
        # The far end's ear has a notebook of its own, so that what it hears is not taken for what the caller hears.
        self._line = Line(Journal(asyncio.get_running_loop().time))

    async def ring(self) -> bool:
        """Ring until the party answers (True) or is out (False). A party that does not answer rings on: cancel it."""
        self._journal.tell(DiallingBegan(at_seconds=self._began_at, address=self.target.address))
        self._report("initiated")
        if self.target.refused is not None:
            self.status = "failed"
            return False
        self.leg.status = "ringing"
        self._report("ringing")
        self.status = "no-answer"
        if self.callee.outcome == "no-answer":
            await asyncio.Event().wait()
        await asyncio.sleep(self.callee.ring_seconds)
        if self.callee.outcome != "answers":
            self.status = self.callee.outcome
            return False
        self.status = "completed"
        self.leg.status = "in-progress"
        self.answered_at_seconds = self._journal.now_seconds()
        self._line.answer()
        self._report("answered")
        return True

    async def whisper(self, whisperer: Whisperer) -> bool:
        """Run the whisper document on this leg; True if the party is still there for the bridge."""
        if self.target.whisper_url is None:
            return True
        document = self._document
        method = self.target.whisper_method
        first = self._context.action(document, self.target.whisper_url, method, "whisper", {})
        context = replace(self._context, leg=self.leg, line=self._line, at_hangup=None)
        talk = asyncio.create_task(whisperer(context, first))
        person = asyncio.create_task(self.callee.run(Phone(self._line)))
        hung_up = asyncio.create_task(self._line.hung_up.wait())
        try:
            await asyncio.wait([talk, hung_up], return_when=asyncio.FIRST_COMPLETED)
            return not hung_up.done() and talk.result() == "document-ended"
        finally:
            for task in (talk, person, hung_up):
                task.cancel()
            await asyncio.wait([talk, person, hung_up])

    def end(self, *, canceled: bool = False) -> None:
        """The leg is over: write it down. `canceled`: given up while it rang."""
        now = self._journal.now_seconds()
        if canceled and self.answered_at_seconds is None:
            self.status = "canceled"
        self.leg.status = self.status
        self._report("completed")
        self._journal.keep(
            Dialled(
                at_seconds=self._began_at,
                seconds=round(now - self._began_at, 6),
                kind=self.target.kind,
                address=self.target.address,
                caller_id=self.leg.from_,
                call_sid=self.leg.call_sid,
                status=self.status,
                bridged=self.bridged_at_seconds is not None,
                talk_seconds=0.0 if self.bridged_at_seconds is None else round(now - self.bridged_at_seconds, 6),
                send_digits=self.target.send_digits if self.answered_at_seconds is not None else "",
                whisper=self._line.journal.of(Heard),
                document_url=self._document.url,
            )
        )

    def params(self) -> dict[str, str]:
        """What the Dial's action is told of this leg."""
        params = {
            "DialCallStatus": self.status,
            "DialCallSid": self.leg.call_sid,
            "DialBridged": "false" if self.bridged_at_seconds is None else "true",
        }
        if self.answered_at_seconds is not None:
            seconds = self._journal.now_seconds() - self.answered_at_seconds
            params["DialCallDuration"] = str(round(seconds))
        if self.target.kind == "sip":
            params["DialSipCallId"] = f"{self.leg.call_sid[2:]}@sip.twilio.com"
            params["DialSipResponseCode"] = _SIP_CODES[self.status]
        return params

    def _report(self, event: str) -> None:
        """Tell the noun's status callback, if it asked for this event; whatever it answers."""
        if self.target.status_callback is None or event not in self.target.status_callback_events:
            return
        standard = self.leg.params() | {
            "Timestamp": format_datetime(self._context.wall_clock()),
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(self._sequence),
        }
        self._sequence += 1
        if event == "completed":
            answered_at = self.answered_at_seconds
            talked = 0.0 if answered_at is None else self._journal.now_seconds() - answered_at
            standard["CallDuration"] = str(round(talked))
        url = self._context.absolute(self._document, self.target.status_callback)
        method = (self.target.status_callback_method or "POST").upper()
        hook = Webhook(url=url, purpose="status", standard=standard, method=method)
        self._context.sender.notify(hook)
