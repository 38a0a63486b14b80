"""Twilio's webhooks: `/twilio/voice`, `/twilio/step/…`, `/twilio/status`, `/twilio/fallback`, and the audio we serve.

Here HTTP becomes `CallerInput` and an answer's bytes become HTTP; what is said and done is decided elsewhere. Every
answer to a genuine webhook is TwiML that goes on: a caller never meets the carrier's own error message through us.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable

import structlog
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from voicegw.call.entries import Journal, NoJournal
from voicegw.call.inputs import CallerInput, CallParties, ForwardEnded, ForwardOutcome, Pressed, Said, StayedSilent
from voicegw.call.moves import Line
from voicegw.call.phrases import PhraseName
from voicegw.call.profile import NumberProfile
from voicegw.call.records import Failed
from voicegw.errors import StoreClosed, StoreError
from voicegw.turns.conversation import VOICE_STEP, Conversations, Incoming, UnknownCall
from voicegw.turns.ports import CallStore
from voicegw.twilio.answers import (
    ACCEPT_KEY,
    AFTER_STREAM_PATH,
    AGAIN,
    EMPTY,
    HANG_UP,
    ORDERED,
    REJECT_BUSY,
    STEP_PATH,
    WHISPER_PATH,
    ask_to_accept,
    say_and_hang_up,
    try_again,
)
from voicegw.twilio.endpoints import Handler, Public, Signed
from voicegw.twilio.forms import FormPairs, parse_dial_form, parse_fallback_form, parse_gather_form
from voicegw.twilio.last_resort import HUMAN_PATH, call_a_human
from voicegw.twilio.requests import RefusedError, RequestReader, SignedRequest, respond
from voicegw.twilio.served_audio import AUDIO_PATH

_TWIML = b"text/xml; charset=utf-8"
# Twilio's CallStatus once nobody is on the line any more
_OVER = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
_MAX_TRIES_AGAIN = 3
_STORE_PAUSES_SECONDS = (0.1, 0.3)  # with the wait for the agent and the Gather before, under 4 s
VOICE_PATH = "/twilio/voice"
_STEP = re.compile(rf"{re.escape(STEP_PATH)}([0-9]{{1,9}})/([0-9]{{1,9}})")
_ORDER = re.compile(rf"{re.escape(ORDERED)}([0-9]{{1,9}})")
# An empty `<Gather>` may come back without any field of its own, so its URL says that we have asked
_ASKED = "asked=1"

_log = structlog.get_logger(__name__)


class Webhooks:
    """The routes that Twilio asks. `line_for` gives the profile of a called number, None if it is not served;
    `user_id_for` the name under which the agent knows this call; `has_room` whether another call is taken."""

    def __init__(
        self,
        *,
        conversations: Conversations,
        store: CallStore,
        reader: RequestReader,
        line_for: Callable[[CallParties], Line | None],
        user_id_for: Callable[[str, CallParties, NumberProfile], Awaitable[str]],
        has_room: Callable[[], Awaitable[bool]],
        public_url: str,
        journal: Journal | None = None,
    ) -> None:
        self._journal = journal or NoJournal()
        self._conversations = conversations
        self._store = store
        self._reader = reader
        self._line_for = line_for
        self._user_id_for = user_id_for
        self._has_room = has_room
        self._public_url = public_url.rstrip("/")

    def routes(self) -> list[Route]:
        """All routes, each classed by how it is guarded: signed by Twilio, or public behind an unguessable name."""
        return [  # tried in this order: what is asked for most comes first
            Route(STEP_PATH + "{turn:count}/{step:count}", Signed(self.answer, self._step), methods=["POST"]),
            Route(VOICE_PATH, Signed(self.answer, self._voice), methods=["POST"]),
            Route(AFTER_STREAM_PATH + "{number:count}", Signed(self.answer, self._after_stream), methods=["POST"]),
            Route(WHISPER_PATH + "{turn:count}/{step:count}", Signed(self.answer, self._whisper), methods=["POST"]),
            Route(HUMAN_PATH + "{place:count}", Signed(self.answer, self._human), methods=["POST"]),
            Route("/twilio/status", Signed(self.answer, self._status), methods=["POST"]),
            Route("/twilio/fallback", Signed(self.answer, self._fallback), methods=["POST"]),
            Route(AUDIO_PATH + "{name}", Public(self._audio), methods=["GET"]),
        ]

    async def _voice(self, request: SignedRequest, _scope: Scope) -> bytes:
        call = request.call
        if (answer := await self._conversations.first_answer(call.call_sid)) is not None:
            return answer
        parties = call.parties()
        line = self._line_for(parties)
        if line is None:
            _log.info("number not in service", call_sid=call.call_sid)
            return say_and_hang_up(PhraseName.NOT_IN_SERVICE, NumberProfile())
        if not self._conversations.is_live(call.call_sid) and not await self._has_room():
            _log.warning("no room for another call", call_sid=call.call_sid)
            return say_and_hang_up(PhraseName.BUSY, line.profile)
        if await self._conversations.is_our_own_forward(parties):
            # the leg we dialled came back to us: busy there leads to the forward's next destination
            _log.warning("forwarding loop", call_sid=call.call_sid)
            return REJECT_BUSY
        user_id = await self._user_id_for(call.call_sid, parties, line.profile)
        ringing = call.call_status == "ringing"
        return await self._conversations.ring(
            Incoming(
                call_sid=call.call_sid,
                parties=parties,
                line=line,
                user_id=user_id,
                ringing=ringing,
                since=request.received_at,
            )
        )

    async def _step(self, request: SignedRequest, scope: Scope) -> bytes:
        call = request.call
        if await self._is_over(request):
            return EMPTY
        params = scope["path_params"]
        order = _ORDER.fullmatch(request.query)
        try:
            if order is not None:
                return await self._conversations.come_for_order(call.call_sid, int(order[1]), since=request.received_at)
            return await self._conversations.step(
                call.call_sid,
                params["turn"],
                params["step"],
                read_input(request.pairs),
                again=request.query.startswith(AGAIN),
                since=request.received_at,
            )
        except UnknownCall:
            _log.warning("call is not remembered, starting anew", call_sid=call.call_sid)
            return await self._voice(request, scope)

    async def _after_stream(self, request: SignedRequest, scope: Scope) -> bytes:
        """A stream of the call is over: closed by us, by the network, or because it never came about."""
        if await self._is_over(request):
            return EMPTY
        call_sid, number = request.call.call_sid, scope["path_params"]["number"]
        try:
            return await self._conversations.follow_stream(call_sid, number, since=request.received_at)
        except UnknownCall:
            _log.warning("call is not remembered, starting anew", call_sid=call_sid)
            return await self._voice(request, scope)

    async def _is_over(self, request: SignedRequest) -> bool:
        """ "Caller hangs up ⇒ action still requested with CallStatus=completed": nobody hears the answer."""
        over = request.call.call_status in _OVER
        if over:
            await self._conversations.hang_up(request.call.call_sid, "hangup")
        return over

    async def _whisper(self, request: SignedRequest, _scope: Scope) -> bytes:
        """Asked on the human's side before a forward is connected: who calls, and will they take it?"""
        keys = parse_gather_form(request.pairs).digits
        if keys:
            return EMPTY if keys == ACCEPT_KEY else self._decline(request)
        if request.query == _ASKED:
            return self._decline(request)  # nobody pressed a key: a voicemail box is not a human
        try:
            state, line = await self._conversations.look(request.call.parent_call_sid)
        except UnknownCall:
            return HANG_UP
        return ask_to_accept(state.parties, line.profile, f"{self._public_url}{request.path}?{_ASKED}")

    def _decline(self, request: SignedRequest) -> bytes:
        line = self._line_for(request.call.parties())
        return say_and_hang_up(PhraseName.CONFIRM_DECLINED, line.profile if line else NumberProfile())

    async def _human(self, request: SignedRequest, scope: Scope) -> bytes:
        """What became of a fallback destination that was dialled without the store: if nothing, the next one."""
        dial = parse_dial_form(request.pairs)
        if dial.outcome is ForwardOutcome.COMPLETED and dial.bridged is not False:
            return HANG_UP
        line = self._line_for(request.call.parties()) or Line(NumberProfile())
        return call_a_human(line, request.call.parties(), self._public_url, scope["path_params"]["place"])

    async def _status(self, request: SignedRequest, _scope: Scope) -> bytes:
        call = request.call
        if call.call_status in _OVER and not call.parent_call_sid:
            await self._conversations.hang_up(call.call_sid, "hangup")
        return EMPTY

    async def _fallback(self, request: SignedRequest, scope: Scope) -> bytes:
        form = parse_fallback_form(request.pairs)
        call_sid = request.call.call_sid
        _log.error("carrier could not use an answer", call_sid=call_sid, error_code=form.error_code)
        try:
            return await self._conversations.rescue(
                call_sid, request.name, self._step_of(form.error_url), error_code=str(form.error_code or "")
            )
        except UnknownCall:
            return await self._voice(request, scope)

    def _step_of(self, url: str) -> tuple[int, int] | None:
        """Which step a URL of ours asks for the first time; None for any other."""
        path = url.removeprefix(self._public_url)
        if path == VOICE_PATH:
            return VOICE_STEP
        found = _STEP.fullmatch(path)
        return (int(found[1]), int(found[2])) if found else None

    async def _audio(self, scope: Scope, _receive: Receive, send: Send) -> None:
        name: str = scope["path_params"]["name"]
        try:
            audio = await self._store.get_audio(name.removesuffix(".wav"))
        except StoreError as error:
            _log.warning("audio cannot be read", code=error.code, reason=str(error))
            await respond(send, 503)
            return
        if audio is None:
            await respond(send, 404)
        else:
            await respond(send, 200, audio.content, audio.content_type.encode())

    async def answer(self, handler: Handler, scope: Scope, receive: Receive, send: Send) -> None:
        """Verify, handle, answer; a store that fails costs the caller a moment, not the call."""
        try:
            request = await self._reader.read(scope, receive)
        except RefusedError as refused:
            await respond(send, refused.status)
            return
        await respond(send, 200, await self._handle(handler, request, scope), _TWIML)

    async def _handle(self, handler: Handler, request: SignedRequest, scope: Scope) -> bytes:
        """What a webhook brings, the caller brings once: only where the store is gone for longer is it let go."""
        for pause_seconds in (*_STORE_PAUSES_SECONDS, None):
            try:
                return await handler(request, scope)
            except StoreClosed:  # a stream that was closed for a restart asks how to go on, at once
                break
            except StoreError as error:
                self._journal.note(request.call.call_sid, Failed(part="store", code=error.code))
                if pause_seconds is None or not error.retryable:
                    _log.exception("store failed", call_sid=request.call.call_sid, code=error.code)
                    break
                await asyncio.sleep(pause_seconds)
        return self._try_again(request)

    def _try_again(self, request: SignedRequest) -> bytes:
        """Come back to the same URL, a few times; the count travels in the query, which is signed."""
        line = self._line_for(request.call.parties())
        profile = line.profile if line else NumberProfile()
        count = request.query.removeprefix(AGAIN)
        tries = int(count) if count.isdecimal() else 0
        if tries >= _MAX_TRIES_AGAIN:
            return call_a_human(line or Line(profile), request.call.parties(), self._public_url, 0)
        return try_again(profile, f"{self._public_url}{request.path}?{AGAIN}{tries + 1}")


def read_input(pairs: FormPairs) -> CallerInput:
    """What the caller did, from a step's form: the outcome of a `<Dial>`, speech, keys, or nothing."""
    if "DialCallStatus" in dict(pairs):
        dial = parse_dial_form(pairs)
        return ForwardEnded(outcome=dial.outcome, seconds=dial.seconds or 0, bridged=dial.bridged)
    gathered = parse_gather_form(pairs)
    if gathered.speech.strip():
        return Said(text=gathered.speech, confidence=gathered.confidence)
    if gathered.digits or gathered.finished_on_key:
        return Pressed(keys=gathered.digits, ended_by=gathered.finished_on_key)
    return StayedSilent()
