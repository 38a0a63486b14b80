"""Calls as lists of entries, written down second by second."""

from collections.abc import Callable, Sequence

import pytest

from voicegw.call.entries import Entry
from voicegw.call.records import (
    ActionSent,
    AnswerBegan,
    CallEnded,
    CallerSpoke,
    CallRang,
    Record,
    StepAnswered,
    TraceReceived,
    TurnBegan,
    TurnEnded,
    WebhookReceived,
    WordsReady,
)

RANG_AT = 1_700_000_000.0
CALL = "CA" + "1" * 32
OUR_NUMBER = "+14155550199"
CALLER_NUMBER = "+14155550100"

Script = Sequence[tuple[float, int, Record]]
Dated = Callable[..., list[Entry]]


@pytest.fixture
def dated() -> Dated:
    """Entries out of (offset in seconds, turn, record)."""

    def date(script: Script, call_sid: str = CALL) -> list[Entry]:
        return [
            Entry(call_sid=call_sid, at=RANG_AT + offset, offset=offset, turn=turn, record=record)
            for offset, turn, record in script
        ]

    return date


@pytest.fixture
def short_call() -> Script:
    """A call of two turns: the greeting, and an answer 1.6 s after the caller's last sound; then they hang up."""
    return [
        (0.0, 0, CallRang(caller_number=CALLER_NUMBER, called_number=OUR_NUMBER, caller_name="Erika Mustermann")),
        (0.0, 0, WebhookReceived(name="voice")),
        (0.01, 1, TurnBegan(heard="started")),
        (0.02, 1, ActionSent(action={"type": "launch"}, variables={"caller": CALLER_NUMBER})),
        (0.3, 1, AnswerBegan()),
        (0.35, 1, TraceReceived(type="text", summary="Hello, Erika.")),
        (0.4, 1, WordsReady()),
        (0.5, 1, TurnEnded()),
        (0.55, 1, StepAnswered(name="voice", seconds=0.55, answer="<Response><Say>Hello, Erika.</Say></Response>")),
        (6.0, 1, WebhookReceived(name="1/1")),
        (6.0, 1, CallerSpoke(text="my secret is 4711", confidence=0.9, quiet_seconds=0.8)),
        (6.01, 2, TurnBegan(heard="said")),
        (6.02, 2, ActionSent(action={"type": "text", "payload": "my secret is 4711"})),
        (6.32, 2, AnswerBegan()),
        (6.72, 2, WordsReady()),
        (6.8, 2, StepAnswered(name="1/1", seconds=0.8, answer="<Response/>")),
        (7.0, 2, TurnEnded()),
        (12.0, 2, CallEnded(reason="hangup")),
    ]
