"""A carrier's line that is recorded: what goes through it, both ways, goes to a file as well. Decides nothing else."""

from collections.abc import Callable
from typing import Final

from voicegw.audio.mulaw import decode_stereo
from voicegw.call.entries import Journal
from voicegw.call.records import Failed, RecordingBegan
from voicegw.live.ports import Recorder, Recording, StreamLine
from voicegw.media.two_channels import TwoChannels

FRAMES_AT_ONCE: Final = 50  # a second


class StreamRecording:
    """The file of one stream of a call, begun with the first audio; the journal is told of it, and if it fails."""

    def __init__(self, recorder: Recorder, journal: Journal, call_sid: str, stream: int) -> None:
        self._recorder = recorder
        self._journal = journal
        self._call_sid = call_sid
        self._stream = stream
        self._file: Recording | None = None

    def put(self, caller: bytes, agent: bytes) -> None:
        """The next piece of both channels (mulaw)."""
        if self._file is None:
            self._file = self._recorder.open(self._call_sid, self._stream, self._fail)
            self._journal.note(self._call_sid, RecordingBegan(file=str(self._file.path)))
        self._file.put(decode_stereo(caller, agent))

    def finish(self) -> None:
        """That was all."""
        if self._file is not None:
            self._file.finish()

    def _fail(self, reason: str) -> None:
        self._journal.note(self._call_sid, Failed(part="store", code="recording-failed", reason=reason))


class RecordedLine:
    """Implements `live.ports.StreamLine` by `line`."""

    def __init__(self, line: StreamLine, recording: StreamRecording, clock: Callable[[], float]) -> None:
        self._line = line
        self._recording = recording
        self._clock = clock
        self._channels = TwoChannels(clock())
        self._frames = 0

    def hear(self, audio: bytes, *, hidden: bool) -> None:
        """The caller's next frame; `hidden`: what they say now is nobody's business."""
        now = self._clock()
        self._channels.hide(hidden, now)
        self._channels.receive_caller(audio, now)
        self._frames += 1
        if self._frames % FRAMES_AT_ONCE == 0:
            self._recording.put(*self._channels.take())

    def reach_mark(self, name: str) -> None:
        """The carrier named a mark back."""
        self._channels.receive_mark(name, self._clock())

    def finish(self) -> None:
        """The stream is over. Where the caller was never heard there is nothing to keep."""
        if self._frames:
            self._recording.put(*self._channels.finish(self._clock()))
        self._recording.finish()

    def send_audio(self, audio: bytes) -> None:
        """See `StreamLine.send_audio`."""
        self._channels.send(audio, self._clock())
        self._line.send_audio(audio)

    def send_mark(self, name: str) -> None:
        """See `StreamLine.send_mark`."""
        self._channels.send_mark(name)
        self._line.send_mark(name)

    def clear(self) -> None:
        """See `StreamLine.clear`."""
        self._channels.clear(self._clock())
        self._line.clear()

    def close(self) -> None:
        """See `StreamLine.close`."""
        self._line.close()


def record(
    line: StreamLine, call_sid: str, stream: int, recorder: Recorder, journal: Journal, clock: Callable[[], float]
) -> RecordedLine:
    """The line of a call's stream, recorded from now on."""
    return RecordedLine(line, StreamRecording(recorder, journal, call_sid, stream), clock)
