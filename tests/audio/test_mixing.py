"""Mixing by its numbers: levels, fades, no clicks, no clipping, and the same in whatever pieces."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.audio.mixing import BackgroundMixer, mix_mulaw, mix_pcm16, render_loop
from voicegw.audio.mulaw import decode_mulaw
from voicegw.audio.tones import render_comfort_tone, render_tone

FRAME = 160
SILENT_FRAME = b"\xff" * FRAME
# 100 whole waves, so that it repeats without a seam.
TONE = render_tone(500, 0.2, peak_dbfs=-6.0, fade_seconds=0)
TONE_LEVEL = 32_767 * 10 ** (-6 / 20) / math.sqrt(2)


def samples_of(mulaw: bytes) -> npt.NDArray[np.float64]:
    return np.frombuffer(decode_mulaw(mulaw), "<i2").astype(float)


def level_db(mulaw: bytes) -> float:
    """Loudness against the tone's."""
    return float(20 * np.log10(np.sqrt(np.mean(samples_of(mulaw) ** 2)) / TONE_LEVEL + 1e-9))


def largest_step(mulaw: bytes) -> float:
    return float(np.abs(np.diff(samples_of(mulaw))).max())


def fill_frames(mixer: BackgroundMixer, seconds: float) -> bytes:
    return b"".join(mixer.fill(FRAME) for _ in range(round(seconds * 50)))


def speak_frames(mixer: BackgroundMixer, seconds: float, frame: bytes = SILENT_FRAME) -> bytes:
    return b"".join(mixer.mix(frame) for _ in range(round(seconds * 50)))


def playing(**settings_: float) -> BackgroundMixer:
    """A mixer in which the tone has been faded in."""
    mixer = BackgroundMixer()
    mixer.start("hold", TONE, **settings_)  # type: ignore[arg-type]
    fill_frames(mixer, 0.3)
    return mixer


def test_voice_with_nothing_under_it_goes_through_byte_for_byte() -> None:
    mixer = BackgroundMixer()
    voice = bytes(range(256))
    assert mixer.mix(voice) == voice
    assert mixer.fill(FRAME) == SILENT_FRAME
    assert (mixer.mix(b""), mixer.fill(0)) == (b"", b"")
    assert not mixer.is_sounding


def test_sound_repeats_under_silence_as_it_is() -> None:
    mixer = playing()
    assert fill_frames(mixer, 1.0) == (TONE * 10)[800:][:8_000]
    assert mixer.is_sounding


def test_sound_is_faded_in_over_300_ms_without_a_click() -> None:
    mixer = BackgroundMixer()
    mixer.start("hold", TONE)
    sound = fill_frames(mixer, 0.5)
    assert level_db(sound[:160]) < -40
    assert level_db(sound[1_120:1_280]) == pytest.approx(-6, abs=1)
    assert level_db(sound[2_400:]) == pytest.approx(0, abs=0.1)
    loudness = [level_db(sound[at : at + 160]) for at in range(0, 2_400, 160)]
    assert loudness == sorted(loudness)
    assert largest_step(sound) <= largest_step(TONE)


def test_sound_is_faded_out_over_150_ms_without_a_click_and_is_then_gone() -> None:
    mixer = playing()
    before = mixer.fill(FRAME)
    mixer.stop("hold")
    assert mixer.is_sounding
    fading = fill_frames(mixer, 0.16)
    assert level_db(fading[:160]) > -1
    assert level_db(fading[1_120:1_200]) < -30
    assert set(samples_of(fading[1_200:])) == {0.0}
    assert largest_step(before + fading) <= largest_step(TONE)
    assert not mixer.is_sounding
    assert mixer.fill(FRAME) == SILENT_FRAME


def test_sound_stopped_while_it_is_faded_in_goes_back_from_there() -> None:
    mixer = BackgroundMixer()
    mixer.start("hold", TONE)
    sound = fill_frames(mixer, 0.1)
    mixer.stop("hold")
    sound += fill_frames(mixer, 0.06)
    assert largest_step(sound) <= largest_step(TONE) / 2
    assert not mixer.is_sounding


def test_sound_is_ducked_within_50_ms_of_speech_and_comes_back_slowly() -> None:
    mixer = playing()
    ducked = speak_frames(mixer, 0.5)
    assert level_db(ducked[:80]) > -3
    assert level_db(ducked[400:]) == pytest.approx(-15, abs=0.3)
    back = fill_frames(mixer, 0.6)
    assert level_db(back[:160]) == pytest.approx(-15, abs=0.5)
    assert level_db(back[1_520:1_680]) == pytest.approx(-7.5, abs=0.5)
    assert level_db(back[3_200:]) == pytest.approx(0, abs=0.1)
    assert largest_step(ducked + back) <= largest_step(TONE)


def test_sound_is_ducked_while_the_caller_speaks() -> None:
    mixer = playing()
    ducked = b"".join(mixer.fill(FRAME, is_ducked=True) for _ in range(10))
    assert level_db(ducked[400:]) == pytest.approx(-15, abs=0.3)


def test_sound_that_starts_under_speech_is_ducked_from_its_first_sample() -> None:
    mixer = BackgroundMixer()
    speak_frames(mixer, 0.1)
    mixer.start("hold", TONE)
    assert level_db(speak_frames(mixer, 0.5)[2_400:]) == pytest.approx(-15, abs=0.3)


def test_voice_stays_what_it_was_over_a_ducked_sound() -> None:
    voice = render_tone(1_200, 1.0, peak_dbfs=-9.0)
    mixer = playing()
    mixed = samples_of(b"".join(mixer.mix(voice[at : at + FRAME]) for at in range(0, len(voice), FRAME)))
    spectrum = np.abs(np.fft.rfft(mixed * np.hanning(len(mixed)))) / (len(mixed) / 4)
    assert 20 * np.log10(spectrum[1_200] / 32_767) == pytest.approx(-9, abs=0.2)
    assert 20 * np.log10(spectrum[500] / 32_767) == pytest.approx(-6 - 15, abs=0.7)


def test_gain_makes_a_background_quieter() -> None:
    assert level_db(fill_frames(playing(gain_db=-12.0), 0.5)) == pytest.approx(-12, abs=0.1)


def test_sound_that_is_not_looped_ends() -> None:
    mixer = BackgroundMixer()
    mixer.start("chime", TONE * 3, is_looped=False)
    sound = fill_frames(mixer, 0.7)
    assert sound[2_400:4_800] == (TONE * 3)[2_400:]
    assert set(samples_of(sound[4_800:])) == {0.0}
    assert not mixer.is_sounding


def test_sound_of_the_same_name_takes_over_in_a_crossfade() -> None:
    mixer = playing()
    mixer.start("hold", render_tone(800, 0.2, peak_dbfs=-6, fade_seconds=0))
    change = samples_of(fill_frames(mixer, 0.6))[3_200:]
    spectrum = np.abs(np.fft.rfft(change))
    assert int(spectrum.argmax()) * 8_000 / len(change) == 800
    assert spectrum[round(500 * len(change) / 8_000)] < spectrum.max() / 1_000


def test_hold_sound_and_background_sound_together_and_stop_apart() -> None:
    mixer = playing(gain_db=-6.0)
    mixer.start("background", TONE, gain_db=-6.0)
    fill_frames(mixer, 0.3)
    assert level_db(fill_frames(mixer, 0.2)) == pytest.approx(0, abs=0.2)
    mixer.stop("hold")
    fill_frames(mixer, 0.2)
    assert level_db(fill_frames(mixer, 0.2)) == pytest.approx(-6, abs=0.2)


def test_stopping_what_does_not_sound_and_starting_nothing_are_nothing() -> None:
    mixer = playing()
    mixer.stop("other")
    mixer.start("empty", b"")
    assert fill_frames(mixer, 0.2) == (TONE * 2)[800:][:1_600]
    mixer.start("hold", b"")
    fill_frames(mixer, 0.2)
    assert not mixer.is_sounding


Step = tuple[str, int]
STEPS = st.lists(
    st.tuples(st.sampled_from(["voice", "silence", "caller", "start", "once", "stop"]), st.integers(1, 900))
)
CUTS = st.lists(st.integers(1, 500), min_size=1, max_size=5)
VOICE = render_tone(300, 1.0, peak_dbfs=-0.5)


def perform(steps: list[Step], piece_sizes: list[int]) -> bytes:
    """What is heard when each step's sound is asked for in pieces of these sizes."""
    mixer, heard = BackgroundMixer(), []
    for kind, count in steps:
        if kind in {"start", "once"}:
            mixer.start("hold", TONE, is_looped=kind == "start", gain_db=-float(count % 7))
        elif kind == "stop":
            mixer.stop("hold")
        at, turn = 0, 0
        while kind in {"voice", "silence", "caller"} and at < count:
            size = min(piece_sizes[turn % len(piece_sizes)], count - at)
            piece = VOICE[at : at + size]
            heard.append(mixer.mix(piece) if kind == "voice" else mixer.fill(size, is_ducked=kind == "caller"))
            at, turn = at + size, turn + 1
    return b"".join(heard)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, piece_sizes=CUTS)
def test_pieces_of_any_size_sound_the_same_to_the_bit(steps: list[Step], piece_sizes: list[int]) -> None:
    as_samples = [samples_of(perform(steps, sizes)) for sizes in ([1_000], piece_sizes)]
    assert np.array_equal(*as_samples)


@given(first=st.binary(max_size=300), second=st.binary(max_size=300))
def test_mixing_two_mulaw_sounds_never_turns_over_and_does_not_mind_their_order(first: bytes, second: bytes) -> None:
    mixed = mix_mulaw(first, second)
    assert mixed == mix_mulaw(second, first)
    assert len(mixed) == max(len(first), len(second))
    padded = [samples_of(sound.ljust(len(mixed), b"\xff")) for sound in (first, second)]
    assert np.all(samples_of(mixed) * sum(padded) >= 0)


def test_quiet_sounds_are_added_exactly_and_loud_ones_pressed_below_full_scale() -> None:
    pairs = [
        (1_000, 2_000),
        (-12_000, -12_000),
        (20_000, 10_000),
        (32_767, 32_767),
        (-32_768, -32_768),
        (30_000, -30_000),
    ]
    first, second = (np.array(side, "<i2").tobytes() for side in zip(*pairs, strict=True))
    mixed = np.frombuffer(mix_pcm16(first, second), "<i2").tolist()
    assert mixed[:2] == [3_000, -24_000]
    assert 24_000 < mixed[2] < 30_000
    assert 32_100 < mixed[3] == -mixed[4] <= 32_124
    assert mixed[5] == 0


@given(st.lists(st.integers(-32_768, 32_767), min_size=2, max_size=50))
def test_louder_stays_louder(levels: list[int]) -> None:
    ordered = np.array(sorted(levels), "<i2").tobytes()
    for beside in (0, 9_000, -30_000):
        mixed = np.frombuffer(mix_pcm16(ordered, np.full(len(levels), beside, "<i2").tobytes()), "<i2")
        assert np.all(np.diff(mixed.astype(int)) >= 0)


def test_shorter_of_two_sounds_is_followed_by_silence() -> None:
    assert mix_mulaw(TONE, TONE[:100])[100:] == TONE[100:]
    assert mix_mulaw(b"", TONE) == TONE
    assert (mix_mulaw(b"", b""), mix_pcm16(b"", b"")) == (b"", b"")
    assert mix_pcm16(b"\x01\x00\x02\x00", b"\x01\x00") == b"\x02\x00\x02\x00"


def test_loop_has_no_click_where_it_begins_again() -> None:
    cut_anywhere = render_tone(330, 1.0008, peak_dbfs=-6, fade_seconds=0)
    loop = render_loop(cut_anywhere)
    assert len(loop) == len(cut_anywhere) - 160
    assert largest_step(cut_anywhere * 2) > 3 * largest_step(cut_anywhere)
    assert largest_step(loop * 2) <= 1.05 * largest_step(cut_anywhere)
    assert loop[160:] == cut_anywhere[160:-160]


def test_sound_too_short_for_a_seam_loops_as_it_is() -> None:
    assert render_loop(TONE[:319]) == TONE[:319]
    assert len(render_loop(TONE[:320])) == 160
    assert render_loop(b"") == b""


def test_comfort_tone_may_be_a_loop() -> None:
    mixer = BackgroundMixer()
    mixer.start("hold", render_loop(render_comfort_tone(2.0)))
    assert 0 < np.abs(samples_of(fill_frames(mixer, 6.0))).max() <= np.abs(samples_of(render_comfort_tone(2.0))).max()
