"""What kind of audio is this? Told by its first bytes, or by the declared encoding where audio has no header.

Pure: names formats and limits; knows nothing of decoders.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from voicegw.audio.live_encodings import MULAW_TYPES, PCM_RATE_HZ, PCM_TYPES
from voicegw.audio.mulaw import MULAW_RATE_HZ
from voicegw.audio.wav import is_wav

MAX_SOURCE_BYTES: Final = 5_000_000
MAX_PROMPT_SECONDS: Final = 120
MIN_RATE_HZ: Final = 4_000
MAX_RATE_HZ: Final = 96_000


class Container(StrEnum):
    """Audio formats with a header; the value is ffmpeg's name for those that only ffmpeg reads."""

    WAV = "wav"
    MP3 = "mp3"
    FLAC = "flac"
    VORBIS = "vorbis"
    OGG = "ogg"
    MP4 = "mp4"
    MATROSKA = "matroska"
    AAC = "aac"
    AIFF = "aiff"
    AMR = "amr"
    ASF = "asf"


@dataclass(frozen=True, slots=True)
class RawMulaw:
    """Mulaw bytes without a header."""

    rate_hz: int = MULAW_RATE_HZ


@dataclass(frozen=True, slots=True)
class RawPcm16:
    """Signed 16-bit little-endian mono samples without a header."""

    rate_hz: int = PCM_RATE_HZ


AudioFormat = Container | RawMulaw | RawPcm16

_MAGIC: Final = (
    (b"ID3", Container.MP3),
    (b"fLaC", Container.FLAC),
    (b"\x1aE\xdf\xa3", Container.MATROSKA),
    (b"#!AMR", Container.AMR),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Container.ASF),
)


def recognise_format(audio: bytes, encoding: str = "") -> AudioFormat | None:
    """The format of these bytes, None if unknown; `encoding` is the declared MIME type, or empty.

    A header in the bytes wins over a declared container. A declared raw encoding wins over all but WAV: mulaw
    silence (0xFF…) would else look like the beginning of an MP3 frame.
    """
    if is_wav(audio):
        return Container.WAV
    return _raw_format(encoding) or _container(audio)


def _raw_format(encoding: str) -> RawMulaw | RawPcm16 | None:
    media_type, *parameters = [part.strip() for part in encoding.lower().split(";")]
    rate_hz = next((_rate(value) for value in parameters if value.startswith("rate=")), None)
    if media_type in MULAW_TYPES:
        return RawMulaw(rate_hz or MULAW_RATE_HZ)
    if media_type in PCM_TYPES:
        return RawPcm16(rate_hz or PCM_RATE_HZ)
    return None


def _rate(parameter: str) -> int | None:
    digits = parameter.removeprefix("rate=")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 8 else None


def _container(audio: bytes) -> Container | None:
    for magic, container in _MAGIC:
        if audio.startswith(magic):
            return container
    if audio.startswith(b"OggS"):
        # An Ogg file may hold anything; the first page names it. Only Vorbis is decoded without ffmpeg.
        return Container.VORBIS if b"\x01vorbis" in audio[:128] else Container.OGG
    if audio[4:8] == b"ftyp":
        return Container.MP4
    if audio.startswith(b"FORM") and audio[8:12] in {b"AIFF", b"AIFC"}:
        return Container.AIFF
    return _mpeg_frame(audio)


def _mpeg_frame(audio: bytes) -> Container | None:
    """MP3 or AAC by the head of their first frame: eleven set bits, then the layer (0 means AAC's ADTS)."""
    if len(audio) < 4 or audio[0] != 0xFF or audio[1] & 0xE0 != 0xE0:
        return None
    layer = audio[1] >> 1 & 0b11
    return Container.MP3 if layer else Container.AAC
