"""Mulaw: the table of G.711 and its limits."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.audio.mulaw import MULAW_SILENCE, decode_mulaw, encode_mulaw, mulaw_seconds


def pcm16(*samples: int) -> bytes:
    return struct.pack(f"<{len(samples)}h", *samples)


def test_known_codes_of_g711() -> None:
    assert encode_mulaw(pcm16(0, 32_767, -32_768)) == b"\xff\x80\x00"
    assert decode_mulaw(b"\xff\x7f\x80\x00") == pcm16(0, 0, 32_124, -32_124)


def test_silence_is_sample_zero() -> None:
    assert encode_mulaw(pcm16(0)) == MULAW_SILENCE


def test_every_code_but_negative_zero_survives_a_round_trip() -> None:
    codes = bytes(range(256))
    assert encode_mulaw(decode_mulaw(codes)) == codes.replace(b"\x7f", MULAW_SILENCE)


@settings(deadline=None)
@given(st.integers(-32_768, 32_767))
def test_error_stays_within_the_step_of_the_segment(sample: int) -> None:
    (heard,) = struct.unpack("<h", decode_mulaw(encode_mulaw(pcm16(sample))))
    assert abs(heard - sample) <= max(8, abs(sample) // 16 + 36, abs(sample) - 32_124)


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="even"):
        encode_mulaw(b"\x00")


def test_length_in_seconds() -> None:
    assert mulaw_seconds(MULAW_SILENCE * 160) == pytest.approx(0.020)
    assert encode_mulaw(b"") == decode_mulaw(b"") == b""
