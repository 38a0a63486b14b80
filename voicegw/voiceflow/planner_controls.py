"""Traces that steer the call rather than speak: keypad, silence, forwards, realtime, recordings, jumps.

Pure, and without memory: one payload in, instructions out. What a trace asks for beyond the contract's own limits is
brought inside them; what cannot be brought there becomes a `Note`.
"""

from typing import assert_never

from voicegw.call.instructions import (
    BargeIn,
    Collect,
    ControlRealtime,
    Forward,
    Instruction,
    Note,
    PlayAudio,
    ReturnRequest,
    SetBackground,
    SilenceTimeout,
    StartRealtime,
)
from voicegw.call.profile import NumberProfile
from voicegw.voiceflow.actions import parse_request
from voicegw.voiceflow.screen_payloads import GoToPayload
from voicegw.voiceflow.trace_payloads import (
    AudioFormat,
    DtmfPayload,
    ForwardToPhone,
    ForwardToSip,
    NoReplyPayload,
    RealtimeEnd,
    RealtimeInterrupted,
    RealtimeStart,
    StreamPayload,
)

_MAX_GAP_SECONDS = 10.0
_MAX_DIGITS = 20
_MAX_SILENCE_SECONDS = 3600.0
_MIN_SILENCE_SECONDS = 1.0


def plan_keypad(payload: DtmfPayload, profile: NumberProfile) -> Collect:
    """How keys are gathered until the agent says otherwise."""
    delimiters = tuple(dict.fromkeys(key for key in payload.delimiter if key in ("#", "*")))
    gap_seconds = min(max(payload.timeout_in_seconds, 0.0), _MAX_GAP_SECONDS)
    if gap_seconds == 0 and not delimiters:
        # "Set to 0 to process only after a delimiter is provided": without one, a short entry would never end.
        gap_seconds = profile.keypad.gap_seconds or Collect().gap_seconds
    max_digits = int(min(max(payload.max_digits, 1), _MAX_DIGITS))
    return Collect(enabled=payload.enabled, gap_seconds=gap_seconds, delimiters=delimiters, max_digits=max_digits)


def plan_silence(payload: NoReplyPayload) -> Instruction:
    """How long the caller may stay silent; a wait of nothing would be an endless loop and is not taken."""
    if payload.timeout <= 0:
        return Note(about="silence-refused", fields={"seconds": payload.timeout})
    seconds = min(max(payload.timeout, _MIN_SILENCE_SECONDS), _MAX_SILENCE_SECONDS)
    return SilenceTimeout(seconds=seconds)


def plan_forward(payload: ForwardToPhone | ForwardToSip) -> Forward:
    """The forward as the agent wishes it; whether it may be is judged elsewhere."""
    match payload:
        case ForwardToPhone():
            return Forward(
                address=payload.address,
                extension=payload.extension or "",
                caller_id_passthrough=payload.caller_id_passthrough or False,
            )
        case ForwardToSip():
            return Forward(address=payload.address, address_type="sip")
        case _:
            assert_never(payload)


def plan_realtime(payload: RealtimeStart | RealtimeEnd | RealtimeInterrupted) -> Instruction:
    """Begin, end or interrupt a speech-to-speech bridge."""
    match payload:
        case RealtimeStart():
            return StartRealtime(
                input_encoding=payload.input.encoding,
                output_encoding=payload.output.encoding,
                input_rate=_rate(payload.input),
                output_rate=_rate(payload.output),
            )
        case RealtimeEnd():
            return ControlRealtime(action="END")
        case RealtimeInterrupted():
            return ControlRealtime(action="INTERRUPTED")
        case _:
            assert_never(payload)


def plan_stream(payload: StreamPayload, barge_in: BargeIn, *, behind: bool) -> Instruction:
    """A long recording to play, once or for as long as nothing else happens; a pause or end leaves nothing to play.
    What repeats is played `behind` the conversation where that can be done."""
    if behind and payload.action in ("PAUSE", "END"):
        return SetBackground(source="")
    if payload.action not in ("PLAY", "LOOP") or not is_playable(payload.src):
        return Note(about="stream-not-played", fields={"action": payload.action[:40]})
    loop = 0 if payload.action == "LOOP" or payload.loop else 1
    if behind and loop == 0:
        return SetBackground(source=payload.src)
    return PlayAudio(source=payload.src, loop=loop, barge_in=barge_in)


def plan_goto(payload: GoToPayload) -> Instruction:
    """The agent's own request as the next action, if it fits the contract's `AnyRequest`."""
    request = parse_request(payload.request)
    if request is None:
        return Note(about="request-refused", fields={"from": "goto"})
    return ReturnRequest(request=request.data)


def is_playable(source: str) -> bool:
    """Whether a source names sound that someone could fetch: a web address or a `data:` URI."""
    return source[:8].lower().startswith(("https://", "http://", "data:"))


def _rate(audio: AudioFormat) -> int | None:
    return int(audio.sample_rate) if audio.sample_rate and audio.sample_rate >= 1 else None
