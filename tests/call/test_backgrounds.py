"""What should sound under a call, as it stands."""

from dataclasses import replace

from voicegw.call.answer import begin_turn, fold
from voicegw.call.backgrounds import BEHIND, HOLD, backgrounds_of
from voicegw.call.inputs import CallParties
from voicegw.call.instructions import HoldSound, Instruction, SetBackground, StartRealtime
from voicegw.call.state import CallState, finish_call, start_call

TYPING, MUSIC, BIRDS = (f"https://a.example/{name}.mp3" for name in ("typing", "music", "birds"))


def folded(*instructions: Instruction) -> CallState:
    parties = CallParties(caller_number="+14155550123", called_number="+15005550006")
    return fold(begin_turn(start_call("CA1", parties, user_id="u", started_at=0.0)), instructions)[0]


def tool(name: str, sound: str = "", *, playing: bool = True) -> HoldSound:
    return HoldSound(tool_id=name, playing=playing, sound=sound)


def test_the_last_tool_with_a_sound_is_heard_until_it_ends_and_then_the_one_before_it() -> None:
    both = (tool("a", TYPING), tool("b", MUSIC), tool("c"), tool("d", "a name"))
    assert backgrounds_of(folded(*both)) == {HOLD: MUSIC}
    assert backgrounds_of(folded(*both, tool("b", playing=False))) == {HOLD: TYPING}
    assert backgrounds_of(folded(*both, tool("b", playing=False), tool("a", playing=False))) == {}


def test_no_tool_is_heard_once_its_turn_is_over() -> None:
    state = folded(tool("a", TYPING), SetBackground(source=BIRDS))
    assert backgrounds_of(state) == {HOLD: TYPING, BEHIND: BIRDS}
    assert backgrounds_of(replace(state, running=False)) == {BEHIND: BIRDS}
    assert backgrounds_of(begin_turn(state)) == {BEHIND: BIRDS}


def test_background_stays_until_another_or_none_is_wanted() -> None:
    assert backgrounds_of(folded(SetBackground(source=BIRDS), SetBackground(source=MUSIC))) == {BEHIND: MUSIC}
    assert backgrounds_of(folded(SetBackground(source=BIRDS), SetBackground(source=""))) == {}


def test_nothing_is_under_a_bridged_call_or_one_that_has_ended() -> None:
    state = folded(SetBackground(source=BIRDS))
    realtime = StartRealtime(input_encoding="audio/pcm", output_encoding="audio/pcm")
    assert backgrounds_of(replace(state, bridge=realtime)) == {}
    assert backgrounds_of(finish_call(state, "agent-ended")) == {}
