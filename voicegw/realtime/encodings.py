"""The encodings of a `realtime-agent` trace as converters from and to the telephone's mulaw."""

from voicegw.audio.live_encodings import EncodingUnknown, LiveConverter, open_from_mulaw, open_to_mulaw
from voicegw.call.instructions import StartRealtime
from voicegw.errors import RealtimeError


def open_converters(start: StartRealtime) -> tuple[LiveConverter, LiveConverter]:
    """What turns the caller's audio into the server's, and the server's into the caller's. Raises `RealtimeError`."""
    try:
        return (
            open_from_mulaw(start.input_encoding, start.input_rate),
            open_to_mulaw(start.output_encoding, start.output_rate),
        )
    except EncodingUnknown as exc:
        raise RealtimeError(str(exc), brief="an encoding that cannot be had") from exc
