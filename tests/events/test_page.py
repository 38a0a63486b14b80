"""docs/events.md is true: its examples are what the gateway sends, its numbers are those of the code."""

import json
import re
from pathlib import Path
from typing import Any

from voicegw.events.dispatcher import DELIVERED_KEPT_SECONDS
from voicegw.events.outbox import LINGER_SECONDS, MAX_ENTRIES
from voicegw.events.payloads import (
    EVENT_TYPES,
    AgentNames,
    CallFacts,
    TurnSoFar,
    call_ended,
    call_failed,
    call_forwarded,
    call_started,
    turn_told,
)
from voicegw.events.posting import ANSWER_TIMEOUT_SECONDS
from voicegw.events.schedule import KEEPS_ORDER_ATTEMPTS, WAITS_SECONDS

PAGE = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
EXAMPLES: dict[str, Any] = {
    document["type"]: document for document in map(json.loads, re.findall(r"(?ms)^```json\n(.*?)^```", PAGE))
}
FACTS = CallFacts(
    call_sid="CA01ed76f14fee29c50f5de59400474006",
    caller_number="+19876543210",
    called_number="+17782006110",
    started_at=1743563467.788,
    names=AgentNames(project_id="6772da2e485189279fa5b9da", environment="main"),
)


def test_every_event_has_an_example_and_a_row() -> None:
    assert tuple(EXAMPLES) == EVENT_TYPES
    assert re.findall(r"(?m)^\| \[`([a-z.]+)`\]", PAGE) == list(EVENT_TYPES)


def test_examples_are_what_is_sent() -> None:
    turn = EXAMPLES["call.turn"]["data"]["turn"]
    told = TurnSoFar(
        number=turn["number"],
        input=turn["input"],
        heard=turn["heard"],
        said=turn["said"],
        began_at=turn["startTime"] / 1000,
        answered_at=turn["answerTime"] / 1000,
        ended_at=turn["endTime"] / 1000,
        interrupted_after=turn["interruptedAfter"],
        failure=turn["failure"],
    )
    at = {kind: example["time"] / 1000 for kind, example in EXAMPLES.items()}
    sent = [
        call_started(FACTS, at["runtime.call.start"]),
        call_ended(FACTS, at["runtime.call.end"], "hangup"),
        turn_told(FACTS, told, at["call.turn"]),
        call_forwarded(FACTS, at["call.forwarded"], **EXAMPLES["call.forwarded"]["data"]["forward"]),
        call_failed(FACTS, at["call.failed"], **EXAMPLES["call.failed"]["data"]["failure"]),
    ]
    assert [json.loads(event.body) for event in sent] == list(EXAMPLES.values())


def test_numbers_of_the_page_are_those_of_the_code() -> None:
    text = " ".join(PAGE.split())
    assert WAITS_SECONDS == (5, 30, 2 * 60, 10 * 60, 30 * 60, 2 * 3600, 6 * 3600, 12 * 3600)
    assert "about 5 s, 30 s, 2 min, 10 min, 30 min, 2 h, 6 h and 12 h, then given up" in text
    assert KEEPS_ORDER_ATTEMPTS == 4
    assert "has failed four times" in text
    assert f"within {ANSWER_TIMEOUT_SECONDS:.0f} seconds" in text
    assert f"the last {MAX_ENTRIES:,} entries" in text
    assert (LINGER_SECONDS, "a quarter of a second" in text) == (0.25, True)
    assert (DELIVERED_KEPT_SECONDS, "after three days" in text) == (3 * 86400, True)
