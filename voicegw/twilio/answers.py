"""The performer for Twilio's webhooks: a plan becomes the bytes of a TwiML answer, its audio made reachable first."""

from collections.abc import Callable
from dataclasses import replace

import twiml
from voicegw.call.inputs import CallParties
from voicegw.call.moves import Line
from voicegw.call.phrases import PhraseName, phrase, read_digits
from voicegw.call.plan import CallPlan
from voicegw.call.profile import NumberProfile
from voicegw.call.state import CallState
from voicegw.turns.ports import Performance
from voicegw.twilio.performer import render_plan
from voicegw.twilio.prompt_verbs import Setting
from voicegw.twilio.served_audio import ServedAudio
from voicegw.twilio.stream_tokens import StreamTokens

STEP_PATH = "/twilio/step/"
MEDIA_PATH = "/twilio/media"
AFTER_STREAM_PATH = "/twilio/stream/"
"""What follows a stream, by the stream's number: asked for when it is over, however it ended."""
TOKEN_PARAMETER = "token"  # noqa: S105 (its name)
WHISPER_PATH = "/twilio/whisper/"
AGAIN = "again="
"""How often a URL has been asked for before."""
ORDERED = "ordered="
"""For which order of somebody outside a call was interrupted: nothing was listened to."""
ACCEPT_KEY = "1"
_CONFIRM_SECONDS = 5
_CONFIRM_TIMES = 2

EMPTY = twiml.render(twiml.Response(())).encode()
HANG_UP = twiml.render(twiml.Response((twiml.Hangup(),))).encode()
REJECT_BUSY = twiml.render(twiml.Response((twiml.Reject(reason="busy"),))).encode()


class TwimlPerformer:
    """Implements `turns.ports.Performer` over `public_url`, the origin that Twilio knows us by."""

    def __init__(self, public_url: str, audio: ServedAudio, tokens: StreamTokens, wall: Callable[[], float]) -> None:
        self._public_url = public_url.rstrip("/")
        self._audio = audio
        self._tokens = tokens
        self._wall = wall

    async def perform(self, state: CallState, line: Line, plan: CallPlan) -> Performance:
        """The document for `plan`; it leads on to the step that `state` names."""
        prompts = await self._audio.make_reachable(state.call_sid, plan.prompts, state.turn)
        setting = Setting(
            step_url=self.step_url(state),
            voice=line.profile.voice,
            language=state.agent.language or line.profile.language,
            own_language=line.profile.language,
            whisper_url=f"{self._public_url}{WHISPER_PATH}{state.turn}/{state.step}",
        )
        document = render_plan(plan if prompts is plan.prompts else replace(plan, prompts=prompts), setting)
        answer = twiml.render(document.response).encode()
        return Performance(answer, document.unsaid, complete=document.complete, audible=document.audible)

    def point_to(self, state: CallState) -> bytes:
        """A document that only leads to the step that is expected now; nothing more once the call is over."""
        if not state.turn:
            return EMPTY
        return _document(twiml.Redirect(self.step_url(state), method="POST"))

    def connect(self, state: CallState) -> bytes:
        """A document that opens a stream to us. The token stands in a `<Parameter>`, for Twilio's "url does not
        support query string parameters"; what follows `<Connect>` is done when the stream is closed, by whomever."""
        token = self._tokens.issue(state.call_sid, state.stream.count, self._wall())
        stream = twiml.Stream(
            (twiml.Parameter(name=TOKEN_PARAMETER, value=token),), url=f"{_wss(self._public_url)}{MEDIA_PATH}"
        )
        return _document(twiml.Connect((stream,)), self._after_stream(state))

    def ask_again(self, state: CallState) -> bytes:
        """A document that comes back after a second: by then another process may answer."""
        return _document(twiml.Pause(length=1), self._after_stream(state))

    def _after_stream(self, state: CallState) -> twiml.Redirect:
        url = f"{self._public_url}{AFTER_STREAM_PATH}{state.stream.count}"
        return twiml.Redirect(url, method="POST")

    def step_url(self, state: CallState) -> str:
        """The one URL that is expected next for this call."""
        return f"{self._public_url}{STEP_PATH}{state.turn}/{state.step}"

    def apologise(self, state: CallState, line: Line, again: tuple[int, int] | None = None) -> bytes:
        """After the carrier could not use an answer of ours: say so, and go on where the call stands, or `again` with
        an answer that is kept. That has its URL a second time: the query keeps the two apart."""
        url = f"{self._public_url}{STEP_PATH}{again[0]}/{again[1]}?{AGAIN}1" if again else self.step_url(state)
        return _document(_phrase(PhraseName.APPLICATION_ERROR, line.profile), twiml.Redirect(url, method="POST"))


def _wss(public_url: str) -> str:
    """The same origin for a WebSocket; http only where nobody else can listen."""
    return "ws" + public_url.removeprefix("http")


def say_and_hang_up(name: PhraseName, profile: NumberProfile) -> bytes:
    """One phrase of ours, then the end of the call."""
    return _document(_phrase(name, profile), twiml.Hangup())


def ask_to_accept(parties: CallParties, profile: NumberProfile, url: str) -> bytes:
    """Tell the human who calls and ask for a key, twice; `url` gets the key, or the lack of it."""
    caller = parties.caller_name or read_digits(parties.caller_number)
    announce = (_phrase(PhraseName.CONFIRM_ANNOUNCE, profile, caller=caller),) if caller else ()
    spoken = (*announce, _phrase(PhraseName.CONFIRM_PRESS, profile))
    gather = twiml.Gather(
        spoken * _CONFIRM_TIMES,
        input="dtmf",
        num_digits=1,
        finish_on_key="",
        timeout=_CONFIRM_SECONDS,
        action=url,
        method="POST",
        action_on_empty_result=True,
    )
    return _document(gather, twiml.Hangup())


def try_again(profile: NumberProfile, url: str) -> bytes:
    """ "One moment", a pause, and back to `url`: for when we cannot reach our own memory."""
    return _document(_phrase(PhraseName.RECOVERING, profile), twiml.Pause(length=2), twiml.Redirect(url, method="POST"))


def _phrase(name: PhraseName, profile: NumberProfile, **fields: str) -> twiml.Say:
    text = phrase(name, profile.language, profile.phrases, 0, **fields)
    return twiml.Say((text,), voice=profile.voice or None, language=profile.language)


def _document(*verbs: twiml.Verb) -> bytes:
    return twiml.render(twiml.Response(verbs)).encode()
