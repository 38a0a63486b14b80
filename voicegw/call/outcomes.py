"""What became of a call, told from the reason of its end: one answer for the call log, the metrics and the traces.

Pure.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from voicegw.call.inputs import ForwardOutcome
from voicegw.call.records import ForwardFinished, Record


class CallOutcome(StrEnum):
    """`LOST`: nobody told us of the end. `REFUSED`: the call was never taken."""

    COMPLETED = "completed"
    FORWARDED = "forwarded"
    FAILED = "failed"
    LOST = "lost"
    REFUSED = "refused"


_BY_REASON: Mapping[str, CallOutcome] = MappingProxyType(
    {
        "forward-completed": CallOutcome.FORWARDED,
        "agent-failed": CallOutcome.FAILED,
        "reaped": CallOutcome.LOST,
        "no-room": CallOutcome.REFUSED,
        "not-in-service": CallOutcome.REFUSED,
    }
)


def outcome_of(reason: str, *, reached_human: bool) -> CallOutcome:
    """The outcome of a call that ended with `reason`; whoever hangs up on a human was forwarded."""
    return _BY_REASON.get(reason, CallOutcome.FORWARDED if reached_human else CallOutcome.COMPLETED)


def reaches_human(record: Record) -> bool:
    """Has the caller spoken with a human by this? (The vendor's "completed" without a bridge is nobody.)"""
    if not isinstance(record, ForwardFinished):
        return False
    return record.outcome == ForwardOutcome.COMPLETED and record.bridged is not False
