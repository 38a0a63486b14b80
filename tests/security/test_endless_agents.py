"""An agent that never stops, or writes what is slow to read, costs one call its turn and no other call its time."""

import time
from typing import Any

import pytest

from voicegw.call.instructions import Instruction, Note, Say
from voicegw.call.profile import NumberProfile
from voicegw.voiceflow.planner import Planner
from voicegw.voiceflow.planner_budget import MAX_READ_CHARACTERS, MAX_TEXT_CHARACTERS
from voicegw.voiceflow.traces import parse_trace

MEGABYTES = 4_000_000
# Processor time: a busy machine does not count. Unread it would be 10 to 60 s.
MOST_SECONDS = 2.0
SLOW_TO_READ = ("word ", "<s><p>", "![", "*a ", "<a ", "\n- ", "a. ", "&#60;", "[^", "\u2600 ", "<!--")


def plan(*traces: dict[str, Any]) -> list[Instruction]:
    planner = Planner(NumberProfile(read_buttons=True))
    out = [instruction for trace in traces for instruction in planner.receive(parse_trace(trace))]
    return out + planner.finish(clean=True)


def pieces(text: str, size: int) -> list[dict[str, Any]]:
    deltas = [text[at : at + size] for at in range(0, len(text), size)]
    return [{"type": "completion", "payload": {"state": "content", "content": delta}} for delta in deltas]


def card(text: str) -> dict[str, Any]:
    return {"title": text, "description": {"text": text}, "buttons": [{"name": text, "request": {"type": "text"}}]}


@pytest.mark.parametrize("piece", SLOW_TO_READ)
@pytest.mark.parametrize("way", ["text", "completion", "carousel", "handoff"])
def test_megabytes_of_text_are_read_in_no_time_and_cut(piece: str, way: str) -> None:
    text = piece * (MEGABYTES // len(piece))
    traces: dict[str, list[dict[str, Any]]] = {
        "text": [{"type": "text", "payload": {"message": text}}],
        "completion": pieces(text, 800),
        "carousel": [{"type": "carousel", "payload": {"cards": [card(text)] * 3}}],
        "handoff": [{"type": "live-agent-handoff", "payload": {"event": "message_received", "message": text}}],
    }
    began = time.process_time()
    out = plan(*traces[way])
    assert time.process_time() - began < MOST_SECONDS
    assert sum(len(said.text) for said in out if isinstance(said, Say)) <= MAX_TEXT_CHARACTERS
    assert Note(about="turn-cut", fields={"cap": "text"}) in out


def test_a_turn_within_its_allowance_is_not_cut() -> None:
    text = "word " * (MAX_TEXT_CHARACTERS // 5)
    out = plan({"type": "text", "payload": {"message": text}})
    assert [instruction for instruction in out if isinstance(instruction, Note)] == []
    assert sum(len(said.text) for said in out if isinstance(said, Say)) == len(text.strip())


def test_an_ending_is_heeded_however_much_was_said_before_it() -> None:
    out = plan({"type": "text", "payload": {"message": "x " * MAX_READ_CHARACTERS}}, {"type": "end"})
    assert out[-1].kind == "hang-up"
