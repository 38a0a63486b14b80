"""What a stream call asks of the world: ears, a sense for the end of a turn, voices, prompts, realtime servers, a line.

Adapters live in `speech`, `realtime`, `prompts` and beside the carrier. Audio is mulaw at 8 kHz throughout (one byte a
sample, 8 bytes a millisecond); no adapter knows a carrier, an agent platform or the media session.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from voicegw.call.instructions import PlayAudio, PlayRecording, StartRealtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """All words of a speech so far; `final` once none will change or follow; `confidence` 0.0-1.0 where known."""

    speech: int
    text: str
    final: bool
    confidence: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenRequest:
    """How one call is to be heard. `language` is a BCP 47 tag; `hints` are words that are likely."""

    call_sid: str
    language: str
    hints: tuple[str, ...] = ()
    profanity_filter: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechRequest:
    """What is to be spoken, ready for a voice: plain `text`, in `language` (BCP 47), by `voice` as its provider names
    it (empty: the provider's own). `ssml` is the same where the agent sent one and the voice may take it."""

    text: str
    language: str
    voice: str = ""
    ssml: str | None = None


class VoiceTap(Protocol):
    """The caller's line, as the detector hears it."""

    def put(self, audio: bytes) -> None:
        """The next piece of the caller's audio, in order."""

    def close(self) -> None:
        """No more will come; nothing is told any more."""


class VoiceDetector(Protocol):
    """Is there a voice? One for all calls of the process: what several bring in one tick is judged together."""

    def open(self, tell: Callable[[float, float], None]) -> VoiceTap:
        """Listen to one more line. `tell(probability, seconds)` is called in order, in the event loop, for every
        stretch of audio, at most 100 ms after it was put; a detector that fails says 0.0, and logs once."""


class TurnModel(Protocol):
    """Has the caller finished? One for all calls of the process."""

    async def judge(self, audio: bytes) -> float:
        """Probability (0.0-1.0) that the turn is over, from its last 8 seconds at most. Raises `SpeechError`."""


class Ear(Protocol):
    """Speech to text for one call. Nothing here waits or raises: what fails is told as a final transcript."""

    def begin(self, speech: int, before: bytes) -> None:
        """A new speech; `before` is the audio from a moment before its onset was noticed."""

    def put(self, audio: bytes) -> None:
        """The next piece of the speech that goes on."""

    def pause(self, speech: int) -> None:
        """The caller pauses: that may have been all of it. Whoever can have its final words ready by `finish`, may."""

    def finish(self, speech: int, quiet_seconds: float) -> None:
        """That was all of it, and there was no voice in the last `quiet_seconds`: its final words are wanted now."""

    def ask_again(self, request: ListenRequest) -> None:
        """Language or hints have changed, from the next speech on."""

    async def close(self) -> None:
        """The call is over; nothing is told any more."""


class SpeechToText(Protocol):
    """Opens an ear for each call."""

    def open(self, request: ListenRequest, tell: Callable[[Transcript], None]) -> Ear:
        """`tell` is called in the event loop: now and then while a speech goes on, and once with `final`, at the
        latest 2.5 s after `finish` (empty text where nothing was understood or nothing works)."""


class TextToSpeech(Protocol):
    """A voice, or several of which the next speaks where one cannot."""

    def speak(self, request: SpeechRequest) -> AsyncIterator[bytes]:
        """The audio as it is made. Closing the iterator stops making it. Raises `SpeechError` where no voice of ours
        can say it; what was yielded before stands."""


class Speech(Protocol):
    """What a process hears and speaks by: one of each for all calls. Without a turn model quiet alone ends a speech."""

    @property
    def detector(self) -> VoiceDetector: ...

    @property
    def turn_model(self) -> TurnModel | None: ...

    @property
    def stt(self) -> SpeechToText: ...

    @property
    def tts(self) -> TextToSpeech: ...

    async def close(self) -> None:
        """Let go of models and connections. Idempotent."""


class PromptSource(Protocol):
    """Recordings: fetched under the guard, decoded once, kept."""

    def load(self, prompt: PlayAudio | PlayRecording) -> AsyncIterator[bytes]:
        """The recording once (its loops are played by the session). Raises `PromptError`."""


class Recording(Protocol):
    """One file in which a stream is kept. Nothing here waits or raises."""

    @property
    def path(self) -> Path: ...

    def put(self, pcm16_stereo: bytes) -> None:
        """The next piece: 8 kHz, the caller left, the agent right."""

    def finish(self) -> None:
        """That was all. Idempotent."""


class Recorder(Protocol):
    """Where recordings are kept."""

    def open(self, call_sid: str, stream: int, fail: Callable[[str], None]) -> Recording:
        """Begin a file. `fail(reason)` is called in the event loop, at most once, if it cannot be kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeRequest:
    """Bridge a caller to a speech-to-speech server, in the encodings that the trace asked for."""

    call_sid: str
    session_key: str
    start: StartRealtime
    variables: Mapping[str, str] = field(default_factory=dict)


class BridgeListener(Protocol):
    """What a realtime server brings; each is called in the event loop."""

    def hear_agent(self, audio: bytes) -> None:
        """More of what the agent says, after what it said before."""

    def flush(self) -> None:
        """What the agent said and the caller has not heard yet is to be thrown away."""

    def end(self, reason: str) -> None:
        """The server is done, or failed: nothing more comes. Called once, and not after `close`."""


class Bridge(Protocol):
    """One caller's way to a realtime server."""

    def put(self, audio: bytes) -> None:
        """The next piece of what the caller says; dropped where the server cannot keep up."""

    def press(self, key: str) -> None:
        """The caller pressed a key."""

    def interrupt(self, heard_seconds: float) -> None:
        """The caller cut the agent off when this much of what it says now had been heard."""

    async def close(self) -> None:
        """Leave, within two seconds; nothing is told any more."""


class Realtime(Protocol):
    """Speech-to-speech servers."""

    async def open(self, request: BridgeRequest, listener: BridgeListener) -> Bridge:
        """Raises `RealtimeError` (unavailable, or an encoding that cannot be given)."""


class StreamLine(Protocol):
    """The carrier's end of one stream: what may be sent to the caller. Nothing here waits or raises."""

    def send_audio(self, audio: bytes) -> None:
        """Play this after what was sent before."""

    def send_mark(self, name: str) -> None:
        """Name this back once what was sent before has been played."""

    def clear(self) -> None:
        """Throw away all that was not played yet."""

    def close(self) -> None:
        """End the stream; what follows it in the carrier's document is done next."""
