"""Two voices on one time line: where each stands, whatever the way to the carrier and back does."""

import heapq
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.media.two_channels import SHOWN_AFTER_BYTES, TwoChannels

FRAME_SECONDS = 0.02
TOLERANCE = 160  # 20 ms
QUIET = 0xFF


def samples(seconds: float) -> int:
    return round(seconds * 8000)


class Call:
    """A carrier that is `way` seconds away: it plays what comes, names marks back, and sends a frame every 20 ms.

    `spoken` and `played` are what the caller said and heard, sample by sample since the call began.
    """

    def __init__(self, way: float = 0.0) -> None:
        self.way = way
        self.now = 0.0
        self.channels = TwoChannels(100.0)
        self.spoken = bytearray()
        self.played = bytearray()
        self.voice = 0x11
        self.taken: list[tuple[bytes, bytes]] = []
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._plays_until = 0.0
        self._pending: dict[str, float] = {}
        self._lost: list[tuple[float, float]] = []
        self._at(0.0, self._speak)

    def send(self, audio: bytes) -> None:
        """The gateway sends a piece and its mark."""
        name = str(self._count)
        self.channels.send(audio, 100 + self.now)
        self.channels.send_mark(name)
        self._at(self.now + self.way, lambda: self._queue(audio, name))

    def clear(self) -> None:
        """The gateway has what was not played thrown away."""
        self.channels.clear(100 + self.now)
        self._at(self.now + self.way, self._clear)

    def hide(self, hidden: bool) -> None:
        self.channels.hide(hidden, 100 + self.now)

    def lose_frames(self, seconds: float) -> None:
        """The carrier sends nothing for so long."""
        self._lost.append((self.now, self.now + seconds))

    def run(self, seconds: float) -> None:
        """So much of the call goes by."""
        until = self.now + seconds
        while self._events and self._events[0][0] <= until + 1e-9:
            self.now, _, act = heapq.heappop(self._events)
            act()
        self.now = until

    def finish(self) -> tuple[bytes, bytes]:
        """The two channels of the file."""
        self.taken.append(self.channels.finish(100 + self.now))
        assert all(len(caller) == len(agent) for caller, agent in self.taken)
        return b"".join(caller for caller, _ in self.taken), b"".join(agent for _, agent in self.taken)

    def _at(self, when: float, act: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (when, self._count, act))

    def _speak(self) -> None:
        frame = bytes([self.voice]) * 160
        self.spoken[samples(self.now) :] = frame
        if not any(begin <= self.now < end for begin, end in self._lost):
            self._at(self.now + FRAME_SECONDS + self.way, lambda: self._arrive(frame))
        self._at(self.now + FRAME_SECONDS, self._speak)

    def _arrive(self, frame: bytes) -> None:
        self.channels.receive_caller(frame, 100 + self.now)
        self.taken.append(self.channels.take())

    def _queue(self, audio: bytes, name: str) -> None:
        begin = max(self.now, self._plays_until)
        self._plays_until = begin + len(audio) / 8000
        self.played = self.played[: samples(begin)].ljust(samples(begin), b"\xff") + audio
        self._pending[name] = self._plays_until
        self._at(self._plays_until, lambda: self._name(name))

    def _name(self, name: str) -> None:
        if self._pending.pop(name, None) is not None:
            self._at(self.now + self.way, lambda: self.channels.receive_mark(name, 100 + self.now))

    def _clear(self) -> None:
        self._plays_until = self.now
        del self.played[samples(self.now) :]
        for name in list(self._pending):
            self._name(name)


def edges(channel: bytes) -> list[int]:
    """Where a channel's sound changes."""
    return [at for at in range(1, len(channel)) if channel[at] != channel[at - 1]]


def assert_stands_as_heard(call: Call, agent: bytes) -> None:
    """Every change of sound stands where the caller heard it, as late as their own voice is."""
    late = samples(call.way) if samples(call.way) > TOLERANCE else 0
    heard = [at + late for at in edges(bytes(call.played).ljust(len(call.spoken), b"\xff")) if at + late < len(agent)]
    found = edges(agent)
    assert len(found) == len(heard), (found, heard)
    assert all(abs(one - other) <= TOLERANCE for one, other in zip(found, heard, strict=True)), (found, heard)


@pytest.mark.parametrize("way", [0.0, 0.013, 0.06, 0.25])
def test_a_prompt_stands_where_it_was_heard(way: float) -> None:
    call = Call(way)
    call.run(1.0)
    call.send(b"\x41" * 1600)
    call.send(b"\x42" * 800)
    call.run(2.0)
    caller, agent = call.finish()
    assert len(caller) == len(agent) == samples(3.0)
    assert_stands_as_heard(call, agent)
    assert edges(agent)[1] - edges(agent)[0] == 1600  # without a gap, to the sample


@pytest.mark.parametrize("way", [0.0, 0.06])
def test_what_was_cleared_before_it_was_heard_is_not_in_the_file(way: float) -> None:
    call = Call(way)
    call.send(b"\x41" * 1600)
    call.run(1.0)
    for piece in range(3):
        call.send(bytes([0x42 + piece]) * 1600)
    call.run(0.3)
    call.clear()
    call.run(0.1)
    call.send(b"\x55" * 800)
    call.run(1.0)
    _, agent = call.finish()
    assert_stands_as_heard(call, agent)
    assert agent.count(0x44) == 0


def test_a_carrier_that_ran_dry_leaves_its_gap() -> None:
    call = Call(0.05)
    call.send(b"\x41" * 1600)
    call.run(0.1)
    call._plays_until += 0.4  # a stall at the carrier
    call.send(b"\x42" * 1600)
    call.run(2.0)
    _, agent = call.finish()
    assert_stands_as_heard(call, agent)


def test_marks_that_never_come_leave_the_prompt_where_it_was_due() -> None:
    channels = TwoChannels(0.0)
    channels.send(b"\x41" * 800, 0.0)
    for frame in range(1, 201):
        channels.receive_caller(b"\x11" * 160, frame * FRAME_SECONDS)
    caller, agent = channels.take()
    assert len(caller) == len(agent) == 32_000
    assert edges(agent) == [800]


def test_a_mark_stands_for_those_before_it_that_were_lost() -> None:
    channels = TwoChannels(0.0)
    channels.send_mark("behind nothing")
    for name in ("lost", "found"):
        channels.send(name[:1].encode() * 800, 0.0)
        channels.send_mark(name)
    for frame in range(1, 11):
        channels.receive_caller(b"\x11" * 160, frame * FRAME_SECONDS)
    channels.receive_mark("found", 0.2)
    channels.receive_mark("lost", 0.2)
    assert channels.take()[1] == b"l" * 800 + b"f" * 800


def test_an_unknown_mark_changes_nothing() -> None:
    call = Call()
    call.send(b"\x41" * 1600)
    call.channels.receive_mark("nobody's", 100.0)
    call.run(1.0)
    assert_stands_as_heard(call, call.finish()[1])


def test_frames_that_never_came_are_silence_and_what_follows_stands_in_its_place() -> None:
    call = Call(0.05)
    call.run(2.0)
    call.lose_frames(0.5)
    call.run(2.0)
    call.voice = 0x22
    call.run(2.0)
    caller, _ = call.finish()
    assert len(caller) == samples(6.0)
    assert abs(caller.index(0x22) - samples(4.05)) <= TOLERANCE
    assert caller.count(QUIET) == pytest.approx(samples(0.55), abs=2 * TOLERANCE)


def test_frames_that_come_late_and_then_all_at_once_are_no_gap() -> None:
    channels = TwoChannels(0.0)
    for frame in range(1, 101):
        channels.receive_caller(b"\x11" * 160, frame * FRAME_SECONDS)
    for _ in range(20):  # held up for 0.4 s
        channels.receive_caller(b"\x22" * 160, 2.4)
    for frame in range(121, 201):
        channels.receive_caller(b"\x33" * 160, frame * FRAME_SECONDS)
    caller, _ = channels.finish(4.0)
    assert caller == b"\x11" * 16_000 + b"\x22" * 3_200 + b"\x33" * 12_800


def test_hidden_moments_are_silent_in_both_channels_and_for_a_moment_after() -> None:
    call = Call()
    call.send(b"\x41" * 24_000)
    call.run(1.0)
    call.hide(True)
    call.hide(True)
    call.run(1.0)
    call.hide(False)
    call.hide(False)
    call.run(2.0)
    caller, agent = call.finish()
    shown_at = 16_000 + SHOWN_AFTER_BYTES
    for channel, sound in ((caller, 0x11), (agent, 0x41)):
        assert set(channel[:8000]) == {sound}
        assert set(channel[8000:shown_at]) == {QUIET}
        assert set(channel[shown_at:24_000]) == {sound}


def test_what_is_hidden_to_the_end_stays_hidden() -> None:
    call = Call()
    call.run(1.0)
    call.hide(True)
    call.run(1.0)
    assert set(call.finish()[0][8000:]) == {QUIET}


def test_what_the_carrier_had_not_played_at_the_end_is_not_in_the_file() -> None:
    call = Call()
    call.run(1.0)
    call.send(b"\x41" * 3200)
    call.run(0.1)
    caller, agent = call.finish()
    assert len(caller) == len(agent) == samples(1.1)
    assert agent.count(0x41) == 800


ACTS = st.lists(
    st.tuples(st.sampled_from(["send", "send", "send", "clear"]), st.integers(60, 200), st.integers(0, 600)),
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(way=st.integers(0, 120), acts=ACTS, tail=st.integers(0, 100))
def test_any_call_is_as_long_as_it_was_and_holds_what_was_heard(
    way: int, acts: list[tuple[str, int, int]], tail: int
) -> None:
    """Sound for sound as much of it as the caller heard, and in their order."""
    call = Call(way / 1000)
    call.run(0.5)
    call.send(b"\x01" * 800)  # the way is known from the first prompt on
    call.run(1.0)
    sounds = iter(range(2, 250))
    lead_until = 0.0
    for act, milliseconds, pause in acts:
        if act == "clear":
            call.clear()
            lead_until = call.now
        elif lead_until - call.now < 0.4:
            call.send(bytes([next(sounds)]) * (8 * milliseconds))
            lead_until = max(lead_until, call.now) + milliseconds / 1000
        call.run(pause / 1000)
    call.run(1.0 + tail / 1000)
    caller, agent = call.finish()
    assert abs(len(agent) - samples(call.now)) <= 1
    assert len(caller) == len(agent)
    for sound in set(call.played) - {QUIET}:
        assert abs(agent.count(sound) - call.played.count(sound)) <= 2 * TOLERANCE
    order = [sound for sound in dict.fromkeys(agent) if sound != QUIET]
    assert order == sorted(order)
