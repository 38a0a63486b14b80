"""The pure parts of a stream: playout, sounds, telegraph, and the time line of the mouth."""

import io
import struct
import wave
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.simulator import read_wav, write_wav
from voicegw.simulator.stream.mouth import Mouth
from voicegw.simulator.stream.playout import Playout
from voicegw.simulator.stream.sound import (
    FRAME_BYTES,
    SILENT_FRAME,
    hum,
    is_audible,
    key_tone,
    seconds_of,
    silence,
    tone,
    with_echo,
)
from voicegw.simulator.telegraph import SYMBOL_SECONDS, decode_text, encode_text

steps = st.lists(
    st.one_of(
        st.binary(min_size=1, max_size=900),
        st.sampled_from(["mark", "mark", "tick", "tick", "tick", "clear"]),
    ),
    max_size=60,
)


@given(steps)
@settings(max_examples=150)
def test_all_that_is_not_cleared_is_played_in_order_and_every_mark_comes_back_once(steps: list[Any]) -> None:
    playout = Playout()
    played, expected, queued = b"", b"", b""
    set_marks: list[str] = []
    came_back: list[str] = []
    for step in [*steps, *["tick"] * 400]:
        match step:
            case bytes():
                playout.put(step)
                queued += step
            case "mark":
                set_marks.append(f"m{len(set_marks)}")
                if playout.mark(set_marks[-1]):
                    assert queued == b""
                    came_back.append(set_marks[-1])
            case "clear":
                discarded, names = playout.clear()
                assert discarded == queued
                queued = b""
                came_back += names
                assert came_back == set_marks
            case "tick":
                came_back += playout.end_frame()
                frame = playout.next_frame()
                assert len(frame.audio) == FRAME_BYTES
                expected += queued[: frame.filled]
                queued = queued[frame.filled :]
                played += frame.audio[: frame.filled]
    assert played == expected
    assert came_back == set_marks
    assert playout.pending_marks == ()


@given(st.text(max_size=40))
@settings(max_examples=100)
def test_text_in_audio_can_be_read_back(text: str) -> None:
    if any("\ud800" <= character <= "\udfff" for character in text):
        return
    assert decode_text(encode_text(text)) == text


@given(st.text("abcdefgh ", min_size=1, max_size=20), st.integers(0, 9000))
@settings(max_examples=100)
def test_text_that_is_cut_keeps_what_was_heard(text: str, cut: int) -> None:
    assert text.startswith(decode_text(encode_text(text)[:cut]))


def test_text_in_audio_is_loud_in_every_frame() -> None:
    audio = encode_text("loud")
    assert seconds_of(audio) == pytest.approx(4 * SYMBOL_SECONDS + 0.04)
    assert all(is_audible(audio[at : at + FRAME_BYTES]) for at in range(0, 1600, FRAME_BYTES))


def test_what_is_said_later_is_placed_to_the_sample() -> None:
    mouth = Mouth()
    assert [mouth.take_frame() for _ in range(3)] == [SILENT_FRAME] * 3
    words = tone(0.05, 440)
    assert mouth.speak(words, 0.0601) == pytest.approx((481 + 400) / 8000)
    frames = b"".join(mouth.take_frame() for _ in range(5))
    assert frames == b"\xff" + words + b"\xff" * 399
    assert mouth.said() == SILENT_FRAME * 3 + frames


def test_a_key_is_not_heard_while_something_is_said() -> None:
    mouth = Mouth()
    mouth.speak(tone(1, 440), 0.0)
    mouth.sound_key("1", 0.5)
    assert len(mouth.recording) == 8000
    mouth.sound_key("1", 1.5)
    assert bytes(mouth.recording[12_000:]) == key_tone("1")


def test_each_key_has_its_own_two_tones() -> None:
    tones = {key: key_tone(key) for key in "1234567890*#ABCD"}
    assert len(set(tones.values())) == 16
    spectrum = np.abs(np.fft.rfft(_linear(key_tone("5", 1.0))))
    assert sorted(int(hz) for hz in np.argsort(spectrum)[-2:]) == [770, 1336]


def test_silence_and_line_noise_are_not_audible() -> None:
    noise = np.random.default_rng(1).integers(-60, 60, 160).astype("<i2")
    assert not is_audible(SILENT_FRAME)
    assert not is_audible(read_wav(_wav(noise)))
    assert is_audible(hum(0.5)[800:960])


def test_an_echo_is_as_quiet_as_it_is_said_to_be() -> None:
    echo = with_echo(SILENT_FRAME, tone(0.02, 440), -20)
    loud, quiet = np.abs(_linear(tone(0.02, 440))).max(), np.abs(_linear(echo)).max()
    assert 20 * np.log10(loud / quiet) == pytest.approx(20, abs=0.5)


@pytest.mark.parametrize(("rate_hz", "channels"), [(8000, 1), (16_000, 1), (44_100, 2)])
def test_wav_files_become_mulaw(rate_hz: int, channels: int) -> None:
    at = np.arange(rate_hz) / rate_hz
    samples = np.repeat((np.sin(2 * np.pi * 440 * at) * 8000).astype("<i2"), channels)
    audio = read_wav(_wav(samples, rate_hz, channels))
    assert seconds_of(audio) == pytest.approx(1.0, abs=0.001)
    assert int(np.argmax(np.abs(np.fft.rfft(_linear(audio))))) == 440


def test_a_mulaw_wav_is_taken_byte_for_byte() -> None:
    audio = tone(0.1, 440)
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 36 + len(audio), b"WAVE", b"fmt ", 16, 7, 1, 8000, 8000, 1, 8)
    assert read_wav(head + struct.pack("<4sI", b"data", len(audio)) + audio) == audio


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\x00\x00\x00\x00WAVEfmt ", b"ID3" + b"x" * 100])
def test_what_is_no_wav_file_is_refused_with_a_word(content: bytes) -> None:
    with pytest.raises(ValueError, match="make it 16-bit PCM"):
        read_wav(content)


def test_a_wav_file_of_eight_bits_is_refused() -> None:
    with pytest.raises(ValueError, match="8 bits; make it 16-bit PCM"):
        read_wav(_wav(np.zeros(100, "u1")))


def test_both_sides_of_a_call_fit_into_one_file() -> None:
    left, right = tone(0.2, 440), tone(0.1, 880)
    with wave.open(io.BytesIO(write_wav(left, right))) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 8000, 1600)
        samples = np.frombuffer(file.readframes(1600), "<i2").reshape(-1, 2)
    assert np.array_equal(samples[:, 0], _linear(left))
    assert np.array_equal(samples[:800, 1], _linear(right))
    assert not samples[800:, 1].any()
    assert seconds_of(silence(0.5)) == 0.5


def _linear(audio: bytes) -> Any:
    """Mulaw as numbers, by a decoder of this test's own (ITU-T G.711)."""
    code = ~np.frombuffer(audio, "u1").astype(int) & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)
    return np.where(code & 0x80, 0x84 - magnitude, magnitude - 0x84)


def _wav(samples: Any, rate_hz: int = 8000, channels: int = 1) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(samples.dtype.itemsize)
        file.setframerate(rate_hz)
        file.writeframes(samples.tobytes())
    return out.getvalue()
