"""MP3 that comes in pieces of any size → 8 kHz mulaw, with the seams where the pieces met inaudible.

A frame is decoded once the one behind it has begun, together with those before it: they hold up to 511 bytes of its
bits (the bit reservoir) and half of its sound (overlap and filter), and their own sound is thrown away. So no decoder
keeps state between the pieces, and what comes out is what the whole file would have given.
Knows no clock and no vendor; `prompts` decodes whole files.
"""

from dataclasses import dataclass
from itertools import groupby
from typing import Final

import miniaudio
import numpy as np

from voicegw.audio.live_resampling import LiveResampler, Samples
from voicegw.audio.mulaw import MULAW_RATE_HZ, encode_mulaw

_HEAD_BYTES: Final = 4
_RESERVOIR_BYTES: Final = 511
_HEAD_AND_SIDE_BYTES: Final = 4 + 32
_FRAMES_THAT_SOUND_ON: Final = 2
_ID3_HEAD_BYTES: Final = 10
# A first frame without sound, which describes a whole file: the decoder would cut our pieces to its measure.
_TAGS: Final = (b"Xing", b"Info", b"VBRI")
_TAG_WITHIN_BYTES: Final = 48

# ISO/IEC 11172-3 and 13818-3, layer III: kbit/s by the bitrate's index, Hz by the sampling frequency's.
_KILOBITS_MPEG1: Final = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KILOBITS_MPEG2: Final = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES_HZ_MPEG1: Final = (44_100, 48_000, 32_000)
_RATE_DIVISORS: Final = {0b11: 1, 0b10: 2, 0b00: 4}  # MPEG 1, 2 and 2.5, by the bits that name the version
_LAYER_3: Final = 0b01


@dataclass(frozen=True, slots=True)
class _Head:
    """What the four bytes at the head of a frame say."""

    rate_hz: int
    frame_bytes: int
    samples: int


class Mp3ToMulaw:
    """MP3 frames → 8 kHz mulaw. Bytes that belong to no frame are skipped; a broken frame is silence of its length."""

    def __init__(self) -> None:
        self.reset()

    def convert(self, mp3: bytes) -> bytes:
        """The mulaw of the frames that are whole now."""
        skipped = min(self._skip, len(mp3))
        self._skip -= skipped
        self._waiting += mp3[skipped:]
        return self._play(self._take_frames(at_end=False))

    def flush(self) -> bytes:
        """The end of the sound: the last frame, and what resampling held back."""
        rest = self._play(self._take_frames(at_end=True))
        if self._resampler is not None:
            rest += _mulaw_of(self._resampler.flush())
        self.reset()
        return rest

    def reset(self) -> None:
        """Forget what is held back, as after `clear`."""
        self._waiting = bytearray()
        self._skip = 0  # what is still to come of a tag
        self._before: list[bytes] = []
        self._rate_hz = 0
        self._resampler: LiveResampler | None = None

    def _take_frames(self, *, at_end: bool) -> list[tuple[_Head, bytes]]:
        """Whole frames, in order. One counts if another follows where it ends, or nothing does `at_end`."""
        frames: list[tuple[_Head, bytes]] = []
        waiting, place = self._waiting, 0
        while (left := len(waiting) - place) >= _HEAD_BYTES:
            if waiting.startswith(b"ID3", place):
                size = _id3_bytes(waiting[place : place + _ID3_HEAD_BYTES])
                if size is None:
                    break
                place += min(size, left)
                self._skip = max(0, size - left)
                continue
            head = _parse_head(waiting[place : place + _HEAD_BYTES])
            if head is None:
                place += 1
                continue
            end = place + head.frame_bytes
            if end + _HEAD_BYTES > len(waiting) and not (at_end and end <= len(waiting)):
                break
            following = waiting[end : end + _HEAD_BYTES]
            if len(following) == _HEAD_BYTES and not _goes_on(head, bytes(following)):
                place += 1  # it only looked like a frame
                continue
            frame = bytes(waiting[place:end])
            if not any(tag in frame[:_TAG_WITHIN_BYTES] for tag in _TAGS):
                frames.append((head, frame))
            place = end
        del waiting[:place]
        return frames

    def _play(self, frames: list[tuple[_Head, bytes]]) -> bytes:
        """The sound of these frames; where the rate changes, another sound begins."""
        out = b""
        for rate_hz, alike in groupby(frames, key=lambda frame: frame[0].rate_hz):
            if self._resampler is None or rate_hz != self._rate_hz:
                out += _mulaw_of(self._resampler.flush()) if self._resampler is not None else b""
                self._resampler = LiveResampler(rate_hz, MULAW_RATE_HZ)
                self._rate_hz, self._before = rate_hz, []
            out += _mulaw_of(self._resampler.convert(self._decode(list(alike))))
        return out

    def _decode(self, frames: list[tuple[_Head, bytes]]) -> Samples:
        """The sound of these frames alone, mixed down to one channel."""
        count = sum(head.samples for head, _ in frames)
        together = self._before + [frame for _, frame in frames]
        self._before = _as_far_back_as_needed(together)
        try:
            sound = miniaudio.mp3_read_s16(b"".join(together))
        except miniaudio.DecodeError:
            return np.zeros(count, np.int16)
        channels = np.frombuffer(sound.samples, np.int16).reshape(-1, sound.nchannels)
        samples = channels.mean(axis=1).astype(np.int16)[-count:]
        return np.concatenate((np.zeros(count - len(samples), np.int16), samples))


def _as_far_back_as_needed(frames: list[bytes]) -> list[bytes]:
    """The last frames whose sound must be right for the next one's, behind those that hold their bits."""
    place = len(frames) - _FRAMES_THAT_SOUND_ON
    held = 0
    while place > 0 and held < _RESERVOIR_BYTES:
        place -= 1
        held += max(8, len(frames[place]) - _HEAD_AND_SIDE_BYTES)
    return frames[max(0, place) :]


def _goes_on(head: _Head, following: bytes) -> bool:
    after = _parse_head(following)
    return following.startswith((b"ID3", b"TAG")) or (after is not None and after.rate_hz == head.rate_hz)


def _parse_head(head: bytes | bytearray) -> _Head | None:
    """The head of an MPEG layer III frame; None for anything else, and for the free format that nobody sends."""
    if head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    divisor = _RATE_DIVISORS.get(head[1] >> 3 & 0b11)
    bitrate, frequency = head[2] >> 4, head[2] >> 2 & 0b11
    if divisor is None or head[1] >> 1 & 0b11 != _LAYER_3 or bitrate in (0, 15) or frequency == 0b11:
        return None
    rate_hz = _RATES_HZ_MPEG1[frequency] // divisor
    kilobits, samples = (_KILOBITS_MPEG1, 1_152) if divisor == 1 else (_KILOBITS_MPEG2, 576)
    padding = head[2] >> 1 & 1
    return _Head(rate_hz, samples // 8 * kilobits[bitrate - 1] * 1_000 // rate_hz + padding, samples)


def _id3_bytes(head: bytes | bytearray) -> int | None:
    """How long an ID3v2 tag is, with its head; None while that has not come. Its size has 7 bits in each byte."""
    if len(head) < _ID3_HEAD_BYTES:
        return None
    size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
    return _ID3_HEAD_BYTES + size


def _mulaw_of(samples: Samples) -> bytes:
    return encode_mulaw(samples.astype("<i2", copy=False).tobytes())
