"""Several recognisers as one: each speech gets exactly one final transcript, whichever of them fails, and when."""

import asyncio
from collections.abc import Callable

import pytest

from voicegw.errors import SpeechError
from voicegw.live.ports import ListenRequest, Transcript
from voicegw.speech import failover_ears
from voicegw.speech.failover_ears import FailoverEars
from voicegw.speech.providers import RequestRefused, UnknownLanguage

REQUEST = ListenRequest(call_sid="CA1", language="en-US")


class ScriptedEar:
    """What it was given, and the means to make it tell or fail."""

    def __init__(
        self, request: ListenRequest, tell: Callable[[Transcript], None], fail: Callable[[SpeechError], None]
    ) -> None:
        self.request, self.tell, self.fail = request, tell, fail
        self.heard: dict[int, bytearray] = {}
        self.finished: list[int] = []
        self.paused: list[int] = []
        self.is_closed = False

    def begin(self, speech: int, before: bytes) -> None:
        self.heard[speech] = bytearray(before)

    def put(self, audio: bytes) -> None:
        self.heard[max(self.heard)] += audio

    def pause(self, speech: int) -> None:
        self.paused.append(speech)

    def finish(self, speech: int, quiet_seconds: float) -> None:
        self.finished.append(speech)

    def ask_again(self, request: ListenRequest) -> None:
        self.request = request

    async def close(self) -> None:
        self.is_closed = True

    def say(self, speech: int, text: str, *, final: bool = False) -> None:
        self.tell(Transcript(speech=speech, text=text, final=final))


class ScriptedRecogniser:
    """Its ears, in the order they were opened."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ears: list[ScriptedEar] = []
        self.opened = asyncio.Event()
        self.is_closed = False

    def open(
        self, request: ListenRequest, tell: Callable[[Transcript], None], fail: Callable[[SpeechError], None]
    ) -> ScriptedEar:
        self.ears.append(ScriptedEar(request, tell, fail))
        self.opened.set()
        return self.ears[-1]

    async def close(self) -> None:
        self.is_closed = True


class Call:
    """One call's ear over two recognisers, and what it told."""

    def __init__(self, *names: str) -> None:
        self.recognisers = [ScriptedRecogniser(name) for name in names or ("first", "second")]
        self.ears = FailoverEars(self.recognisers)
        self.told: asyncio.Queue[Transcript] = asyncio.Queue()
        self.ear = self.ears.open(REQUEST, self.told.put_nowait)

    def __getitem__(self, number: int) -> ScriptedEar:
        return self.recognisers[number].ears[-1]

    @property
    def words(self) -> list[tuple[int, str, bool]]:
        found = []
        while not self.told.empty():
            transcript = self.told.get_nowait()
            found.append((transcript.speech, transcript.text, transcript.final))
        return found


async def test_words_of_the_first_recogniser_pass_through() -> None:
    call = Call()
    call.ear.begin(1, b"ab")
    call.ear.put(b"cd")
    call[0].say(1, "book")
    call.ear.finish(1, 0.0)
    call[0].say(1, "book a table", final=True)
    assert call.words == [(1, "book", False), (1, "book a table", True)]
    assert call[0].heard == {1: b"abcd"}
    assert call.recognisers[1].ears == []
    await call.ear.close()


async def test_connection_that_breaks_is_opened_once_more_and_given_the_speech_from_its_beginning() -> None:
    call = Call()
    call.ear.begin(1, b"ab")
    call.ear.put(b"cd")
    call[0].fail(SpeechError("broke", retryable=True))
    call.ear.put(b"ef")
    assert [bytes(ear.heard[1]) for ear in call.recognisers[0].ears] == [b"abcd", b"abcdef"]
    call.ear.finish(1, 0.0)
    call[0].say(1, "all of it", final=True)
    assert call.words == [(1, "all of it", True)]
    await call.ear.close()
    assert call.recognisers[0].ears[0].is_closed


async def test_second_failure_hands_over_to_the_next() -> None:
    call = Call()
    call.ear.begin(1, b"ab")
    call[0].fail(SpeechError("broke", retryable=True))
    call[0].fail(SpeechError("broke", retryable=True))
    call.ear.finish(1, 0.0)
    assert call[1].heard == {1: b"ab"}
    assert call[1].finished == [1]
    call[1].say(1, "heard after all", final=True)
    assert call.words == [(1, "heard after all", True)]
    await call.ear.close()


async def test_lasting_failure_hands_over_at_once_and_rests_for_other_calls() -> None:
    call = Call()
    call[0].fail(SpeechError("wrong key", retryable=False))
    assert len(call.recognisers[0].ears) == 1
    other = call.ears.open(REQUEST, call.told.put_nowait)
    assert len(call.recognisers[0].ears) == 1
    assert len(call.recognisers[1].ears) == 2
    await call.ear.close()
    await other.close()


@pytest.mark.parametrize("error", [UnknownLanguage("English only"), RequestRefused("no such model")])
async def test_refusal_of_one_request_is_no_failure_for_other_calls(error: SpeechError) -> None:
    call = Call()
    call[0].fail(error)
    other = call.ears.open(REQUEST, call.told.put_nowait)
    assert len(call.recognisers[0].ears) == 2
    await call.ear.close()
    await other.close()


async def test_recogniser_that_refused_is_left_until_something_else_is_asked_for() -> None:
    call = Call()
    call[0].fail(RequestRefused("no such model"))
    call.ear.begin(1, b"ab")
    assert len(call.recognisers[0].ears) == 1
    call.ear.finish(1, 0.0)
    call[1].say(1, "heard", final=True)
    call.ear.ask_again(ListenRequest(call_sid="CA1", language="de-DE"))
    call.ear.begin(2, b"cd")
    assert call[0].heard == {2: b"cd"}
    await call.ear.close()


async def test_where_all_have_refused_the_next_speech_tries_again() -> None:
    call = Call("only")
    call.ear.begin(1, b"ab")
    call[0].fail(RequestRefused("not this audio"))
    call.ear.finish(1, 0.0)
    assert (await call.told.get()).final
    call.ear.begin(2, b"cd")
    assert call[0].heard == {2: b"cd"}
    await call.ear.close()


async def test_failure_after_the_end_of_a_speech_is_made_good_by_the_next() -> None:
    call = Call()
    call.ear.begin(1, b"ab")
    call.ear.finish(1, 0.0)
    call[0].fail(SpeechError("refused"))
    assert call[1].heard == {1: b"ab"}
    assert call[1].finished == [1]
    await call.ear.close()


async def test_where_all_fail_the_words_so_far_are_final_and_the_next_speech_tries_again() -> None:
    call = Call("only")
    call.ear.begin(1, b"ab")
    call[0].say(1, "half a")
    call.ear.finish(1, 0.0)
    call[0].fail(SpeechError("refused"))
    assert call.words == [(1, "half a", False), (1, "half a", True)]
    call.ear.begin(2, b"cd")
    assert call[0].heard == {2: b"cd"}
    await call.ear.close()


async def test_speech_that_ends_while_nobody_listens_is_empty_at_once() -> None:
    call = Call("only")
    call.ear.begin(1, b"ab")
    call[0].fail(SpeechError("refused"))
    call.ear.put(b"cd")
    call.ear.ask_again(REQUEST)
    call.ear.finish(1, 0.0)
    transcript = await call.told.get()
    assert (transcript.text, transcript.final) == ("", True)
    await call.ear.close()


async def test_recogniser_that_is_late_is_overtaken_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover_ears, "OVERTAKEN_SECONDS", 0.0)
    call = Call()
    call.ear.begin(1, b"ab")
    late = call[0]
    call.ear.finish(1, 0.0)
    await call.recognisers[1].opened.wait()
    call[1].say(1, "quicker", final=True)
    late.say(1, "too late", final=True)
    late.fail(SpeechError("whatever"))
    assert call.words == [(1, "quicker", True)]
    await call.ear.close()


async def test_late_recogniser_without_a_next_goes_on_until_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover_ears, "OVERTAKEN_SECONDS", 0.0)
    monkeypatch.setattr(failover_ears, "FINAL_SECONDS", 0.01)
    call = Call("only")
    call.ear.begin(1, b"ab")
    call[0].say(1, "so far")
    call.ear.finish(1, 0.0)
    assert (await call.told.get()).text == "so far"
    assert (await call.told.get()).final
    call[0].say(1, "after the bell", final=True)
    assert call.words == []
    assert len(call.recognisers[0].ears) == 1
    await call.ear.close()


async def test_between_speeches_the_call_goes_back_to_a_better_recogniser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicegw.speech.resting.FIRST_REST_SECONDS", 0.0)
    call = Call()
    call[0].fail(SpeechError("refused"))
    call.ear.begin(1, b"ab")
    assert len(call.recognisers[0].ears) == 2
    assert call[0].heard == {1: b"ab"}
    await call.ear.close()


async def test_new_wishes_reach_the_ear_and_those_opened_later() -> None:
    call = Call()
    german = ListenRequest(call_sid="CA1", language="de-DE")
    call.ear.ask_again(german)
    assert call[0].request == german
    call[0].fail(SpeechError("refused"))
    assert call[1].request == german
    await call.ear.close()


async def test_final_words_before_the_end_of_a_speech_are_not_final() -> None:
    call = Call()
    call.ear.begin(1, b"ab")
    call[0].say(1, "book", final=True)
    assert call.words == []
    call.ear.finish(1, 0.0)
    call.ear.finish(1, 0.0)
    assert call[0].finished == [1]
    await call.ear.close()


async def test_after_closing_nothing_is_told() -> None:
    call = Call()
    call.ear.begin(1, b"ab")
    call.ear.finish(1, 0.0)
    ear = call[0]
    await call.ear.close()
    ear.say(1, "too late", final=True)
    call.ear.put(b"cd")
    assert call.words == []
    assert ear.is_closed
    await call.ears.close()
    assert call.recognisers[0].is_closed
