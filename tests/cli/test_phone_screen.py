"""How a call looks in the terminal, event by event."""

import math
from typing import Any

import pytest
from rich.text import Text

from voicegw.cli.phone_screen import PhoneScreen
from voicegw.cli.showing import help_of, printable
from voicegw.simulator.stream.records import Streamed, Underrun
from voicegw.simulator.timeline import (
    Answered,
    Bridged,
    CallEnded,
    CallerPressed,
    CallerSpoke,
    Dialled,
    DiallingBegan,
    Exchange,
    Fault,
    Heard,
    Listened,
    ListeningBegan,
    LostBecause,
    SoundBegan,
    StreamBegan,
    Warned,
)

DESK = "+14155550142"


def shown(*events: Any) -> list[str]:
    lines: list[Text] = []
    screen = PhoneScreen(lines.append, names={DESK: "front desk"}, shows_caller=True)
    for event in events:
        screen.show(event)
    return [line.plain for line in lines]


def sound(kind: Any, text: str = "", seconds: float = 2.0) -> SoundBegan:
    return SoundBegan(at_seconds=1.0, kind=kind, text=text, seconds=seconds)


def streamed(**details: Any) -> Streamed:
    return Streamed(at_seconds=1.0, seconds=2.0, url="wss://x", stream_sid="MZ", ended_by="caller", **details)


def dialled(status: str, *, bridged: bool = False) -> Dialled:
    return Dialled(
        at_seconds=1.0,
        seconds=5.0,
        kind="number",
        address=DESK,
        caller_id="+1",
        call_sid="CA",
        status=status,
        bridged=bridged,
        talk_seconds=3.0 if bridged else 0.0,
    )


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (sound("speech", "Hello."), "   1.0  agent        Hello.  2.0 s"),
        (sound("audio", "https://gw/audio"), "   1.0  agent        ♪ a recording  2.0 s"),
        (sound("tone"), "   1.0  agent        ♪ tones  2.0 s"),
        (sound("ringing", seconds=math.inf), "   1.0               it rings"),
        (sound("error_prompt", "Sorry."), "   1.0  carrier      Sorry.  2.0 s"),
        (sound("human", "Hi."), "   1.0  someone      Hi.  2.0 s"),
        (
            Heard(at_seconds=1.0, seconds=0.5, kind="speech", text="x", cut=True),
            "   1.5               … interrupted",
        ),
        (CallerSpoke(at_seconds=1.0, seconds=1.0, text="hi"), "   1.0  you          hi"),
        (
            CallerSpoke(at_seconds=1.0, seconds=1.0, text="hi", lost_because=LostBecause.NO_SPEECH),
            "   1.0  !            hi – nobody heard it: the Gather takes no speech",
        ),
        (
            CallerPressed(at_seconds=1.0, key="5", lost_because=LostBecause.NO_KEYS),
            "   1.0  !            key 5 – nobody heard it: the Gather takes no keys",
        ),
        (
            Listened(at_seconds=1.0, seconds=2.0, window_seconds=2, digits="12", finished_on_key="#"),
            "   3.0  you          keys 12#",
        ),
        (
            Heard(at_seconds=1.0, seconds=0.5, kind="stream", text="Hello."),
            "   1.0  agent        Hello.  0.5 s",
        ),
        (
            Heard(at_seconds=1.0, seconds=0.5, kind="stream", cut=True),
            "   1.0  agent        ♪  0.5 s, interrupted",
        ),
        (CallerSpoke(at_seconds=1.0, seconds=1.0, text=""), "   1.0  you          ♪ a noise"),
        (
            StreamBegan(at_seconds=1.0, url="wss://x"),
            "   1.0               the gateway listens and speaks: wss://x",
        ),
        (
            streamed(underruns=(Underrun(2.0, 0.25),)),
            "   2.0  !            the agent's voice broke off for 0.25 s",
        ),
        (DiallingBegan(at_seconds=1.0, address=DESK), "   1.0               calling front desk …"),
        (DiallingBegan(at_seconds=1.0, address="sip:a@b"), "   1.0               calling sip:a@b …"),
        (dialled("busy"), "   6.0               front desk is busy"),
        (dialled("completed", bridged=True), "   6.0               front desk was on the line for 3 s"),
        (
            Warned(at_seconds=1.0, code=13214, text="caller ID"),
            "   1.0  !            the carrier would warn: caller ID (13214)",
        ),
        (
            Fault(at_seconds=1.0, code=12100, text="parse", url="u", rescued=True),
            "   1.0  !            the carrier's error 12100: parse",
        ),
        (CallEnded(at_seconds=1.0, reason="hangup"), "   1.0               the call is over: the gateway hung up"),
    ],
)
def test_each_event_has_its_line(event: Any, line: str) -> None:
    assert shown(event) == [line]


@pytest.mark.parametrize(
    "event",
    [
        CallerPressed(at_seconds=1.0, key="5"),
        sound("stream"),
        streamed(),
        Listened(at_seconds=1.0, seconds=2.0, window_seconds=2, speech="hi"),
        Heard(at_seconds=1.0, seconds=0.5, kind="speech", text="x"),
        ListeningBegan(at_seconds=1.0, takes_keys=True, takes_speech=True),
        Exchange(at_seconds=1.0, seconds=0.1, purpose="voice", method="POST", url="u"),
    ],
)
def test_what_says_nothing_to_a_person_is_passed_over(event: Any) -> None:
    assert shown(event) == []


def test_on_a_stream_each_key_is_told_as_it_is_pressed() -> None:
    key = CallerPressed(at_seconds=1.0, key="5")
    told = shown(StreamBegan(at_seconds=0.5, url="wss://x"), key, streamed(), key)
    assert told[1:] == ["   1.0  you          key 5"]


def test_on_a_stream_the_first_words_after_the_caller_s_tell_how_long_they_took() -> None:
    asked = CallerSpoke(at_seconds=1.0, seconds=1.0, text="hi")
    answer = Heard(at_seconds=2.5, seconds=0.5, kind="stream", text="Hello.", cut=True)
    more = Heard(at_seconds=4.0, seconds=0.5, kind="stream", text="Yes?")
    assert shown(asked, answer, more)[1:] == [
        "   2.5  agent        Hello.  0.5 s, 0.5 s after you, interrupted",
        "   4.0  agent        Yes?  0.5 s",
    ]


def test_a_call_that_ends_in_a_stream_is_over_when_its_last_words_are_shown() -> None:
    begun = StreamBegan(at_seconds=0.5, url="wss://x")
    bye = Heard(at_seconds=1.0, seconds=0.5, kind="stream", text="Bye.")
    told = shown(begun, CallEnded(at_seconds=2.0, reason="hangup"), bye, streamed())
    assert told[1:] == [
        "   1.0  agent        Bye.  0.5 s",
        "   2.0               the call is over: the gateway hung up",
    ]


def test_a_person_who_cannot_hear_is_told_that_a_stream_speaks() -> None:
    lines: list[str] = []
    screen = PhoneScreen(lambda line: lines.append(line.plain), names={}, shows_caller=True, tells_speech=True)
    screen.show(sound("stream"))
    assert lines == ["   1.0               the agent speaks …"]


def test_once_answered_ringing_is_not_told_again_and_the_far_side_has_its_name() -> None:
    told = shown(
        Answered(at_seconds=0.5),
        sound("ringing", seconds=math.inf),
        Bridged(at_seconds=1.0, address=DESK),
        sound("human", "Good morning."),
    )
    assert told == ["   0.5               the call is answered", "   1.0  front desk   Good morning.  2.0 s"]


def test_long_lines_hang_under_their_words_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicegw.cli.phone_screen.out._force_terminal", True)
    monkeypatch.setattr("voicegw.cli.phone_screen.out._width", 50)
    first, second = shown(sound("speech", "one two three four five six seven eight"))
    assert first.startswith("   1.0  agent        one two")
    assert second.startswith(" " * 21)
    assert second[21] != " "


def test_what_an_agent_says_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[2Jb\r\nc\u2028d\u202ee") == "a [2Jb c d e"


def test_help_flows_but_for_examples_of_files() -> None:
    def command() -> None:
        """One.

        Two
        lines.

        [dim]a:[/dim]
        [dim]  b[/dim]
        """

    assert help_of(command) == "One.\n\nTwo lines.\n\n[dim]a:[/dim]\n[dim]  b[/dim]"
