"""Audio made for the tests, and ears that measure it."""

import math
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from voicegw.audio.mulaw import decode_mulaw
from voicegw.audio.wav import FORMAT_MULAW, parse_wav

FIXTURES = Path(__file__).parent / "fixtures"


class Ear:
    """Measures an 8 kHz mulaw WAV, after making sure that it is one."""

    def __init__(self, wav: bytes) -> None:
        header = parse_wav(wav)
        assert (header.format_tag, header.channels, header.rate_hz) == (FORMAT_MULAW, 1, 8_000)
        self.mulaw = wav[header.data_offset : header.data_offset + header.data_bytes]
        self.samples: npt.NDArray[np.float64] = np.frombuffer(decode_mulaw(self.mulaw), "<i2").astype(float)

    @property
    def seconds(self) -> float:
        return len(self.samples) / 8_000

    @property
    def loudness(self) -> float:
        """Root mean square, in sample units."""
        return float(np.sqrt(np.mean(self.samples**2)))

    @property
    def pitch_hz(self) -> float:
        spectrum = np.abs(np.fft.rfft(self.samples * np.hanning(len(self.samples))))
        return float(np.argmax(spectrum)) * 8_000 / len(self.samples)


class Studio:
    """Makes audio in the formats that need no encoder, and reads the files of those that do."""

    def hear(self, wav: bytes) -> Ear:
        return Ear(wav)

    def fixture(self, name: str) -> bytes:
        return (FIXTURES / name).read_bytes()

    def sine(self, frequency_hz: float, rate_hz: int, seconds: float = 0.5, peak: int = 8_000) -> bytes:
        """16-bit little-endian mono samples of a sine."""
        at = np.arange(round(seconds * rate_hz)) / rate_hz
        return np.round(np.sin(2 * math.pi * frequency_hz * at) * peak).astype("<i2").tobytes()

    def endless_flac(self, seconds: float) -> bytes:
        """A FLAC file of silence: 14 bytes for every 8 seconds. Its header does not say how long it is."""
        block, rate_hz = 65_535, 8_000
        rate_channels_bits_total = rate_hz << 44 | 0 << 41 | 15 << 36
        stream_info = struct.pack(">HH6xQ16x", block, block, rate_channels_bits_total)
        frames = []
        for number in range(math.ceil(seconds * rate_hz / block)):
            head = b"\xff\xf8\x74\x08" + chr(number).encode() + struct.pack(">H", block - 1)
            frame = head + bytes([crc(head, 0x07, 8)]) + b"\0" + b"\0\0"  # one constant sub-frame of zeros
            frames.append(frame + struct.pack(">H", crc(frame, 0x8005, 16)))
        return b"fLaC" + b"\x80\0\0\x22" + stream_info + b"".join(frames)

    def endless_mp3(self) -> bytes:
        """Some minutes of a tone: the frames of a short file again and again, without the one that counts them."""
        short = self.fixture("tone_24khz_mono.mp3")
        counting_frame_at, counting_frame_bytes = short.index(b"\xff\xf3"), 192
        return short[counting_frame_at + counting_frame_bytes :] * 400


def crc(message: bytes, polynomial: int, bits: int) -> int:
    remainder, top = 0, 1 << (bits - 1)
    for byte in message:
        remainder ^= byte << (bits - 8)
        for _ in range(8):
            remainder = (remainder << 1 ^ polynomial if remainder & top else remainder << 1) & ((1 << bits) - 1)
    return remainder


@pytest.fixture(scope="session")
def studio() -> Studio:
    return Studio()
