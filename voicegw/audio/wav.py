"""WAV files: headers around mulaw or 16-bit audio, and reading what a header says.

Knows the container, never how a compressed WAV is decoded.
"""

import struct
from dataclasses import dataclass
from typing import Final

from voicegw.audio.mulaw import MULAW_RATE_HZ

FORMAT_PCM: Final = 1
FORMAT_MULAW: Final = 7

_FORMAT_EXTENSIBLE: Final = 0xFFFE
_SMALLEST_FMT_BYTES: Final = 16
_EXTENSIBLE_FMT_BYTES: Final = 26  # up to and with the two bytes of the sub-format that are the old format tag


class WavError(ValueError):
    """These bytes are no WAV file that can be read."""


@dataclass(frozen=True, slots=True)
class WavHeader:
    """What a WAV header says; the audio is `data_bytes` long from `data_offset` on, within the file."""

    format_tag: int
    channels: int
    rate_hz: int
    bits_per_sample: int
    data_offset: int
    data_bytes: int


def render_mulaw_wav(mulaw: bytes, rate_hz: int = MULAW_RATE_HZ) -> bytes:
    """A mono WAV file of format 7 around mulaw bytes, which the carrier plays as they are."""
    # A format other than PCM has the extension's size (0) in `fmt ` and a `fact` chunk with the sample count.
    fmt = struct.pack("<HHIIHHH", FORMAT_MULAW, 1, rate_hz, rate_hz, 1, 8, 0)
    return _render_riff((b"fmt ", fmt), (b"fact", struct.pack("<I", len(mulaw))), (b"data", mulaw))


def render_pcm16_wav(pcm16: bytes, rate_hz: int, channels: int = 1) -> bytes:
    """A WAV file around little-endian signed 16-bit samples, interleaved where there are several channels."""
    frame_bytes = 2 * channels
    fmt = struct.pack("<HHIIHH", FORMAT_PCM, channels, rate_hz, rate_hz * frame_bytes, frame_bytes, 16)
    return _render_riff((b"fmt ", fmt), (b"data", pcm16))


def is_wav(audio: bytes) -> bool:
    """True if these bytes begin as a WAV file does."""
    return audio[:4] == b"RIFF" and audio[8:12] == b"WAVE"


def parse_wav(audio: bytes) -> WavHeader:
    """Reads a WAV header; audio cut off, or written as a stream (size 0 or unknown), ends with the file.

    Raises WavError where there is no usable `fmt ` chunk before the `data` chunk.
    """
    if not is_wav(audio):
        raise WavError("the audio does not begin as a WAV file does")
    fmt: bytes | None = None
    offset = 12
    while offset + 8 <= len(audio):
        name, size = struct.unpack_from("<4sI", audio, offset)
        offset += 8
        if name == b"data":
            return _header(fmt, offset, min(size or len(audio), len(audio) - offset))
        if name == b"fmt ":
            fmt = audio[offset : offset + size]
        offset += size + size % 2  # chunks begin at even offsets
    raise WavError("the WAV file holds no audio")


def _header(fmt: bytes | None, data_offset: int, data_bytes: int) -> WavHeader:
    if fmt is None or len(fmt) < _SMALLEST_FMT_BYTES:
        raise WavError("the WAV file does not say how it is encoded")
    format_tag, channels, rate_hz, _, _, bits_per_sample = struct.unpack_from("<HHIIHH", fmt)
    if format_tag == _FORMAT_EXTENSIBLE and len(fmt) >= _EXTENSIBLE_FMT_BYTES:
        (format_tag,) = struct.unpack_from("<H", fmt, _EXTENSIBLE_FMT_BYTES - 2)
    if not channels or not rate_hz:
        raise WavError("the WAV file claims to have no channel or no sample rate")
    return WavHeader(format_tag, channels, rate_hz, bits_per_sample, data_offset, data_bytes)


def _render_riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(
        name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2) for name, content in chunks
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body
