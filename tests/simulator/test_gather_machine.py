"""The state machine of `<Gather>`, without audio, network or clock."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.simulator.gather import GatherMachine, GatherResult, GatherSettings
from voicegw.simulator.timeline import LostBecause

BOTH = {"takes_keys": True, "takes_speech": True}


def run_timer(machine: GatherMachine) -> GatherResult | None:
    """Let time pass until the machine's next timer."""
    timer = machine.next_timer()
    assert timer is not None
    machine.receive_timer(timer)
    return machine.result


def test_no_timer_runs_while_the_prompt_plays() -> None:
    assert GatherMachine(GatherSettings()).next_timer() is None


def test_timeout_starts_when_the_prompt_ends() -> None:
    machine = GatherMachine(GatherSettings(timeout_seconds=4))
    machine.receive_prompts_ended(10)
    assert machine.next_timer() == 14
    assert run_timer(machine) == GatherResult()


def test_timeout_starts_at_the_first_key_even_in_mid_prompt_and_anew_at_each_key() -> None:
    machine = GatherMachine(GatherSettings(timeout_seconds=4))
    assert machine.receive_key("1", 2) is None
    assert not machine.prompting
    assert machine.next_timer() == 6
    machine.receive_key("2", 5)
    assert machine.next_timer() == 9
    assert run_timer(machine) == GatherResult(digits="12")


def test_the_end_of_a_prompt_that_a_key_stopped_does_not_restart_the_timeout() -> None:
    machine = GatherMachine(GatherSettings(timeout_seconds=4))
    machine.receive_key("1", 2)
    machine.receive_prompts_ended(3)
    assert machine.next_timer() == 6


def test_the_last_of_num_digits_submits_at_once() -> None:
    machine = GatherMachine(GatherSettings(num_digits=2))
    machine.receive_key("4", 0)
    assert machine.result is None
    machine.receive_key("2", 0)
    assert machine.result == GatherResult(digits="42")
    assert machine.next_timer() is None


def test_a_key_after_the_last_one_is_lost() -> None:
    machine = GatherMachine(GatherSettings(num_digits=1))
    machine.receive_key("4", 0)
    assert machine.receive_key("2", 0) is LostBecause.GATHER_ENDED
    assert machine.receive_speech_started(0) is LostBecause.GATHER_ENDED


def test_the_finish_key_submits_and_is_not_among_the_digits() -> None:
    machine = GatherMachine(GatherSettings())
    machine.receive_key("4", 0)
    machine.receive_key("#", 1)
    assert machine.result == GatherResult(digits="4", finished_on_key="#")


def test_without_a_finish_key_a_hash_is_a_digit() -> None:
    machine = GatherMachine(GatherSettings(finish_on_key=""))
    machine.receive_key("4", 0)
    machine.receive_key("#", 1)
    assert run_timer(machine) == GatherResult(digits="4#")


def test_a_finish_key_pressed_first_ends_as_an_empty_result() -> None:
    machine = GatherMachine(GatherSettings(lone_finish_key="ends"))
    machine.receive_key("#", 0)
    assert machine.result == GatherResult(finished_on_key="#")
    assert machine.result.empty


def test_a_finish_key_pressed_first_is_ignored_where_the_rules_say_so() -> None:
    machine = GatherMachine(GatherSettings(lone_finish_key="ignored", timeout_seconds=3))
    assert machine.receive_key("#", 1) is None
    assert machine.result is None
    assert not machine.prompting
    assert run_timer(machine) == GatherResult()


def test_keys_are_lost_where_none_are_taken() -> None:
    machine = GatherMachine(GatherSettings(takes_keys=False, takes_speech=True))
    assert machine.receive_key("1", 0) is LostBecause.NO_KEYS
    assert machine.prompting


def test_speech_stops_the_prompt_and_is_submitted_after_the_speech_timeout() -> None:
    machine = GatherMachine(GatherSettings(**BOTH, speech_timeout_seconds=2))
    assert machine.receive_speech_started(1) is None
    assert not machine.prompting
    machine.receive_speech_ended("front desk", 0.8, 3)
    assert machine.next_timer() == 5
    assert run_timer(machine) == GatherResult(speech="front desk", confidence=0.8)


def test_a_short_pause_does_not_end_speech() -> None:
    machine = GatherMachine(GatherSettings(**BOTH, speech_timeout_seconds=2))
    machine.receive_speech_started(1)
    machine.receive_speech_ended("front", 0.8, 3)
    machine.receive_speech_started(4)
    assert machine.next_timer() == 61
    machine.receive_speech_ended("desk", None, 5)
    assert run_timer(machine) == GatherResult(speech="front desk")


def test_speech_is_cut_after_sixty_seconds() -> None:
    machine = GatherMachine(GatherSettings(**BOTH, speech_timeout_seconds=2))
    machine.receive_speech_started(1)
    machine.receive_speech_ended("well", 0.8, 60.5)
    assert machine.next_timer() == 61


def test_unfinished_speech_without_words_is_an_empty_result() -> None:
    machine = GatherMachine(GatherSettings(**BOTH))
    machine.receive_speech_started(0)
    result = run_timer(machine)
    assert result == GatherResult(speech="")
    assert result.empty
    machine.receive_speech_ended("too late", 0.9, 70)
    assert machine.result is result


def test_speech_first_makes_keys_deaf_the_finish_key_too() -> None:
    machine = GatherMachine(GatherSettings(**BOTH))
    machine.receive_speech_started(0)
    assert machine.receive_key("#", 1) is LostBecause.SPEECH_FIRST
    assert machine.result is None


def test_keys_first_make_speech_deaf() -> None:
    machine = GatherMachine(GatherSettings(**BOTH))
    machine.receive_key("1", 0)
    assert machine.receive_speech_started(1) is LostBecause.KEYS_FIRST
    machine.receive_speech_ended("hello", 0.9, 2)
    assert run_timer(machine) == GatherResult(digits="1")


def test_speech_is_not_heard_where_only_keys_are_taken() -> None:
    assert GatherMachine(GatherSettings()).receive_speech_started(0) is LostBecause.NO_SPEECH


def test_without_barge_in_speech_is_heard_only_after_the_prompt() -> None:
    machine = GatherMachine(GatherSettings(**BOTH, barge_in=False))
    assert machine.receive_speech_started(0) is LostBecause.NO_BARGE_IN
    machine.receive_prompts_ended(5)
    assert machine.receive_speech_started(6) is None


def test_the_end_of_a_prompt_during_speech_starts_no_timeout() -> None:
    machine = GatherMachine(GatherSettings(**BOTH, barge_in=True))
    machine.receive_speech_started(0)
    machine.receive_prompts_ended(1)
    assert machine.next_timer() == 60


def test_an_early_timer_changes_nothing() -> None:
    machine = GatherMachine(GatherSettings(timeout_seconds=4))
    machine.receive_timer(100)
    machine.receive_prompts_ended(0)
    machine.receive_timer(3.9)
    assert machine.result is None


events = st.lists(
    st.one_of(
        st.sampled_from("0123456789*#").map(lambda key: ("key", key)),
        st.just(("speech", "")),
        st.just(("prompts ended", "")),
        st.just(("timer", "")),
    ),
    max_size=25,
)


@settings(max_examples=300)
@given(
    events,
    st.sampled_from(["#", "*", ""]),
    st.none() | st.integers(1, 5),
    st.sampled_from(["ends", "ignored"]),
    st.booleans(),
)
def test_any_input_ends_and_every_key_is_submitted_or_told_lost(
    happenings: list[tuple[str, str]], finish: str, num_digits: int | None, lone: str, speech: bool
) -> None:
    machine = GatherMachine(
        GatherSettings(
            takes_speech=speech,
            finish_on_key=finish,
            num_digits=num_digits,
            lone_finish_key=lone,  # type: ignore[arg-type]
        )
    )
    now, taken = 0.0, ""
    for what, key in happenings:
        now += 1
        if what == "key" and machine.receive_key(key, now) is None:
            taken += key
        elif what == "speech" and machine.receive_speech_started(now) is None:
            machine.receive_speech_ended("word", 0.9, now)
        elif what == "prompts ended":
            machine.receive_prompts_ended(now)
        elif what == "timer":
            machine.receive_timer(now)
    machine.receive_prompts_ended(now)
    for _ in range(3):
        if (timer := machine.next_timer()) is not None:
            machine.receive_timer(timer)
    result = machine.result
    assert result is not None
    assert not (result.digits and result.speech)
    assert result.digits == taken.replace(finish, "") if finish else result.digits == taken
    assert num_digits is None or len(result.digits) <= num_digits
    assert result.finished_on_key in ("", finish)


@pytest.mark.parametrize("speech", [None, ""])
def test_a_result_without_words_or_digits_is_empty(speech: str | None) -> None:
    assert GatherResult(speech=speech).empty
