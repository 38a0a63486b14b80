"""One distributed trace for each call: its ids, derived from the call, and the header that tells the agent of it.

Pure. Every process that has a hand in a call comes to the same ids, and nobody outside can read the call from them.
"""

import hashlib

CALL_SPAN = "call"
"""The name by which `span_id` gives the root span of a call."""


def trace_id(call_sid: str) -> str:
    """The call's trace: 32 hex digits, the same in every process, and another one for every other call."""
    return _digest("trace", call_sid, 16)


def span_id(call_sid: str, name: str) -> str:
    """The span `name` of the call: 16 hex digits, the same in every process."""
    return _digest("span", f"{call_sid}/{name}", 8)


def turn_span(turn: int) -> str:
    """The name by which `span_id` gives the span of turn number `turn`."""
    return f"turn/{turn}"


def traceparent(call_sid: str, turn: int) -> str:
    """The `traceparent` header of a request made in that turn (W3C Trace Context, version 00, sampled).

    What the agent does in answer to it thus stands beneath the turn, in the call's own trace.
    """
    return f"00-{trace_id(call_sid)}-{span_id(call_sid, turn_span(turn))}-01"


def _digest(kind: str, name: str, size_bytes: int) -> str:
    # "An all-zero value is considered an invalid value" (W3C Trace Context), which no digest will ever be.
    return hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=size_bytes, person=kind.encode()).hexdigest()
