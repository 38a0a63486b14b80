"""Has the caller finished, or only paused? Smart-turn v3.2 on the last seconds of what was said.

It takes 50 to 100 ms of one core, so it is asked once a pause; one thread serves all calls, in the order they ask.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np

from voicegw.audio.mulaw import MULAW_RATE_HZ
from voicegw.errors import SpeechError
from voicegw.speech.log_mel import log_mel
from voicegw.speech.model_files import SMART_TURN, read_model, run_model
from voicegw.speech.waveform import read_mulaw_at_16_khz

_SPAN_BYTES: Final = 8 * MULAW_RATE_HZ
_MOST_ASKING: Final = 10  # each waits for those before: half a second to a second for the last


class SmartTurn:
    """The turn model of all calls; `close` when done."""

    def __init__(self) -> None:
        self._session = run_model(read_model(SMART_TURN))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="turn-model")
        self._asking = 0

    async def judge(self, audio: bytes) -> float:
        """Probability (0.0-1.0) that the turn is over, from the last 8 s of its mulaw.

        Raises `SpeechError`: at once where too many ask, for an answer that comes late is worth less than none.
        """
        if self._asking >= _MOST_ASKING:
            raise SpeechError("the turn model is busy", retryable=True)
        self._asking += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._judge, audio[-_SPAN_BYTES:])
        except Exception as exc:  # whatever the runtime raises
            raise SpeechError("the turn model failed", retryable=True) from exc
        finally:
            self._asking -= 1

    def close(self) -> None:
        """Waits for no one; whoever asks afterwards gets a `SpeechError`."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _judge(self, audio: bytes) -> float:
        features = log_mel(read_mulaw_at_16_khz(audio))[np.newaxis]
        (found,) = self._session.run(None, {"input_features": features})  # named logits, and a probability already
        return float(found[0, 0])
