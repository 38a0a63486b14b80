"""The planner's corners: caps of a turn, order of words and sound, hooks, a turn that nobody can understand."""

from typing import Any

import pytest

from voicegw.call.instructions import (
    AwaitPath,
    HangUp,
    Instruction,
    Note,
    OfferButtons,
    PlayAudio,
    PlayRecording,
    Say,
    SetBargeIn,
    SetRecognition,
    SetSensitive,
    SilenceTimeout,
)
from voicegw.call.profile import NumberProfile
from voicegw.voiceflow import planner_budget as budget
from voicegw.voiceflow.custom_actions import HOOKS, Handled
from voicegw.voiceflow.planner import Planner
from voicegw.voiceflow.traces import parse_trace

AGENT_VOICE = NumberProfile(voice_source="agent")


def text(message: str, message_id: str = "m1", **fields: Any) -> dict[str, Any]:
    return {"type": "text", "payload": {"message": message, "messageID": message_id, **fields}}


def speak(message: str, **fields: Any) -> dict[str, Any]:
    return {"type": "speak", "payload": {"type": "message", "message": message, **fields}}


def completion(state: str, **fields: str) -> dict[str, Any]:
    return {"type": "completion", "payload": {"state": state, **fields}}


def audio(state: str, **fields: str) -> dict[str, Any]:
    encoding = {"encoding": "audio/x-mulaw"} if state == "content" else {}
    return {"type": "audio", "payload": {"state": state, **encoding, **fields}}


def custom(name: str, payload: object = None) -> dict[str, Any]:
    return {"type": name, "payload": payload, "paths": [{"event": {"type": "done"}}]}


def plan(*traces: Any, profile: NumberProfile | None = None, clean: bool = True) -> list[Instruction]:
    planner = Planner(profile or NumberProfile())
    out = [instruction for trace in traces for instruction in planner.receive(parse_trace(trace))]
    return out + planner.finish(clean=clean)


def words(instructions: list[Instruction]) -> list[str]:
    return [instruction.text for instruction in instructions if isinstance(instruction, Say)]


def caps_told(instructions: list[Instruction]) -> list[object]:
    return [i.fields["cap"] for i in instructions if isinstance(i, Note) and i.about == "turn-cut"]


def test_a_turn_without_a_trace_is_understood() -> None:
    planner = Planner(NumberProfile())
    assert planner.finish(clean=True) == []
    assert planner.understood


@pytest.mark.parametrize("trace", [None, 7, {}, {"type": "text"}, {"type": "brand-new", "payload": {}}])
def test_a_turn_of_which_nothing_makes_sense_is_not_understood(trace: object) -> None:
    planner = Planner(NumberProfile())
    planner.receive(parse_trace(trace))
    assert not planner.understood
    planner.receive(parse_trace({"type": "block", "payload": {"blockID": "b"}}))
    assert planner.understood


@pytest.mark.parametrize(
    "trace", [custom("calendar"), {"type": "DTMF"}, {"type": "debug", "x": "credit_limit_reached"}]
)
def test_a_custom_action_that_we_know_or_that_has_a_path_is_understood(trace: object) -> None:
    planner = Planner(NumberProfile())
    planner.receive(parse_trace(trace))
    assert planner.understood


def test_text_is_pending_until_its_sentence_is_whole_or_flushed() -> None:
    planner = Planner(NumberProfile())
    assert not planner.text_pending
    assert planner.receive(parse_trace(completion("content", content="Let me"))) == []
    assert planner.text_pending
    assert words(planner.flush_text()) == ["Let me"]
    assert not planner.text_pending
    assert planner.flush_text() == []


def test_a_path_is_not_awaited_after_an_answer_that_broke_off() -> None:
    assert not [i for i in plan(custom("calendar"), clean=False) if isinstance(i, AwaitPath)]


def test_settings_behind_a_custom_action_do_not_show_that_the_turn_went_on() -> None:
    out = plan(custom("calendar"), {"type": "no-reply", "payload": {"timeout": 5}})
    assert out[-1] == AwaitPath(name="calendar", request={"type": "done"})


def test_hooks_are_found_by_name_in_the_planners_own_registry() -> None:
    hooks = {**HOOKS, "wave": lambda _payload, _profile: Handled(SilenceTimeout(seconds=3))}
    planner = Planner(NumberProfile(), hooks)
    assert planner.receive(parse_trace(custom("wave"))) == [SilenceTimeout(seconds=3)]
    assert planner.finish(clean=True) == []


@pytest.mark.parametrize(
    ("settings", "change"),
    [
        ({"endpointing": "fast"}, SetRecognition(endpointing="fast")),
        ({"endpointing": "odd", "partialWaitMS": 800}, SetRecognition(endpointing="fast")),
        ({"partialWaitMS": 2000}, SetRecognition(endpointing="patient")),
        ({"partialWaitMS": 2600}, SetRecognition(endpointing="dictation")),
        ({"language": "nl-NL", "keyterms": ["tandarts"]}, SetRecognition(language="nl-NL", hints=("tandarts",))),
    ],
)
def test_asr_settings_are_translated_to_ours(settings: dict[str, Any], change: SetRecognition) -> None:
    assert plan({"type": "asr", "payload": {"settings": settings}}) == [change]
    assert plan({"type": "asr", "payload": settings}) == [change]


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("asr", {"settings": {"partialWaitMS": True}}),
        ("asr", {"settings": {"partialWaitMS": -5, "locale": "not a language", "keywords": "x"}}),
        ("asr", "not json"),
        ("asr", "[" * 200),
        ("asr", "7"),
        ("interruption", {"allowInterrupts": "no"}),
        ("language", {"language": 7}),
        ("forward-call", {"number": ""}),
        ("twiml", "<Response/>"),
    ],
)
def test_a_payload_that_makes_no_sense_leaves_the_custom_action_to_its_path(name: str, payload: object) -> None:
    assert plan(custom(name, payload)) == [
        Note(about="custom-action", fields={"name": name}),
        AwaitPath(name=name, request={"type": "done"}),
    ]


def test_twiml_needs_text_even_where_it_is_allowed() -> None:
    out = plan(custom("twiml", {"twiml": "<Response/>"}), profile=NumberProfile(allow_twiml=True))
    assert out[0] == Note(about="custom-action", fields={"name": "twiml"})


@pytest.mark.parametrize(
    ("payload", "sensitive"),
    [
        (None, True),
        ("", True),
        ({}, True),
        ({"sensitive": True}, True),
        ('{"sensitive": true}', True),
        ("no sense at all", True),
        ({"sensitive": False}, False),
        ({"sensitive": "false"}, False),
        ('{"sensitive": false}', False),
    ],
)
def test_an_entry_is_sensitive_unless_the_agent_clearly_says_that_it_is_not(payload: object, sensitive: bool) -> None:
    assert SetSensitive(sensitive=sensitive) in plan(custom("sensitive", payload))


def test_interruption_reads_json_text() -> None:
    assert isinstance(plan(custom("interruption", '{"allowInterrupts": false}'))[0], SetBargeIn)


def test_a_turn_has_no_more_than_its_prompts_and_still_ends() -> None:
    out = plan(*[speak(f"Line {n}.") for n in range(80)], {"type": "end"})
    assert len(words(out)) == budget.MAX_PROMPTS
    assert caps_told(out) == ["prompts"]
    assert out[-1] == HangUp()


def test_over_long_speech_is_cut_at_a_word_and_loses_its_markup() -> None:
    out = plan(speak("<s>" + "word " * 3000 + "</s>"), speak("more"))
    assert [len(said) for said in words(out)] == [budget.MAX_TEXT_CHARACTERS - 1]
    assert words(out)[0].endswith("word")
    assert isinstance(out[0], Say)
    assert out[0].ssml is None
    assert caps_told(out) == ["text"]


def test_markup_far_longer_than_its_words_is_dropped() -> None:
    out = plan(speak("Hi" + '<break time="1s"/>' * 600 + " there"))
    assert [(say.text.split(), say.ssml) for say in out if isinstance(say, Say)] == [(["Hi", "there"], None)]


def test_sound_beyond_five_minutes_is_cut() -> None:
    piece = "A" * (budget.MAX_SOUND_CHARACTERS // 2)
    traces = [trace for n in range(3) for trace in (audio("start", messageID=f"m{n}"), audio("content", content=piece))]
    out = plan(*traces, speak("x", src="data:audio/wav;base64,AAAA"))
    assert len([i for i in out if isinstance(i, PlayRecording)]) == 2
    assert not [i for i in out if isinstance(i, PlayAudio)]
    assert caps_told(out) == ["sound"]


def test_settings_endings_notes_and_tools_are_capped() -> None:
    out = plan(
        *[{"type": "no-reply", "payload": {"timeout": 5}}] * 300,
        *[{"type": "call-forward", "payload": {"addressType": "sip", "address": "sip:a@example.com"}}] * 50,
        *[{"type": "brand-new"}] * 300,
    )
    assert len([i for i in out if isinstance(i, SilenceTimeout)]) == budget.MAX_SETTINGS
    assert len([i for i in out if isinstance(i, Note) and i.about == "custom-action"]) == budget.MAX_NOTES
    assert caps_told(out) == ["settings", "endings"]
    starts = [{"type": "tool-call", "payload": {"state": "start", "callID": f"c{n}"}} for n in range(90)]
    assert len(plan(*starts)) == 2 * 50  # each is stopped when the turn ends


def test_no_more_buttons_are_offered_than_a_caller_could_key() -> None:
    many = {"type": "choice", "payload": {"buttons": [{"name": f"b{n}"} for n in range(40)]}}
    offers = [i for i in plan(many, many) if isinstance(i, OfferButtons)]
    assert [len(offer.buttons) for offer in offers] == [30]


def test_a_speak_with_the_id_of_its_completion_is_not_said_again() -> None:
    out = plan(
        completion("start", messageID="m1"), completion("content", content="Hi."), speak("Hello", messageID="m1")
    )
    assert words(out) == ["Hi."]


def test_a_source_of_a_message_that_was_said_is_not_played() -> None:
    out = plan(
        completion("start", messageID="m1"),
        completion("content", content="Hi."),
        text("Hi.", audio={"src": "https://cdn.example.com/hi.mp3"}),
    )
    assert out == [Say(text="Hi.")]


def test_the_sound_of_a_message_whose_source_was_played_is_skipped() -> None:
    out = plan(
        text("Hi.", audio={"src": "https://cdn.example.com/hi.mp3"}),
        audio("start", messageID="m1"),
        audio("content", content="AAAA"),
    )
    assert out == [PlayAudio(source="https://cdn.example.com/hi.mp3", instead="Hi.")]


def test_sounds_that_come_behind_several_speaks_belong_to_them_one_by_one() -> None:
    sounds = [
        trace for n in range(3) for trace in (audio("start", messageID=f"m{n}"), audio("content", content="AAAA"))
    ]
    out = plan(speak("One."), speak("Two."), *sounds)
    assert [i.kind for i in out] == ["say", "say", "play-recording"]


def test_the_sound_of_a_completion_without_an_id_is_skipped() -> None:
    out = plan(completion("content", content="Hi. Ho. "), audio("start"), audio("content", content="A"), audio("end"))
    assert words(out) == ["Hi.", "Ho."]
    ended = plan(completion("content", content="Hi. Ho. "), completion("end"), audio("content", content="A"))
    assert [i.kind for i in ended] == ["say", "say"]


def test_a_completion_without_words_leaves_its_text_to_be_said() -> None:
    out = plan(completion("start", messageID="m1"), completion("content", content=" "), completion("end"), text("Hi."))
    assert words(out) == ["Hi."]


def test_with_the_agents_voice_words_join_the_sound_that_is_arriving() -> None:
    sound = [audio("start", messageID="m1"), audio("content", content="AAAA")]
    heard = [PlayRecording(content=("AAAA",), encoding="audio/x-mulaw", message_id="m1", instead="Hi.")]
    assert plan(*sound, text("Hi."), profile=AGENT_VOICE) == heard
    grown = [completion("start", messageID="m1"), completion("content", content="Hi.")]
    assert plan(*sound, *grown, profile=AGENT_VOICE) == heard


def test_with_the_agents_voice_a_source_is_the_sound_that_the_words_of_its_message_waited_for() -> None:
    hi = text("Hi.", audio={"src": "https://cdn.example.com/hi.mp3"})
    grown = [completion("start", messageID="m1"), completion("content", content="Hi.")]
    played = PlayAudio(source="https://cdn.example.com/hi.mp3", instead="Hi.")
    assert plan(*grown, hi, profile=AGENT_VOICE) == [played]


def test_with_the_agents_voice_words_behind_their_sound_are_not_said() -> None:
    sound = [audio("start", messageID="m1"), audio("content", content="AAAA"), audio("end")]
    grown = [completion("start", messageID="m1"), completion("content", content="Hi. "), completion("end")]
    assert words(plan(*sound, *grown, text("Hi."), profile=AGENT_VOICE)) == []


def test_with_the_agents_voice_a_sound_for_another_message_lets_the_words_before_it_be_said() -> None:
    out = plan(text("One."), audio("start", messageID="m2"), audio("content", content="AAAA"), profile=AGENT_VOICE)
    assert [i.kind for i in out] == ["say", "play-recording"]


def test_with_the_agents_voice_half_words_of_a_broken_answer_are_not_said() -> None:
    out = plan(completion("content", content="It is 14"), profile=AGENT_VOICE, clean=False)
    assert words(out) == ["It is"]


def test_a_sound_that_stalls_is_given_out_and_goes_on_later() -> None:
    planner = Planner(NumberProfile())
    planner.receive(parse_trace(audio("start", messageID="m1")))
    planner.receive(parse_trace(audio("content", content="AAAA")))
    assert [i.kind for i in planner.flush_text()] == ["play-recording"]
    planner.receive(parse_trace(audio("content", content="BBBB")))
    assert [i.kind for i in planner.receive(parse_trace(audio("end")))] == ["play-recording"]


def test_words_whose_sound_begins_and_stalls_are_said_and_not_played_as_well() -> None:
    planner = Planner(AGENT_VOICE)
    out = [*planner.receive(parse_trace(text("Hello there.", messageID="m1")))]
    out += planner.receive(parse_trace(audio("start", messageID="m1")))
    out += planner.flush_text()
    out += planner.receive(parse_trace(audio("content", content="AAAA")))
    out += planner.receive(parse_trace(audio("end")))
    assert words([*out, *planner.finish(clean=True)]) == ["Hello there."]


def test_a_sound_that_stalls_before_it_is_heard_still_belongs_to_its_message() -> None:
    planner = Planner(NumberProfile())
    planner.receive(parse_trace(audio("start", messageID="m1")))
    assert planner.flush_text() == []
    planner.receive(parse_trace(audio("content", content="AAAA")))
    out = planner.receive(parse_trace(audio("end")))
    out += planner.receive(parse_trace(text("Hello there.", messageID="m1")))
    assert [i.kind for i in [*out, *planner.finish(clean=True)]] == ["play-recording"]
