"""Every fault on request: what it looks like on the wire, and that the call can go on after it."""

import json
import re
from typing import get_args

import pytest

from voicegw.demo.dialogue import FaultKind
from voicegw.demo.loader import load_dialogue


def _garbled(answer):
    """The frames of a stream as (event, data), the data unread."""
    return re.findall(r"event: (\w+)\nid: \d+\ndata: (.*)\n\n", answer.body)


@pytest.fixture(params=["/v4/interact/stream", "/v4/interact"])
def launched(request, line, call_on):
    """A call that has been greeted, on each endpoint."""
    call = call_on(line, path=request.param)
    call.launch()
    return call


def _goes_on(call):
    return "What is the visit for" in call.say("book").words


def test_every_kind_of_fault_has_its_words_in_the_dental_practice():
    kinds = {state.fault.kind for state in load_dialogue().states.values() if state.fault}
    assert kinds == set(get_args(FaultKind))


@pytest.mark.parametrize("words", ["break", "fail 500", "please fail five hundred"])
def test_http_500_comes_with_a_json_body_and_without_traces(launched, words):
    answer = launched.say(words)
    assert answer.status == 500
    assert json.loads(answer.body)["statusCode"] == 500
    assert _goes_on(launched)


def test_http_429_says_when_to_come_back_and_then_lets_through(launched):
    answer = launched.say("fail 429")
    assert answer.status == 429
    assert answer.headers["retry-after"] == "1"
    assert launched.say("fail 429").words.startswith("You have got through.")


def test_expired_session_is_refused_and_the_same_input_works_in_a_new_one(launched, call_on):
    assert launched.say("fail session").status == 401
    assert launched.say("book").status == 401
    renewed = call_on(launched.line, path=launched.path)
    assert renewed.say("fail session").words.startswith("Welcome back.")


def test_reset_leaves_the_answer_without_its_end(launched):
    answer = launched.say("fail reset")
    assert answer.status == 200
    assert not answer.complete
    assert answer.body.lstrip().startswith(("event: trace", '{"traces":[{'))
    assert "event: end" not in answer.body
    assert _goes_on(launched)


def test_cut_off_stream_ends_cleanly_without_the_end_event(line, call_on):
    call = call_on(line)
    call.launch()
    answer = call.say("fail cut off")
    assert answer.complete
    assert [event for event, _ in _garbled(answer)] == ["trace"]
    assert _goes_on(call)


def test_cut_off_document_ends_cleanly_in_the_middle(line, call_on):
    call = call_on(line, path="/v4/interact")
    call.launch()
    answer = call.say("fail cut-off")
    assert answer.complete
    with pytest.raises(ValueError, match="Unterminated"):
        json.loads(answer.body)


def test_garbage_is_no_json(launched):
    answer = launched.say("fail garbage")
    assert answer.complete
    frames = _garbled(answer)
    text = frames[0][1] if frames else answer.body
    with pytest.raises(ValueError, match="Unterminated"):
        json.loads(text)
    assert [event for event, _ in frames][1:] == (["end"] if frames else [])
    assert _goes_on(launched)


def test_stall_is_a_minute_without_a_byte_and_then_a_torn_answer(launched):
    began_at = launched.line.loop.time()
    answer = launched.say("fail silence")
    assert launched.line.loop.time() - began_at == pytest.approx(60)
    assert not answer.complete
    assert answer.body.strip() == ""
    assert _goes_on(launched)


def test_slow_answer_is_late_and_whole(launched):
    began_at = launched.line.loop.time()
    answer = launched.say("fail slow")
    assert launched.line.loop.time() - began_at == pytest.approx(8)
    assert answer.words.startswith("Sorry, that took me a while.")


def test_empty_answer_is_valid_and_leaves_the_caller_where_they_were(launched):
    answer = launched.say("say nothing")
    assert (answer.status, answer.complete, answer.traces) == (200, True, [])
    assert _goes_on(launched)


def test_out_of_credit_is_a_200_with_one_debug_trace(launched):
    answer = launched.say("you are out of credit")
    assert answer.status == 200
    assert answer.kinds == ["debug"]
    assert "credit_limit_reached" in answer.payload("debug")["message"]


def test_failed_turn_leaves_the_caller_in_the_state_before(launched):
    launched.say("book")
    launched.say("break")
    assert launched.stay_silent().words.endswith("toothache or press 3.")
