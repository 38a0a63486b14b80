"""Recognising audio by its first bytes and its declared encoding."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.audio.wav import render_mulaw_wav
from voicegw.prompts.formats import Container, RawMulaw, RawPcm16, recognise_format


@pytest.mark.parametrize(
    ("name", "container"),
    [
        ("tone_24khz_mono.mp3", Container.MP3),
        ("tone_44khz_stereo.mp3", Container.MP3),
        ("tone.flac", Container.FLAC),
        ("tone.ogg", Container.VORBIS),
        ("tone.opus", Container.OGG),
        ("tone.m4a", Container.MP4),
        ("tone.webm", Container.MATROSKA),
        ("tone.aac", Container.AAC),
        ("tone.aiff", Container.AIFF),
    ],
)
def test_real_files_are_known_by_their_bytes_whatever_is_declared(studio: Any, name: str, container: Container) -> None:
    audio = studio.fixture(name)
    for declared in ("", "audio/mpeg", "application/octet-stream"):
        assert recognise_format(audio, declared) is container


@pytest.mark.parametrize(
    ("head", "container"),
    [
        (b"ID3\x04", Container.MP3),
        (b"\xff\xfb\x90\x00", Container.MP3),
        (b"\xff\xf3\x40\xc0", Container.MP3),
        (b"\xff\xf1\x50\x80", Container.AAC),
        (b"\xff\xf9\x50\x80", Container.AAC),
        (b"#!AMR\n", Container.AMR),
        (bytes.fromhex("3026b2758e66cf11a6d9"), Container.ASF),
        (b"FORM\0\0\0\0AIFC", Container.AIFF),
    ],
)
def test_heads_of_other_files_are_known(head: bytes, container: Container) -> None:
    assert recognise_format(head) is container


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\xff",
        b"\xff\xfb",
        b"\xff\x1b\x90\x00",
        b"hello",
        b"<html>",
        b"#EXTM3U\n",
        b"ffconcat version 1.0",
        b"FORM\0\0\0\0ILBM",
    ],
)
def test_what_is_no_audio_is_unknown(head: bytes) -> None:
    assert recognise_format(head) is None
    assert recognise_format(head, "audio/mpeg") is None


@pytest.mark.parametrize(
    ("declared", "raw"),
    [
        ("audio/x-mulaw", RawMulaw(8_000)),
        ("audio/basic", RawMulaw(8_000)),
        ("AUDIO/PCMU; rate=16000", RawMulaw(16_000)),
        ("audio/pcm", RawPcm16(24_000)),
        ("audio/pcm;rate=16000", RawPcm16(16_000)),
        ("audio/pcm; channels=1; rate=8000", RawPcm16(8_000)),
        ("audio/pcm;rate=fast", RawPcm16(24_000)),
        ("audio/pcm;rate=", RawPcm16(24_000)),
        ("audio/pcm;rate=0", RawPcm16(24_000)),
        ("audio/pcm;rate=٣", RawPcm16(24_000)),
        ("audio/pcm;rate=99999999999", RawPcm16(24_000)),
    ],
)
def test_raw_audio_is_what_it_is_declared_to_be(declared: str, raw: object) -> None:
    assert recognise_format(b"\x00\x01", declared) == raw


def test_raw_mulaw_that_begins_like_an_mp3_frame_is_mulaw() -> None:
    """0xFF is mulaw's silence, and begins each MP3 frame."""
    assert recognise_format(b"\xff\xfb\x90\x00" * 40, "audio/x-mulaw") == RawMulaw(8_000)
    assert recognise_format(b"\xff\xfb\x90\x00" * 40) is Container.MP3


def test_wav_declared_as_raw_audio_is_a_wav() -> None:
    assert recognise_format(render_mulaw_wav(b"\xff"), "audio/x-mulaw") is Container.WAV
    assert recognise_format(render_mulaw_wav(b"\xff"), "audio/pcm") is Container.WAV


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40), st.text(max_size=40))
def test_any_bytes_and_declaration_get_an_answer(audio: bytes, declared: str) -> None:
    recognised = recognise_format(audio, declared)
    assert recognised is None or isinstance(recognised, Container) or recognised.rate_hz > 0
