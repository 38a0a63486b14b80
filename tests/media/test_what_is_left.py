"""What a caller has said and no turn has taken when the stream ends: handed on once, with the stream's end."""

import pytest
from perfect_line import HEARING, Line, new_line

from voicegw.call.inputs import Said
from voicegw.call.plan import CallPlan, Finish, GoOn, Then
from voicegw.media import commands as c

GO_ON = GoOn(hearing=HEARING)


class Phone(Line):
    """The agent thinks; the caller's speeches get the words that the test gives them."""

    def __init__(self) -> None:
        super().__init__(new_line().session)
        self.start()
        self.plan(GO_ON)

    def plan(self, then: Then) -> None:
        self.session.receive_plan(0, CallPlan(prompts=(), then=then), self.now)
        self.obey()

    def speak(self, seconds: float) -> None:
        self.voice = 1.0
        self.run(self.now + seconds)
        self.voice = 0.0

    def understand(self, speech: int, text: str, *, final: bool) -> None:
        self.session.receive_transcript(speech, text, self.now, final=final, confidence=None)
        self.obey()

    def lose(self) -> c.EndStream:
        self.session.receive_stop()
        self.obey()
        (end,) = self.commands(c.EndStream)
        assert isinstance(end, c.EndStream)
        return end


@pytest.fixture
def phone() -> Phone:
    return Phone()


def test_words_that_wait_are_joined(phone: Phone) -> None:
    for speech, text in ((1, "a table"), (2, "for two")):
        phone.speak(1.0)
        phone.run(phone.now + 3.0)
        phone.understand(speech, text, final=True)
    assert phone.lose().words == Said(text="a table for two")


def test_words_whose_last_have_not_come_are_what_there_is_of_them(phone: Phone) -> None:
    phone.speak(1.0)
    phone.run(phone.now + 2.5)
    phone.understand(1, "a table", final=False)
    assert phone.lose().words == Said(text="a table")


def test_words_in_the_midst_of_which_the_line_breaks_are_none(phone: Phone) -> None:
    phone.speak(1.0)
    phone.understand(1, "a ta", final=False)
    assert phone.lose().words is None


def test_who_said_nothing_leaves_nothing(phone: Phone) -> None:
    assert phone.lose().words is None


def test_words_before_a_goodbye_are_handed_on_with_it(phone: Phone) -> None:
    phone.speak(1.0)
    phone.run(phone.now + 2.5)
    phone.understand(1, "a table", final=True)
    phone.plan(Finish(reason="agent-ended"))
    (end,) = phone.commands(c.EndStream)
    assert isinstance(end, c.EndStream)
    assert (end.reason, end.words) == ("plan", Said(text="a table"))
