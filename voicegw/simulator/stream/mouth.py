"""PURE: the caller's mouth on a stream: what is said, placed to the sample on the stream's own time line."""

from voicegw.simulator.stream.sound import FRAME_BYTES, RATE_HZ, SILENT_SAMPLE, key_tone


class Mouth:
    """Seconds are since the stream began. `recording` is all that was said so far, and what is still to be said."""

    def __init__(self) -> None:
        self.recording = bytearray()
        self._taken = 0

    def speak(self, audio: bytes, now_seconds: float) -> float:
        """Say this now, or behind what is being said; answers when it will have been said."""
        begins_at = max(round(now_seconds * RATE_HZ), len(self.recording), self._taken)
        self.recording += SILENT_SAMPLE * (begins_at - len(self.recording)) + audio
        return len(self.recording) / RATE_HZ

    def sound_key(self, key: str, now_seconds: float) -> None:
        """Let the tones of a key be heard, unless something is being said."""
        if len(self.recording) <= round(now_seconds * RATE_HZ):
            self.speak(key_tone(key), now_seconds)

    def take_frame(self) -> bytes:
        """The 20 ms that have just been said."""
        begins_at = self._taken
        self._taken += FRAME_BYTES
        if len(self.recording) < self._taken:
            self.recording += SILENT_SAMPLE * (self._taken - len(self.recording))
        return bytes(self.recording[begins_at : self._taken])

    def said(self) -> bytes:
        """What has been said by now."""
        return bytes(self.recording[: self._taken])
