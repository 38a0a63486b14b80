"""Every fault at every byte of ten recorded answers, at the launch and in mid-call."""

from collections import Counter
from collections.abc import Callable
from typing import Literal

from broken_agent import GREETS, STREAMS, Reply, Script, recorded
from groups import GIVE_UP, SORRY, cases, failure
from telephone_world import TRIES_AGAIN, Cell, Played, hears, play_cells

from voicegw.simulator import Says

Phase = Literal["launch", "mid-call"]
Case = tuple[str, int, Phase]

PHASES: tuple[Phase, Phase] = ("launch", "mid-call")
BYTES: list[Case] = [
    (stream, at, phase) for stream in STREAMS for at in range(len(recorded(stream).body)) for phase in PHASES
]
IN_TURN: list[Case] = [(stream, at, PHASES[at % 2]) for stream in STREAMS for at in range(len(recorded(stream).body))]
SIZES: list[Case] = [
    (stream, size, phase) for stream in STREAMS for size in (1, 2, 3, 5, 7, 16, 61, 4096) for phase in PHASES
]
GO_ELSEWHERE = ("forward", "end")
"""Streams after which the caller is not in dialogue any more, also when their last bytes are lost."""


def play(cases: tuple[Case, ...], damaged: Callable[[Reply, int], Reply]) -> list[tuple[Played, Case]]:
    cells = [_cell(case, damaged(recorded(case[0]), case[1])) for case in cases]
    calls = play_cells(cells)
    for call in calls:
        spoken = Counter(text for text in call.report.spoken if len(text) > 10)
        again = [text for text, times in spoken.items() if times > 1 and text.encode() in recorded(_stream(call)).body]
        assert again == [], call.explain()
    return list(zip(calls, cases, strict=True))


def _cell(case: Case, reply: Reply) -> Cell:
    stream, at, phase = case
    name = f"{stream} at byte {at}, {phase}"
    if phase == "launch":
        return Cell(name=name, script=Script(turns=(reply,)))
    return Cell(name=name, script=Script(turns=(GREETS, reply)), steps=(Says("the first question"), *TRIES_AGAIN))


def _stream(call: Played) -> str:
    return call.cell.name.split(" ", 1)[0]


@failure(
    "answer breaks off",
    "connection reset after any byte (before the first included)",
    "what had arrived, once; then “Sorry, something went wrong. Please say that again.”; where nothing of the greeting "
    "had arrived, “Hello. I'm having a little trouble getting started. How can I help you?”",
)
@cases(BYTES, quick=127, size=400)
def test_a_reset_at_any_byte(cases: tuple[Case, ...]) -> None:
    for call, (stream, *_) in play(cases, lambda reply, at: reply.cut_off("reset", at)):
        assert hears(call.report, SORRY) or stream in GO_ELSEWHERE, call.explain()


@failure(
    "answer breaks off",
    "the body ends (or the agent's side of the connection is closed) after any byte, without its `end` event",
    "what had arrived, once; then the failure phrase",
)
@cases(BYTES, quick=127, size=400, first=31)
def test_an_end_of_file_at_any_byte(cases: tuple[Case, ...]) -> None:
    for call, (stream, *_) in play(cases, lambda reply, at: reply.cut_off("end-of-file", at)):
        assert hears(call.report, SORRY) or stream in GO_ELSEWHERE, call.explain()


@failure(
    "answer breaks off",
    "nothing more comes after any byte (at the launch and in mid-call in turn), and the connection stays open",
    "what had arrived, once; fillers; after 25 s the apology (120 s where a tool was at work)",
)
@cases(IN_TURN, quick=127, size=200, first=63)
def test_a_stall_at_any_byte(cases: tuple[Case, ...]) -> None:
    for call, _ in play(cases, lambda reply, at: reply.cut_off("stall", at)):
        assert hears(call.report, GIVE_UP), call.explain()


@failure(
    "answer damaged",
    "any one byte is wrong (NUL)",
    "what can still be understood; where nothing can, or the end is missing, the failure phrase",
)
@cases(BYTES, quick=127, size=400, first=95)
def test_a_corrupt_byte_anywhere(cases: tuple[Case, ...]) -> None:
    play(cases, lambda reply, at: reply.corrupted(at))


@failure("answer damaged", "any one byte is a line feed too many", "as above")
@cases(BYTES[::3], quick=211, size=400, first=7)
def test_a_line_feed_too_many_anywhere(cases: tuple[Case, ...]) -> None:
    play(cases, lambda reply, at: reply.corrupted(at, byte=0x0A))


@failure("answer in pieces", "cut into slices of 1, 2, 3 … bytes (inside characters too)", "the answer, as if whole")
@cases(SIZES, quick=9, size=100)
def test_slices_of_any_size(cases: tuple[Case, ...]) -> None:
    for call, _ in play(cases, lambda reply, size: Reply(body=reply.body, slice_bytes=size)):
        assert not hears(call.report, SORRY), call.explain()


@failure(
    "answer in pieces",
    "a slow drip: 1 to 61 bytes every 50 ms",
    "each sentence as soon as it is whole, fillers where the next one takes long",
)
@cases([case for case in SIZES if case[1] < 100], quick=9, size=60, first=4)
def test_a_slow_drip(cases: tuple[Case, ...]) -> None:
    for call, _ in play(cases, lambda reply, size: Reply(body=reply.body, slice_bytes=size, drip_seconds=0.05)):
        assert not hears(call.report, SORRY), call.explain()


@failure("answer in pieces", "everything has come, but the connection is never closed", "the answer, as if closed")
@cases([(stream, 0, phase) for stream in STREAMS for phase in PHASES], quick=3)
def test_a_connection_that_is_never_closed(cases: tuple[Case, ...]) -> None:
    for call, _ in play(cases, lambda reply, _: reply.cut_off("stall", len(reply.body))):
        assert not hears(call.report, GIVE_UP), call.explain()
