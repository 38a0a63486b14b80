"""Traces that nobody hears → a line for the call's log. Pure.

Only names and states are noted: what a model thought or looked up may hold anything a caller has said.
"""

from typing import assert_never

from pydantic import BaseModel

from voicegw.call.instructions import Note
from voicegw.voiceflow.trace_kinds import (
    BlockTrace,
    DebugTrace,
    EntityFillingTrace,
    FlowTrace,
    KnowledgeBaseTrace,
    LogTrace,
    PathTrace,
    ReasoningTrace,
    VisualTrace,
)

_MAX_CHARACTERS = 300

SilentTrace = (
    BlockTrace
    | DebugTrace
    | EntityFillingTrace
    | FlowTrace
    | KnowledgeBaseTrace
    | LogTrace
    | PathTrace
    | ReasoningTrace
    | VisualTrace
)


def note_trace(trace: SilentTrace) -> Note:
    """The line that a trace without a sound leaves in the call's log."""
    return Note(about=trace.type, fields={name: value[:_MAX_CHARACTERS] for name, value in _fields(trace).items()})


def _fields(trace: SilentTrace) -> dict[str, str]:
    match trace:
        case BlockTrace(payload=block):
            return {"block_id": block.block_id}
        case DebugTrace(payload=debug):
            return {"level": debug.level or "", "message": debug.message}
        case EntityFillingTrace(payload=filling):
            return {"entity": filling.entity_to_fill}
        case FlowTrace(payload=flow):
            return {"diagram_id": flow.diagram_id, "name": flow.name or ""}
        case PathTrace(payload=path):
            return {"path": path.path}
        case ReasoningTrace(payload=reasoning):
            return {"state": reasoning.state}
        case KnowledgeBaseTrace() | LogTrace() | VisualTrace():
            return {}
        case _:
            assert_never(trace)


def mentions(trace: object, words: str) -> bool:
    """Whether `words` stand anywhere in a trace, however deep: names, values, fields that nobody declared."""
    unread = [trace]
    while unread:
        match unread.pop():
            case str(text) if words in text:
                return True
            case BaseModel() as part:
                unread += [vars(part), part.model_extra]
            case dict() as fields:
                unread += [*fields.keys(), *fields.values()]
            case list() | tuple() as items:
                unread += items
            case _:
                pass
    return False
