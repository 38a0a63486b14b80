"""Live audio in an encoding that a peer names ↔ the telephone's 8 kHz mulaw, piece by piece.

| encoding | its rate | to the telephone | from the telephone |
|---|---|---|---|
| mulaw (`audio/x-mulaw`, …) | 8,000 Hz | byte for byte | byte for byte |
| PCM (`audio/pcm`, …): signed 16-bit little-endian mono | 24,000 Hz unless said | resampled | resampled |
| MP3 (`audio/mp3`, `audio/mpeg`) | as its frames say | decoded, resampled | cannot be given |

Knows no vendor, no clock and no files: `prompts` recognises those by their first bytes.
"""

import re
from typing import Final, Protocol

from voicegw.audio.live_mp3 import Mp3ToMulaw
from voicegw.audio.live_resampling import MulawToPcm, PcmToMulaw
from voicegw.audio.mulaw import MULAW_RATE_HZ

MULAW_TYPES: Final = frozenset(
    {"audio/x-mulaw", "audio/mulaw", "audio/x-ulaw", "audio/ulaw", "audio/pcmu", "audio/basic"}
)
PCM_TYPES: Final = frozenset({"audio/pcm", "audio/x-pcm", "audio/raw"})
MP3_TYPES: Final = frozenset({"audio/mp3", "audio/mpeg"})

PCM_RATE_HZ: Final = 24_000
"""The contract with the agent names `audio/pcm` without a rate; this is what speech synthesis makes today."""


class LiveConverter(Protocol):
    """One direction of one sound. What it holds back (3 ms; of MP3 a frame) comes with the next piece or `flush`."""

    def convert(self, audio: bytes) -> bytes:
        """What is certain now of the sound that goes on."""

    def flush(self) -> bytes:
        """The end of the sound; the next piece begins a new one."""

    def reset(self) -> None:
        """Forget what is held back: the next piece begins a new sound."""


class EncodingUnknown(ValueError):  # noqa: N818 (says what happened)
    """Audio in this encoding, or at this rate, cannot be converted live."""


class _Through:
    """8 kHz mulaw as it is."""

    def convert(self, audio: bytes) -> bytes:
        return audio

    def flush(self) -> bytes:
        return b""

    def reset(self) -> None:
        pass


def rate_of(encoding: str, rate_hz: int | None) -> int:
    """The rate that is meant where an encoding is named with one, beside it or inside (`audio/pcm;rate=16000`), or
    without."""
    named = re.search(r";\s*rate=([0-9]{1,7})\b", encoding[:200], re.IGNORECASE | re.ASCII)
    rate_hz = rate_hz or (int(named[1]) if named else None)
    return rate_hz or (PCM_RATE_HZ if _name(encoding) in PCM_TYPES else MULAW_RATE_HZ)


def open_to_mulaw(encoding: str, rate_hz: int | None = None) -> LiveConverter:
    """What turns audio of this encoding into 8 kHz mulaw. Raises `EncodingUnknown`."""
    if _name(encoding) in MP3_TYPES:
        return Mp3ToMulaw()
    return _open(encoding, rate_hz, PcmToMulaw, "MP3, mulaw at 8000 Hz and 16-bit PCM can be played")


def open_from_mulaw(encoding: str, rate_hz: int | None = None) -> LiveConverter:
    """What turns 8 kHz mulaw into audio of this encoding. Raises `EncodingUnknown`."""
    return _open(encoding, rate_hz, MulawToPcm, "mulaw at 8000 Hz and 16-bit PCM can be given")


def _open(
    encoding: str, rate_hz: int | None, resampler: type[PcmToMulaw] | type[MulawToPcm], possible: str
) -> LiveConverter:
    name, rate_hz = _name(encoding), rate_of(encoding, rate_hz)
    if name in MULAW_TYPES and rate_hz == MULAW_RATE_HZ:
        return _Through()
    if name in PCM_TYPES:
        try:
            return resampler(rate_hz)
        except ValueError as exc:
            raise EncodingUnknown(str(exc)) from exc
    raise EncodingUnknown(f"live audio as {encoding[:80]!r} at {rate_hz} Hz cannot be had; {possible}")


def _name(encoding: str) -> str:
    return encoding.partition(";")[0].strip().lower()
