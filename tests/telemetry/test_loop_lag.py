"""How late the event loop is: what shows, how long, and how often the operator is told."""

import asyncio

import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.simulator.virtual_time import VirtualTimeLoop
from voicegw.telemetry.loop_lag import EVERY_SECONDS, LINE_EVERY_SECONDS, WINDOW_SECONDS, LoopLag, watch_loop_lag


def test_before_the_first_measurement_nothing_is_late() -> None:
    assert LoopLag().worst_seconds() == 0.0


def test_the_worst_of_the_last_minute_shows() -> None:
    lag = LoopLag()
    for now, late in [(1.0, 0.02), (2.0, 0.5), (3.0, 0.01)]:
        lag.receive(late, now)
    assert lag.worst_seconds() == 0.5


def test_a_lag_is_forgotten_after_a_minute() -> None:
    lag = LoopLag()
    lag.receive(0.5, 1.0)
    lag.receive(0.02, 1.0 + WINDOW_SECONDS)
    assert lag.worst_seconds() == 0.02


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 5)), min_size=1, max_size=50))
def test_what_shows_is_the_largest_lag_of_the_window(steps) -> None:
    lag, now, seen = LoopLag(), 0.0, []
    for pause, late in steps:
        now += pause
        lag.receive(late, now)
        seen.append((now, late))
    assert lag.worst_seconds() == max(late for at, late in seen if at > now - WINDOW_SECONDS)


def test_the_operator_is_told_of_a_bad_lag_and_not_of_a_small_one() -> None:
    lag = LoopLag()
    assert not lag.receive(0.1, 1.0)
    assert lag.receive(0.11, 2.0)


def test_the_operator_is_not_told_again_at_once() -> None:
    lag = LoopLag()
    assert lag.receive(1.0, 1.0)
    assert not lag.receive(9.0, 1.0 + LINE_EVERY_SECONDS - 0.1)
    assert lag.receive(0.2, 1.0 + LINE_EVERY_SECONDS)


class _StallingLoop(VirtualTimeLoop):
    """A loop in virtual time that can be kept busy for a while."""

    def keep_busy(self, seconds: float) -> None:
        self._virtual_now += seconds


def test_the_task_measures_how_long_the_loop_was_kept_busy_and_says_so_once() -> None:
    lag, loop = LoopLag(), _StallingLoop()

    async def keep_loop_busy() -> None:
        watching = asyncio.create_task(watch_loop_lag(lag))
        await asyncio.sleep(10 * EVERY_SECONDS + 0.01)
        assert lag.worst_seconds() < 0.001
        loop.keep_busy(3.0)
        await asyncio.sleep(10 * EVERY_SECONDS)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    with asyncio.Runner(loop_factory=lambda: loop) as runner, structlog.testing.capture_logs() as logs:
        runner.run(keep_loop_busy())
    assert 2.7 < lag.worst_seconds() <= 3.0
    assert [line["event"] for line in logs] == ["event loop is late"]
