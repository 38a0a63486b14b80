"""The voice detector: right about voices, the same alone as among many, and never in a call's way."""

import asyncio
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest

from voicegw.audio.mulaw import MULAW_SILENCE, encode_mulaw
from voicegw.speech import silero
from voicegw.speech.silero import Line, SileroDetector, SileroModel

WINDOW = 256


@pytest.fixture(scope="module")
def model() -> SileroModel:
    return SileroModel()


@pytest.fixture
async def detector() -> AsyncIterator[SileroDetector]:
    made = SileroDetector()
    yield made
    await made.close()


def whole(audio: bytes) -> bytes:
    return audio + MULAW_SILENCE * (-len(audio) % WINDOW)


def judge(model: SileroModel, audio: bytes, windows_at_once: int = 1) -> list[float]:
    line = Line(lambda *_: None)
    step = windows_at_once * WINDOW
    return [
        probability
        for at in range(0, len(audio), step)
        for _, told in model.judge([(line, audio[at : at + step])])
        for probability in told
    ]


def tone(*hertz: float, seconds: float = 2.0) -> bytes:
    time = np.arange(int(8_000 * seconds)) / 8_000
    samples = sum(np.sin(2 * np.pi * one * time) for one in hertz) * 6_000
    return whole(encode_mulaw(np.asarray(samples).astype("<i2").tobytes()))


def test_voice_is_heard_from_its_first_windows_and_not_after_it(
    model: SileroModel, say: Callable[[str], bytes]
) -> None:
    speech = whole(say("Thanks for calling. How can I help you today?"))
    told = np.array(judge(model, MULAW_SILENCE * 8_192 + speech + MULAW_SILENCE * 8_192))
    voiced = np.nonzero(told > 0.5)[0]
    assert 0 <= voiced[0] - 32 <= 4
    assert (told[32 : 32 + len(speech) // WINDOW] > 0.5).mean() > 0.75
    assert not told[:30].any()
    assert told[-10:].max() < 0.1


@pytest.mark.parametrize("hertz", [(350.0, 440.0), (440.0, 480.0), (770.0, 1336.0), (1000.0,)])
def test_dial_ringing_and_keypad_tones_are_no_voice(model: SileroModel, hertz: tuple[float, ...]) -> None:
    assert max(judge(model, tone(*hertz))) < 0.5


def test_windows_are_judged_alike_one_by_one_and_in_bulk(model: SileroModel, say: Callable[[str], bytes]) -> None:
    speech = whole(say("Thanks for calling. How can I help you today?"))
    single, bulk = judge(model, speech, 1), judge(model, speech, 1_000)
    assert np.mean(np.array(single) > 0) > 0.9
    assert np.allclose(single, bulk, atol=1e-4)


def test_lines_do_not_disturb_each_other(model: SileroModel, say: Callable[[str], bytes]) -> None:
    speech, hum = whole(say("Thanks for calling. How can I help you today?")), tone(100.0)
    windows = min(len(speech), len(hum)) // WINDOW
    talking, humming, silent = (Line(lambda *_: None) for _ in range(3))
    together: list[float] = []
    for at in range(0, windows * WINDOW, WINDOW):
        told = dict(
            model.judge(
                [
                    (humming, hum[at : at + WINDOW]),
                    (talking, speech[at : at + WINDOW]),
                    (silent, MULAW_SILENCE * WINDOW),
                ]
            )
        )
        together += told[talking]
        assert told[silent] == [0.0]
    assert np.allclose(together, judge(model, speech)[:windows], atol=1e-4)


async def test_every_stretch_is_told_once_and_in_order(detector: SileroDetector, say: Callable[[str], bytes]) -> None:
    speech = await asyncio.to_thread(say, "Yes, please.")
    audio = MULAW_SILENCE * 2_000 + speech + MULAW_SILENCE * 2_000
    told: list[tuple[float, float]] = []
    whole_seconds = len(audio) // WINDOW * WINDOW / 8_000
    done = asyncio.Event()

    def tell(probability: float, seconds: float) -> None:
        told.append((probability, seconds))
        if sum(seconds for _, seconds in told) >= whole_seconds - 1e-6:
            done.set()

    tap = detector.open(tell)
    for at in range(0, len(audio), 160):
        tap.put(audio[at : at + 160])
    await done.wait()
    tap.close()
    assert sum(seconds for _, seconds in told) == pytest.approx(whole_seconds)
    assert max(probability for probability, _ in told) > 0.9
    assert told[0][0] == 0.0
    assert told[-1][0] < 0.1


async def test_closed_tap_is_told_nothing_and_its_line_forgotten(detector: SileroDetector) -> None:
    told: list[float] = []
    other = asyncio.Event()
    tap = detector.open(lambda probability, _: told.append(probability))
    tap.put(MULAW_SILENCE * 8_000)
    tap.close()
    second = detector.open(lambda *_: other.set())
    second.put(MULAW_SILENCE * 8_000)
    await other.wait()
    second.close()
    assert told == []
    assert tap not in detector._lines


async def test_call_that_fails_does_not_deafen_the_others(detector: SileroDetector) -> None:
    heard = asyncio.Event()

    def fail(*_: float) -> None:
        raise ZeroDivisionError

    failing, hearing = detector.open(fail), detector.open(lambda *_: heard.set())
    for tap in (failing, hearing):
        tap.put(MULAW_SILENCE * WINDOW)
    await heard.wait()
    failing.close()
    hearing.close()


async def test_model_that_fails_hears_no_voice(detector: SileroDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(detector._model, "judge", fail)
    told: list[tuple[float, float]] = []
    done = asyncio.Event()

    def tell(probability: float, seconds: float) -> None:
        told.append((probability, seconds))
        done.set()

    tap = detector.open(tell)
    tap.put(MULAW_SILENCE * WINDOW * 3)
    await done.wait()
    tap.close()
    assert told == [(0.0, pytest.approx(0.096))]


def test_a_line_in_a_forgotten_ones_row_begins_anew(model: SileroModel, say: Callable[[str], bytes]) -> None:
    speech = whole(say("Thanks for calling. How can I help you today?"))
    first, second = Line(lambda *_: None), Line(lambda *_: None)
    ((_, once),) = model.judge([(first, speech)])
    row = first.row
    model.forget(first)
    model.forget(first)
    ((_, again),) = model.judge([(second, speech)])
    assert second.row == row
    assert again == once


def test_more_lines_than_there_are_rows_keep_what_the_first_ones_said(
    model: SileroModel, say: Callable[[str], bytes]
) -> None:
    speech = whole(say("Thanks for calling. How can I help you today?"))
    half = len(speech) // WINDOW // 2 * WINDOW
    line = Line(lambda *_: None)
    told = model.judge([(line, speech[:half])])[0][1]
    model.judge([(Line(lambda *_: None), MULAW_SILENCE * WINDOW) for _ in range(500)])
    told += model.judge([(line, speech[half:])])[0][1]
    assert np.allclose(told, judge(model, speech), atol=1e-4)


def test_line_that_was_not_judged_for_long_is_told_so_instead_of_piling_up() -> None:
    told: list[tuple[float, float]] = []
    line = Line(lambda probability, seconds: told.append((probability, seconds)))
    line.put(MULAW_SILENCE * 8_000 * 60)
    taken = line.take()
    assert len(taken) <= 2 * 8_000
    assert told[0][0] == 0.0
    assert told[0][1] + len(taken) / 8_000 == pytest.approx(60, abs=0.04)
    assert silero.TICK_SECONDS <= 0.04
