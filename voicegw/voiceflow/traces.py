"""What an agent says: the `Trace` union, open to kinds we do not know, and how it is read.

Pure. The contract's own kinds live in trace_kinds.py. `parse_trace` never raises: an unknown type (the
platform's next one, or any custom action) becomes an `UnknownTrace`, a known type that makes no sense a
`MalformedTrace`; both keep the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from pydantic import ValidationError

from voicegw.voiceflow.trace_kinds import KnownTrace, TraceEnvelope


@dataclass(frozen=True, slots=True)
class UnknownTrace:
    """A trace of a type the contract does not know: a later version's, or a builder's custom action."""

    type: str
    data: Mapping[str, object]

    @property
    def payload(self) -> object:
        """A custom action's payload: an object or a string, by the builder's choice."""
        return self.data.get("payload")

    @property
    def default_event_type(self) -> str | None:
        """The type of the request that goes down the default path, if there is one."""
        try:
            return TraceEnvelope.model_validate(self.data).default_event_type
        except ValidationError:
            return None


@dataclass(frozen=True, slots=True)
class MalformedTrace:
    """A trace that makes no sense: kept as it came, with the reason. `type` is empty where there was none."""

    type: str
    data: object
    reason: str


Trace = KnownTrace | UnknownTrace | MalformedTrace

_MAX_REASON_LENGTH = 200
_KINDS: dict[str, type[KnownTrace]] = {kind.model_fields["type"].default: kind for kind in get_args(KnownTrace)}


def parse_trace(data: object) -> Trace:
    """Read one trace's JSON. Never raises; extra fields are kept."""
    if not isinstance(data, dict):
        return MalformedTrace("", data, "a trace is an object")
    trace_type = data.get("type")
    if not isinstance(trace_type, str):
        return MalformedTrace("", data, "type: a trace has a type")
    kind = _KINDS.get(trace_type)
    if kind is None:
        return UnknownTrace(trace_type, data)
    try:
        return kind.model_validate(data)
    except ValidationError as exc:
        return MalformedTrace(trace_type, data, _reason(exc))


def _reason(error: ValidationError) -> str:
    # Where and why, but not the value: it may be what a caller keyed in.
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"[:_MAX_REASON_LENGTH]
