"""PURE: the streams of a call as one sound file, on the call's own time line."""

from voicegw.simulator.report import CallReport
from voicegw.simulator.stream.sound import RATE_HZ, SILENT_SAMPLE, write_wav


def record_streams(report: CallReport) -> bytes:
    """A WAV file of two channels, from the call's placing on: what was heard on its streams left, what was said right;
    silence where there was no stream."""
    heard, said = bytearray(), bytearray()
    for stream in report.streams:
        if stream.began_at_seconds is None:
            continue
        begin = round(stream.began_at_seconds * RATE_HZ)
        for side, audio in ((heard, stream.heard), (said, stream.said)):
            side.extend(SILENT_SAMPLE * (begin - len(side)) + audio)
    return write_wav(bytes(heard), bytes(said))
