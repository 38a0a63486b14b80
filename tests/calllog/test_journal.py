"""The journal: what it dates and hides, and that nothing which goes wrong behind it reaches a call."""

from collections.abc import Callable, Sequence

import pytest
from structlog.testing import capture_logs

from voicegw.call.entries import Entry
from voicegw.call.inputs import CallParties
from voicegw.call.profile import NumberProfile
from voicegw.call.records import CallerSpoke, KeysPressed, Noted, Record, TurnBegan
from voicegw.call.redaction import CallRedactor
from voicegw.calllog.journal import MAX_OPEN_CALLS, CallJournal

PARTIES = CallParties(caller_number="+15005550006", called_number="+15005550001")
PROFILE = NumberProfile()


class Clocks:
    """A monotonic clock and a wall clock that a test moves."""

    def __init__(self) -> None:
        self.monotonic, self.epoch = 50.0, 1_000_000.0

    def pass_seconds(self, seconds: float) -> None:
        self.monotonic += seconds
        self.epoch += seconds


class Kept:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def receive(self, entry: Entry) -> None:
        self.entries.append(entry)

    @property
    def records(self) -> Sequence[Record]:
        return [entry.record for entry in self.entries]


class Broken:
    """A sink that never works."""

    def receive(self, entry: Entry) -> None:
        raise ValueError(f"cannot take {entry.record}")


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def kept() -> Kept:
    return Kept()


def journal_of(clocks: Clocks, *sinks: Kept | Broken) -> CallJournal:
    return CallJournal(sinks, clock=lambda: clocks.monotonic, wall=lambda: clocks.epoch)


def test_an_entry_has_the_wall_time_and_how_long_the_call_has_lasted(clocks: Clocks, kept: Kept) -> None:
    journal = journal_of(clocks, kept)
    journal.open("CA1", PARTIES, PROFILE, clocks.epoch)
    clocks.pass_seconds(2.5)
    journal.note("CA1", TurnBegan(heard="said"), 3)
    assert kept.entries == [Entry(call_sid="CA1", at=1_000_002.5, offset=2.5, turn=3, record=TurnBegan(heard="said"))]


def test_a_wall_clock_that_jumps_does_not_move_the_offset(clocks: Clocks, kept: Kept) -> None:
    journal = journal_of(clocks, kept)
    journal.open("CA1", PARTIES, PROFILE, clocks.epoch)
    clocks.epoch -= 3600
    clocks.monotonic += 1
    journal.note("CA1", TurnBegan(heard="said"))
    assert kept.entries[0].offset == 1


def test_a_call_that_another_process_began_goes_on_from_its_age(clocks: Clocks, kept: Kept) -> None:
    journal = journal_of(clocks, kept)
    journal.open("CA1", PARTIES, PROFILE, clocks.epoch - 40)
    clocks.pass_seconds(1)
    journal.note("CA1", TurnBegan(heard="said"))
    assert kept.entries[0].offset == 41


def test_a_start_that_is_yet_to_come_is_now(clocks: Clocks, kept: Kept) -> None:
    journal = journal_of(clocks, kept)
    journal.open("CA1", PARTIES, PROFILE, clocks.epoch + 5)  # another machine's clock is ahead
    journal.note("CA1", TurnBegan(heard="said"))
    assert kept.entries[0].offset == 0


def test_opening_a_call_again_changes_nothing(clocks: Clocks, kept: Kept) -> None:
    journal = journal_of(clocks, kept)
    journal.open("CA1", PARTIES, NumberProfile(sensitive=True), clocks.epoch)
    clocks.pass_seconds(2)
    journal.open("CA1", PARTIES, PROFILE, clocks.epoch)
    journal.note("CA1", CallerSpoke(text="my secret"))
    assert kept.entries[0].offset == 2
    assert "secret" not in str(kept.records)


def test_every_sink_gets_what_the_number_lets_through(clocks: Clocks) -> None:
    first, second = Kept(), Kept()
    journal = journal_of(clocks, first, second)
    journal.open("CA1", PARTIES, PROFILE, clocks.epoch)
    journal.note("CA1", CallerSpoke(text="a table for two"))
    journal.note("CA1", KeysPressed(keys="4711"))
    assert first.entries == second.entries
    assert first.records[0] == CallerSpoke(text="a table for two")
    assert "4711" not in str(first.records)


@pytest.mark.parametrize("closed_before", [False, True])
def test_of_a_call_that_is_not_open_everything_is_hidden(clocks: Clocks, kept: Kept, closed_before: bool) -> None:
    journal = journal_of(clocks, kept)
    if closed_before:
        journal.open("CA1", PARTIES, PROFILE, clocks.epoch)
        journal.close("CA1")
        journal.close("CA1")
    clocks.pass_seconds(3)
    journal.note("CA1", CallerSpoke(text="a table for two"))
    assert "table" not in str(kept.records)
    assert (kept.entries[0].offset, kept.entries[0].at) == (0, 1_000_003)


def test_a_broken_sink_harms_no_other_and_is_told_of_once(clocks: Clocks, kept: Kept) -> None:
    journal = journal_of(clocks, Broken(), kept, Broken())
    journal.open("CA1", PARTIES, PROFILE, clocks.epoch)
    with capture_logs() as logs:
        for _ in range(5):
            journal.note("CA1", CallerSpoke(text="a table for two"))
    assert len(kept.entries) == 5
    assert [(log["by"], log["error"]) for log in logs] == [("Broken", "ValueError")] * 2
    assert "table" not in str(logs)


def test_a_record_that_cannot_be_redacted_is_not_kept(
    clocks: Clocks, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: CallRedactor, record: Record) -> Record:
        raise RuntimeError(str(record))

    monkeypatch.setattr(CallRedactor, "redact", fail)
    journal = journal_of(clocks, kept)
    journal.open("CA1", PARTIES, PROFILE, clocks.epoch)
    with capture_logs() as logs:
        journal.note("CA1", CallerSpoke(text="a table for two"))
    assert kept.records == [Noted(about="unredacted-record", fields={"kind": "caller-spoke"})]
    assert len(logs) == 1
    assert "table" not in str(logs)


def test_calls_that_nobody_closes_are_forgotten_oldest_first(clocks: Clocks, kept: Kept) -> None:
    journal = journal_of(clocks, kept)
    for number in range(MAX_OPEN_CALLS + 1):
        journal.open(f"CA{number}", PARTIES, PROFILE, clocks.epoch)
    for number in (0, 1):
        journal.note(f"CA{number}", CallerSpoke(text="a table for two"))
    assert [("table" in str(record)) for record in kept.records] == [False, True]


def test_what_is_deferred_is_dated_at_once_and_told_in_order_with_what_came_meanwhile(
    clocks: Clocks, kept: Kept
) -> None:
    later: list[Callable[[], None]] = []
    journal = CallJournal([kept], clock=lambda: clocks.monotonic, wall=lambda: clocks.epoch, defer=later.append)
    journal.open("CA1", PARTIES, PROFILE, clocks.epoch)
    journal.note("CA1", KeysPressed(keys="1234"))
    clocks.pass_seconds(0.5)
    journal.note("CA1", TurnBegan(heard="pressed"), 1)
    journal.close("CA1")
    clocks.pass_seconds(0.5)
    assert kept.entries == []
    (flush,) = later
    flush()
    assert [(entry.offset, entry.turn) for entry in kept.entries] == [(0.0, 0), (0.5, 1)]
    assert isinstance(kept.records[0], KeysPressed)
    assert kept.records[0].keys == "••••"
    journal.note("CA1", TurnBegan(heard="said"), 2)
    assert len(later) == 2
