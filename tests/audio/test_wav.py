"""WAV headers: what we write is what others read, and what others write is read or refused."""

import io
import struct
import wave

import miniaudio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.audio.mulaw import MULAW_SILENCE, decode_mulaw
from voicegw.audio.wav import (
    FORMAT_MULAW,
    FORMAT_PCM,
    WavError,
    WavHeader,
    is_wav,
    parse_wav,
    render_mulaw_wav,
    render_pcm16_wav,
)


def chunk(name: bytes, content: bytes, size: int | None = None) -> bytes:
    return name + struct.pack("<I", len(content) if size is None else size) + content + b"\0" * (len(content) % 2)


def riff(*chunks: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + sum(map(len, chunks))) + b"WAVE" + b"".join(chunks)


PCM_FMT = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16))


def test_mulaw_wav_is_read_by_an_independent_decoder() -> None:
    mulaw = bytes(range(256)) * 3
    decoded = miniaudio.wav_read_s16(render_mulaw_wav(mulaw))
    assert (decoded.nchannels, decoded.sample_rate, decoded.num_frames) == (1, 8_000, len(mulaw))
    assert decoded.samples.tobytes() == decode_mulaw(mulaw)


@pytest.mark.parametrize("channels", [1, 2])
def test_pcm_wav_is_read_by_the_standard_library(channels: int) -> None:
    pcm = struct.pack("<8h", *range(-4, 4))
    with wave.open(io.BytesIO(render_pcm16_wav(pcm, 24_000, channels))) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (channels, 24_000, 2)
        assert file.readframes(100) == pcm


@pytest.mark.parametrize("length", [0, 1, 2, 159, 160])
def test_sizes_are_exact_and_odd_audio_is_padded(length: int) -> None:
    wav = render_mulaw_wav(MULAW_SILENCE * length)
    assert struct.unpack_from("<I", wav, 4) == (len(wav) - 8,)
    assert len(wav) % 2 == 0
    header = parse_wav(wav)
    assert header == WavHeader(FORMAT_MULAW, 1, 8_000, 8, 58, length)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=64).map(lambda raw: raw[: len(raw) // 2 * 2]), st.integers(1, 96_000), st.integers(1, 8))
def test_what_was_written_is_read_back(pcm: bytes, rate_hz: int, channels: int) -> None:
    wav = render_pcm16_wav(pcm, rate_hz, channels)
    header = parse_wav(wav)
    assert (header.format_tag, header.channels, header.rate_hz) == (FORMAT_PCM, channels, rate_hz)
    assert wav[header.data_offset : header.data_offset + header.data_bytes] == pcm


def test_other_chunks_are_skipped_with_their_padding() -> None:
    wav = riff(
        chunk(b"LIST", b"odd"), PCM_FMT, chunk(b"fact", b"\0\0\0\0"), chunk(b"data", b"\1\0\2\0"), chunk(b"id3 ", b"x")
    )
    header = parse_wav(wav)
    assert wav[header.data_offset : header.data_offset + header.data_bytes] == b"\1\0\2\0"


def test_extensible_format_is_known_by_its_sub_format() -> None:
    sub_format = struct.pack("<H", FORMAT_MULAW) + bytes.fromhex("000000001000800000aa00389b71")
    fmt = struct.pack("<HHIIHHHHI", 0xFFFE, 1, 8_000, 8_000, 1, 8, 22, 8, 0) + sub_format
    assert parse_wav(riff(chunk(b"fmt ", fmt), chunk(b"data", b"\xff"))).format_tag == FORMAT_MULAW


def test_extensible_format_without_its_extension_keeps_its_own_tag() -> None:
    fmt = struct.pack("<HHIIHH", 0xFFFE, 1, 8_000, 8_000, 1, 8)
    assert parse_wav(riff(chunk(b"fmt ", fmt), chunk(b"data", b"\xff"))).format_tag == 0xFFFE


@pytest.mark.parametrize("size", [0, 4, 1_000, 0xFFFFFFFF])
def test_audio_cut_off_or_of_unknown_size_ends_with_the_file(size: int) -> None:
    assert parse_wav(riff(PCM_FMT, chunk(b"data", b"\1\0\2\0", size))).data_bytes == 4


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"RIFF",
        b"RIFX\0\0\0\0WAVE",
        riff(),
        riff(PCM_FMT),
        riff(PCM_FMT, b"data\0\0"),
        riff(chunk(b"data", b"\0\0")),
        riff(chunk(b"fmt ", b"\1\0\1\0"), chunk(b"data", b"\0\0")),
        riff(chunk(b"data", b"\0\0"), PCM_FMT),
        riff(chunk(b"fmt ", struct.pack("<HHIIHH", 1, 0, 8_000, 0, 0, 16)), chunk(b"data", b"\0\0")),
        riff(chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 0, 0, 0, 16)), chunk(b"data", b"\0\0")),
        riff(chunk(b"LIST", b"", 0xFFFFFFFF), PCM_FMT, chunk(b"data", b"\0\0")),
    ],
)
def test_what_is_no_wav_is_refused(broken: bytes) -> None:
    with pytest.raises(WavError):
        parse_wav(broken)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80), st.booleans())
def test_any_bytes_are_read_within_themselves_or_refused(noise: bytes, with_format: bool) -> None:
    wav = riff(PCM_FMT if with_format else b"", noise, chunk(b"data", b"\0\0", 7))
    assert is_wav(wav)
    try:
        header = parse_wav(wav)
    except WavError:
        return
    assert 0 < header.data_offset <= header.data_offset + header.data_bytes <= len(wav)
