"""A caller and a realtime server on one line: what is heard, what goes up, how it begins and ends."""

from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perfect_line import HEARING, Line, new_line

from voicegw.call.inputs import EventRaised, Said
from voicegw.call.instructions import Prompt, Say, StartRealtime
from voicegw.call.plan import BridgeRealtime, CallPlan, Finish, GoOn, Listen, Then
from voicegw.media import commands as c
from voicegw.media.bridge import UNAVAILABLE_EVENT
from voicegw.media.phases import Phase, SessionRules

START = StartRealtime(input_encoding="audio/x-mulaw", output_encoding="audio/x-mulaw")
BRIDGE = BridgeRealtime(start=START, hearing=HEARING)
LISTEN = Listen(hearing=HEARING, silence_seconds=10)
GO_ON = GoOn(hearing=HEARING)
SECOND = 8_000


class Bridged(Line):
    """A line whose prompts last two seconds, and whose realtime server says what the test has it say."""

    def __init__(self, rules: SessionRules | None = None) -> None:
        super().__init__(new_line(rules).session, on_command=self.answer)

    def answer(self, command: c.Command, now: float) -> None:
        if isinstance(command, c.SynthesizeText):
            number = command.utterance
            self.at(now, lambda: self.session.receive_speech_audio(number, bytes(2 * SECOND), self.now))
            self.at(now, lambda: self.session.receive_speech_finished(number, self.now))

    def plan(self, *prompts: Prompt, then: Then = BRIDGE) -> None:
        self.session.receive_plan(self.session.turn, CallPlan(prompts=prompts, then=then), self.now)
        self.obey()

    def server_says(self, audio: bytes) -> None:
        self.session.bridge.receive_audio(audio, self.now)
        self.obey()

    def flush(self) -> float:
        self.session.bridge.receive_flush(self.now)
        self.obey()
        last = self.commands(c.InterruptRealtime)[-1]
        assert isinstance(last, c.InterruptRealtime)
        return last.heard_seconds

    def press(self, keys: str) -> None:
        for key in keys:
            self.session.receive_key(key, self.now)
        self.obey()

    @property
    def sent_keys(self) -> str:
        return "".join(each.key for each in self.commands(c.SendKey) if isinstance(each, c.SendKey))

    @property
    def ear(self) -> bytes:
        """All that the caller heard, in order."""
        return b"".join(
            each.audio[: max(0, round((min(each.end, self.now) - each.begin) * SECOND))] for each in self.played
        )


@pytest.fixture
def line() -> Bridged:
    line = Bridged()
    line.start()
    return line


@pytest.fixture
def bridged(line: Bridged) -> Bridged:
    line.plan()
    return line


def test_the_server_is_asked_once_what_was_said_before_has_been_heard(line: Bridged) -> None:
    line.plan(Say(text="I connect you"))
    line.press("12")
    line.run(1.9)
    assert line.commands(c.OpenRealtime) == []
    line.run(2.5)
    assert line.when(c.OpenRealtime) == [pytest.approx(2.0, abs=0.01)]
    assert line.sent_keys == "12", "keys that came before go to the server too"
    line.plan()
    line.run(3.0)
    assert len(line.commands(c.OpenRealtime)) == 1, "one bridge at a time"


def test_what_the_server_says_is_heard_byte_for_byte_as_far_ahead_as_a_prompt(bridged: Bridged) -> None:
    audio = bytes(number % 251 for number in range(12 * SECOND))
    for place in range(0, len(audio), 700):
        bridged.server_says(audio[place : place + 700])
    bridged.run(13.0)
    assert bridged.ear == audio


def test_audio_that_comes_in_real_time_is_heard_at_once(bridged: Bridged) -> None:
    for frame in range(100):
        bridged.at(1.0 + frame * 0.02, lambda: bridged.server_says(bytes(160)))
    bridged.run(4.0)
    assert bridged.played[0].begin == pytest.approx(1.0)
    assert bridged.played[-1].end < 3.1


def test_a_server_of_which_nothing_is_heard_has_failed_after_half_a_minute(bridged: Bridged) -> None:
    bridged.run(29.9)
    assert bridged.commands(c.AskAgent) == []
    bridged.run(30.1)
    assert bridged.commands(c.CloseRealtime) == [c.CloseRealtime(failure="server-silent")]
    (asked,) = bridged.commands(c.AskAgent)
    assert asked == c.AskAgent(turn=1, heard=EventRaised(name="realtime_ended"))


def test_the_silence_of_a_server_counts_from_the_end_of_its_last_sound_in_the_ear(bridged: Bridged) -> None:
    bridged.at(20.0, lambda: bridged.server_says(b"\x01" * 10 * SECOND))
    bridged.at(25.0, lambda: bridged.server_says(b"\xff" * SECOND))  # quiet is no sound
    bridged.run(59.0)
    assert bridged.commands(c.CloseRealtime) == []
    bridged.run(60.1)
    assert len(bridged.commands(c.CloseRealtime)) == 1


def test_what_was_thrown_away_was_no_sound_in_the_ear(bridged: Bridged) -> None:
    bridged.server_says(b"\x01" * 60 * SECOND)
    bridged.at(5.0, bridged.flush)
    bridged.run(34.9)
    assert bridged.commands(c.CloseRealtime) == []
    bridged.run(35.1)
    assert len(bridged.commands(c.CloseRealtime)) == 1


def test_quiet_that_waits_to_be_heard_goes_with_a_server_that_ends(bridged: Bridged) -> None:
    bridged.server_says(b"\xff" * 60 * SECOND)
    bridged.run(2.0)
    bridged.session.bridge.receive_ended(bridged.now)
    bridged.obey()
    bridged.plan(Say(text="They have gone"), then=LISTEN)
    bridged.run(5.0)
    assert set(bridged.ear[-SECOND:]) == {0}


def test_a_number_may_wait_for_its_server_for_ever() -> None:
    patient = Bridged(SessionRules(realtime_silence_seconds=0))
    patient.start()
    patient.plan()
    patient.run(7200.0)
    assert patient.commands(c.CloseRealtime) == []


def test_a_flush_throws_away_what_was_not_heard_and_tells_how_much_was(bridged: Bridged) -> None:
    bridged.server_says(b"\x01" * 2 * SECOND)
    bridged.run(1.5)
    assert bridged.flush() == pytest.approx(1.5, abs=0.001)
    assert bridged.commands(c.ClearAudio)
    bridged.server_says(b"\x02" * SECOND)
    bridged.run(2.0)
    assert bridged.flush() == pytest.approx(0.5, abs=0.001), "only what came since"
    bridged.run(5.0)
    assert bridged.ear.count(1) == pytest.approx(1.5 * SECOND, abs=1)
    assert bridged.ear.count(2) == pytest.approx(0.5 * SECOND, abs=1)
    assert bridged.flush() == 0.0


def test_what_was_heard_counts_over_all_that_was_said_since_the_last_flush(bridged: Bridged) -> None:
    bridged.server_says(bytes(SECOND))
    bridged.run(3.0)
    bridged.server_says(bytes(SECOND))
    bridged.run(3.25)
    assert bridged.flush() == pytest.approx(1.25, abs=0.001)


def test_nobody_listens_asks_or_fills_while_bridged(bridged: Bridged) -> None:
    bridged.server_says(bytes(SECOND))
    bridged.voice = 1.0
    bridged.run(2.0)
    bridged.voice = 0.0
    bridged.run(30.0)
    for kind in (c.AskAgent, c.AskFiller, c.BeginTranscript, c.ClearAudio, c.AskTurnModel):
        assert bridged.commands(kind) == []
    assert bridged.session.phase is Phase.BRIDGED


def test_words_from_before_the_bridge_are_reported_and_begin_no_turn(line: Bridged) -> None:
    line.voice = 1.0
    line.run(1.0)
    line.voice = 0.0
    line.run(4.0)
    line.session.receive_transcript(1, "hello", line.now, final=True, confidence=None)
    line.voice = 1.0
    line.run(5.0)
    line.plan()
    line.session.receive_transcript(2, "too late", line.now, final=True, confidence=None)
    line.run(20.0)
    line.plan(then=LISTEN)
    line.run(25.0)
    assert [each.content for each in line.commands(c.ReportIgnored) if isinstance(each, c.ReportIgnored)] == ["hello"]
    assert not any(isinstance(each, c.AskAgent) and isinstance(each.heard, Said) for _, each in line.log)


def test_a_key_goes_to_the_server_and_cuts_nothing_off(bridged: Bridged) -> None:
    bridged.server_says(bytes(SECOND))
    bridged.press("5#")
    bridged.run(2.0)
    assert bridged.sent_keys == "5#"
    assert bridged.commands(c.ClearAudio) == []
    assert len(bridged.ear) == SECOND


def test_the_servers_end_begins_a_turn_with_the_event(bridged: Bridged) -> None:
    bridged.server_says(bytes(SECOND))
    bridged.session.bridge.receive_ended(bridged.now)
    bridged.obey()
    (asked,) = bridged.commands(c.AskAgent)
    assert asked == c.AskAgent(turn=1, heard=EventRaised(name="realtime_ended"))
    assert bridged.session.phase is Phase.THINKING
    bridged.server_says(bytes(SECOND))
    bridged.session.bridge.receive_ended(bridged.now)
    bridged.session.bridge.receive_flush(bridged.now)
    bridged.run(3.0)
    assert len(bridged.commands(c.AskAgent)) == 1
    assert len(bridged.ear) == SECOND, "what was said before the end is heard, nothing after it"


def test_a_server_that_cannot_be_had_begins_a_turn_too(bridged: Bridged) -> None:
    bridged.session.bridge.receive_ended(bridged.now, event=UNAVAILABLE_EVENT)
    bridged.obey()
    (asked,) = bridged.commands(c.AskAgent)
    assert asked == c.AskAgent(turn=1, heard=EventRaised(name="realtime_unavailable"))


def test_another_plan_leaves_the_bridge_and_the_line_listens_again(bridged: Bridged) -> None:
    bridged.server_says(bytes(SECOND))
    bridged.plan(Say(text="Anything else?"), then=LISTEN)
    assert bridged.commands(c.CloseRealtime) == [c.CloseRealtime()]
    bridged.run(30.0)
    assert len(bridged.ear) == 3 * SECOND, "what the server had said is heard before the prompt"
    assert bridged.when(c.AskAgent) == [pytest.approx(13.0, abs=0.1)], "silence counts again"


def test_what_the_server_left_can_be_interrupted_by_voice_and_key(bridged: Bridged) -> None:
    bridged.server_says(bytes(10 * SECOND))
    bridged.plan(then=LISTEN)
    bridged.run(1.0)
    bridged.press("1#")
    bridged.run(2.0)
    assert len(bridged.ear) < 1.2 * SECOND


def test_a_forward_from_within_leaves_the_bridge(bridged: Bridged) -> None:
    bridged.plan(Say(text="I connect you"), then=Finish(reason="agent-ended"))
    bridged.run(3.0)
    assert bridged.commands(c.CloseRealtime) == [c.CloseRealtime()]
    assert bridged.commands(c.EndStream)


def test_a_bridge_that_never_opened_is_closed_by_nobody(line: Bridged) -> None:
    line.plan(Say(text="I connect you"))
    line.press("7")
    line.plan(then=GO_ON)
    line.run(3.0)
    assert line.commands(c.CloseRealtime) == []
    assert line.commands(c.OpenRealtime) == []
    assert line.commands(c.ReportIgnored) == [c.ReportIgnored(content="7", reason="bridged")]


@pytest.mark.parametrize("how", ["stop", "no-media"])
def test_a_stream_that_ends_ends_the_bridge(bridged: Bridged, how: str) -> None:
    if how == "stop":
        bridged.session.receive_stop()
        bridged.obey()
    else:
        bridged._tick_frame = lambda: None  # type: ignore[method-assign]
        bridged.run(20.0)
    assert bridged.commands(c.CloseRealtime) == [c.CloseRealtime()]
    assert bridged.session.phase is Phase.ENDED


def test_a_server_that_says_hours_at_once_is_cut_short(bridged: Bridged) -> None:
    for _ in range(400):
        bridged.server_says(bytes(SECOND))
    waiting = bridged.session._player._playout.unsent_bytes
    assert 290 * SECOND < waiting < 302 * SECOND


@dataclass
class RandomBridge:
    """A server, a caller and an agent that do anything; each byte the server says is counted."""

    dice: Random
    line: Bridged = field(default_factory=Bridged)
    said: int = 0
    told: float = 0.0
    keys: str = ""

    def act(self) -> None:
        dice, line = self.dice, self.line
        match dice.randrange(8):
            case 0 | 1 | 2:
                was = line.session.phase
                open_ = line.session.bridge._open
                size = dice.choice((1, 160, 900, SECOND, 3 * SECOND))
                line.server_says(bytes([self.said % 256]) * size)
                self.said += was is Phase.BRIDGED and open_
            case 3:
                line.session.bridge.receive_flush(line.now)
            case 4:
                key = dice.choice("0123456789*#")
                if line.session.phase is Phase.BRIDGED:
                    self.keys += key
                    line.press(key)
            case 5:
                line.plan(*(Say(text="words") for _ in range(dice.randrange(2))))
            case 6 if dice.random() < 0.4:
                line.plan(then=dice.choice((GO_ON, LISTEN)))
            case 7 if dice.random() < 0.3:
                line.session.bridge.receive_ended(line.now)
            case _:
                pass
        line.obey()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_what_must_hold_on_every_bridge(seed: int) -> None:
    random = RandomBridge(Random(seed))
    line, at = random.line, 0.0
    line.start()
    line.plan()
    while (at := at + random.dice.expovariate(2.0)) < 40.0:
        line.run(at)
        random.act()
        assert line.session.next_timer() is not None
    line.run(200.0)
    opened, closed = len(line.commands(c.OpenRealtime)), len(line.commands(c.CloseRealtime))
    assert 0 <= opened - closed <= 1, "each bridge is closed once"
    dropped = "".join(each.content for each in line.commands(c.ReportIgnored) if isinstance(each, c.ReportIgnored))
    assert sorted(line.sent_keys + dropped + line.session.bridge._keys) == sorted(random.keys), "each key counts once"
    heard = sum(each.heard_seconds for each in line.commands(c.InterruptRealtime))  # type: ignore[attr-defined]
    assert heard <= len(line.ear) / SECOND + 0.001, "nobody is told of more than was heard"
    heard_pieces = [each for each in line.played if each.end > each.begin]
    assert all(later.begin >= earlier.end - 1e-9 for earlier, later in pairwise(heard_pieces)), "one thing at a time"
