"""Sound of an agent for a call that plays it as it comes: piece by piece, in order, and never beside its words."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.call.instructions import Instruction, Note, PlayAudio, PlayChunk, PlayRecording, Say, SetBackground
from voicegw.call.profile import NumberProfile
from voicegw.call.recorded import collect_chunks
from voicegw.voiceflow.planner import Planner
from voicegw.voiceflow.planner_budget import MAX_PROMPTS, MAX_SOUND_CHARACTERS
from voicegw.voiceflow.traces import parse_trace

AGENT_VOICE = NumberProfile(voice_source="agent")
PAUSE = "pause"


def audio(state: str, **fields: Any) -> dict[str, Any]:
    encoding = {"encoding": "audio/x-mulaw"} if state == "content" else {}
    return {"type": "audio", "payload": {"state": state, **encoding, **fields}}


def text(message: str, **fields: Any) -> dict[str, Any]:
    return {"type": "text", "payload": {"message": message, **fields}}


def completion(state: str, **fields: Any) -> dict[str, Any]:
    return {"type": "completion", "payload": {"state": state, **fields}}


def step_by_step(
    *traces: Any, profile: NumberProfile = AGENT_VOICE, live_sound: bool = True
) -> list[list[Instruction]]:
    planner = Planner(profile, live_sound=live_sound)
    steps = [planner.flush_text() if each is PAUSE else planner.receive(parse_trace(each)) for each in traces]
    return [*steps, planner.finish(clean=True)]


def plan(*traces: Any, profile: NumberProfile = AGENT_VOICE) -> list[Instruction]:
    return [instruction for step in step_by_step(*traces, profile=profile) for instruction in step]


def chunk(content: str, **fields: Any) -> PlayChunk:
    return PlayChunk(content=content, encoding="audio/x-mulaw", **fields)


def test_each_piece_is_given_out_as_it_comes() -> None:
    sound = [audio("start", messageID="m1"), audio("content", content="AAAA"), audio("content", content="BBBB")]
    assert step_by_step(text("Hi.", messageID="m1"), *sound, audio("end")) == [
        [],
        [],
        [chunk("AAAA", first=True, instead="Hi.")],
        [chunk("BBBB")],
        [chunk("", last=True, instead="Hi.")],
        [],
    ]


@pytest.mark.parametrize("profile", [AGENT_VOICE, NumberProfile()])
def test_words_of_a_sound_that_is_being_heard_are_not_said(profile: NumberProfile) -> None:
    sound = [audio("start", messageID="m1"), audio("content", content="AAAA")]
    grown = [completion("start", messageID="m1"), completion("content", content="Hi. "), completion("end")]
    for words in ([text("Hi.", messageID="m1")], grown):
        out = plan(*sound, *words, audio("content", content="BBBB"), profile=profile)
        assert [type(each) for each in out] == [PlayChunk] * 3
        assert out[-1] == chunk("", last=True, instead="Hi.")


def test_pause_leaves_a_sound_open_and_ends_one_that_holds_something_back() -> None:
    sound = [audio("content", content="AAAA"), PAUSE, audio("content", content="BBBB")]
    assert [step for step in step_by_step(*sound) if step] == [
        [chunk("AAAA", first=True)],
        [chunk("BBBB")],
        [chunk("", last=True)],
    ]
    held = step_by_step(audio("content", content="AAAA"), {"type": "end"}, PAUSE)
    assert [each.kind for each in held[2]] == ["play-chunk", "hang-up"]


def test_another_encoding_begins_another_sound() -> None:
    out = plan(audio("content", content="AAAA"), audio("content", content="BBBB", encoding="audio/pcm"))
    assert [(each.encoding, each.first, each.last) for each in out if isinstance(each, PlayChunk)] == [
        ("audio/x-mulaw", True, False),
        ("audio/x-mulaw", False, True),
        ("audio/pcm", True, False),
        ("audio/pcm", False, True),
    ]


def test_sound_is_cut_off_where_a_turn_has_brought_too_much_of_it() -> None:
    much = audio("content", content="A" * (MAX_SOUND_CHARACTERS // 2))
    out = plan(much, much, much, audio("end"), much)
    assert [(len(each.content) > 0, each.first, each.last) for each in out if isinstance(each, PlayChunk)] == [
        (True, True, False),
        (False, False, True),
        (False, True, False),
        (False, False, True),
    ]
    assert [each for each in out if isinstance(each, Note)] == [Note(about="turn-cut", fields={"cap": "sound"})]


def test_a_turn_has_as_many_sounds_as_prompts() -> None:
    sound = [audio("content", content="AAAA"), audio("content", content="BBBB"), audio("end")]
    out = plan(*sound * (MAX_PROMPTS + 5))
    assert len([each for each in out if isinstance(each, PlayChunk)]) == 3 * MAX_PROMPTS
    assert out[-1] == Note(about="turn-cut", fields={"cap": "prompts"})


def test_millions_of_tiny_pieces_come_to_an_end() -> None:
    planner = Planner(AGENT_VOICE, live_sound=True)
    trace = parse_trace(audio("content", content="A"))
    came = sum(any(isinstance(each, PlayChunk) for each in planner.receive(trace)) for _ in range(40_000))
    assert came == MAX_SOUND_CHARACTERS // 241


TRACES = st.lists(
    st.sampled_from(
        [
            audio("start", messageID="m1"),
            audio("start"),
            audio("content", content="AAAA"),
            audio("content", content="BBBB"),
            audio("content", content="CCCC", encoding="audio/mp3"),
            audio("end"),
            text("One.", messageID="m1"),
            text("Two."),
            completion("start", messageID="m1"),
            completion("content", content="Three. "),
            completion("end"),
            {"type": "no-reply", "payload": {"timeout": 5}},
        ]
    ),
    max_size=20,
)


@settings(max_examples=300, deadline=None)
@given(TRACES)
def test_collected_again_the_pieces_are_the_sounds_in_their_order(traces: list[Any]) -> None:
    prompts = tuple(each for each in plan(*traces) if isinstance(each, PlayChunk | Say))
    begun = False
    for prompt in prompts:
        if isinstance(prompt, PlayChunk):
            assert prompt.first is not begun
            begun = not prompt.last
        else:
            assert not begun, "words in the middle of a sound"
    sounds = [each for each in collect_chunks(prompts) if isinstance(each, PlayRecording)]
    sent = [each["payload"]["content"] for each in traces if each["payload"].get("encoding")]
    kept = [piece for each in sounds for piece in each.content if piece]
    assert iter_contains(sent, kept)
    assert all(len({encoding_of(piece) for piece in each.content if piece}) <= 1 for each in sounds)


def iter_contains(whole: list[str], part: list[str]) -> bool:
    """Are the items of `part` in `whole`, in this order?"""
    left = iter(whole)
    return all(item in left for item in part)


def encoding_of(piece: str) -> str:
    return "audio/mp3" if piece == "CCCC" else "audio/x-mulaw"


def test_what_is_no_sound_stays_as_it_is_when_collected() -> None:
    said = (Say(text="One."), Say(text="Two."))
    assert collect_chunks(said) is said
    rest = (chunk("BBBB"), chunk("", last=True, instead="Words."), chunk("CCCC", first=True), *said, chunk("DDDD"))
    assert collect_chunks(rest) == (
        PlayRecording(content=("BBBB", ""), encoding="audio/x-mulaw", instead="Words."),
        PlayRecording(content=("CCCC",), encoding="audio/x-mulaw"),
        *said,
        PlayRecording(content=("DDDD",), encoding="audio/x-mulaw"),
    )


def test_what_repeats_is_behind_the_conversation_and_what_is_played_once_a_prompt() -> None:
    music = "https://cdn.example.com/music.mp3"

    def stream(action: str, **fields: Any) -> dict[str, Any]:
        return {"type": "stream", "payload": {"action": action, "src": music, **fields}}

    out = plan(text("Hi."), stream("LOOP"), stream("PLAY", loop=True), stream("PLAY"), stream("PAUSE"), stream("END"))
    assert out == [
        Say(text="Hi."),
        SetBackground(source=music),
        SetBackground(source=music),
        PlayAudio(source=music),
        SetBackground(source=""),
        SetBackground(source=""),
    ]
    assert plan({"type": "stream", "payload": {"action": "LOOP", "src": "file:///etc/passwd"}}) == [
        Note(about="stream-not-played", fields={"action": "LOOP"})
    ]
