"""Prompts by their sound: pitch, length and loudness after decoding; and files made to do harm."""

import io
import shutil
import struct
import subprocess
import time
import tracemalloc
import wave
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.audio.mulaw import encode_mulaw
from voicegw.audio.wav import render_mulaw_wav, render_pcm16_wav
from voicegw.prompts.decode import decode_prompt
from voicegw.prompts.errors import (
    PromptError,
    PromptFormatUnknown,
    PromptNeedsFfmpeg,
    PromptTooLarge,
    PromptUnreadable,
)
from voicegw.prompts.formats import MAX_PROMPT_SECONDS, MAX_SOURCE_BYTES

needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")
BY_FFMPEG = ["tone.opus", "tone.m4a", "tone.webm", "tone.aac", "tone.aiff"]
BY_US = ["tone_24khz_mono.mp3", "tone_44khz_stereo.mp3", "tone.flac", "tone.ogg"]


@pytest.mark.parametrize("name", [*BY_US, *(pytest.param(name, marks=needs_ffmpeg) for name in BY_FFMPEG)])
def test_1_khz_stays_1_khz_in_every_format(studio: Any, name: str) -> None:
    ear = studio.hear(decode_prompt(studio.fixture(name)))
    assert ear.pitch_hz == pytest.approx(1_000, abs=3)
    assert ear.seconds == pytest.approx(0.5, abs=0.06)  # AAC adds its own head and tail
    assert 1_800 < ear.loudness < 3_500


@pytest.mark.parametrize("rate_hz", [4_000, 8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000])
def test_pitch_length_and_loudness_survive_from_any_rate(studio: Any, rate_hz: int) -> None:
    ear = studio.hear(decode_prompt(render_pcm16_wav(studio.sine(1_000, rate_hz), rate_hz)))
    assert ear.pitch_hz == pytest.approx(1_000, abs=3)
    assert ear.seconds == pytest.approx(0.5, abs=0.001)
    assert ear.loudness == pytest.approx(8_000 / 2**0.5, rel=0.03)


def test_silence_stays_silent(studio: Any) -> None:
    ear = studio.hear(decode_prompt(render_pcm16_wav(bytes(48_000), 24_000)))
    assert ear.seconds == 1.0
    assert not ear.samples.any()


def test_full_scale_is_clipped_and_does_not_wrap(studio: Any) -> None:
    square = b"\xff\x7f" * 40 + b"\x00\x80" * 40
    ear = studio.hear(decode_prompt(render_pcm16_wav(square * 100, 24_000)))
    assert ear.pitch_hz == pytest.approx(300, abs=3)
    assert ear.loudness == pytest.approx(32_000, rel=0.06)


@pytest.mark.parametrize("rate_hz", [16_000, 24_000, 44_100])
def test_what_lies_above_the_telephone_band_does_not_fold_back(studio: Any, rate_hz: int) -> None:
    loud_hiss = studio.hear(decode_prompt(render_pcm16_wav(studio.sine(6_000, rate_hz), rate_hz)))
    assert loud_hiss.samples[800:-800].std() < 8_000 / 2**0.5 / 300  # 50 dB down


def test_stereo_is_mixed_to_one_channel(studio: Any) -> None:
    left, right = studio.sine(1_000, 16_000), bytes(16_000)
    pairs = b"".join(left[at : at + 2] + right[at : at + 2] for at in range(0, len(left), 2))
    ear = studio.hear(decode_prompt(render_pcm16_wav(pairs, 16_000, channels=2)))
    assert ear.pitch_hz == pytest.approx(1_000, abs=3)
    assert ear.seconds == pytest.approx(0.5, abs=0.001)
    assert ear.loudness == pytest.approx(4_000 / 2**0.5, rel=0.05)


def test_mulaw_at_8_khz_passes_byte_for_byte(studio: Any) -> None:
    mulaw = bytes(range(256)) * 10
    for source, declared in (
        (mulaw, "audio/x-mulaw"),
        (render_mulaw_wav(mulaw), ""),
        (render_mulaw_wav(mulaw), "audio/x-mulaw"),
    ):
        assert studio.hear(decode_prompt(source, declared)).mulaw == mulaw


def test_mulaw_at_another_rate_is_resampled(studio: Any) -> None:
    mulaw = encode_mulaw(studio.sine(1_000, 16_000))
    for source, declared in ((mulaw, "audio/x-mulaw;rate=16000"), (render_mulaw_wav(mulaw, 16_000), "")):
        ear = studio.hear(decode_prompt(source, declared))
        assert ear.pitch_hz == pytest.approx(1_000, abs=3)
        assert ear.seconds == pytest.approx(0.5, abs=0.001)


def test_stereo_mulaw_wav_is_mixed(studio: Any) -> None:
    mulaw = encode_mulaw(studio.sine(1_000, 8_000))
    both = bytes(byte for byte in mulaw for _ in range(2))
    wav = bytearray(render_mulaw_wav(both))
    struct.pack_into("<HIIH", wav, 22, 2, 8_000, 16_000, 2)
    ear = studio.hear(decode_prompt(bytes(wav)))
    assert ear.pitch_hz == pytest.approx(1_000, abs=3)
    assert ear.seconds == pytest.approx(0.5, abs=0.001)


@pytest.mark.parametrize(("declared", "rate_hz"), [("audio/pcm", 24_000), ("audio/pcm;rate=16000", 16_000)])
def test_raw_pcm_is_read_at_its_rate(studio: Any, declared: str, rate_hz: int) -> None:
    cut_in_a_sample = studio.sine(1_000, rate_hz) + b"\x7f"
    ear = studio.hear(decode_prompt(cut_in_a_sample, declared))
    assert ear.pitch_hz == pytest.approx(1_000, abs=3)
    assert ear.seconds == pytest.approx(0.5, abs=0.001)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_wav_of_any_width_is_read(studio: Any, width: int) -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, width, 16_000, 0, "NONE", ""))
        for (sample,) in struct.iter_unpack("<h", studio.sine(1_000, 16_000)):
            level = (sample >> 8) + 128 if width == 1 else sample << 8 * (width - 2)
            writer.writeframesraw(level.to_bytes(width, "little", signed=width > 1))
    ear = studio.hear(decode_prompt(file.getvalue()))
    assert ear.pitch_hz == pytest.approx(1_000, abs=3)
    assert ear.loudness == pytest.approx(8_000 / 2**0.5, rel=0.05)


# ---- what cannot be played


@pytest.mark.parametrize("name", BY_FFMPEG)
def test_without_ffmpeg_the_format_and_the_mend_are_named(
    studio: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PromptNeedsFfmpeg, match=r"(ogg|mp4|matroska|aac|aiff) audio .* install ffmpeg, or give .*MP3"):
        decode_prompt(studio.fixture(name))


@needs_ffmpeg
@pytest.mark.parametrize("name", BY_FFMPEG)
def test_what_ffmpeg_cannot_read_is_unreadable(studio: Any, name: str) -> None:
    head = studio.fixture(name)[:40]
    with pytest.raises(PromptUnreadable, match="ffmpeg cannot decode"):
        decode_prompt(head + bytes(400))


@needs_ffmpeg
def test_bomb_for_ffmpeg_is_cut_off_at_the_limit() -> None:
    rate_hz, seconds = 4_000, MAX_PROMPT_SECONDS + 30
    comm = struct.pack(">hIh", 1, rate_hz * seconds, 16) + bytes.fromhex("400afa00000000000000")
    ssnd = bytes(8 + 2 * rate_hz * seconds)
    chunks = b"COMM" + struct.pack(">I", len(comm)) + comm + b"SSND" + struct.pack(">I", len(ssnd)) + ssnd
    aiff = b"FORM" + struct.pack(">I", 4 + len(chunks)) + b"AIFF" + chunks
    with pytest.raises(PromptTooLarge, match="longer than 120 s"):
        decode_prompt(aiff)


@needs_ffmpeg
def test_many_channels_at_a_high_rate_never_reach_our_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """115 s of silence in eight channels, which would decode to 180 MB; `run` is as much as comes back."""
    silence = [
        "-f",
        "lavfi",
        "-i",
        "anullsrc=r=96000:cl=7.1",
        "-t",
        "115",
        "-c:a",
        "flac",
        "-f",
        "matroska",
        "pipe:1",
    ]
    bomb = subprocess.run(["ffmpeg", "-v", "error", *silence], capture_output=True, check=True).stdout
    assert len(bomb) < 100_000
    came_back: list[int] = []
    run = subprocess.run

    def watched(*args: Any, **kwargs: Any) -> Any:
        done = run(*args, **kwargs)
        came_back.append(len(done.stdout))
        return done

    monkeypatch.setattr(subprocess, "run", watched)
    with suppress(PromptUnreadable):  # a slow machine refuses it: that takes less still
        decode_prompt(bomb)
    assert sum(came_back) <= 4 + 2 * 96_000 * (MAX_PROMPT_SECONDS + 1)  # one channel of the eight


@needs_ffmpeg
def test_a_decoder_that_does_not_finish_is_stopped(studio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicegw.prompts.ffmpeg._MAX_SECONDS", 0.0)
    with pytest.raises(PromptUnreadable, match="did not finish"):
        decode_prompt(studio.fixture("tone.m4a"))


@pytest.mark.parametrize("text", [b"<html>404</html>", b"#EXTM3U\nfile:///etc/passwd", b"ffconcat version 1.0\nfile x"])
def test_page_or_playlist_is_no_audio_and_ffmpeg_never_sees_it(text: bytes) -> None:
    with pytest.raises(PromptFormatUnknown, match="declared as 'audio/mpeg'"):
        decode_prompt(text, "audio/mpeg")


@pytest.mark.parametrize("declared", ["", "audio/mpeg", "audio/x-mulaw", "audio/pcm"])
def test_nothing_is_unreadable(declared: str) -> None:
    with pytest.raises(PromptUnreadable, match="empty"):
        decode_prompt(b"", declared)


@pytest.mark.parametrize(
    ("source", "declared"),
    [
        (b"\x00", "audio/pcm"),
        (render_pcm16_wav(b"", 8_000), ""),
        (render_mulaw_wav(b""), ""),
        (b"RIFF\0\0\0\0WAVE", ""),
        (b"ID3\x04\0\0\0\0\0\0", ""),
        (b"fLaC" + bytes(100), ""),
        (b"OggS" + bytes(24) + b"\x01vorbis", ""),
        (b"\xff\xfb\x90\x00" + bytes(10), ""),
    ],
)
def test_audio_without_sound_is_unreadable(source: bytes, declared: str) -> None:
    with pytest.raises(PromptUnreadable):
        decode_prompt(source, declared)


@pytest.mark.parametrize("rate_hz", [1, 3_999, 96_001, 4_000_000_000])
def test_rate_that_no_prompt_has_is_refused(rate_hz: int) -> None:
    wav = bytearray(render_pcm16_wav(bytes(800), 8_000))
    struct.pack_into("<I", wav, 24, rate_hz)
    with pytest.raises(PromptUnreadable, match=r"samples a second|cannot be decoded"):
        decode_prompt(bytes(wav))
    with pytest.raises(PromptUnreadable, match="samples a second"):
        decode_prompt(render_mulaw_wav(bytes(800), rate_hz))


@pytest.mark.parametrize("name", BY_US)
def test_file_that_was_cut_off_plays_as_far_as_it_goes(studio: Any, name: str) -> None:
    whole = studio.fixture(name)
    ear = studio.hear(decode_prompt(whole[: len(whole) * 9 // 10]))
    assert 0.1 < ear.seconds < 0.5
    assert ear.pitch_hz == pytest.approx(1_000, abs=10)


def test_wav_that_was_cut_off_plays_as_far_as_it_goes(studio: Any) -> None:
    for wav in (render_pcm16_wav(studio.sine(1_000, 8_000), 8_000), render_mulaw_wav(bytes(8_000))):
        half = studio.hear(decode_prompt(wav[: len(wav) // 2]))
        assert half.seconds == pytest.approx(studio.hear(decode_prompt(wav)).seconds / 2, abs=0.01)


def test_limit_of_bytes_is_exact() -> None:
    with pytest.raises(PromptTooLarge, match="5000001 bytes"):
        decode_prompt(bytes(MAX_SOURCE_BYTES + 1))


def test_limit_of_seconds_is_exact(studio: Any) -> None:
    longest = bytes(MAX_PROMPT_SECONDS * 8_000)
    assert studio.hear(decode_prompt(longest, "audio/x-mulaw")).seconds == MAX_PROMPT_SECONDS
    with pytest.raises(PromptTooLarge, match="longer than 120 s"):
        decode_prompt(longest + b"\xff", "audio/x-mulaw")


@pytest.mark.parametrize("kind", ["flac", "mp3"])
def test_bomb_is_refused_quickly_and_without_unpacking_it(studio: Any, kind: str) -> None:
    if kind == "flac":
        bomb = studio.endless_flac(86_400)
        assert len(bomb) < 200_000
    else:
        bomb = studio.endless_mp3()
    tracemalloc.start()
    begun = time.process_time()
    with pytest.raises(PromptTooLarge, match="longer than 120 s"):
        decode_prompt(bomb)
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert time.process_time() - begun < 1.0
    assert most_bytes < 64_000_000


def test_flac_just_under_the_limit_is_played(studio: Any) -> None:
    """So the FLAC bomb is refused for its length, not for being badly made."""
    ear = studio.hear(decode_prompt(studio.endless_flac(100)))
    assert 100 < ear.seconds < 120
    assert not ear.samples.any()


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(BY_US), st.data())
def test_damaged_file_plays_or_is_refused(studio: Any, name: str, data: st.DataObject) -> None:
    audio = bytearray(studio.fixture(name))
    for _ in range(data.draw(st.integers(1, 8))):
        audio[data.draw(st.integers(0, len(audio) - 1))] = data.draw(st.integers(0, 255))
    del audio[data.draw(st.integers(0, len(audio))) :]
    try:
        studio.hear(decode_prompt(bytes(audio), "audio/mpeg"))
    except PromptError as refused:
        assert not refused.retryable


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(
        [b"", b"ID3", b"\xff\xfb\x90\x00", b"fLaC", b"OggS" + bytes(24) + b"\x01vorbis", b"RIFF\0\0\0\0WAVEfmt "]
    ),
    st.binary(max_size=300),
    st.sampled_from(["", "audio/x-mulaw", "audio/pcm", "audio/pcm;rate=4000"]),
)
def test_any_bytes_play_or_are_refused(studio: Any, head: bytes, noise: bytes, declared: str) -> None:
    try:
        studio.hear(decode_prompt(head + noise, declared))
    except PromptError as refused:
        assert refused.message
