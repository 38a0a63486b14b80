"""G.711 mulaw, the telephone's own encoding: one byte a sample, 8,000 samples a second, mono.

Linear samples are 16 bits, signed, little-endian, as audioop has them here.
"""

import warnings
from typing import Final

with warnings.catch_warnings():
    # Python 3.11 and 3.12 have it, and say that it will go; from 3.13 on `audioop-lts` brings it back.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

MULAW_RATE_HZ: Final = 8_000
MULAW_SILENCE: Final = b"\xff"  # the code of sample 0

_SAMPLE_BYTES: Final = 2


def encode_mulaw(pcm16: bytes) -> bytes:
    """Little-endian signed 16-bit samples → one mulaw byte each; ValueError for half a sample."""
    if len(pcm16) % _SAMPLE_BYTES:
        raise ValueError("16-bit audio needs an even number of bytes")
    return audioop.lin2ulaw(pcm16, _SAMPLE_BYTES)


def decode_mulaw(mulaw: bytes) -> bytes:
    """Mulaw bytes → one little-endian signed 16-bit sample each."""
    return audioop.ulaw2lin(mulaw, _SAMPLE_BYTES)


def mulaw_seconds(mulaw: bytes) -> float:
    """How long these mulaw bytes sound, in seconds."""
    return len(mulaw) / MULAW_RATE_HZ


def decode_stereo(left: bytes, right: bytes) -> bytes:
    """Two mulaw channels of one length → interleaved 16-bit samples; ValueError where their lengths differ."""
    if len(left) != len(right):
        raise ValueError("two channels of one time line are equally long")
    halves = audioop.tostereo(decode_mulaw(left), _SAMPLE_BYTES, 1, 0)
    return audioop.add(halves, audioop.tostereo(decode_mulaw(right), _SAMPLE_BYTES, 0, 1), _SAMPLE_BYTES)
