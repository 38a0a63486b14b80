"""Made-up calls by the hundred thousand for `bench.million_calls`: rows as the call log keeps them, always the same.

Words follow Zipf's law, as speech does: a few are in nearly every call, most in hardly any. Knows no database.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from typing import Any

import numpy as np

SEED = 20261123
WORDS_A_CALL = 40
TURNS_A_CALL = 3
DAYS = 365
CALLS_A_CHUNK = 20_000
CALLED = tuple(f"+1555010{place:04d}" for place in range(20))
CALLERS = 200_000

_FIRST_DAY = datetime(2025, 11, 23, tzinfo=UTC).timestamp()
_SYLLABLES = ("ba", "de", "fi", "go", "lu", "mar", "nor", "pel", "ris", "tan", "vo", "zen", "kel", "dor", "sim", "qua")
_COMMON = (
    *("the", "you", "to", "a", "i", "and", "is", "it", "for", "of"),
    *("yes", "please", "thank", "that", "your", "can", "my", "have", "on", "appointment"),
)
VOCABULARY = np.array([*_COMMON, *("".join(parts) for parts in product(_SYLLABLES, repeat=4))][:50_000])
_WEIGHTS = 1 / np.arange(1, len(VOCABULARY) + 1)
_SHARES = _WEIGHTS / _WEIGHTS.sum()
_OUTCOMES = np.array(["completed", "forwarded", "failed", "lost"])
_OUTCOME_SHARES = np.array([0.90, 0.06, 0.03, 0.01])

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows of the tables `calls` (with their ids) and `turns`."""

    calls: list[Row]
    turns: list[Row]


def make_calls(count: int) -> Iterator[Chunk]:
    """`count` calls spread over a year, the oldest first, in chunks that fit the memory."""
    random = np.random.default_rng(SEED)
    for first in range(1, count + 1, CALLS_A_CHUNK):
        yield _chunk(random, range(first, min(first + CALLS_A_CHUNK, count + 1)), count)


def caller(place: int) -> str:
    """The number of one of the callers."""
    return f"+1212{place:07d}"


def _chunk(random: np.random.Generator, ids: range, count: int) -> Chunk:
    size = len(ids)
    words = random.choice(VOCABULARY, p=_SHARES, size=(size, WORDS_A_CALL))
    outcomes = random.choice(_OUTCOMES, p=_OUTCOME_SHARES, size=size)
    # Some callers call often: the square favours the first ones.
    callers = (random.random(size) ** 2 * CALLERS).astype(int)
    called = (random.random(size) ** 2 * len(CALLED)).astype(int)
    waits = random.gamma(4.0, 300.0, size=(size, TURNS_A_CALL, 5)).astype(int)
    found = Chunk([], [])
    for place, id_ in enumerate(ids):
        call = _call(id_, count, words[place].tolist(), str(outcomes[place]))
        call |= {"caller_number": caller(callers[place]), "called_number": CALLED[called[place]]}
        found.calls.append(call)
        found.turns.extend(_turn(call, turn + 1, waits[place, turn].tolist()) for turn in range(TURNS_A_CALL))
    return found


def _call(id_: int, count: int, words: list[str], outcome: str) -> Row:
    started_at = _FIRST_DAY + DAYS * 86_400 * id_ / count
    half = WORDS_A_CALL // 2
    return {
        "id": id_,
        "call_sid": f"CA{id_:032x}",
        "started_at": started_at,
        "day": datetime.fromtimestamp(started_at, UTC).date().isoformat(),
        "caller_name": "",
        "mode": "gather",
        "outcome": outcome,
        "ended_reason": "hangup",
        "ended_at": started_at + 60,
        "seconds": 60.0,
        "turns": TURNS_A_CALL,
        "failures": int(outcome == "failed"),
        "last_failure": "agent-timeout" if outcome == "failed" else "",
        "forwards": int(outcome == "forwarded"),
        "transcript": f"agent: {' '.join(words[:half])}\ncaller: {' '.join(words[half:])}",
    }


def _turn(call: Row, turn: int, waits: list[int]) -> Row:
    quiet, gateway, byte, sentence, answer = waits
    return {
        "call_sid": call["call_sid"],
        "turn": turn,
        "called_number": call["called_number"],
        "day": call["day"],
        "heard": "said",
        "stopped_ms": -quiet,
        "sent_ms": gateway,
        "first_byte_ms": gateway + byte,
        "first_sentence_ms": gateway + byte + sentence,
        "answered_ms": gateway + byte + sentence + answer,
        "total_ms": sum(waits),
        "failure": "",
    }
