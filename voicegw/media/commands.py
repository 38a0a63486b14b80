"""What a media session asks for: the closed union `Command`, carried out in order by whoever pumps the stream.

Values only. An utterance is one prompt on its way to the caller's ear, a speech is one stretch of the caller's voice;
both are numbered from 1 and never twice in a call.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from voicegw.call.inputs import CallerInput, Said
from voicegw.call.instructions import PlayAudio, PlayChunk, PlayRecording, Prompt, Say, StartRealtime
from voicegw.call.plan import DialLeg, Finish, HandOver

WhyEnded: TypeAlias = Literal["plan", "carrier-stopped", "no-media", "no-voice"]
WhyIgnored: TypeAlias = Literal[
    "keypad-off", "speech-off", "entry-abandoned", "not-interruptible", "too-short", "echo", "bridged", "call-ending"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAudio:
    """Send `audio` (mulaw, 8 kHz) to the carrier; not if the session's `generation` has moved on."""

    generation: int
    utterance: int
    audio: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SendMark:
    """Ask the carrier to name `name` back once what was sent before it has been played; not in a later generation."""

    generation: int
    name: str


@dataclass(frozen=True, slots=True)
class ClearAudio:
    """Have the carrier throw away all that it has not played yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SynthesizeText:
    """Turn `say` into audio of `utterance`: `receive_speech_audio` as it comes, then `receive_speech_finished`."""

    utterance: int
    say: Say


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadAudio:
    """Fetch and decode `prompt` once (its loops are played here), told as the audio of `utterance`."""

    utterance: int
    prompt: PlayAudio | PlayRecording


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaySound:
    """More of `utterance` has come from the agent, in its own encoding: `chunk` goes on where the last one ended."""

    utterance: int
    chunk: PlayChunk


@dataclass(frozen=True, slots=True, kw_only=True)
class StopSynthesis:
    """Nobody will hear the rest of `utterance`: stop making its audio."""

    utterance: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginTranscript:
    """The caller began to speak: transcribe `speech` from a moment before now."""

    speech: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishTranscript:
    """`speech` is over, and there has been no voice for `quiet_seconds`: its last words are wanted now."""

    speech: int
    quiet_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AskTurnModel:
    """The caller pauses: has `speech` come to its end? Answered by `receive_turn_verdict` with the same `pause`."""

    speech: int
    pause: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AskAgent:
    """Begin `turn` with `heard`; `heard_text` is what was out of the last words if the caller cut them off."""

    turn: int
    heard: CallerInput
    heard_text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteWaiting:
    """The caller said or pressed this while the agent has the turn. It waits here, and is asked later; whoever
    conducts the call may act on it at once (an escape to a human)."""

    heard: CallerInput


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRealtime:
    """Bridge the caller to the realtime server, from now on: what it brings is told to the session's `bridge`, and
    every frame of the caller's goes to it."""

    start: StartRealtime


@dataclass(frozen=True, slots=True, kw_only=True)
class SendKey:
    """The caller pressed `key` while bridged; also for the call's log."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InterruptRealtime:
    """The caller will hear no more of what the server said; `heard_seconds` of it, since the last time, they had."""

    heard_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseRealtime:
    """The caller is bridged no more; `failure` says why, where that is the server's fault."""

    failure: str = ""


@dataclass(frozen=True, slots=True)
class AskFiller:
    """The agent has let the caller wait: a plan with a filler is welcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportBargeIn:
    """For the call's log: the caller cut `prompt` off by speech or key when `heard_text` of it had been heard."""

    kind: Literal["speech", "key"]
    prompt: Prompt
    heard_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportIgnored:
    """For the call's log: keys or words that reached us and mean nothing, and why."""

    content: str
    reason: WhyIgnored


@dataclass(frozen=True, slots=True, kw_only=True)
class EndStream:
    """Close the stream, once. `then` is what the plan wants next; `unsaid` are prompts that no voice of ours could
    speak and that the carrier's own voice should; `keys` are those that no entry has taken, `words` those that no
    turn has."""

    reason: WhyEnded
    then: Finish | DialLeg | HandOver | None = None
    unsaid: tuple[Prompt, ...] = ()
    keys: str = ""
    words: Said | None = None


Command: TypeAlias = (
    SendAudio
    | SendMark
    | ClearAudio
    | SynthesizeText
    | LoadAudio
    | PlaySound
    | StopSynthesis
    | BeginTranscript
    | FinishTranscript
    | AskTurnModel
    | AskAgent
    | NoteWaiting
    | OpenRealtime
    | SendKey
    | InterruptRealtime
    | CloseRealtime
    | AskFiller
    | ReportBargeIn
    | ReportIgnored
    | EndStream
)
