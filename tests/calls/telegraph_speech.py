"""Ears and a voice for the gateway that are exact and cost nothing: text carried in audio, as the caller's is.

The detector reads loudness, the turn model is sure of every pause. Both read and write `voicegw.simulator.telegraph`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from voicegw.live.ports import Ear, ListenRequest, SpeechRequest, Transcript, VoiceTap
from voicegw.simulator.telegraph import decode_text, encode_text

PIECE_BYTES = 1_600
MAKING_SECONDS = 0.02
"""How long a piece of 0.2 s takes to be made."""
UNDERSTANDING_SECONDS = 0.05


def is_loud(audio: bytes) -> bool:
    """Whether mulaw is louder than a whisper: its bits are inverted, and grow with the logarithm of the amplitude."""
    return sum(~byte & 0x7F for byte in audio) > 64 * len(audio)


class LoudnessDetector:
    """There is a voice where it is loud."""

    def open(self, tell: Callable[[float, float], None]) -> VoiceTap:
        return _Tap(tell)


class _Tap:
    def __init__(self, tell: Callable[[float, float], None]) -> None:
        self._tell = tell

    def put(self, audio: bytes) -> None:
        self._tell(1.0 if is_loud(audio) else 0.0, len(audio) / 8000)

    def close(self) -> None:
        pass


class SureTurnModel:
    """Every pause is the end of the turn."""

    async def judge(self, audio: bytes) -> float:
        return 0.95


class TelegraphEars:
    """Reads the text in the audio; `open_ears` is how many calls have not closed theirs."""

    def __init__(self) -> None:
        self.open_ears = 0
        self.requests: list[ListenRequest] = []

    def open(self, request: ListenRequest, tell: Callable[[Transcript], None]) -> Ear:
        self.open_ears += 1
        self.requests.append(request)
        return _Ear(self, tell)


class _Ear:
    def __init__(self, ears: TelegraphEars, tell: Callable[[Transcript], None]) -> None:
        self._ears = ears
        self._tell = tell
        self._speech = 0
        self._audio = bytearray()
        self._told = ""

    def begin(self, speech: int, before: bytes) -> None:
        self._speech, self._audio, self._told = speech, bytearray(before), ""

    def put(self, audio: bytes) -> None:
        self._audio += audio
        words, blank, _ = decode_text(bytes(self._audio)).rpartition(" ")
        if blank and words != self._told:
            self._told = words
            self._tell(Transcript(speech=self._speech, text=words, final=False))

    def pause(self, speech: int) -> None:
        pass

    def finish(self, speech: int, quiet_seconds: float) -> None:
        words = Transcript(speech=speech, text=decode_text(bytes(self._audio)), final=True, confidence=0.9)
        asyncio.get_running_loop().call_later(UNDERSTANDING_SECONDS, self._tell, words)

    def ask_again(self, request: ListenRequest) -> None:
        self._ears.requests.append(request)

    async def close(self) -> None:
        self._ears.open_ears -= 1


class TelegraphVoice:
    """Writes the text into the audio; `speaking` is how many texts are being made."""

    def __init__(self) -> None:
        self.speaking = 0
        self.spoken: list[SpeechRequest] = []

    async def speak(self, request: SpeechRequest) -> AsyncIterator[bytes]:
        self.speaking += 1
        self.spoken.append(request)
        try:
            audio = encode_text(request.text)
            for begin in range(0, len(audio), PIECE_BYTES):
                await asyncio.sleep(MAKING_SECONDS)
                yield audio[begin : begin + PIECE_BYTES]
        finally:
            self.speaking -= 1


@dataclass
class TelegraphSpeech:
    """Implements `live.ports.Speech`."""

    detector: LoudnessDetector = field(default_factory=LoudnessDetector)
    turn_model: Any = field(default_factory=SureTurnModel)
    stt: TelegraphEars = field(default_factory=TelegraphEars)
    tts: TelegraphVoice = field(default_factory=TelegraphVoice)

    async def close(self) -> None:
        """Nothing to let go of."""
