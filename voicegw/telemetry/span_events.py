"""What of a call is an event on a span: its name and attributes. Pure; knows nothing of OpenTelemetry.

Only kinds, codes and flags: no words, no keys, no addresses, whatever redaction has left of them.
"""

from collections.abc import Mapping

from voicegw.call.records import (
    CallerInterrupted,
    CallerSpoke,
    CallerStayedSilent,
    Failed,
    KeysPressed,
    OrderReceived,
    PromptBegan,
    PromptCut,
    PromptHeard,
    PromptSounded,
    Record,
    SessionStarted,
    WordsReady,
)
from voicegw.telemetry import labels

Attributes = Mapping[str, str | int | float | bool]


def event_of(record: Record) -> tuple[str, Attributes] | None:
    """The event's name and attributes; None for what is a span of its own, or of no use in a trace."""
    match record:
        case CallerSpoke(confidence=confidence):
            return "caller spoke", {} if confidence is None else {"voicegw.confidence": confidence}
        case KeysPressed():
            return "keys pressed", {}
        case CallerStayedSilent():
            return "caller stayed silent", {}
        case CallerInterrupted(by=by):
            return "caller interrupted", {"voicegw.by": by}
        case PromptBegan(by_gateway=by_gateway, filler=filler):
            return "prompt began", {"voicegw.by_gateway": by_gateway, "voicegw.filler": filler}
        case PromptSounded(filler=filler):
            return "prompt sounded", {"voicegw.filler": filler}
        case PromptHeard():
            return "prompt heard", {}
        case PromptCut():
            return "prompt cut", {}
        case SessionStarted(renewed=renewed):
            return "session started", {"voicegw.renewed": renewed}
        case WordsReady():
            return "words ready", {}
        case OrderReceived(order=order):
            return "order received", {"voicegw.order": order}
        case Failed(part=part, code=code):
            return "failed", {"voicegw.part": part, "voicegw.code": labels.known(code, labels.FAILURE_CODES)}
        case _:
            return None
