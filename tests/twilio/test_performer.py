"""A plan → TwiML: what Twilio is told to say, hear and dial, and that nothing is lost on the way."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import twiml
from voicegw.call.instructions import BargeIn, Collect, PlayAudio, PlayRecording, Prompt, Say
from voicegw.call.plan import CallPlan, DialLeg, Finish, GoOn, HandOver, Hearing, Leg, Listen, Then, still_to_do
from voicegw.call.profile import Endpointing
from voicegw.twilio.performer import Document, render_plan
from voicegw.twilio.prompt_verbs import MAX_SAY_CHARACTERS, Setting

STEP = "https://g.example/twilio/step/1/2"
SETTING = Setting(step_url=STEP, voice="Polly.Joanna-Neural", own_language="en-US", language="en-US")
PIN = Collect(gap_seconds=3, delimiters=("#",), max_digits=4)
LEG = Leg(kind="phone", address="+14155550100", caller_id="+15005550006")


def hearing(**fields: Any) -> Hearing:
    defaults: dict[str, Any] = {"keypad": Collect(), "language": "en-US", "endpointing": Endpointing.PATIENT}
    return Hearing(**{**defaults, **fields})


def listening(silence_seconds: float = 10, **fields: Any) -> Listen:
    return Listen(hearing=hearing(**fields), silence_seconds=silence_seconds)


def render(*prompts: Prompt, then: Then | None = None, setting: Setting = SETTING) -> Document:
    return render_plan(CallPlan(prompts=prompts, then=then or listening()), setting)


def text(document: Document) -> str:
    written = twiml.render(document.response)
    return written.removeprefix('<?xml version="1.0" encoding="UTF-8"?><Response>').removesuffix("</Response>")


def gather(document: Document) -> twiml.Gather:
    return next(verb for verb in document.response.verbs if isinstance(verb, twiml.Gather))


def tags(document: Document) -> list[str]:
    return [verb.TAG for verb in document.response.verbs if not isinstance(verb, twiml.Unknown)]


HELLO = Say(text="Hello & welcome.")
SAY_HELLO = '<Say voice="Polly.Joanna-Neural" language="en-US">Hello &amp; welcome.</Say>'
BACK = f'<Redirect method="POST">{STEP}</Redirect>'


class TestDocuments:
    def test_an_answer_that_listens(self) -> None:
        assert text(render(HELLO)) == (
            f'<Gather input="dtmf speech" action="{STEP}" method="POST" timeout="2" speechTimeout="2" '
            f'finishOnKey="#" numDigits="20" language="en-US" actionOnEmptyResult="true">{SAY_HELLO}'
            f'<Pause length="8"/></Gather>{BACK}'
        )

    def test_an_answer_while_more_is_to_come(self) -> None:
        assert text(render(HELLO, then=GoOn(hearing=hearing()))) == (
            f'<Gather input="dtmf speech" action="{STEP}" method="POST" timeout="1" speechTimeout="2" '
            f'finishOnKey="#" numDigits="20" language="en-US" actionOnEmptyResult="true">{SAY_HELLO}</Gather>{BACK}'
        )

    def test_a_goodbye_is_never_cut_off(self) -> None:
        assert text(render(HELLO, then=Finish(reason="agent-ended"))) == f"{SAY_HELLO}<Hangup/>"

    def test_a_forward_to_a_phone(self) -> None:
        leg = replace(LEG, send_digits="1w23", ring_seconds=30, time_limit_seconds=600)
        assert text(render(HELLO, then=DialLeg(leg=leg, hearing=hearing()))) == (
            f'<Gather input="dtmf speech" action="{STEP}" method="POST" timeout="1" speechTimeout="2" '
            f'finishOnKey="#" numDigits="20" language="en-US">{SAY_HELLO}</Gather>'
            f'<Dial action="{STEP}" method="POST" timeout="30" timeLimit="600" callerId="+15005550006" '
            'answerOnBridge="true"><Number sendDigits="1w23">+14155550100</Number></Dial>'
        )

    def test_a_forward_to_sip_with_headers(self) -> None:
        leg = Leg(kind="sip", address="sip:desk@pbx.example", sip_headers=(("x-caller", "Ann & Bob"), ("x-a", "1")))
        document = render(then=DialLeg(leg=leg, hearing=hearing()))
        assert text(document) == (
            f'<Dial action="{STEP}" method="POST" timeout="20" timeLimit="14400" answerOnBridge="true">'
            "<Sip>sip:desk@pbx.example?x-caller=Ann%20%26%20Bob&amp;x-a=1</Sip></Dial>"
        )

    @pytest.mark.parametrize(("confirm", "url"), [(True, "https://g.example/whisper"), (False, None)])
    def test_a_human_who_confirms_is_asked_before_the_bridge(self, confirm: bool, url: str | None) -> None:
        setting = replace(SETTING, whisper_url="https://g.example/whisper")
        for leg in (replace(LEG, confirm=confirm), Leg(kind="sip", address="sip:a@b.example", confirm=confirm)):
            document = render(then=DialLeg(leg=leg, hearing=hearing()), setting=setting)
            (dial,) = document.response.verbs
            assert isinstance(dial, twiml.Dial)
            (noun,) = dial.children
            assert isinstance(noun, twiml.Number | twiml.Sip)
            assert noun.url == url

    def test_an_agents_own_document_stands_between_our_words_and_our_next_step(self) -> None:
        then = HandOver(
            document='<Response><Play loop="2">https://a.example/b.mp3</Play></Response>', listen=listening()
        )
        document = render(HELLO, then=then)
        assert text(document) == f'{SAY_HELLO}<Play loop="2">https://a.example/b.mp3</Play>{BACK}'
        assert document.complete

    @pytest.mark.parametrize("foreign", ["", "hello", "<Response>", "<html/>"])
    def test_a_document_that_is_no_twiml_is_left_out(self, foreign: str) -> None:
        assert text(render(HELLO, then=HandOver(document=foreign, listen=listening()))) == f"{SAY_HELLO}{BACK}"


class TestTheKeypad:
    """One `<Gather>` holds the whole entry: `timeout` is the gap, a trailing `<Pause>` the wait for the first key."""

    @pytest.mark.parametrize(
        ("listen", "timeout", "pause"),
        [
            (listening(10, keypad=PIN), 3, 7),
            (listening(3, keypad=PIN), 3, None),
            (listening(2, keypad=PIN), 3, None),
            (listening(10.4, keypad=replace(PIN, gap_seconds=0.5)), 1, 9),
            (listening(0, keypad=PIN), 3, None),
            # only a delimiter or the length submits: the no-reply time runs from the last key
            (listening(8, keypad=replace(PIN, gap_seconds=0)), 8, None),
            # one key ends it, so there is no gap
            (listening(8, keypad=PIN, one_key=True), 8, None),
            # no keys at all
            (listening(8, keypad=Collect(enabled=False)), 8, None),
            # an entry that has begun: its gap runs already
            (listening(8, keypad=PIN, keys_kept=2), 3, None),
        ],
    )
    def test_gap_and_silence(self, listen: Listen, timeout: int, pause: int | None) -> None:
        found = gather(render(HELLO, then=listen))
        assert found.timeout == timeout
        pauses = [child.length for child in found.children if isinstance(child, twiml.Pause)]
        assert pauses == ([pause] if pause else [])

    @pytest.mark.parametrize(
        ("keypad", "finish_on_key", "num_digits"),
        [
            (PIN, "#", 4),
            (replace(PIN, delimiters=("*",)), "*", 4),
            (replace(PIN, delimiters=("#", "*")), "#", 4),
            (replace(PIN, delimiters=("*", "#")), "*", 4),
            (replace(PIN, delimiters=()), "", 4),
            (replace(PIN, max_digits=1), "#", 1),
        ],
    )
    def test_twilio_knows_one_finish_key(self, keypad: Collect, finish_on_key: str, num_digits: int) -> None:
        found = gather(render(then=listening(keypad=keypad)))
        assert (found.finish_on_key, found.num_digits) == (finish_on_key, num_digits)

    def test_one_key_is_enough_for_a_button_and_none_ends_it_before(self) -> None:
        found = gather(render(then=listening(keypad=PIN, one_key=True)))
        assert (found.finish_on_key, found.num_digits) == ("", 1)

    @pytest.mark.parametrize(("kept", "left"), [(0, 4), (3, 1), (4, 1), (9, 1)])
    def test_digits_that_came_already_are_not_asked_for_again(self, kept: int, left: int) -> None:
        assert gather(render(then=listening(keypad=PIN, keys_kept=kept))).num_digits == left

    def test_a_keypad_that_is_off_is_not_listened_to(self) -> None:
        found = gather(render(then=listening(keypad=Collect(enabled=False))))
        assert (found.input, found.finish_on_key, found.num_digits) == ("speech", None, None)

    def test_speech_may_be_off_while_digits_are_collected(self) -> None:
        found = gather(render(then=listening(keypad=PIN, speech=False, hints=("a",), profanity_filter=False)))
        assert found.input == "dtmf"
        assert (found.speech_timeout, found.language, found.hints, found.profanity_filter) == (None, None, None, None)

    def test_something_is_always_listened_to(self) -> None:
        assert gather(render(then=listening(keypad=Collect(enabled=False), speech=False))).input == "dtmf"

    def test_keys_are_gathered_alike_while_we_talk(self) -> None:
        found = gather(render(HELLO, then=GoOn(hearing=hearing(keypad=PIN, keys_kept=1))))
        assert (found.finish_on_key, found.num_digits, found.timeout) == ("#", 3, 1)

    def test_silence_comes_back_to_us_too(self) -> None:
        for then in (listening(), GoOn(hearing=hearing())):
            document = render(HELLO, then=then)
            assert gather(document).action_on_empty_result is True
            assert tags(document)[-1] == "Redirect"

    def test_silence_over_an_announcement_leads_on_to_the_dial(self) -> None:
        document = render(HELLO, then=DialLeg(leg=LEG, hearing=hearing()))
        assert gather(document).action_on_empty_result is None
        assert tags(document) == ["Gather", "Dial"]


class TestSpeech:
    @pytest.mark.parametrize(
        ("endpointing", "model", "speech_timeout"),
        [
            (Endpointing.FAST, "", "auto"),
            (Endpointing.FAST, "phone_call", 1),
            (Endpointing.PATIENT, "", 2),
            (Endpointing.PATIENT, "phone_call", 2),
            (Endpointing.DICTATION, "googlev2_long", 3),
        ],
    )
    def test_auto_never_stands_beside_a_speech_model(
        self, endpointing: Endpointing, model: str, speech_timeout: int | str
    ) -> None:
        found = gather(render(then=listening(endpointing=endpointing, speech_model=model)))
        assert (found.speech_timeout, found.speech_model) == (speech_timeout, model or None)

    def test_hints_are_plain_words_each_once_and_no_more_than_the_carrier_takes(self) -> None:
        hints = ("Check-up, now", "  ", "Check-up, now", "x" * 150, "Ann & <Bob>", *(f"w{n}" for n in range(600)))
        found = gather(render(then=listening(hints=hints))).hints
        assert found is not None
        listed = found.split(",")
        assert listed[:3] == ["Check-up now", "x" * 100, "Ann Bob"]
        assert len(listed) == 500

    def test_hints_leave_room_for_what_is_said(self) -> None:
        hints = tuple(f"{'é' * 90}{n}" for n in range(500))
        document = render(*[Say(text="&" * 2999)] * 20, then=listening(hints=hints))
        assert twiml.measure(document.response) < 64_000
        assert len((gather(document).hints or "").encode()) <= 8_000

    def test_without_hints_there_is_no_attribute(self) -> None:
        assert gather(render(then=listening(hints=(",", " ")))).hints is None

    def test_the_profanity_filter_is_named_only_where_it_is_off(self) -> None:
        assert gather(render()).profanity_filter is None
        assert gather(render(then=listening(profanity_filter=False))).profanity_filter is False

    def test_the_language_of_the_call_is_what_is_listened_for(self) -> None:
        assert gather(render(then=listening(language="de-DE"))).language == "de-DE"
        assert gather(render(then=listening(language=""))).language is None


class TestBargeIn:
    def say(self, name: str, barge_in: BargeIn) -> Say:
        return Say(text=name, barge_in=barge_in)

    def test_what_nothing_may_interrupt_stands_outside_and_the_rest_inside(self) -> None:
        document = render(self.say("Consent.", BargeIn.NONE), HELLO)
        assert tags(document) == ["Say", "Gather", "Redirect"]
        assert document.complete

    def test_only_protected_words_still_end_in_listening(self) -> None:
        document = render(self.say("Consent.", BargeIn.NONE))
        assert tags(document) == ["Say", "Gather", "Redirect"]
        assert gather(document).timeout == 2

    @pytest.mark.parametrize(("barge_in", "heard"), [(BargeIn.SPEECH, "speech"), (BargeIn.KEYS, "dtmf")])
    def test_a_prompt_hears_only_what_may_interrupt_it_and_then_we_listen(self, barge_in: BargeIn, heard: str) -> None:
        document = render(self.say("One.", barge_in))
        assert gather(document).input == heard
        assert gather(document).timeout == 1
        assert (document.unsaid, document.complete) == ((), False)

    def test_groups_follow_each_other(self) -> None:
        kinds = [BargeIn.NONE, BargeIn.ANY, BargeIn.SPEECH, BargeIn.SPEECH, BargeIn.NONE, BargeIn.KEYS]
        prompts = [self.say(f"{place}.", kind) for place, kind in enumerate(kinds)]
        spoken = [words_in(document) for document in chain(CallPlan(prompts=tuple(prompts), then=listening()))]
        assert [words for words in spoken if words] == [["0.", "1."], ["2.", "3."], ["4.", "5."]]

    def test_a_protected_word_before_a_forward_is_heard_out(self) -> None:
        document = render(self.say("Consent.", BargeIn.NONE), then=DialLeg(leg=LEG, hearing=hearing()))
        assert tags(document) == ["Say", "Dial"]

    def test_mixed_words_before_a_forward_take_two_documents(self) -> None:
        plan = CallPlan(prompts=(HELLO, self.say("Consent.", BargeIn.NONE)), then=DialLeg(leg=LEG, hearing=hearing()))
        first, second = chain(plan)
        assert not first.complete
        assert "Dial" not in tags(first)
        assert tags(second) == ["Say", "Dial"]


class TestVoices:
    SSML = Say(text="Hello there", ssml='<prosody rate="slow">Hello</prosody> there')

    def say(self, prompt: Say, **setting: str) -> twiml.Say:
        found = gather(render(prompt, setting=replace(SETTING, **setting))).children[0]  # type: ignore[arg-type]
        assert isinstance(found, twiml.Say)
        return found

    @pytest.mark.parametrize("voice", ["Polly.Joanna", "Google.en-US-Wavenet-A"])
    def test_ssml_is_kept_where_the_voice_takes_it(self, voice: str) -> None:
        assert twiml.render(twiml.Response((self.say(self.SSML, voice=voice),))).count("<prosody") == 1

    @pytest.mark.parametrize("voice", ["", "alice", "woman"])
    def test_elsewhere_only_its_words_are_said(self, voice: str) -> None:
        assert self.say(self.SSML, voice=voice).content == ("Hello there",)

    def test_ssml_that_cannot_be_read_gives_way_to_its_words(self) -> None:
        assert self.say(Say(text="Hi", ssml="<prosody>")).content == ("Hi",)

    def test_the_numbers_voice_speaks_the_numbers_language(self) -> None:
        found = self.say(HELLO)
        assert (found.voice, found.language) == ("Polly.Joanna-Neural", "en-US")

    def test_a_voice_does_not_speak_another_language(self) -> None:
        for found in (
            self.say(HELLO, language="de-DE"),
            self.say(Say(text="Hallo", language="de-DE")),
        ):
            assert (found.voice, found.language) == (None, "de-DE")

    def test_after_a_switch_of_language_the_voice_is_back_for_its_own(self) -> None:
        found = self.say(Say(text="Hello", language="en-US"), language="de-DE")
        assert (found.voice, found.language) == ("Polly.Joanna-Neural", "en-US")

    def test_ssml_in_a_language_the_voice_does_not_speak_is_said_plain(self) -> None:
        assert self.say(self.SSML, language="de-DE").content == ("Hello there",)

    def test_a_number_without_voice_names_none(self) -> None:
        assert self.say(HELLO, voice="").voice is None


class TestAudio:
    def test_a_recording_is_played(self) -> None:
        found = gather(render(PlayAudio(source="https://a.example/b.wav", instead="B."))).children[0]
        assert found == twiml.Play("https://a.example/b.wav")

    @pytest.mark.parametrize(
        "prompt",
        [
            PlayAudio(source="data:audio/wav;base64,AAAA", instead="Opening hours."),
            PlayAudio(source="ftp://a.example/b.wav", instead="Opening hours."),
            PlayAudio(source="https://a.example/" + "b" * 5000, instead="Opening hours."),
            PlayRecording(content=("AAAA",), encoding="mulaw", instead="Opening hours."),
        ],
    )
    def test_what_the_carrier_cannot_fetch_is_said(self, prompt: Prompt) -> None:
        assert words_in(render(prompt)) == ["Opening hours."]

    def test_without_words_there_is_nothing_to_say(self) -> None:
        document = render(PlayRecording(content=("AAAA",), encoding="mulaw"), Say(text=" "), Say(text="\x00"))
        assert words_in(document) == []

    def test_it_repeats_as_often_as_asked(self) -> None:
        assert gather(render(PlayAudio(source="https://a.example/b.wav", loop=3))).children[0] == twiml.Play(
            "https://a.example/b.wav", loop=3
        )

    def test_for_ever_only_while_we_wait_for_the_caller(self) -> None:
        music = PlayAudio(source="https://a.example/b.wav", loop=0)
        assert gather(render(music)).children[0] == twiml.Play("https://a.example/b.wav", loop=0)
        assert gather(render(music, HELLO)).children[0] == twiml.Play("https://a.example/b.wav")
        for then in (GoOn(hearing=hearing()), Finish(reason="x"), DialLeg(leg=LEG, hearing=hearing())):
            assert 'loop="0"' not in text(render(music, then=then))


def chain(plan: CallPlan) -> list[Document]:
    """The documents that a call hears one after the other until the plan is carried out; the caller stays silent."""
    documents = [render_plan(plan, SETTING)]
    while not documents[-1].complete:
        last = documents[-1]
        then = still_to_do(plan.then, complete=False)
        assert then is not None
        documents.append(render_plan(CallPlan(prompts=last.unsaid, then=then), SETTING))
        assert len(documents) < 500, "the chain does not end"
        if not documents[-1].complete:
            assert documents[-1].unsaid != last.unsaid or not last.unsaid, "nothing was said"
    return documents


def words_in(document: Document) -> list[str]:
    """What is spoken in a document, in order."""
    spoken: list[str] = []
    for verb in twiml.parse(twiml.render(document.response)).verbs:
        inside = verb.children if isinstance(verb, twiml.Gather) else (verb,)
        spoken += [twiml.words_of(child.content) for child in inside if isinstance(child, twiml.Say)]
    return spoken


class TestTooMuchForOneDocument:
    LONG = Say(text=" ".join(f"word{n} &" for n in range(12_000)))

    @pytest.mark.parametrize(
        "then",
        [
            listening(),
            GoOn(hearing=hearing()),
            Finish(reason="x"),
            DialLeg(leg=LEG, hearing=hearing()),
            HandOver(document="<Response><Pause/></Response>", listen=listening()),
        ],
    )
    def test_the_rest_follows_and_then_what_was_to_be_done(self, then: Then) -> None:
        documents = chain(CallPlan(prompts=(HELLO, self.LONG, Say(text="The end.")), then=then))
        assert len(documents) > 2
        said = " ".join(words for document in documents for words in words_in(document))
        assert said.split() == f"{HELLO.text} {self.LONG.text} The end.".split()
        for document in documents[:-1]:
            assert document.unsaid
            assert tags(document)[-1] == "Redirect"
            assert not {"Dial", "Hangup", "Pause"} & set(tags(document))

    def test_no_part_is_longer_than_a_voice_takes(self) -> None:
        for document in chain(CallPlan(prompts=(self.LONG,), then=listening())):
            assert all(len(words) <= MAX_SAY_CHARACTERS for words in words_in(document))

    def test_long_ssml_gives_way_to_plain_words(self) -> None:
        long = Say(text="word " * 1000, ssml="<s>" + "word " * 1000 + "</s>")
        spoken = words_in(render(long))
        assert "".join(spoken).replace(" ", "") == "word" * 1000
        assert "<s>" not in text(render(long))

    def test_a_text_that_is_longer_than_its_ssml_is_split_too(self) -> None:
        assert all(
            len(words) <= MAX_SAY_CHARACTERS for words in words_in(render(Say(text="a " * 4000, ssml="<s>a</s>")))
        )


ANY_TEXT = st.text(max_size=60)
PROMPTS = st.lists(
    st.one_of(
        st.builds(Say, text=ANY_TEXT, barge_in=st.sampled_from(BargeIn)),
        st.builds(
            Say,
            text=st.just("some words"),
            ssml=st.sampled_from(["<s>some</s> words", "<broken", "some <b>words</b>"]),
            barge_in=st.sampled_from(BargeIn),
        ),
        st.builds(Say, text=st.builds(lambda text, times: text * times, ANY_TEXT, st.integers(1, 300))),
        st.builds(
            PlayAudio,
            source=st.sampled_from(["https://a.example/b.wav?x=1&y=<2>", "data:x", ""]),
            instead=ANY_TEXT,
            loop=st.integers(0, 2),
            barge_in=st.sampled_from(BargeIn),
        ),
        st.builds(PlayRecording, content=st.just(("a",)), encoding=st.just("mulaw"), instead=ANY_TEXT),
    ),
    max_size=8,
).map(tuple)
HEARINGS = st.builds(
    Hearing,
    keypad=st.builds(
        Collect,
        enabled=st.booleans(),
        gap_seconds=st.floats(0, 10),
        delimiters=st.sampled_from([(), ("#",), ("*",), ("#", "*")]),
        max_digits=st.integers(1, 64),
    ),
    language=st.sampled_from(["en-US", "de-DE", ""]),
    endpointing=st.sampled_from(Endpointing),
    speech=st.booleans(),
    one_key=st.booleans(),
    keys_kept=st.integers(0, 70),
    speech_model=st.sampled_from(["", "phone_call"]),
    hints=st.lists(st.text(max_size=200), max_size=5).map(tuple),
    profanity_filter=st.booleans(),
)
LEGS = st.builds(
    Leg,
    kind=st.just("phone"),
    address=st.just("+14155550100"),
    caller_id=st.sampled_from(["", "+15005550006"]),
    send_digits=st.sampled_from(["", "1w23"]),
    ring_seconds=st.integers(5, 600),
    time_limit_seconds=st.integers(60, 86400),
    confirm=st.booleans(),
)
LISTENS = st.builds(Listen, hearing=HEARINGS, silence_seconds=st.floats(0, 3600))
THENS = st.one_of(
    LISTENS,
    st.builds(GoOn, hearing=HEARINGS),
    st.builds(DialLeg, leg=LEGS, hearing=HEARINGS),
    st.just(Finish(reason="x")),
    st.builds(HandOver, document=st.sampled_from(["<Response><Pause/></Response>", "no"]), listen=LISTENS),
)
PLANS = st.builds(CallPlan, prompts=PROMPTS, then=THENS)


def expected_words(plan: CallPlan) -> list[str]:
    words: list[str] = []
    for prompt in plan.prompts:
        match prompt:
            case Say(text=said):
                words += twiml.clean_text(said).split()
            case PlayAudio(source=source, instead=instead):
                words += [] if source.startswith("https:") else twiml.clean_text(instead).split()
            case PlayRecording(instead=instead):
                words += twiml.clean_text(instead).split()
    return words


@settings(max_examples=250, deadline=None)
@given(PLANS)
def test_any_plan_is_carried_out_whole_in_documents_without_a_fault(plan: CallPlan) -> None:
    documents = chain(plan)
    said: list[str] = []
    for document in documents:
        written = twiml.render(document.response)
        assert len(written.encode()) < 64_000
        assert twiml.check(document.response) == ()
        assert twiml.parse(written) == twiml.parse(twiml.render(twiml.parse(written)))
        said += " ".join(words_in(document)).split()
    assert "".join(said) == "".join(expected_words(plan))
    last = tags(documents[-1])
    match plan.then:
        case Finish():
            assert last[-1] == "Hangup"
        case DialLeg(leg=leg):
            assert last[-1] == "Dial"
            assert twiml.render(documents[-1].response).count(leg.address) == 1
        case _:
            assert last[-1] == "Redirect"
    dials = sum(tags(document).count("Dial") for document in documents)
    assert dials == isinstance(plan.then, DialLeg)
    if not isinstance(plan.then, Finish):
        assert "Hangup" not in {tag for document in documents for tag in tags(document)}


@settings(max_examples=150, deadline=None)
@given(PLANS)
def test_every_word_that_may_be_interrupted_is_said_inside_a_gather(plan: CallPlan) -> None:
    if isinstance(plan.then, Finish | HandOver):
        return
    protected = [prompt for prompt in plan.prompts if prompt.barge_in is BargeIn.NONE]
    if protected:
        return
    for document in chain(plan):
        assert not {"Say", "Play"} & set(tags(document))
