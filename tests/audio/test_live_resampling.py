"""Live resampling by its numbers: no seam between chunks, no alias, a flat band, little delay."""

import math
import tracemalloc

import numpy as np
import numpy.typing as npt
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.audio.live_resampling import LIVE_RATES_HZ, LiveResampler, MulawToPcm, PcmToMulaw, Samples
from voicegw.audio.mulaw import decode_mulaw, encode_mulaw

OTHER_RATES_HZ = LIVE_RATES_HZ[1:]
BOTH_WAYS = [(rate_hz, 8_000) for rate_hz in OTHER_RATES_HZ] + [(8_000, rate_hz) for rate_hz in OTHER_RATES_HZ]
PEAK = 16_000
ALLOWED_DELAY_SECONDS = 0.003


def sine(frequency_hz: float, rate_hz: int, seconds: float = 0.5) -> Samples:
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.round(np.sin(2 * math.pi * frequency_hz * at) * PEAK).astype(np.int16)


def noise(count: int, peak: int = PEAK) -> Samples:
    return np.random.default_rng(7).integers(-peak, peak, count, dtype=np.int16)


def speech_band(rate_hz: int, seconds: float = 1.0) -> Samples:
    """Noise from 200 to 3,400 Hz."""
    spectrum = np.fft.rfft(np.random.default_rng(11).normal(size=round(seconds * rate_hz)))
    frequency_hz = np.fft.rfftfreq(round(seconds * rate_hz), 1 / rate_hz)
    spectrum[(frequency_hz < 200) | (frequency_hz > 3_400)] = 0
    wave = np.fft.irfft(spectrum)
    return np.round(wave / np.abs(wave).max() * PEAK).astype(np.int16)


def convert_whole(samples: Samples, source_hz: int, target_hz: int) -> Samples:
    resampler = LiveResampler(source_hz, target_hz)
    return np.concatenate((resampler.convert(samples), resampler.flush()))


def level_db(samples: npt.NDArray[np.generic]) -> float:
    """Loudness against a sine of `PEAK`, its first and last 10 % left out, for there silence begins and ends."""
    edge = len(samples) // 10
    inner = samples[edge:-edge].astype(float)
    return float(20 * np.log10(np.sqrt(np.mean(inner**2)) / (PEAK / math.sqrt(2)) + 1e-12))


def snr_db(heard: npt.NDArray[np.generic], meant: npt.NDArray[np.generic]) -> float:
    edge = len(meant) // 10
    wanted, error = meant[edge:-edge].astype(float), (heard.astype(float) - meant)[edge:-edge]
    return float(10 * np.log10(np.sum(wanted**2) / (np.sum(error**2) + 1e-12)))


def cut(sound: bytes, sizes: list[int]) -> list[bytes]:
    """The sound in chunks of these sizes, over and over."""
    chunks, at = [], 0
    while at < len(sound):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(sound[at : at + size])
        at += size
    return chunks


CHUNK_SIZES = st.lists(st.integers(1, 2_500), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(rate_hz=st.sampled_from(LIVE_RATES_HZ), sizes=CHUNK_SIZES)
def test_pcm_in_any_chunks_becomes_the_same_mulaw_to_the_last_bit(rate_hz: int, sizes: list[int]) -> None:
    pcm16 = noise(6_000).astype("<i2").tobytes()
    at_once, in_chunks = PcmToMulaw(rate_hz), PcmToMulaw(rate_hz)
    meant = at_once.convert(pcm16) + at_once.flush()
    assert b"".join(map(in_chunks.convert, cut(pcm16, sizes))) + in_chunks.flush() == meant


@settings(max_examples=60, deadline=None)
@given(rate_hz=st.sampled_from(LIVE_RATES_HZ), sizes=CHUNK_SIZES)
def test_mulaw_in_any_chunks_becomes_the_same_pcm_to_the_last_bit(rate_hz: int, sizes: list[int]) -> None:
    mulaw = encode_mulaw(noise(3_000).astype("<i2").tobytes())
    at_once, in_chunks = MulawToPcm(rate_hz), MulawToPcm(rate_hz)
    meant = at_once.convert(mulaw) + at_once.flush()
    assert b"".join(map(in_chunks.convert, cut(mulaw, sizes))) + in_chunks.flush() == meant


@pytest.mark.parametrize(("source_hz", "target_hz"), BOTH_WAYS)
def test_byte_by_byte_is_as_good_as_at_once(source_hz: int, target_hz: int) -> None:
    samples = noise(source_hz // 25)
    resampler = LiveResampler(source_hz, target_hz)
    parts = [resampler.convert(samples[at : at + 1]) for at in range(len(samples))]
    assert np.array_equal(np.concatenate([*parts, resampler.flush()]), convert_whole(samples, source_hz, target_hz))


@settings(max_examples=80, deadline=None)
@given(rates=st.sampled_from(BOTH_WAYS), count=st.integers(0, 3_000))
def test_sound_is_as_long_as_it_was_and_no_chunk_waits_over_3_ms(rates: tuple[int, int], count: int) -> None:
    source_hz, target_hz = rates
    resampler = LiveResampler(source_hz, target_hz)
    at_once = len(resampler.convert(noise(count)))
    assert at_once / target_hz >= count / source_hz - ALLOWED_DELAY_SECONDS
    assert at_once + len(resampler.flush()) == math.ceil(count * target_hz / source_hz)


@pytest.mark.parametrize(("source_hz", "target_hz"), BOTH_WAYS)
def test_sound_stays_where_it_was_in_time(source_hz: int, target_hz: int) -> None:
    clicks = np.zeros(source_hz // 2, np.int16)
    at = source_hz // 10
    clicks[at] = 30_000
    converted = convert_whole(clicks, source_hz, target_hz)
    assert abs(int(np.abs(converted).argmax()) / target_hz - at / source_hz) <= 0.5 / 8_000


@pytest.mark.parametrize(
    ("rate_hz", "frequency_hz"),
    [
        (rate_hz, frequency_hz)
        for rate_hz in OTHER_RATES_HZ
        for frequency_hz in (4_300, 4_500, 5_000, 6_000, 7_000, 7_900)
        if frequency_hz < rate_hz / 2
    ],
)
def test_tone_that_the_telephone_cannot_carry_does_not_fold_back(rate_hz: int, frequency_hz: float) -> None:
    assert level_db(convert_whole(sine(frequency_hz, rate_hz), rate_hz, 8_000)) < -60


def test_5_khz_tone_at_24_khz_is_gone_from_the_mulaw() -> None:
    converter = PcmToMulaw(24_000)
    mulaw = converter.convert(sine(5_000, 24_000).astype("<i2").tobytes()) + converter.flush()
    assert level_db(np.frombuffer(decode_mulaw(mulaw), "<i2")) < -40


@pytest.mark.parametrize("rate_hz", OTHER_RATES_HZ)
@pytest.mark.parametrize("frequency_hz", [300, 1_000, 2_400, 3_400])
def test_tone_has_no_mirror_image_above_the_telephone_band(rate_hz: int, frequency_hz: int) -> None:
    converted = convert_whole(sine(frequency_hz, 8_000), 8_000, rate_hz)[rate_hz // 20 : rate_hz * 9 // 20]
    spectrum = np.abs(np.fft.rfft(converted * np.hanning(len(converted))))
    above = np.fft.rfftfreq(len(converted), 1 / rate_hz) > 4_500
    assert 20 * np.log10(spectrum[above].max() / spectrum.max()) < -60


@pytest.mark.parametrize(("source_hz", "target_hz"), BOTH_WAYS)
@pytest.mark.parametrize("frequency_hz", [50, 300, 1_000, 2_000, 3_000, 3_300, 3_400])
def test_speech_band_is_flat(source_hz: int, target_hz: int, frequency_hz: float) -> None:
    assert level_db(convert_whole(sine(frequency_hz, source_hz), source_hz, target_hz)) == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize(("source_hz", "target_hz"), BOTH_WAYS)
def test_speech_band_is_as_a_resampler_for_whole_files_makes_it(source_hz: int, target_hz: int) -> None:
    speech = speech_band(source_hz)
    meant = soxr.resample(speech.astype(np.float64), source_hz, target_hz, "VHQ")
    converted = convert_whole(speech, source_hz, target_hz)
    common = min(len(meant), len(converted))
    assert snr_db(converted[:common], meant[:common]) > 60


@pytest.mark.parametrize(("source_hz", "target_hz"), BOTH_WAYS)
def test_there_and_back_is_the_same_sound(source_hz: int, target_hz: int) -> None:
    speech = speech_band(source_hz)
    back = convert_whole(convert_whole(speech, source_hz, target_hz), target_hz, source_hz)
    assert snr_db(back[: len(speech)], speech[: len(back)]) > 60


@pytest.mark.parametrize(("source_hz", "target_hz"), BOTH_WAYS)
@pytest.mark.parametrize("level", [0, 1, -1, 12_345, 32_767, -32_768])
def test_steady_level_stays_to_the_bit(source_hz: int, target_hz: int, level: int) -> None:
    converted = convert_whole(np.full(source_hz // 5, level, np.int16), source_hz, target_hz)
    assert set(converted[target_hz // 50 : -target_hz // 50].tolist()) == {level}


def test_loudest_sound_is_held_at_full_scale_and_never_turns_over() -> None:
    square = np.where(sine(500, 24_000) > 0, 32_767, -32_768).astype(np.int16)
    converted = convert_whole(square, 24_000, 8_000)
    assert (converted.max(), converted.min()) == (32_767, -32_768)
    low_band = converted[400:-400].astype(float) * square[1_200:-1_200:3]
    assert np.mean(low_band > 0) > 0.95  # nowhere but at its edges is the sign another


def test_reset_leaves_nothing_of_the_old_sound() -> None:
    new = sine(700, 24_000, 0.1).astype("<i2").tobytes()
    fresh, used = PcmToMulaw(24_000), PcmToMulaw(24_000)
    used.convert(noise(999).astype("<i2").tobytes() + b"\x7f")
    used.reset()
    assert used.convert(new) + used.flush() == fresh.convert(new) + fresh.flush()
    up_fresh, up_used = MulawToPcm(24_000), MulawToPcm(24_000)
    up_used.convert(encode_mulaw(new[:200]))
    up_used.reset()
    assert up_used.convert(new) + up_used.flush() == up_fresh.convert(new) + up_fresh.flush()


def test_flush_begins_anew() -> None:
    converter = PcmToMulaw(24_000)
    sound = noise(1_000).astype("<i2").tobytes()
    first = converter.convert(sound) + converter.flush()
    assert converter.flush() == b""
    assert converter.convert(sound) + converter.flush() == first


def test_half_a_sample_at_the_end_is_dropped() -> None:
    converter = PcmToMulaw(8_000)
    assert converter.convert(b"\0\0\0") == b"\xff"
    assert converter.flush() == b""
    assert converter.convert(b"\0\0") == b"\xff"


def test_8_khz_passes_through_with_no_filter_and_no_delay() -> None:
    mulaw = bytes(range(256))
    there, back = MulawToPcm(8_000), PcmToMulaw(8_000)
    pcm16 = there.convert(mulaw)
    assert pcm16 == decode_mulaw(mulaw)
    assert back.convert(pcm16) == encode_mulaw(pcm16)
    assert (there.flush(), back.flush()) == (b"", b"")


@pytest.mark.parametrize("rate_hz", [-8_000, 0, 7_999, 22_000, 96_000])
def test_other_rates_are_refused_by_name(rate_hz: int) -> None:
    with pytest.raises(ValueError, match=rf"{rate_hz} Hz cannot be converted; rates are 8000, .*48000 Hz"):
        PcmToMulaw(rate_hz)
    with pytest.raises(ValueError, match="cannot be converted"):
        MulawToPcm(rate_hz)


def test_long_chunk_takes_little_more_memory_than_its_samples() -> None:
    minute = noise(60 * 24_000)
    resampler = LiveResampler(24_000, 8_000)
    resampler.convert(minute[:480])
    tracemalloc.start()
    resampler.convert(minute)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 8 * len(minute) + 8_000_000  # the windows of all its samples would take 500 MB
