"""Whole calls to the dental practice, by each of the three ways in which it answers."""

import base64
import io
import wave
from collections.abc import Callable

import pytest

from voicegw.demo.loader import load_dialogue
from voicegw.demo.server import create_agent


def test_caller_books_a_visit_by_speech(call):
    assert "Bright Smile Dental" in call.launch().words
    assert call.say("I'd like to book a visit.").kinds == ["speak", "choice", "no-reply"]
    assert "Which day" in call.say("A check-up, please").words
    assert "morning or the afternoon" in call.say("Tuesday would be good").words
    assert "which name" in call.say("In the morning").words
    offer = call.say("My name is Anna Smith.")
    assert "I have Tuesday at ten o'clock free for a check-up, Anna Smith." in offer.words
    assert offer.words.endswith("Shall I book it?")
    booked = call.say("Yes, please")
    assert "It is booked. We will see you on Tuesday at ten, Anna Smith." in booked.words
    goodbye = call.say("No, thanks.")
    assert "Goodbye" in goodbye.words
    assert goodbye.kinds == ["speak", "end"]


def test_a_bare_answer_is_taken_for_the_name(call):
    call.launch()
    for words in ("book", "cleaning", "Friday", "late"):
        call.say(words)
    assert "Friday at three o'clock free for a cleaning, Zoë O'Brien" in call.say("Zoë O'Brien").words


def test_buttons_are_chosen_by_their_request_by_key_and_by_name(call):
    call.launch()
    buttons = call.say("book").payload("choice")["buttons"]
    assert [button["name"] for button in buttons] == ["Check-up", "Cleaning", "Toothache"]
    assert "Which day" in call.do(buttons[2]["request"]).words
    call.launch()
    call.say("book")
    assert "Which day" in call.press("2").words
    call.launch()
    call.say("menu")
    assert "four digit PIN" in call.say("my appointment").words


def test_pin_is_collected_by_keypad_and_asked_again_when_wrong(call):
    call.launch()
    asked = call.say("I want to look up my appointment")
    keypad = {"enabled": True, "timeoutInSeconds": 3, "delimiter": ["#"], "maxDigits": 4}
    assert asked.payload("dtmf") == keypad
    assert asked.payload("no-reply") == {"timeout": 10}
    wrong = call.press("9999")
    assert wrong.words.startswith("That PIN is not right. Please enter")
    assert wrong.payload("dtmf") == keypad
    right = call.press("1234")
    assert "Tuesday the fourth at ten" in right.words
    assert right.payload("dtmf")["enabled"] is False


def test_pin_may_be_spoken(call):
    call.launch()
    call.say("pin")
    assert "Doctor Reyes" in call.say("It's one two three four.").words


def test_menu_after_keypad_entry_listens_for_one_key(call):
    call.launch()
    call.say("pin")
    menu = call.say("menu")
    assert menu.payload("dtmf")["enabled"] is True
    assert menu.payload("dtmf")["maxDigits"] == 1
    assert "What is the visit for" in call.press("1").words


def test_opening_hours_are_a_recording_that_sounds(call):
    call.launch()
    answer = call.say("what are your opening hours?")
    played = answer.traces[0]["payload"]
    assert played["type"] == "audio"
    assert played["message"].startswith("Open Monday")
    head, _, content = played["src"].partition(",")
    assert head == "data:audio/wav;base64"
    with wave.open(io.BytesIO(base64.b64decode(content))) as recording:
        assert (recording.getframerate(), recording.getnchannels(), recording.getsampwidth()) == (8000, 1, 2)
        assert 3 < recording.getnframes() / 8000 < 5
        samples = memoryview(recording.readframes(recording.getnframes())).cast("h")
    assert max(samples) > 8000


def test_recording_is_small_enough_to_travel_in_a_trace():
    assert len(load_dialogue().recordings["opening_hours.wav"]) < 60_000


def test_with_a_base_url_recordings_are_offered_by_url_and_served_there(line_to, call_on):
    line = line_to(create_agent(base_url="https://agent.example.com"))
    call = call_on(line)
    call.launch()
    source = call.say("opening hours").traces[0]["payload"]["src"]
    assert source == "https://agent.example.com/recordings/opening_hours.wav"
    served = line.ask("/recordings/opening_hours.wav", "", b"", method="GET")
    assert served.status == 200
    assert served.headers["content-type"] == "audio/wav"
    assert b"".join(piece for _, piece in served.pieces) == load_dialogue().recordings["opening_hours.wav"]
    assert line.ask("/recordings/other.wav", "", b"", method="GET").status == 404


@pytest.mark.parametrize(
    ("words", "payload"),
    [
        ("the front desk, please", {"addressType": "phone", "address": "front-desk"}),
        ("your lab", {"addressType": "sip", "address": "sip:laboratory@pbx.example.com"}),
        ("it is an emergency", {"addressType": "sip", "address": "duty-dentist"}),
    ],
)
def test_caller_is_forwarded(call, words, payload):
    call.launch()
    answer = call.say(words)
    assert answer.kinds == ["speak", "call-forward"]
    assert answer.payload("call-forward") == payload


@pytest.mark.parametrize(
    ("outcome", "explained"),
    [
        ("busy", "in a few minutes"),
        ("no-answer", "again later"),
        ("no_answer", "again later"),
        ("refused", "I can help you instead"),
    ],
)
def test_failed_forward_is_explained_and_the_call_goes_on(call, outcome, explained):
    call.launch()
    call.say("front desk")
    answer = call.tell("call_forward_failed", outcome=outcome, seconds=20)
    assert explained in answer.words
    assert answer.words.endswith("anything else that I can do for you?")
    assert "no-reply" in answer.kinds


def test_completed_forward_comes_back_to_the_agent(call):
    call.launch()
    call.say("front desk")
    assert "anything else" in call.tell("call_forward_completed").words


def test_realtime_colleague_starts_and_its_absence_is_explained(call):
    call.launch()
    started = call.say("your digital colleague")
    sound = {"encoding": "audio/x-mulaw", "sampleRate": 8000}
    assert started.payload("realtime-agent") == {"action": "START", "input": sound, "output": sound}
    assert "not in today" in call.tell("realtime_unavailable").words


def test_unknown_event_makes_a_silent_turn(call):
    call.launch()
    answer = call.tell("weather_changed", outcome="busy")
    assert answer.status == 200
    assert answer.traces == []


def test_silence_is_reprompted_twice_and_then_the_call_ends(call):
    call.launch()
    first = call.stay_silent()
    assert first.words.startswith("Are you still there? You can book a visit")
    assert first.payload("no-reply") == {"timeout": 8}
    assert call.stay_silent().words.startswith("I cannot hear you.")
    last = call.stay_silent()
    assert last.kinds == ["speak", "end"]


def test_an_answer_begins_the_count_of_silences_anew(call):
    call.launch()
    call.stay_silent()
    call.stay_silent()
    call.say("book")
    assert call.stay_silent().words.startswith("Are you still there?")


def test_state_with_its_own_silence_goes_its_own_way(call):
    call.launch()
    call.say("pin")
    reprompt = call.stay_silent()
    assert reprompt.words.startswith("I am waiting for your PIN.")
    assert reprompt.payload("dtmf")["maxDigits"] == 4
    assert call.stay_silent().kinds[-1] == "call-forward"


def test_what_was_not_understood_is_asked_again(call):
    call.launch()
    answer = call.say("purple monkey dishwasher")
    assert answer.words.startswith("Sorry, I did not get that. You can book")
    assert call.press("77").words.startswith("Sorry, I did not get that.")


def test_slow_tool_shows_its_begin_at_once_and_its_end_when_done(line, call_on: Callable):
    call = call_on(line)
    call.launch()
    answer = call.say("does my insurance pay?")
    assert answer.kinds[:4] == ["speak", "tool-call", "tool-call", "speak"]
    begun, ended = (trace["payload"] for trace in answer.traces if trace["type"] == "tool-call")
    assert (begun["state"], ended["state"]) == ("start", "end")
    assert begun["callID"] == ended["callID"]
    # Pieces: the blank line, then a piece for each trace.
    said_at, begun_at, ended_at, told_at = (at for at, _ in answer.pieces[1:5])
    assert said_at == begun_at
    assert ended_at - begun_at == pytest.approx(12)
    assert told_at == ended_at


def test_without_events_a_slow_tool_holds_back_the_whole_answer(line, call_on):
    call = call_on(line, path="/v4/interact")
    call.launch()
    began_at = line.loop.time()
    answer = call.say("slow tool")
    assert answer.pieces[0][0] - began_at == pytest.approx(12)


def _ask_for_appointment(line, call_on, **ways):
    """Comes to where the agent's words are generated; gives the answer and when it was asked for."""
    call = call_on(line, **ways)
    call.launch()
    call.say("pin")
    return call.press("1234"), line.loop.time()


def test_generated_words_come_in_pieces_and_once(line, call_on):
    answer, _ = _ask_for_appointment(line, call_on, config={"completionEvents": True})
    pieces = [trace["payload"] for trace in answer.traces if trace["type"] == "completion"]
    assert [piece["state"] for piece in pieces[:2]] == ["start", "content"]
    assert pieces[-1] == {"state": "end"}
    assert len(pieces) > 5
    assert answer.words.count("Doctor Reyes") == 1


@pytest.mark.parametrize("config", [{}, {"completionEvents": False}, {"completionEvents": "yes"}])
def test_without_completion_events_generated_words_come_whole(line, call_on, config):
    answer, _ = _ask_for_appointment(line, call_on, config=config)
    assert "completion" not in answer.kinds
    assert answer.traces[0]["payload"]["ai"] is True
    assert answer.words.count("Doctor Reyes") == 1


def test_completion_events_are_of_the_stream_alone(line, call_on):
    answer, _ = _ask_for_appointment(line, call_on, path="/v4/interact", config={"completionEvents": True})
    assert "completion" not in answer.kinds


def test_first_piece_comes_before_the_text_is_written(line, call_on):
    waits = []
    for config in ({"completionEvents": True}, {}):
        answer, answered_at = _ask_for_appointment(line, call_on, config=config)
        waits.append(answered_at - answer.pieces[1][0])
    assert waits[0] > 0.2
    assert waits[1] == 0


def test_hang_up_is_answered_in_silence_and_a_new_launch_starts_over(call):
    call.launch()
    ended = call.do({"type": "end", "payload": {"reason": "hangup"}})
    assert ended.status == 200
    assert ended.traces == []
    assert "Hello" in call.launch().words
