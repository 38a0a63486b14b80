"""Providers that fail rest, longer each time, and are tried by one caller before all come back to them."""

from voicegw.speech.resting import FIRST_REST_SECONDS, LONGEST_REST_SECONDS, PROBE_SECONDS, RestingProviders

NAMES = ["first", "second"]


def test_provider_that_failed_comes_last_until_its_rest_is_over() -> None:
    resting = RestingProviders()
    resting.note_failure("first", 100.0)
    assert resting.order(NAMES, 100.0) == ["second", "first"]
    assert resting.order(NAMES, 100.0 + FIRST_REST_SECONDS) == ["first", "second"]


def test_only_one_caller_probes_a_provider_whose_rest_is_over() -> None:
    resting = RestingProviders()
    resting.note_failure("first", 0.0)
    assert resting.order(NAMES, 10.0)[0] == "first"
    assert resting.order(NAMES, 10.0)[0] == "second"
    assert resting.order(NAMES, 10.0 + PROBE_SECONDS)[0] == "first"


def test_success_ends_the_rest_for_all() -> None:
    resting = RestingProviders()
    resting.note_failure("first", 0.0)
    resting.note_success("first")
    assert resting.order(NAMES, 0.0) == NAMES


def test_each_failure_in_a_row_doubles_the_rest_up_to_a_minute() -> None:
    resting = RestingProviders()
    for failures in range(1, 60):
        resting.note_failure("first", 0.0)
        rest = min(FIRST_REST_SECONDS * 2 ** (failures - 1), LONGEST_REST_SECONDS)
        assert resting.order(NAMES, rest - 0.01)[0] == "second"
        assert RestingProviders().order(NAMES, 0.0) == NAMES


def test_where_all_rest_all_are_still_named() -> None:
    resting = RestingProviders()
    for name in NAMES:
        resting.note_failure(name, 0.0)
    assert sorted(resting.order(NAMES, 0.0)) == sorted(NAMES)
