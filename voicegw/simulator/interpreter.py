"""Executes TwiML on one leg, top to bottom, until the leg ends; fetches what comes next, and falls back.

"On fatal error fetching or executing TwiML, Twilio immediately requests the fallback URL with ErrorCode and ErrorUrl;
no fallback ⇒ prerecorded 'application error' and hangup." "End of document ⇒ hangup."
"""

import asyncio

from twiml import (
    Connect,
    Dial,
    Enqueue,
    Gather,
    Hangup,
    Leave,
    Pause,
    Play,
    Record,
    Redirect,
    Refer,
    Reject,
    Say,
    Start,
    Stop,
    Unknown,
    Verb,
)
from voicegw.simulator.call_context import CallContext, End, GoTo, Next
from voicegw.simulator.dialing import run_dial
from voicegw.simulator.documents import Document, FatalTwimlError, read_document
from voicegw.simulator.listening import run_gather
from voicegw.simulator.recording import run_record
from voicegw.simulator.sounding import run_sound
from voicegw.simulator.sounds import pause_seconds
from voicegw.simulator.stream.opening import find_stream
from voicegw.simulator.stream.verb import run_stream
from voicegw.simulator.timeline import Fault, LostBecause
from voicegw.simulator.webhooks import Webhook
from voicegw.simulator.wellformed import unknown_parts

ERROR_PROMPT = "We are sorry, an application error has occurred. Goodbye."
ERROR_PROMPT_SECONDS = 5.0

UNKNOWN_ELEMENT = 12200
INVALID_URL = 11100
NESTED_DIAL = 13201
NOT_A_SIP_LEG = 13801


class Interpreter:
    """Runs one leg. `whisper` legs (a dialled party before the bridge) may not dial, and have no fallback."""

    def __init__(self, context: CallContext, *, fallback_url: str | None = None, whisper: bool = False) -> None:
        self._context = context
        self._fallback_url = fallback_url
        self._whisper = whisper
        self._documents = 0

    async def run(self, first: GoTo) -> str:
        """Fetch and execute from `first` until the leg ends; answers why. Cancel it when the person hangs up."""
        target = first
        while True:
            try:
                outcome = await self._execute(await self._fetch(target))
            except FatalTwimlError as fault:
                outcome = await self._after_fault(fault, target)
            if isinstance(outcome, End):
                return outcome.reason
            target = outcome

    async def _fetch(self, target: GoTo) -> Document:
        self._documents += 1
        context = self._context
        webhook = Webhook(
            url=target.url,
            purpose=target.purpose,
            standard=context.leg.params(),
            extra=target.extra,
            method=target.method,
        )
        with context.line.deaf(LostBecause.BETWEEN_DOCUMENTS):
            url, answer = await context.sender.ask(webhook)
        return read_document(url, answer, context.rules.assumed_audio_seconds)

    async def _after_fault(self, fault: FatalTwimlError, target: GoTo) -> GoTo | End:
        """A fatal error leads to the fallback URL, or, if that is what failed, to the carrier's apology."""
        context = self._context
        rescued = self._fallback_url is not None and target.purpose != "fallback"
        context.journal.keep(
            Fault(
                at_seconds=context.journal.now_seconds(),
                code=fault.code,
                text=fault.message,
                url=fault.url,
                rescued=rescued,
            )
        )
        if self._fallback_url is not None and rescued:
            extra = {"ErrorCode": str(fault.code), "ErrorUrl": fault.url}
            return GoTo(url=self._fallback_url, purpose="fallback", extra=extra)
        self._answer()
        await context.line.play("error_prompt", ERROR_PROMPT, ERROR_PROMPT_SECONDS)
        return End("application-error")

    async def _execute(self, document: Document) -> GoTo | End:
        """Run a document from its first verb; answers where it leads."""
        context = self._context
        if self._documents > context.rules.max_documents:
            return End("too-many-documents")
        for part in unknown_parts(document.response):
            context.journal.warn(UNKNOWN_ELEMENT, part, document.url)
        if document.audio_seconds is not None:
            self._answer()
            await context.line.play("audio", document.url, document.audio_seconds)
            return End("document-ended")
        for verb in document.response.verbs:
            if await self._answered_by(verb):
                continue
            outcome = await self._run(document, verb)
            if outcome is not None:
                return outcome
        return End("document-ended")

    async def _answered_by(self, verb: Verb) -> bool:
        """Any first verb answers, except those that keep it ringing; True if that is all the verb does."""
        match verb:
            case Redirect() | Reject() | Unknown() | Dial(answer_on_bridge=True):
                return False
            case Pause() if self._context.leg.status == "ringing":
                # The vendor: "first-verb Pause delays answer by length"
                await asyncio.sleep(pause_seconds(verb))
                self._answer()
                return True
        self._answer()
        return False

    def _answer(self) -> None:
        self._context.leg.status = "in-progress"
        self._context.line.answer()

    async def _run(self, document: Document, verb: Verb) -> Next:
        context = self._context
        match verb:
            case Say() | Play() | Pause():
                await run_sound(context, document, verb)
            case Gather():
                return await run_gather(context, document, verb, lambda child: run_sound(context, document, child))
            case Redirect():
                if not verb.url:
                    raise FatalTwimlError(INVALID_URL, "Redirect: no URL", document.url)
                return context.action(document, verb.url, verb.method, "redirect", {})
            case Hangup():
                return End("hangup")
            case Reject():
                if context.leg.status == "ringing":
                    context.leg.status = "busy" if verb.reason == "busy" else "no-answer"
                return End("rejected")
            case Dial():
                if self._whisper:
                    context.journal.warn(NESTED_DIAL, "Dial: not inside the call that a Dial makes", document.url)
                    return None
                with context.line.deaf(LostBecause.DIALLING):
                    return await run_dial(context, document, verb, self._whisperer)
            case Record():
                return await run_record(context, document, verb)
            case Connect() if (stream := find_stream(verb)) is not None:
                return await run_stream(context, document, verb, stream)
            case Unknown():
                return None
            case _:
                return self._not_simulated(document, verb)
        return None

    def _not_simulated(self, document: Document, verb: Connect | Start | Stop | Enqueue | Refer | Leave) -> Next:
        """Verbs whose other side this simulator does not have: said so, and the call goes on as if it had failed."""
        context = self._context
        context.journal.warn(0, f"the simulator cannot run <{verb.TAG}>", document.url)
        match verb:
            case Connect(action=str(action), method=method):
                return context.action(document, action, method, "connect", {})
            case Enqueue(action=str(action), method=method):
                extra = {"QueueResult": "system-error", "QueueTime": "0"}
                return context.action(document, action, method, "enqueue", extra)
            case Refer(action=str(action), method=method):
                context.journal.warn(NOT_A_SIP_LEG, "Refer: not a SIP call", document.url)
                extra = {"ReferCallStatus": "failed", "ReferSipResponseCode": "405"}
                return context.action(document, action, method, "refer", extra)
        return None

    async def _whisperer(self, context: CallContext, first: GoTo) -> str:
        return await Interpreter(context, whisper=True).run(first)
