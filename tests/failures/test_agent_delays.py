"""An agent that takes its time, from not at all to a minute: before its first byte, in mid-answer, at a tool."""

from typing import Literal

from broken_agent import GREETS, Reply, Script, events
from groups import FILLER, GIVE_UP, cases, failure
from telephone_world import TRIES_AGAIN, Cell, hears, play_cells

from voicegw.simulator import HangsUp, Hears, Says, Step

Phase = Literal["launch", "mid-call"]
Case = tuple[float, Phase]

FIRST = {"type": "speak", "payload": {"type": "message", "message": "There is a visit on Monday."}}
TOOL = {"type": "tool-call", "payload": {"state": "start", "callID": "t1"}}
TOOL_OVER = {"type": "tool-call", "payload": {"state": "end", "callID": "t1"}}
LAST = {"type": "speak", "payload": {"type": "message", "message": "Or would Tuesday suit you?"}}
ASKS = Says("when can I come")

DELAYS: list[Case] = [(half / 2, phase) for half in range(121) for phase in ("launch", "mid-call")]
LATE: list[Case] = [(delay, phase) for delay, phase in DELAYS if 31 <= delay <= 46]


def cell(name: str, delay: float, phase: Phase, reply: Reply, steps: tuple[Step, ...] = TRIES_AGAIN) -> Cell:
    if phase == "launch":
        return Cell(name=f"{name} {delay} s at launch", script=Script(turns=(reply,)), steps=steps)
    script = Script(turns=(GREETS, reply))
    return Cell(name=f"{name} {delay} s in mid-call", script=script, steps=(ASKS, *steps))


def slow_first_byte(delay: float, *traces: dict[str, object]) -> Reply:
    return Reply(body=events(*(traces or (FIRST, LAST))), after_seconds=delay)


def slow_in_the_middle(delay: float, *before: dict[str, object], after: tuple[dict[str, object], ...]) -> Reply:
    at = len(events(*before)) - len(b"event: end\ndata: {}\n\n")
    return Reply(body=events(*before, *after), pauses=((at, delay),))


@failure(
    "agent slow",
    "nothing for 0–60 s (steps of 0.5 s) before the first byte",
    "the answer; after 2.5 s of waiting (8 s while it rings) “One moment, please”, again every few seconds; after 25 s "
    "“I'm sorry, this is taking longer than it should”, and they may speak again",
)
@cases(DELAYS, quick=9, size=60)
def test_an_agent_that_is_slow_to_begin(cases: tuple[Case, ...]) -> None:
    for call, (delay, phase) in zip(
        play_cells([cell("first byte after", *case, slow_first_byte(case[0])) for case in cases]), cases, strict=True
    ):
        waited = 8.5 if phase == "launch" else 3.0
        assert hears(call.report, FILLER) == (delay >= waited) or 2.0 <= delay <= waited, call.explain()
        assert hears(call.report, GIVE_UP) == (delay > 25.0) or 24.5 <= delay <= 31.0, call.explain()
        assert hears(call.report, "There is a visit on Monday") or delay > 25.0, call.explain()


@failure(
    "agent slow",
    "quiet for 0–60 s in mid-answer",
    "the first part at once, fillers while nothing comes, then the rest; after 25 s of quiet the apology",
)
@cases(DELAYS, quick=9, size=60, first=3)
def test_an_agent_that_pauses_in_mid_answer(cases: tuple[Case, ...]) -> None:
    cells = [cell("mid-answer", *case, slow_in_the_middle(case[0], FIRST, after=(LAST,))) for case in cases]
    for call, (delay, _) in zip(play_cells(cells), cases, strict=True):
        assert call.report.spoken.count("There is a visit on Monday.") == 1, call.explain()
        assert hears(call.report, GIVE_UP) == (delay > 25.0) or 24.5 <= delay <= 31.0, call.explain()
        assert hears(call.report, "would Tuesday suit you") or delay > 25.0, call.explain()


@failure(
    "agent slow",
    "a tool of the agent works for 0–60 s in mid-answer",
    "the first part, then fillers (or the tool's own sound) as long as it takes, then the rest: a tool has 120 s",
)
@cases(DELAYS, quick=9, size=60, first=6)
def test_an_agent_whose_tool_takes_long(cases: tuple[Case, ...]) -> None:
    after = (TOOL_OVER, LAST)
    cells = [cell("tool", *case, slow_in_the_middle(case[0], FIRST, TOOL, after=after)) for case in cases]
    for call in play_cells(cells):
        assert not hears(call.report, GIVE_UP), call.explain()
        assert call.report.spoken.count("There is a visit on Monday.") == 1, call.explain()
        assert call.report.spoken.count("Or would Tuesday suit you?") == 1, call.explain()


@failure(
    "agent slow",
    "the answer comes 31–46 s late, after the apology, and the caller has said nothing since",
    "the late answer, once they have been asked whether they are there",
)
@cases(LATE, quick=7)
def test_a_late_answer_is_still_spoken(cases: tuple[Case, ...]) -> None:
    steps = (Hears("would Tuesday suit you", within_seconds=120.0), *TRIES_AGAIN)
    for call in play_cells([cell("late by", *case, slow_first_byte(case[0]), steps) for case in cases]):
        assert hears(call.report, GIVE_UP), call.explain()


@failure(
    "agent slow",
    "a tool that never ends",
    "fillers for 120 s, then the apology, and they may speak again",
)
@cases([(0.0, "launch"), (0.0, "mid-call")], quick=1)
def test_a_tool_that_never_ends(cases: tuple[Case, ...]) -> None:
    reply = slow_in_the_middle(0.0, FIRST, TOOL, after=(LAST,))
    stalled = reply.cut_off("stall", len(reply.body) - 130)
    steps = (Hears(GIVE_UP, within_seconds=200.0), *TRIES_AGAIN)
    for call in play_cells([cell("tool for ever", *case, stalled, steps) for case in cases]):
        assert call.report.ended_at_seconds > 120.0


@failure("agent slow", "every turn is slow: three in a row take longer than 25 s", "the third time: a goodbye")
@cases([(26.0, "launch"), (40.0, "launch"), (60.0, "launch")], quick=1)
def test_three_slow_turns_in_a_row_are_the_end(cases: tuple[Case, ...]) -> None:
    cells = [
        Cell(
            name=f"always {delay} s",
            script=Script(turns=(Reply(body=events(FIRST)).cut_off("stall", 0),) * 9),
            steps=(Says("hello one"), Says("hello two"), Says("hello three"), Hears("Goodbye", 400.0), HangsUp()),
        )
        for delay, _ in cases
    ]
    for call in play_cells(cells):
        assert call.report.end_reason == "hangup", call.explain()
