"""What went wrong on a call, told from its entries: one test for each thing that operators meet."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.call import ailments
from voicegw.call.ailments import Ailment
from voicegw.call.diagnosis import diagnose, end_in_words, explain, verdict
from voicegw.call.entries import Entry
from voicegw.call.findings import Finding
from voicegw.call.records import (
    ActionSent,
    CallEnded,
    CallerSpoke,
    CallRang,
    Failed,
    ForwardFinished,
    ForwardTried,
    Noted,
    PromptBegan,
    Record,
    TraceReceived,
    TurnBegan,
    TurnEnded,
    WebhookReceived,
    WordsReady,
)

SORRY = PromptBegan(text="Sorry, something went wrong. Please say that again.", by_gateway=True)
FILLER = PromptBegan(text="One moment, please.", by_gateway=True, filler=True)
RANG = CallRang(caller_number="+14155550123", called_number="+15005550100")


def entry(offset: float, record: Record, turn: int = 0) -> Entry:
    return Entry(call_sid="CA1", at=1.7e9 + offset, offset=offset, turn=turn, record=record)


def turn(number: int, at: float, *records: tuple[float, Record], heard: str = "said") -> list[Entry]:
    """A turn that begins at `at`, its records so many seconds later."""
    began = [(0.0, TurnBegan(heard=heard)), (0.0, ActionSent(action={"type": "text"}))]
    return [entry(at + after, record, number) for after, record in [*began, *records]]


def answered(number: int, at: float, after: float = 0.5, heard: str = "said") -> list[Entry]:
    return turn(number, at, (after, WordsReady()), (after + 0.2, TurnEnded()), heard=heard)


def failed(number: int, at: float, failure: Failed, *more: tuple[float, Record]) -> list[Entry]:
    return turn(number, at, (1.0, failure), (1.0, TurnEnded(failure=failure.code)), *more)


def agent_failed(code: str, reason: str = "") -> Failed:
    return Failed(part="agent", code=code, reason=reason)


def hangs_up(at: float, reason: str = "hangup") -> Entry:
    return entry(at, CallEnded(reason=reason))


def codes(entries: list[Entry]) -> list[str]:
    return [finding.code for finding in diagnose(entries)]


def told(entries: list[Entry]) -> str:
    return verdict(entries, diagnose(entries))


# Nothing


def test_a_call_without_faults_is_told_as_such_with_its_end() -> None:
    entries = [entry(0, RANG), *answered(1, 0, heard="started"), *answered(2, 7), hangs_up(12)]
    assert diagnose(entries) == ()
    assert told(entries) == "Nothing went wrong in 2 turns: the caller hung up."


def test_a_live_call_is_said_to_go_on() -> None:
    assert told(answered(1, 0)) == "The call goes on; nothing has gone wrong so far, in 1 turn."


def test_no_entries_at_all_are_no_fault() -> None:
    assert told([]) == "The call goes on; nothing has gone wrong so far, in 0 turns."


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (CallEnded(reason="agent-ended"), "the agent ended the call"),
        (CallEnded(reason="by-magic"), "by-magic"),
        (CallEnded(reason=""), "it ended"),
        (RANG, "it ended"),
    ],
)
def test_why_a_call_ended_in_words(record: Record, words: str) -> None:
    assert end_in_words(record) == words


# The agent cannot work


@pytest.mark.parametrize(
    ("reason", "code", "words"),
    [
        ("the agent does not take our key, project or environment (401: Auth Key Required)", "key-refused", "401"),
        ("the agent does not take our key, project or environment (403)", "key-refused", "403"),
        ("the agent does not take our key, project or environment (402)", "out-of-credit", "out of credit"),
        ("the agent does not take our key, project or environment (404: no)", "agent-not-found", "404"),
        ("the agent does not take our key, project or environment (400)", "agent-not-found", "no such project"),
        ("the agent's address is another one (302)", "agent-moved", "302"),
        ("the agent is down until a probe succeeds (out-of-credit)", "out-of-credit", "out of credit"),
        ("the agent is down until a probe succeeds (agent-not-configured)", "agent-not-configured", "mends"),
        ("", "agent-not-configured", "cannot work"),
    ],
)
def test_a_lasting_fault_is_named_by_its_status(reason: str, code: str, words: str) -> None:
    entries = failed(1, 0, agent_failed("agent-not-configured", reason), (1.1, SORRY))
    assert codes(entries) == [code]
    assert words in told(entries)


def test_out_of_credit_is_told_by_the_turn_alone() -> None:
    entries = turn(3, 9, (0.3, TurnEnded(failure="out-of-credit", permanent=True)))
    assert codes(entries) == ["out-of-credit"]


# The agent fails


@pytest.mark.parametrize("code", [code for code in ailments.OF_FAILURES if code != "agent-slow"])
def test_every_failure_is_named_with_the_turn_it_was_in_and_what_the_caller_heard(code: str) -> None:
    entries = failed(3, 20, agent_failed(code, "why (418)"), (1.1, FILLER), (1.2, SORRY))
    [finding] = diagnose(entries)
    assert (finding.turn, finding.offset, finding.serious) == (3, 21, True)
    assert finding.sentence.endswith(": the caller heard “Sorry, something went wrong. Please say that again”")
    assert "{" not in finding.sentence + finding.advice


def test_a_failure_that_only_the_turns_end_tells_is_found_as_well() -> None:
    assert codes(turn(1, 0, (2, TurnEnded(failure="turn-lost")))) == ["gateway-restarted"]


@pytest.mark.parametrize(
    "reason",
    ["nothing in the answer could be understood", "the answer is not JSON", "the answer holds no list of traces"],
)
def test_an_answer_that_is_no_answer_is_unreadable(reason: str) -> None:
    assert codes(failed(2, 0, agent_failed("agent-broke", reason))) == ["agent-unreadable"]


def test_a_broken_answer_with_traces_that_cannot_be_read_is_unreadable() -> None:
    entries = failed(2, 0, agent_failed("agent-broke"), (0.5, Noted(about="malformed-trace")))
    assert codes(entries) == ["agent-unreadable"]


def test_a_failure_that_was_mended_by_asking_again_is_harmless() -> None:
    entries = turn(2, 5, (0.1, agent_failed("agent-busy")), (1.5, WordsReady()), (1.6, TurnEnded()))
    [finding] = diagnose(entries)
    assert not finding.serious
    assert finding.sentence == "Voiceflow's rate limit was hit in turn 2 (429); it was asked again, and answered"


def test_the_same_failure_again_and_again_is_told_once_with_its_count() -> None:
    refused = agent_failed("agent-refused", "the agent refused the turn (500)")
    entries = [*failed(2, 5, refused), *failed(3, 15, refused), hangs_up(20, "agent-failed")]
    assert codes(entries) == ["agent-refused", "call-given-up"]
    assert diagnose(entries)[0].times == 2
    assert told(entries).endswith("Voiceflow answered turn 2 with an error (500) (2 times).")


def test_a_failure_of_another_version_keeps_its_code() -> None:
    [finding] = diagnose(failed(2, 5, agent_failed("agent-on-strike", "no {money}")))
    assert finding.code == "agent-on-strike"
    assert finding.sentence == "The agent failed in turn 2 (agent-on-strike) (no {money})"
    assert diagnose([entry(1, Failed(part="gateway", code=""))])[0].code == "unknown"


def test_a_recording_that_was_lost_is_told_but_no_fault_of_the_call() -> None:
    entries = [entry(4, Failed(part="store", code="recording-failed", reason="No space left on device"))]
    (finding,) = diagnose(entries)
    assert (finding.code, finding.serious) == ("recording-failed", False)
    assert finding.sentence == "The recording of the call could not be kept (No space left on device)"


@pytest.mark.parametrize(
    ("part", "code"), [("carrier", "answer-unusable"), ("store", "store-failed"), ("prompt", "prompt-unplayable")]
)
def test_failures_of_other_parts(part: str, code: str) -> None:
    record = Failed(part=part, code="some-error", reason="why")  # type: ignore[arg-type]
    assert codes([entry(4, record, 2)]) == [code]


def test_one_record_is_explained_and_what_is_no_failure_is_not() -> None:
    found = explain(entry(4, agent_failed("agent-unreachable"), 2))
    assert found is not None
    assert found.sentence == "Voiceflow could not be reached"
    assert explain(entry(4, TurnEnded())) is None
    assert explain(entry(4, RANG)) is None


# The agent is slow, silent, endless


def test_an_agent_that_was_too_slow_is_told_with_its_seconds_and_the_budget() -> None:
    entries = [*answered(3, 10, after=31), entry(35.1, SORRY, 3)]
    assert codes(entries) == ["agent-slow"]
    assert told(entries) == (
        "The agent took 31 s to answer turn 3 (budget 25 s): "
        "the caller heard “Sorry, something went wrong. Please say that again”."
    )


def test_an_agent_that_never_answered_before_the_caller_left() -> None:
    entries = [*turn(2, 10, (2.5, FILLER), (9, FILLER), (15, FILLER)), hangs_up(50)]
    assert told(entries) == (
        "The agent had not answered turn 2 after 40 s (budget 25 s): the caller heard 3 fillers meanwhile."
    )


def test_a_tool_at_work_has_a_larger_budget() -> None:
    tool = (1.0, TraceReceived(type="tool-call"))
    slow = turn(2, 10, tool, (60, WordsReady()), (60, TurnEnded()))
    assert codes(slow) == ["slow-answer"]
    assert codes(turn(2, 10, tool, (130, WordsReady()), (130, TurnEnded()))) == ["agent-slow"]


def test_a_turn_that_was_cut_for_its_length_after_words_is_slow_all_the_same() -> None:
    entries = turn(2, 10, (1, WordsReady()), (200, TurnEnded(failure="agent-slow")))
    assert told(entries) == "The agent took too long over turn 2."


def test_a_turn_too_slow_for_words_is_told_once() -> None:
    assert codes(turn(2, 10, (600, TurnEnded(failure="agent-slow")))) == ["agent-slow"]
    assert diagnose(turn(2, 10, (600, TurnEnded(failure="agent-slow"))))[0].times == 1


def test_an_agent_that_stops_in_mid_answer_is_slow() -> None:
    entries = turn(2, 10, (1, WordsReady()), (26, Noted(about="agent-overdue")), (26.1, SORRY), (60, TurnEnded()))
    assert codes(entries) == ["agent-slow"]
    assert told(entries).startswith("The agent fell silent for more than 25 s in the middle of its answer to turn 2: ")


def test_a_slow_answer_within_the_budget_is_harmless() -> None:
    [finding] = diagnose(answered(2, 10, after=12))
    assert (finding.code, finding.serious) == ("slow-answer", False)


def test_a_caller_who_leaves_while_waiting_is_told_with_how_long_they_waited() -> None:
    entries = [*turn(2, 10), hangs_up(16)]
    assert told(entries) == "The caller hung up while turn 2 was waited for, after 6 s."
    assert codes([*turn(2, 10), hangs_up(11)]) == []
    assert codes([*turn(2, 10), hangs_up(16, "agent-ended")]) == []


def test_the_agents_own_prompt_counts_as_its_answer() -> None:
    entries = turn(2, 10, (1, PromptBegan(text="Hello.")), (40, TurnEnded()))
    assert codes(entries) == []


def test_an_empty_answer_is_named() -> None:
    entries = turn(2, 10, (0.2, TraceReceived(type="block")), (0.3, TurnEnded()))
    assert told([*entries, hangs_up(30)]) == "The agent answered turn 2 with nothing to hear."


@pytest.mark.parametrize(
    "records",
    [
        [(0.2, TraceReceived(type="end")), (0.3, TurnEnded())],
        [(0.3, TurnEnded()), (0.4, ForwardTried(address="+1", address_type="phone", attempt=1, ring_seconds=20))],
        [(0.2, PromptBegan(source="https://a.example/b.mp3")), (0.3, TurnEnded())],
        [(0.2, CallEnded(reason="hangup")), (0.3, TurnEnded())],
        [],
    ],
)
def test_what_the_agent_did_instead_of_speaking_is_an_answer(records: list[tuple[float, Record]]) -> None:
    assert codes(turn(2, 10, *records)) == []


def test_nobody_asked_for_an_answer_to_an_event() -> None:
    assert codes(turn(2, 10, (0.3, TurnEnded()), heard="event-raised")) == []


def test_an_answer_that_was_cut_for_its_size_is_named() -> None:
    entries = turn(2, 10, (0.1, WordsReady()), (0.5, Noted(about="turn-cut")), (0.6, TurnEnded()))
    assert codes(entries) == ["agent-endless"]


# Carrier and forwards


def test_the_fallback_webhook_tells_of_an_answer_that_could_not_be_used() -> None:
    entries = [entry(9, WebhookReceived(name="fallback")), entry(9.1, SORRY)]
    assert codes([*entries, entry(10, WebhookReceived(name="status"))]) == ["answer-unusable"]
    told_by_failure = [*entries, entry(9, Failed(part="carrier", code="answer-unusable", reason="11200"))]
    assert told(told_by_failure).startswith("Twilio could not use an answer of the gateway")
    assert diagnose(told_by_failure)[0].times == 1
    numbered = [entry(9, Failed(part="carrier", code="carrier-11200"))]
    assert told(numbered).endswith("in time (error 11200).")
    assert told([entry(9, Failed(part="carrier", code="carrier-"))]).endswith("in time.")


def tried(at: float, address: str = "+14155550142") -> Entry:
    return entry(at, ForwardTried(address=address, address_type="phone", attempt=1, ring_seconds=20), 2)


@pytest.mark.parametrize("outcome", list(ailments.OF_FORWARDS))
def test_a_forward_that_came_to_nothing_is_named_with_its_address(outcome: str) -> None:
    entries = [tried(5), entry(9, ForwardFinished(outcome=outcome), 2)]
    [finding] = diagnose(entries)
    assert finding.code == ailments.OF_FORWARDS[outcome].code
    assert "+14155550142" in finding.sentence


def test_a_forward_refused_by_policy_says_why() -> None:
    entries = [entry(9, ForwardFinished(outcome="refused", address="+4930", reason="not-allowed"), 2)]
    assert told(entries) == "The settings do not let the agent forward to +4930: it is not on the allow-list."


def test_completed_without_a_bridge_and_unknown_outcomes_are_failures() -> None:
    assert codes([entry(9, ForwardFinished(outcome="completed", bridged=False))]) == ["forward-failed"]
    assert told([entry(9, ForwardFinished(outcome="eaten"))]) == "The human could not be reached."


def test_a_busy_line_before_one_that_answered_is_harmless() -> None:
    entries = [
        tried(5),
        entry(9, ForwardFinished(outcome="busy"), 2),
        tried(9, "+14155550143"),
        entry(60, ForwardFinished(outcome="completed", seconds=45), 2),
    ]
    [finding] = diagnose(entries)
    assert not finding.serious
    assert finding.sentence == "+14155550142 was busy; the next destination took the call"


# Silence and the end


def silences(*at: float) -> list[Entry]:
    return [e for n, when in enumerate(at) for e in answered(n + 2, when, heard="stayed-silent")]


def test_a_caller_who_was_never_heard_is_named() -> None:
    entries = [*answered(1, 0, heard="started"), *silences(10, 20), hangs_up(30, "agent-ended")]
    assert told(entries) == "Nothing was ever heard of the caller, in 30 s."


def test_the_gateways_own_goodbye_to_a_silent_caller_is_enough() -> None:
    assert codes([*answered(1, 0), hangs_up(60, "caller-silent")]) == ["caller-silent"]


def test_a_caller_who_fell_silent_later_is_harmless() -> None:
    entries = [entry(5, CallerSpoke(text="hello")), *silences(15, 25), hangs_up(35, "agent-ended")]
    [finding] = diagnose(entries)
    assert (finding.serious, finding.sentence) == (False, "The caller fell silent: nothing was heard of them for 30 s")


def test_a_live_call_may_be_silent_too() -> None:
    assert codes(silences(15, 25)) == ["caller-silent"]


def test_one_silence_is_none() -> None:
    assert codes(silences(15)) == []


@pytest.mark.parametrize(("reason", "ailment"), ailments.OF_ENDS.items())
def test_ends_that_are_faults(reason: str, ailment: Ailment) -> None:
    assert codes([hangs_up(5, reason)]) == [ailment.code]


def test_what_the_caller_did_not_hear_of_it_is_not_claimed() -> None:
    entries = failed(2, 5, agent_failed("agent-circuit-open"), (2, CallerSpoke(text="hello?")), (3, SORRY))
    assert told(entries) == "The agent had failed so often that it was not asked in turn 2."


def test_long_words_are_cut() -> None:
    entries = failed(2, 5, agent_failed("agent-refused", "x" * 500))
    assert len(told(entries)) < 200


def test_where_it_happened() -> None:
    finding = Finding(code="a", sentence="b", advice="c", turn=3, offset=161.7)
    assert finding.where == "turn 3, 2:41"
    assert replace(finding, turn=0).where == "2:41"


# Whatever comes


RECORDS = st.one_of(
    st.builds(
        Failed,
        part=st.sampled_from(["agent", "carrier", "store", "prompt", "gateway"]),
        code=st.text(),
        reason=st.text(),
    ),
    st.builds(TurnBegan, heard=st.sampled_from(["said", "started", "stayed-silent", "other"])),
    st.builds(TurnEnded, failure=st.sampled_from(["", "agent-slow", "turn-lost", "{0}"])),
    st.builds(
        ForwardFinished, outcome=st.text(), address=st.text(), bridged=st.none() | st.booleans(), reason=st.text()
    ),
    st.builds(CallEnded, reason=st.text()),
    st.builds(PromptBegan, text=st.text(), by_gateway=st.booleans(), filler=st.booleans()),
    st.sampled_from([WordsReady(), CallerSpoke(text="x"), TraceReceived(type="tool-call"), Noted(about="turn-cut")]),
)
ENTRIES = st.lists(st.builds(entry, st.floats(), RECORDS, st.integers(-3, 5)), max_size=12)


@settings(max_examples=150, deadline=None)
@given(ENTRIES)
def test_whatever_the_entries_are_there_is_a_verdict(entries: list[Entry]) -> None:
    findings = diagnose(entries)
    assert verdict(entries, findings)
    assert all(math.isfinite(finding.offset) and finding.where for finding in findings)
    assert [finding.serious for finding in findings] == sorted((finding.serious for finding in findings), reverse=True)
