"""A turn's progress in the store: what went in comes out, and what cannot be read ends the turn."""

import pytest

from voicegw.call.instructions import (
    AgentDown,
    Collect,
    Forward,
    Instruction,
    Note,
    OfferButtons,
    Overdue,
    PlayAudio,
    PlayRecording,
    Say,
    SessionOpened,
)
from voicegw.turns.progress import Progress, TurnOver, dump_entry, load_progress

TURN: tuple[Instruction, ...] = (
    SessionOpened(session_key="k", user_id="u"),
    Say(text="Hello.", ssml="<s>Hello.</s>"),
    Collect(delimiters=("#", "*")),
    OfferButtons(buttons=()),
    PlayRecording(content=("AA", "BB"), encoding="mulaw"),
    Overdue(),
    Forward(address="desk"),
)


@pytest.mark.parametrize("over", [TurnOver(), TurnOver(failure="agent-broke", permanent=True)])
def test_what_went_in_comes_out(over: TurnOver) -> None:
    entries = tuple(dump_entry(entry) for entry in (*TURN, over))
    assert load_progress(entries, 0) == Progress(instructions=TURN, over=over)


def test_what_was_taken_is_not_given_again() -> None:
    entries = tuple(dump_entry(entry) for entry in TURN)
    assert load_progress(entries, 5) == Progress(instructions=TURN[5:])
    assert load_progress(entries, len(TURN)) == Progress()


def test_a_turn_that_is_over_stays_over_whatever_was_taken() -> None:
    entries = (*(dump_entry(entry) for entry in TURN), dump_entry(TurnOver()))
    assert load_progress(entries, len(TURN)) == Progress(over=TurnOver())


@pytest.mark.parametrize("entry", [b"", b"{", b'{"kind": "dance"}', b'{"kind": "say"}', b"\xff"])
def test_an_entry_that_cannot_be_read_ends_the_turn_after_what_could(entry: bytes) -> None:
    entries = (dump_entry(TURN[1]), entry, dump_entry(TURN[2]))
    assert load_progress(entries, 0) == Progress(instructions=(TURN[1],), over=TurnOver(failure="turn-unreadable"))


@pytest.mark.parametrize(
    ("instruction", "words"),
    [
        (Say(text="Hello."), True),
        (PlayAudio(source="https://a.example/b.wav"), True),
        (PlayRecording(content=(), encoding=""), True),
        (Note(about="block"), False),
        (AgentDown(code="credit"), False),
    ],
)
def test_words_are_what_a_caller_would_hear(instruction: Instruction, words: bool) -> None:
    progress = Progress(instructions=(instruction,))
    assert progress.has_words() is words
    assert progress.is_news() is words


def test_the_end_of_a_turn_is_news_though_nothing_was_said() -> None:
    assert Progress(over=TurnOver()).is_news()
    assert not Progress().is_news()
