"""One caller's audio on its way to those who listen: detector, recogniser, turn model. No decision is made here.

Keeps the last seconds of a speech for the turn model.
"""

import asyncio
from collections.abc import Callable
from typing import Final, assert_never

import structlog

from voicegw.call.plan import Hearing
from voicegw.errors import SpeechError
from voicegw.live.ports import ListenRequest, Speech, Transcript, TurnModel
from voicegw.media.commands import AskTurnModel, BeginTranscript, FinishTranscript

BEFORE_BYTES: Final = 3_200  # 0.4 s: an onset is noticed 0.1 s late, and soft first sounds come before it
JUDGED_BYTES: Final = 64_000  # 8 s

_log = structlog.get_logger(__name__)


class CallerLine:
    """`recall` gives the latest bytes of the line, as many as asked for; `heed` is told the voice's probability and for
    how many seconds, `understand` what was said, `judge` what the turn model says of a pause."""

    __slots__ = (
        "__weakref__",
        "_asking",
        "_ear",
        "_judge",
        "_recall",
        "_request",
        "_speaking",
        "_spoken",
        "_tap",
        "_turn_model",
    )

    def __init__(
        self,
        speech: Speech,
        request: ListenRequest,
        recall: Callable[[int], bytes],
        *,
        heed: Callable[[float, float], None],
        understand: Callable[[Transcript], None],
        judge: Callable[[int, float], None],
    ) -> None:
        self._request = request
        self._turn_model = speech.turn_model
        self._judge = judge
        self._recall = recall
        self._spoken = bytearray()
        self._speaking = False
        self._asking: set[asyncio.Task[None]] = set()
        self._tap = speech.detector.open(heed)
        try:
            self._ear = speech.stt.open(request, understand)
        except BaseException:
            self._tap.close()
            raise

    def put(self, audio: bytes) -> None:
        """The next piece of what the caller says."""
        if self._speaking:
            self._ear.put(audio)
            self._spoken += audio
            if len(self._spoken) > 2 * JUDGED_BYTES:
                del self._spoken[:-JUDGED_BYTES]
        self._tap.put(audio)

    def obey(self, command: BeginTranscript | FinishTranscript | AskTurnModel) -> None:
        """Do what the session asks for."""
        match command:
            case BeginTranscript(speech=speech):
                self.begin(speech)
            case FinishTranscript(speech=speech, quiet_seconds=quiet_seconds):
                self.finish(speech, quiet_seconds)
            case AskTurnModel(speech=speech, pause=pause):
                self.pause(speech, pause)
            case _:
                assert_never(command)

    def begin(self, speech: int) -> None:
        """The caller began to speak a moment ago."""
        before = self._recall(BEFORE_BYTES)
        self._speaking = True
        self._spoken = bytearray(before)
        self._ear.begin(speech, before)

    def finish(self, speech: int, quiet_seconds: float) -> None:
        """That was all of it, and the end of it was quiet for so long."""
        self._speaking = False
        self._spoken = bytearray()
        self._ear.finish(speech, quiet_seconds)

    def pause(self, speech: int, pause: int) -> None:
        """Has the caller finished? Without a model nobody answers."""
        self._ear.pause(speech)
        if self._turn_model is not None:
            asking = self._ask(self._turn_model, pause, bytes(self._spoken[-JUDGED_BYTES:]))
            task = asyncio.create_task(asking, name="turn-model")
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    def listen_for(self, language: str, hints: tuple[str, ...]) -> None:
        """What is likely to be heard from now on."""
        request = self._request
        if (language, hints) != (request.language, request.hints):
            self._request = ListenRequest(
                call_sid=request.call_sid,
                language=language,
                hints=hints,
                profanity_filter=request.profanity_filter,
            )
            self._ear.ask_again(self._request)

    async def close(self) -> None:
        """Nobody listens any more."""
        self._tap.close()
        for task in self._asking:
            task.cancel()
        await asyncio.gather(self._ear.close(), *self._asking, return_exceptions=True)

    async def _ask(self, model: TurnModel, pause: int, audio: bytes) -> None:
        try:
            probability = await model.judge(audio)
        except SpeechError as error:  # the quiet decides, as without a model
            _log.warning("turn model failed", call_sid=self._request.call_sid, reason=error.brief)
        else:
            self._judge(pause, probability)


def listen_request(call_sid: str, hearing: Hearing) -> ListenRequest:
    """How the call is to be heard now."""
    return ListenRequest(
        call_sid=call_sid,
        language=hearing.language,
        hints=hearing.hints,
        profanity_filter=hearing.profanity_filter,
    )
