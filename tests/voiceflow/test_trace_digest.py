"""What the journal is told of an agent's traces, and how little of an agent that never stops."""

from voicegw.call.records import Noted, Record, TraceReceived
from voicegw.voiceflow.trace_digest import MAX_TOLD, TraceDigest
from voicegw.voiceflow.traces import parse_trace

TEXT = {"type": "text", "payload": {"message": "Hello"}}


def piece(text: str) -> dict[str, object]:
    return {"type": "completion", "payload": {"state": "content", "content": text}}


def told(*traces: object) -> list[Record]:
    digest = TraceDigest()
    return [*(record for trace in traces for record in digest.receive(parse_trace(trace))), *digest.finish()]


def test_each_trace_is_told_with_what_it_says() -> None:
    end = TraceReceived(type="end")
    assert told(TEXT, {"type": "end"}) == [TraceReceived(type="text", summary="Hello"), end]


def test_pieces_of_one_text_are_one_record() -> None:
    whole = TraceReceived(type="completion", summary="Hello there", pieces=2)
    assert told(piece("Hello "), piece("there"), TEXT)[0] == whole
    assert told(piece("Hello "), piece("there")) == [whole]


def test_of_an_endless_answer_the_rest_is_counted() -> None:
    assert len(told(*[TEXT] * MAX_TOLD)) == MAX_TOLD
    *first, last = told(*[TEXT, piece("a")] * MAX_TOLD)
    assert len(first) == MAX_TOLD
    assert last == Noted(about="traces-not-told", fields={"count": MAX_TOLD})


def test_an_unknown_type_is_told_in_short() -> None:
    [record] = told({"type": "x" * 1_000_000, "payload": {"y": "z" * 1_000_000}})
    assert isinstance(record, TraceReceived)
    assert len(record.type) == 100
    assert len(record.summary) == 500
