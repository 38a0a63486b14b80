"""Runs `<Record>`: a beep, then the person's voice until silence, a key, or the limit. No recording is kept."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from twiml import Record
from voicegw.simulator.call_context import CallContext, Next
from voicegw.simulator.documents import Document
from voicegw.simulator.journal import CLOCK_TICK_SECONDS
from voicegw.simulator.legs import new_sid
from voicegw.simulator.timeline import LostBecause

BEEP_SECONDS = 0.5
DEFAULT_TIMEOUT_SECONDS = 5
DEFAULT_MAX_SECONDS = 3600
DEFAULT_FINISH_KEYS = "1234567890*#"


class _Recorder:
    """Listens: silence counts from the beginning and from the end of each speech ("timeout 5 s silence (0=off)")."""

    def __init__(
        self, finish_keys: str, timeout_seconds: float, max_seconds: float, clock: Callable[[], float]
    ) -> None:
        self._finish_keys = finish_keys
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._latest = clock() + max_seconds
        self._deadline = self._silence_ends()
        self._changed = asyncio.Event()
        self.heard_speech = False
        self.finished_on = ""

    def receive_key(self, key: str) -> LostBecause | None:
        """See `line.Listener`."""
        if self.finished_on or key not in self._finish_keys:
            return LostBecause.NOT_A_FINISH_KEY
        self.finished_on = key
        self._changed.set()
        return None

    def receive_speech_started(self) -> None:
        """See `line.Listener`."""
        self.heard_speech = True
        self._deadline = self._latest
        self._changed.set()

    def receive_speech_ended(self, _text: str, _confidence: float | None) -> None:
        """See `line.Listener`."""
        self._deadline = self._silence_ends()
        self._changed.set()

    async def wait(self) -> None:
        """Wait for the recording's end."""
        while not self.finished_on and self._clock() < self._deadline:
            with suppress(TimeoutError):
                async with asyncio.timeout(max(self._deadline - self._clock(), CLOCK_TICK_SECONDS)):
                    await self._changed.wait()
            self._changed.clear()

    def _silence_ends(self) -> float:
        return min(self._clock() + self._timeout_seconds, self._latest) if self._timeout_seconds else self._latest


async def run_record(context: CallContext, document: Document, verb: Record) -> Next:
    """Record, and lead to the action, by default the document's own URL; to the next verb if nothing was said."""
    if verb.play_beep is not False:
        await context.line.play("tone", "beep", BEEP_SECONDS)
    recorder = _Recorder(
        DEFAULT_FINISH_KEYS if verb.finish_on_key is None else verb.finish_on_key,
        DEFAULT_TIMEOUT_SECONDS if verb.timeout is None else verb.timeout,
        verb.max_length or DEFAULT_MAX_SECONDS,
        context.journal.now_seconds,
    )
    began_at = context.journal.now_seconds()
    sid = new_sid("RE", context.random)
    account = context.leg.account_sid

    def extra(digits: str) -> dict[str, str]:
        return {
            "RecordingSid": sid,
            "RecordingUrl": f"https://api.twilio.com/2010-04-01/Accounts/{account}/Recordings/{sid}",
            "RecordingDuration": str(round(context.journal.now_seconds() - began_at)),
            "Digits": digits,
        }

    try:
        with context.line.listening(recorder):
            await recorder.wait()
    except asyncio.CancelledError:
        # The vendor: "Digits (= key pressed, or literal `hangup`)"
        context.at_hangup = context.action(document, verb.action, verb.method, "record", extra("hangup"))
        raise
    if not recorder.heard_speech:
        return None
    return context.action(document, verb.action, verb.method, "record", extra(recorder.finished_on))
