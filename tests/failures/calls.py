"""Calls as they usually go, to put into trouble: each a `Cell` in which the agent does what it should, or nearly."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from broken_agent import BACK, GREETS, Reply, Script, events, recorded, refuses, says
from telephone_world import Cell

from voicegw.simulator import HangsUp, Hears, Presses, Says, StaysSilent, Step

SLOW = replace(says("It costs twenty dollars."), after_seconds=7.0)
LONG_TOOL = Reply(
    body=events(
        {"type": "speak", "payload": {"type": "message", "message": "Let me look."}},
        {"type": "tool-call", "payload": {"state": "start", "callID": "t1"}},
        {"type": "tool-call", "payload": {"state": "end", "callID": "t1"}},
        {"type": "speak", "payload": {"type": "message", "message": "Tuesday is free."}},
    ),
    slice_bytes=120,
    drip_seconds=3.0,
)
ASKS = (Says("what does it cost"), Says("and when can I come"), Says("thank you"))

CALLS: Mapping[str, Cell] = {
    cell.name: cell
    for cell in (
        Cell(
            name="dialogue",
            script=Script(turns=(GREETS, says("It costs twenty dollars."), says("Come on Tuesday."))),
            steps=(*ASKS, Hears(BACK), HangsUp()),
        ),
        Cell(
            name="slow",
            script=Script(turns=(GREETS, SLOW, LONG_TOOL)),
            steps=(*ASKS, Hears(BACK, within_seconds=120.0), HangsUp()),
        ),
        Cell(
            name="keys",
            script=Script(turns=(GREETS, recorded("keypad"), says("That is the right code."))),
            steps=(Says("let me in"), Presses("1234"), Says("thank you"), Hears(BACK), HangsUp()),
        ),
        Cell(
            name="failing",
            script=Script(turns=(GREETS, refuses(500), says("Come on Tuesday."))),
            steps=(*ASKS, Hears(BACK), HangsUp()),
        ),
        Cell(name="forward", script=Script(turns=(GREETS, recorded("forward"))), steps=(ASKS[0], StaysSilent())),
        Cell(name="end", script=Script(turns=(GREETS, recorded("end"))), steps=(ASKS[0], StaysSilent())),
    )
}


def call(name: str, title: str = "", **changes: Any) -> Cell:
    """One of the usual calls, under another name and with something changed."""
    return replace(CALLS[name], name=f"{name} {title}".strip(), **changes)


def insisting(name: str) -> tuple[Step, ...]:
    """The steps of a usual call, by a caller who says something once more where it was lost."""
    *steps, heard, last = CALLS[name].steps
    again = Says("as I said")
    return (*steps, again, heard, last) if isinstance(heard, Hears) else (*steps, heard, again, last)
