"""However an agent delivers its messages, the caller hears each of them once, in order."""

from dataclasses import dataclass
from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.call.instructions import Instruction, PlayRecording, Say
from voicegw.call.profile import NumberProfile
from voicegw.voiceflow.planner import Planner
from voicegw.voiceflow.traces import parse_trace


@dataclass(frozen=True)
class Delivery:
    """How one message comes: its words whole or in slices of `slice_length`, and its sound, if any."""

    words_as: Literal["text", "speak", "completion"]
    slice_length: int
    sound: Literal["none", "before-the-words", "among-the-words", "after-the-words"]
    framed: bool
    repeated: bool
    pause: bool
    sound_is_late: bool
    note_between: bool


DELIVERIES = st.lists(
    st.builds(
        Delivery,
        words_as=st.sampled_from(["text", "speak", "completion"]),
        slice_length=st.integers(1, 12),
        sound=st.sampled_from(["none", "before-the-words", "among-the-words", "after-the-words"]),
        framed=st.booleans(),
        repeated=st.booleans(),
        pause=st.booleans(),
        sound_is_late=st.booleans(),
        note_between=st.booleans(),
    ),
    min_size=1,
    max_size=6,
)
PAUSE = "pause"


def message(number: int) -> str:
    return f"This is message number {'abcdefgh'[number]} for you."


def traces_of(number: int, how: Delivery) -> list[Any]:
    words, message_id = message(number), f"m{number}"
    text = {"type": "text", "payload": {"message": words, "messageID": message_id}}
    match how.words_as:
        case "text":
            said = [text]
        case "speak":
            # A `speak` has no id; only its place tells that a sound is its own.
            said = [{"type": "speak", "payload": {"message": words, "type": "message"}}]
        case "completion":
            slices = [words[at : at + how.slice_length] for at in range(0, len(words), how.slice_length)]
            said = [{"type": "completion", "payload": {"state": "content", "content": slice_}} for slice_ in slices]
            said.insert(0, {"type": "completion", "payload": {"state": "start", "messageID": message_id}})
            if how.framed:
                said.append({"type": "completion", "payload": {"state": "end"}})
    sound: list[Any] = [
        {"type": "audio", "payload": {"state": "start", "messageID": message_id}},
        {"type": "audio", "payload": {"state": "content", "content": "AAAA", "encoding": "audio/x-mulaw"}},
        {"type": "audio", "payload": {"state": "end"}},
    ]
    if how.sound_is_late and how.sound != "among-the-words":
        sound.insert(1, PAUSE)
    match how.sound:
        case "none":
            # Words without an id must have been said before another sound begins, which would else pass for theirs.
            out = [*said, *([PAUSE] if how.pause or how.words_as == "speak" else [])]
        case "before-the-words" if how.words_as != "speak":
            out = [*sound, *said]
        case "among-the-words" if how.words_as == "completion":
            middle = len(said) // 2
            out = [*said[:middle], *sound, *said[middle:]]
        case _:
            out = [*said, *sound]
    if how.repeated and how.words_as == "completion":
        out.append(text)
    return out


def hear(deliveries: list[Delivery], profile: NumberProfile) -> list[Instruction]:
    planner = Planner(profile)
    heard: list[Instruction] = []
    for number, how in enumerate(deliveries):
        for trace in traces_of(number, how):
            heard += planner.flush_text() if trace == PAUSE else planner.receive(parse_trace(trace))
        if how.note_between:
            heard += planner.receive(parse_trace({"type": "no-reply", "payload": {"timeout": 5}}))
    return heard + planner.finish(clean=True)


def transcript(heard: list[Instruction]) -> str:
    """What the caller hears, in words; a recording of the message with id m3 says message 3."""
    spoken = []
    for instruction in heard:
        if isinstance(instruction, Say):
            spoken.append(instruction.text)
        elif isinstance(instruction, PlayRecording):
            spoken.append(message(int(instruction.message_id[1:])))
    return " ".join(spoken)


def expected(deliveries: list[Delivery]) -> str:
    return " ".join(message(number) for number in range(len(deliveries)))


@settings(max_examples=300, deadline=None)
@given(DELIVERIES)
def test_with_the_gateways_voice_each_message_is_heard_once_in_order(deliveries: list[Delivery]) -> None:
    assert transcript(hear(deliveries, NumberProfile())) == expected(deliveries)


@settings(max_examples=300, deadline=None)
@given(DELIVERIES)
def test_with_the_agents_voice_each_message_is_heard_once_in_order(deliveries: list[Delivery]) -> None:
    assert transcript(hear(deliveries, NumberProfile(voice_source="agent"))) == expected(deliveries)
