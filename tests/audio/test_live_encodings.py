"""Live audio by the names that peers give it: whole or in pieces, the same sound."""

from pathlib import Path

import miniaudio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.audio.live_encodings import EncodingUnknown, LiveConverter, open_from_mulaw, open_to_mulaw, rate_of
from voicegw.audio.live_mp3 import Mp3ToMulaw
from voicegw.audio.live_resampling import LIVE_RATES_HZ, LiveResampler
from voicegw.audio.mulaw import decode_mulaw, encode_mulaw

FIXTURES = Path(__file__).parents[1] / "prompts" / "fixtures"
MONO, STEREO = ((FIXTURES / name).read_bytes() for name in ("tone_24khz_mono.mp3", "tone_44khz_stereo.mp3"))
SIZES = st.lists(st.integers(1, 2_000), min_size=1, max_size=6)


def in_pieces(converter: LiveConverter, audio: bytes, sizes: list[int]) -> bytes:
    out, place, turn = b"", 0, 0
    while place < len(audio):
        size = sizes[turn % len(sizes)]
        out += converter.convert(audio[place : place + size])
        place, turn = place + size, turn + 1
    return out + converter.flush()


def snr_db(got: bytes, wanted: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> float:
    samples = np.frombuffer(decode_mulaw(got), "<i2").astype(float)
    return float(10 * np.log10(np.square(wanted).sum() / np.square(samples[-len(wanted) :] - wanted).sum()))


@pytest.mark.parametrize("name", ["audio/x-mulaw", "audio/PCMU", "audio/basic;rate=8000"])
def test_mulaw_goes_through_byte_for_byte(name: str) -> None:
    every = bytes(range(256))
    for converter in (open_to_mulaw(name), open_from_mulaw(name)):
        assert (converter.convert(every), converter.flush()) == (every, b"")
        converter.reset()


@pytest.mark.parametrize("rate_hz", LIVE_RATES_HZ)
def test_pcm_goes_and_comes_back_as_the_same_sound(rate_hz: int) -> None:
    tone = (8000 * np.sin(np.arange(8_000) * 2 * np.pi * 700 / 8_000)).astype("<i2").tobytes()
    up, down = open_from_mulaw("audio/pcm", rate_hz), open_to_mulaw("audio/pcm", rate_hz)
    pcm = up.convert(encode_mulaw(tone)) + up.flush()
    assert abs(len(pcm) // 2 - rate_hz) <= 1
    back = down.convert(pcm) + down.flush()
    assert snr_db(back[:8_000], np.frombuffer(tone, "<i2").astype(float)) > 30


def test_what_is_held_back_is_less_than_three_milliseconds() -> None:
    for converter, audio, rate_hz, width in (
        (open_to_mulaw("audio/pcm"), bytes(48_000), 8_000, 1),
        (open_from_mulaw("audio/pcm"), bytes(8_000), 24_000, 2),
    ):
        at_once = len(converter.convert(audio))
        assert 1.0 - at_once / width / rate_hz <= 0.003


def test_rates_where_none_is_named() -> None:
    assert (rate_of("audio/pcm", None), rate_of("audio/x-mulaw", None), rate_of("audio/pcm", 16_000)) == (
        24_000,
        8_000,
        16_000,
    )


@pytest.mark.parametrize(
    ("name", "rate_hz"), [("audio/opus", None), ("", None), ("audio/x-mulaw", 16_000), ("audio/pcm", 7_999)]
)
def test_what_cannot_be_converted_is_refused(name: str, rate_hz: int | None) -> None:
    for opened in (open_to_mulaw, open_from_mulaw):
        with pytest.raises(EncodingUnknown):
            opened(name, rate_hz)
    with pytest.raises(EncodingUnknown, match="mulaw at 8000 Hz and 16-bit PCM can be given"):
        open_from_mulaw("audio/mp3")


@settings(max_examples=30, deadline=None)
@given(sizes=SIZES, sound=st.sampled_from([MONO, STEREO, MONO + STEREO, STEREO[100:] + MONO]))
def test_mp3_sounds_the_same_in_pieces_of_any_size(sizes: list[int], sound: bytes) -> None:
    assert in_pieces(Mp3ToMulaw(), sound, sizes) == in_pieces(Mp3ToMulaw(), sound, [len(sound)])


@pytest.mark.parametrize("sound", [MONO, STEREO])
def test_mp3_in_pieces_is_what_a_decoder_of_whole_files_hears(sound: bytes) -> None:
    frames = sound[sound.index(b"\xff", sound.index(b"Info") if b"Info" in sound else 0) :]
    whole = miniaudio.mp3_read_s16(frames)
    mono = np.frombuffer(whole.samples, np.int16).reshape(-1, whole.nchannels).mean(axis=1).astype(np.int16)
    resampler = LiveResampler(whole.sample_rate, 8_000)
    wanted = np.concatenate((resampler.convert(mono), resampler.flush())).astype(float)
    assert snr_db(in_pieces(open_to_mulaw("audio/mpeg"), sound, [333]), wanted) > 34


def test_mp3_begins_anew_after_a_reset() -> None:
    converter = Mp3ToMulaw()
    converter.convert(STEREO[:1_500])
    converter.reset()
    assert converter.convert(MONO) + converter.flush() == in_pieces(Mp3ToMulaw(), MONO, [len(MONO)])


def test_a_tag_of_any_length_is_skipped_without_keeping_it() -> None:
    tag = b"ID3\x04\x00\x00" + bytes((0, 0x7F, 0x7F, 0x7F))  # two million bytes of cover art
    converter = Mp3ToMulaw()
    assert converter.convert(tag + bytes(1_000)) == b""
    for _ in range(20):
        converter.convert(b"\xff\xfb" * 50_000)
        assert len(converter._waiting) == 0
    rest = 0x7F * (1 + 128 + 128 * 128) - 1_000 - 2_000_000
    assert in_pieces(converter, bytes(rest) + MONO, [1_000]) == in_pieces(Mp3ToMulaw(), MONO, [1_000])


@settings(max_examples=60, deadline=None)
@given(
    audio=st.one_of(
        st.binary(max_size=3_000),
        st.lists(
            st.sampled_from([b"\xff\xfb\x90\x64", b"\xff\xf3\x44\xc4", b"ID3", b"\x00" * 90, STEREO[200:900]])
        ).map(b"".join),
    ),
    sizes=SIZES,
)
def test_whatever_calls_itself_mp3_is_sound_or_nothing(audio: bytes, sizes: list[int]) -> None:
    assert isinstance(in_pieces(Mp3ToMulaw(), audio, sizes), bytes)


def test_frames_that_cannot_be_decoded_are_silence_of_their_length() -> None:
    broken = (b"\xff\xf3\x44\xc4" + bytes(92).replace(b"\0", b"\xa5")) * 2
    sound = in_pieces(Mp3ToMulaw(), broken, [50])
    assert len(sound) == 2 * 576 * 8_000 // 24_000
    assert set(decode_mulaw(sound)) == {0}
