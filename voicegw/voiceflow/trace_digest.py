"""An agent's traces in short, as the call's journal keeps them: a type, what it says, how many pieces of one text.

Pure. Sound is never part of it.
"""

import json
from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from voicegw.call.records import Noted, Record, TraceReceived
from voicegw.voiceflow.trace_kinds import AudioTrace, CompletionTrace, SpeakTrace, TextTrace
from voicegw.voiceflow.trace_payloads import CompletionContent
from voicegw.voiceflow.traces import MalformedTrace, Trace, UnknownTrace

MAX_TOLD = 200
_MAX_SUMMARY_CHARACTERS = 500
_MAX_TYPE_CHARACTERS = 100


class TraceDigest:
    """Traces one by one in, records out: pieces that follow each other become one record, told when it is whole.

    After `MAX_TOLD` records of one answer the others are only counted: an agent that never stops must not push what
    other calls have to tell out of the log.
    """

    def __init__(self) -> None:
        self._type = ""
        self._texts: list[str] = []
        self._pieces = 0
        self._told = 0

    def receive(self, trace: Trace) -> Iterator[TraceReceived]:
        """What there is to tell once `trace` has come."""
        match trace:
            case CompletionTrace() | AudioTrace():
                if trace.type != self._type:
                    yield from self._tell_pieces()
                    self._type = trace.type
                self._pieces += 1
                if isinstance(trace.payload, CompletionContent):
                    self._texts.append(trace.payload.content)
            case _:
                if self._pieces:
                    yield from self._tell_pieces()
                if self._may_tell():
                    yield TraceReceived(type=trace.type[:_MAX_TYPE_CHARACTERS], summary=summarise(trace))

    def finish(self) -> Iterator[Record]:
        """What was still held back, and how many traces were not told of."""
        yield from self._tell_pieces()
        if self._told > MAX_TOLD:
            yield Noted(about="traces-not-told", fields={"count": self._told - MAX_TOLD})

    def _tell_pieces(self) -> Iterator[TraceReceived]:
        if self._pieces and self._may_tell():
            yield TraceReceived(type=self._type, summary=_cut("".join(self._texts)), pieces=self._pieces)
        self._type, self._texts, self._pieces = "", [], 0

    def _may_tell(self) -> bool:
        self._told += 1
        return self._told <= MAX_TOLD


def summarise(trace: Trace) -> str:
    """What a trace says, in at most 500 characters: its words, else its payload as JSON, else why it makes no sense."""
    match trace:
        case SpeakTrace() | TextTrace():
            return _cut(trace.payload.message)
        case MalformedTrace(reason=reason):
            return _cut(reason)
        case UnknownTrace():
            return _json(trace.payload)
        case _:
            return _json(getattr(trace, "payload", None))


def _json(payload: object) -> str:
    match payload:
        case None:
            return ""
        case str():
            return _cut(payload)
        case BaseModel():
            return _cut(payload.model_dump_json(by_alias=True, exclude_unset=True))
        case Mapping():
            return _cut(json.dumps(payload, ensure_ascii=False, separators=(",", ":"), default=str))
        case _:
            return _cut(str(payload))


def _cut(text: str) -> str:
    if len(text) <= _MAX_SUMMARY_CHARACTERS:
        return text
    return text[: _MAX_SUMMARY_CHARACTERS - 1] + "…"
