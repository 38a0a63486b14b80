"""The dialogue language played: one small dialogue for each thing it can say."""

import pytest

from voicegw.demo.engine import Engine, Session
from voicegw.demo.loader import parse_dialogue

LAUNCH = {"type": "launch"}


class Player:
    """Plays a dialogue written in the test."""

    def __init__(self, text):
        self.engine = Engine(parse_dialogue(text))
        self.session = Session("a")

    def do(self, action, **ways):
        self.session, turn = self.engine.take_turn(self.session, action, **ways)
        return turn

    def say(self, words):
        return self.do({"type": "text", "payload": words})

    def press(self, keys):
        return self.do({"type": "dtmf", "payload": keys})

    def tell(self, event):
        return self.do({"type": "event", "payload": {"event": event}})


def words_of(turn):
    return [output.trace["payload"]["message"] for output in turn.outputs if output.trace["type"] == "speak"]


def payloads(turn, kind):
    return [output.trace["payload"] for output in turn.outputs if output.trace["type"] == kind]


def test_fields_of_a_state_act_in_the_order_the_file_says():
    player = Player("""
        start: all
        states:
          all:
            set: {name: Anna}
            say: ["Hello {name}.", One moment.]
            tool: {name: search, seconds: 3, sound: typing}
            play: {recording: https://example.com/a.mp3, words: "A song for {name}."}
            ask: "And now?"
            buttons: [{label: Again, goto: all}]
            keypad: {max_digits: 2, delimiter: ["#", "*"], gap_seconds: 0}
            silence: {after_seconds: 5, goto: all}
    """)
    turn = player.do(LAUNCH)
    assert [(output.delay_seconds, output.trace["type"]) for output in turn.outputs] == [
        (0, "speak"),
        (0, "speak"),
        (0, "tool-call"),
        (3, "tool-call"),
        (0, "speak"),
        (0, "speak"),
        (0, "choice"),
        (0, "dtmf"),
        (0, "no-reply"),
    ]
    assert words_of(turn) == ["Hello Anna.", "One moment.", "A song for Anna.", "And now?"]
    assert payloads(turn, "tool-call")[0]["sound"] == {"ref": "typing"}
    assert payloads(turn, "speak")[2]["src"] == "https://example.com/a.mp3"
    assert payloads(turn, "dtmf")[0]["timeoutInSeconds"] == 0


def test_variable_that_is_not_set_is_said_as_nothing_and_braces_are_no_code():
    player = Player("start: a\nstates: {a: {say: '{nobody}|{a.b}|{x!r}|{0}|{}'}}")
    assert words_of(player.do(LAUNCH)) == ["|{a.b}|{x!r}||{}"]


def test_a_value_with_braces_is_not_filled_in_again():
    player = Player("""
        start: a
        variables: {secret: hidden}
        states: {a: {ask: 'You said {last_utterance}', on: [{otherwise: true, goto: a}]}}
    """)
    assert words_of(player.say("{secret}")) == ["You said {secret}"]


def test_rules_are_tried_in_order_own_rules_before_buttons_before_everywhere_before_otherwise():
    player = Player("""
        start: a
        everywhere: [{said: own|button|everywhere, goto: everywhere}, {otherwise: true, goto: rest}]
        states:
          a: {ask: A, buttons: [{label: Button, goto: button}], on: [{said: own, goto: own}]}
          own: {say: own, goto: a}
          button: {say: button, goto: a}
          everywhere: {say: everywhere, goto: a}
          rest: {say: rest, goto: a}
    """)
    for words in ("own", "button", "everywhere"):
        assert words_of(player.say(f"the {words} thing"))[0] == words
    assert words_of(player.say("something"))[0] == "rest"
    assert words_of(player.press("5"))[0] == "rest"
    assert words_of(player.do({"type": "custom"}))[0] == "rest"


def test_said_fits_whole_words_and_dtmf_the_whole_entry():
    player = Player("""
        start: a
        states:
          a: {ask: A, on: [{said: no, goto: b}, {dtmf: "12", goto: b}]}
          b: {say: B, goto: a}
    """)
    for words in ("know", "nothing", "12"):
        assert words_of(player.say(words))[0].startswith("Sorry")
    for keys in ("123", "1", ""):
        assert words_of(player.press(keys))[0].startswith("Sorry")
    assert words_of(player.say("No!"))[0] == "B"
    assert words_of(player.press("12"))[0] == "B"


def test_named_groups_become_variables_and_those_without_a_match_stay():
    player = Player(r"""
        start: a
        variables: {day: some day}
        states:
          a: {ask: A, on: [{said: "visit(?: on (?P<day>\\w+))?", goto: b}, {dtmf: "(?P<pin>\\d+)", goto: b}]}
          b: {say: "{day} {pin}", goto: a}
    """)
    assert words_of(player.say("a visit"))[0] == "some day "
    assert words_of(player.say("a visit on Monday"))[0] == "Monday "
    assert words_of(player.press("77"))[0] == "Monday 77"


def test_event_rules_look_at_the_fields_and_set_them():
    player = Player("""
        start: a
        everywhere: [{event: x, where: {size: "1|2"}, goto: small}, {event: x, goto: other}]
        states:
          a: {ask: A}
          small: {say: "small {size}", goto: a}
          other: {say: "other {size}", goto: a}
    """)
    assert words_of(player.tell({"name": "x", "size": 2}))[0] == "small 2"
    assert words_of(player.tell({"name": "x", "size": 12}))[0] == "other 12"
    assert words_of(player.tell({"name": "x"}))[0] == "other 12"
    assert player.tell({"name": "y"}).outputs == ()
    assert player.do({"type": "event", "payload": None}).outputs == ()


def test_keypad_setting_is_taken_back_by_the_next_state_that_listens_without_one():
    player = Player("""
        start: keys
        states:
          keys: {keypad: {}, on: [{otherwise: true, goto: on-the-way}]}
          on-the-way: {say: X, goto: speech}
          speech: {ask: S, on: [{otherwise: true, goto: speech}]}
    """)
    assert payloads(player.do(LAUNCH), "dtmf")[0] == {
        "enabled": True,
        "timeoutInSeconds": 2,
        "delimiter": ["#"],
        "maxDigits": 20,
    }
    assert [payload["enabled"] for payload in payloads(player.press("1"), "dtmf")] == [False]
    assert payloads(player.say("more"), "dtmf") == []


def test_without_a_silence_a_no_reply_asks_again():
    player = Player("start: a\nstates: {a: {say: once, ask: 'Well?'}}")
    assert words_of(player.do(LAUNCH)) == ["once", "Well?"]
    assert words_of(player.do({"type": "no-reply"})) == ["Well?"]


def test_state_that_sent_the_call_away_stays_quiet_but_hears_events():
    player = Player("""
        start: a
        silence: {after_seconds: 3, say: 'Hello?', goto: a}
        states:
          a: {forward: {to: "+15005550006", extension: 1W2, caller_id_passthrough: true}, on: [{event: x, goto: b}]}
          b: {say: back, goto: c}
          c: {ask: 'Yes?'}
    """)
    assert payloads(player.do(LAUNCH), "call-forward") == [
        {
            "addressType": "phone",
            "address": "+15005550006",
            "extension": "1W2",
            "callerIDPassthrough": True,
        }
    ]
    assert words_of(player.say("mumble")) == ["Sorry, I did not understand that."]
    assert words_of(player.tell({"name": "x"})) == ["back", "Yes?"]


def test_fault_that_strikes_twice_lets_the_third_through_and_leaves_the_state():
    player = Player("""
        start: a
        states:
          a: {ask: A, on: [{said: go, goto: b}]}
          b: {say: B, fault: {kind: cut-off, times: 2}, goto: c}
          c: {say: C, goto: a}
    """)
    player.do(LAUNCH)
    for _ in range(2):
        turn = player.say("go")
        assert (turn.fault.kind, words_of(turn), player.session.state) == ("cut-off", ["B"], "a")
    turn = player.say("go")
    assert (turn.fault, words_of(turn)) == (None, ["B", "C", "A"])


def test_failed_launch_leaves_the_session_unlaunched():
    player = Player("start: a\nstates: {a: {fault: {kind: http-500, times: 1}, say: Hello}}")
    assert player.do(LAUNCH).fault.kind == "http-500"
    assert player.session.state is None
    assert words_of(player.do(LAUNCH)) == ["Hello"]


@pytest.mark.parametrize(("kind", "seconds"), [("http-429", 1), ("slow", 8), ("stall", 60), ("reset", 0)])
def test_fault_has_a_length_of_its_own(kind, seconds):
    player = Player(f"start: a\nstates: {{a: {{fault: {kind}}}, b: {{fault: {{kind: {kind}, seconds: 3}}}}}}")
    faults = [state.fault.lasting_seconds for state in player.engine.dialogue.states.values()]
    assert faults == [seconds, 3]


@pytest.mark.parametrize(
    ("action", "heard"),
    [
        ({"type": "text", "payload": "blue"}, "blue"),
        ({"type": "text", "payload": None}, ""),
        ({"type": "message", "payload": {"message": "blue"}}, "blue"),
        ({"type": "intent", "payload": {"intent": {"name": "colour"}, "query": "blue"}}, "blue"),
        ({"type": "intent", "payload": {"intent": {"name": "colour"}}}, "colour"),
        ({"type": "intent", "payload": {"intent": 7}}, ""),
        ({"type": "text", "payload": "  Blue, isn't it?  "}, "Blue isn't it"),
        ({"type": "text", "payload": "at 10:30, room 4.5."}, "at 10:30 room 4.5"),
    ],
)
def test_last_utterance_is_what_was_said(action, heard):
    player = Player("""
        start: a
        states: {a: {ask: "{last_utterance}", on: [{otherwise: true, goto: a}]}}
    """)
    assert words_of(player.do(action)) == [heard]
