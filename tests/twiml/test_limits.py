"""Each of the carrier's limits: one step inside passes, one step outside is a fault with the carrier's code."""

from typing import Any

import pytest

from twiml import (
    MAX_DOCUMENT_BYTES,
    Client,
    Connect,
    ConversationRelay,
    Dial,
    Emphasis,
    Enqueue,
    Fault,
    Gather,
    Hangup,
    Leave,
    Number,
    Parameter,
    Pause,
    Play,
    Queue,
    Record,
    Redirect,
    Refer,
    Reject,
    Response,
    Say,
    Sip,
    Start,
    Stop,
    Stream,
    Unknown,
    check,
    measure,
    parse,
)

WSS = "wss://gateway.example/stream"


def in_dial(*nouns: Any) -> Dial:
    return Dial(nouns)


def in_connect(noun: Any) -> Connect:
    return Connect((noun,))


def named(characters: int) -> Stream:
    return Stream((Parameter(name="name", value="v" * (characters - 4)),), url=WSS)


WITHIN = [
    Say(("a", Emphasis(("b",))), loop=0),
    Play("https://x/a.wav", loop=0),
    Play(digits="0123456789ABCD*#wW"),
    Pause(length=1),
    Gather((Say(("a",)), Play("https://x/a.wav"), Pause())),
    *(Gather(finish_on_key=key) for key in ["", *"0123456789*#"]),
    Gather(timeout=1, num_digits=1, speech_timeout=1),
    Gather(speech_timeout="auto"),
    Gather(hints=",".join(["h" * 100] * 500)),
    Gather(hints=""),
    Record(finish_on_key="0123456789*#", timeout=0, max_length=1),
    Record(finish_on_key=""),
    Dial(timeout=5, time_limit=1, call_reason="r" * 50),
    Dial(timeout=600),
    Dial(tuple(Number(f"+1555010{digit}") for digit in range(10))),
    in_dial(Number("+15550100", send_digits="0123456789ABCD*#wW")),
    in_dial(Sip("sip:" + "a" * 250 + "?x-a=" + "b" * 1018)),
    in_dial(Sip("SIPS:a@b")),
    in_dial(Queue("q" * 64)),
    Enqueue("q" * 64),
    Refer((Sip("sip:a@b"),)),
    in_connect(named(499)),
    in_connect(Stream((Parameter(name="n" * 499), Parameter(value="v" * 499)), url=WSS)),
    in_connect(Stream(connector_name="c")),
    in_connect(ConversationRelay((Parameter(),), url=WSS)),
    Start((Stream(url="WSS://gateway.example"),)),
    Stop((Stream(name="agent"),)),
]

BEYOND: list[tuple[int | None, str, Any]] = [
    (13510, "Response/Say", Say(("a",), loop=-1)),
    (13410, "Response/Play", Play("u", loop=-1)),
    (13430, "Response/Play", Play(digits="1,2")),
    (13910, "Response/Pause", Pause(length=0)),
    (13320, "Response/Gather/Dial", Gather((Unknown("Dial"),))),
    (13320, "Response/Gather/Play", Gather((Play(digits="1"),))),
    (13310, "Response/Gather", Gather(finish_on_key="#*")),
    (13310, "Response/Gather", Gather(finish_on_key="a")),
    (13310, "Response/Gather", Gather(finish_on_key="٣")),
    (13313, "Response/Gather", Gather(timeout=0)),
    (13314, "Response/Gather", Gather(num_digits=0)),
    (13327, "Response/Gather", Gather(speech_timeout=0)),
    (13327, "Response/Gather", Gather(speech_timeout="soon")),
    (13335, "Response/Gather", Gather(speech_timeout="auto", speech_model="phone_call")),
    (13330, "Response/Gather", Gather(hints=",".join(["h"] * 501))),
    (13330, "Response/Gather", Gather(hints="a, " + "h" * 101)),
    (13611, "Response/Record", Record(timeout=-1)),
    (13612, "Response/Record", Record(max_length=0)),
    (13613, "Response/Record", Record(finish_on_key="12a")),
    (13212, "Response/Dial", Dial(timeout=4)),
    (13212, "Response/Dial", Dial(timeout=601)),
    (13216, "Response/Dial", Dial(time_limit=0)),
    (None, "Response/Dial", Dial(call_reason="r" * 51)),
    (13250, "Response/Dial", Dial((*(Number("1"),) * 9, Client("c"), Sip("sip:a@b")))),
    (13222, "Response/Dial/Number", in_dial(Number("1", send_digits="1p2"))),
    (13243, "Response/Dial/Sip", in_dial(Sip("a@b"))),
    (13243, "Response/Dial/Sip", in_dial(Sip("sip:" + "a" * 251))),
    (13253, "Response/Dial/Sip", in_dial(Sip("sip:a@b?" + "h" * 1024))),
    (14213, "Response/Dial/Queue", in_dial(Queue("q" * 65))),
    (14205, "Response/Enqueue", Enqueue("q" * 65)),
    (13243, "Response/Refer/Sip", Refer((Sip("tel:1"),))),
    (None, "Response/Connect/Stream/Parameter", in_connect(named(500))),
    (31922, "Response/Connect/Stream", in_connect(Stream(url="ws://gateway.example"))),
    (31922, "Response/Connect/Stream", in_connect(Stream(name="agent"))),
    (31922, "Response/Start/Stream", Start((Stream(url="/relative"),))),
    (31923, "Response/Connect/Stream", in_connect(Stream(url="wss://"))),
    (31923, "Response/Connect/Stream", in_connect(Stream(url="wss://[::1"))),
    (31920, "Response/Connect/Stream", in_connect(Stream(url=WSS + "?token=1"))),
    (64101, "Response/Connect/ConversationRelay", in_connect(ConversationRelay())),
    (64101, "Response/Connect/ConversationRelay", in_connect(ConversationRelay(url="https://gateway.example"))),
    (64101, "Response/Connect/ConversationRelay", in_connect(ConversationRelay(url="wss://[::1"))),
    (12200, "Response/Pay", Unknown("Pay", content=(Unknown("Prompt"),))),
    (12200, "Response/Pause", Pause(extras=(("length", "soon"),))),
    (12200, "Response/Say/sparkle", Say((Unknown("sparkle", content=("a",)),))),
]


SAYING: list[tuple[str, Any]] = [
    ("loop -1 is less than 0", Say(("a",), loop=-1)),
    ("loop -1 is less than 0", Play("u", loop=-1)),
    ("digits has other tones than 0-9 A-D * # w W", Play(digits="1,2")),
    ("length 0 is less than 1", Pause(length=0)),
    ("only Say, Play and Pause may stand in Gather", Gather((Unknown("Dial"),))),
    ("Play with digits may not stand in Gather", Gather((Play(digits="1"),))),
    ("finishOnKey is neither one key, 0-9 # *, nor empty", Gather(finish_on_key="#*")),
    ("timeout 0 is less than 1", Gather(timeout=0)),
    ("numDigits 0 is less than 1", Gather(num_digits=0)),
    ("speechTimeout 0 is less than 1", Gather(speech_timeout=0)),
    ("speechTimeout is neither a number of seconds nor auto", Gather(speech_timeout="soon")),
    ("speechTimeout auto may not stand with a speechModel", Gather(speech_timeout="auto", speech_model="phone_call")),
    ("501 hints, more than 500", Gather(hints=",".join(["h"] * 501))),
    ("a hint: 101 characters, more than 100", Gather(hints="h" * 101)),
    ("timeout -1 is less than 0", Record(timeout=-1)),
    ("maxLength 0 is less than 1", Record(max_length=0)),
    ("finishOnKey has other keys than 0-9 # *", Record(finish_on_key="12a")),
    ("timeout 601 is not from 5 to 600", Dial(timeout=601)),
    ("timeLimit 0 is less than 1", Dial(time_limit=0)),
    ("callReason: 51 characters, more than 50", Dial(call_reason="r" * 51)),
    ("11 parties called at once, more than 10", Dial((Number("1"),) * 11)),
    ("sendDigits has other tones than 0-9 A-D * # w W", in_dial(Number("1", send_digits="1p2"))),
    ("the URI does not begin with sip: or sips:", in_dial(Sip("a@b"))),
    ("the URI: 255 characters, more than 254", in_dial(Sip("sip:" + "a" * 251))),
    ("the headers: 1024 characters, more than 1023", in_dial(Sip("sip:a@b?" + "h" * 1024))),
    ("the name: 65 characters, more than 64", in_dial(Queue("q" * 65))),
    ("the name: 65 characters, more than 64", Enqueue("q" * 65)),
    ("name and value: 500 characters, more than 499", in_connect(named(500))),
    ("the url does not begin with wss:", in_connect(Stream(url="ws://gateway.example"))),
    ("the url has no host", in_connect(Stream(url="wss://"))),
    ("the url is malformed", in_connect(Stream(url="wss://[::1"))),
    ("the url has a query: values go into a Parameter", in_connect(Stream(url=WSS + "?token=1"))),
    ("the element is not known here", Unknown("Pay")),
    ("the attribute length, or its value, is not known here", Pause(extras=(("length", "soon"),))),
]


@pytest.mark.parametrize("verb", WITHIN)
def test_within_the_limits_there_is_no_fault(verb: Any) -> None:
    assert check(Response((verb,))) == ()


@pytest.mark.parametrize(("code", "where", "verb"), BEYOND)
def test_beyond_a_limit_there_is_one_fault(code: int | None, where: str, verb: Any) -> None:
    assert [(fault.code, fault.where) for fault in check(Response((verb,)))] == [(code, where)]


@pytest.mark.parametrize(("message", "verb"), SAYING)
def test_a_fault_says_what_is_wrong(message: str, verb: Any) -> None:
    assert [fault.message for fault in check(Response((verb,)))] == [message]


def test_faults_come_in_document_order() -> None:
    response = Response((Gather((Say(("a",), loop=-1),), timeout=0, num_digits=0), Pause(length=0)))
    assert [fault.code for fault in check(response)] == [13313, 13314, 13510, 13910]


def test_a_document_of_64_kilobytes_passes_and_one_byte_more_does_not() -> None:
    empty = measure(Response((Say(("",)),))) + len("<Say></Say>") - len("<Say/>")
    words = "a" * (MAX_DOCUMENT_BYTES - empty)
    assert check(Response((Say((words,)),))) == ()
    assert check(Response((Say((words + "a",)),))) == (
        Fault(code=11750, where="Response", message="65537 bytes, more than 65536"),
    )


@pytest.mark.parametrize(
    "last",
    [
        Redirect("/next"),
        Hangup(),
        Reject(),
        Leave(),
        Dial((Number("+15550100"),), action="/after"),
        Connect((Stream(url=WSS),), action="/after"),
        Enqueue("support", action="/after"),
        Refer((Sip("sip:a@b"),), action="/after"),
    ],
)
def test_verbs_after_the_end_are_unreachable(last: Any) -> None:
    assert check(Response((Say(("a",)), last))) == ()
    (fault,) = check(Response((Say(("a",)), last, Say(("b",)), Say(("c",)))))
    assert fault.code is None
    assert fault.message == "verb 2 ends the document: 2 after it are never reached"


@pytest.mark.parametrize(
    "first",
    [
        Dial((Number("+15550100"),)),
        Connect((Stream(url=WSS),)),
        Gather(action="/after"),
        Start((Stream(url=WSS),)),
        Record(action="/after"),
    ],
)
def test_verbs_after_one_that_comes_back_are_reachable(first: Any) -> None:
    assert check(Response((first, Say(("b",))))) == ()


def test_a_verb_that_was_read_in_the_wrong_place_is_a_fault_there() -> None:
    response = parse("<Response><Gather><Dial>+15550100</Dial></Gather></Response>")
    assert [(fault.code, fault.where) for fault in check(response)] == [(13320, "Response/Gather/Dial")]


def test_faults_do_not_quote_what_nobody_may_log() -> None:
    secret = "secret-4711"
    response = Response(
        (
            Gather(finish_on_key=secret, speech_timeout=secret, hints=secret * 10),
            Play(digits=secret),
            in_dial(Number("1", send_digits=secret), Sip(secret)),
            Record(finish_on_key=secret),
            in_connect(Stream((Parameter(name="token", value=secret * 50),), url=f"ws://x/{secret}?{secret}")),
            Pause(extras=(("length", secret),)),
        )
    )
    faults = check(response)
    assert len(faults) == 11
    assert all(secret not in fault.message + fault.where for fault in faults)
