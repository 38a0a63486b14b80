"""A call as lines and bars: what each entry says to a person, and what says nothing."""

import re
from collections.abc import Sequence
from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from voicegw.call.entries import Entry
from voicegw.call.records import (
    ActionSent,
    AnswerBegan,
    CallEnded,
    CallerInterrupted,
    CallerSpoke,
    CallerStayedSilent,
    CallRang,
    Failed,
    ForwardFinished,
    ForwardTried,
    KeysPressed,
    Noted,
    OrderReceived,
    PromptBegan,
    PromptCut,
    PromptHeard,
    Record,
    RecordingBegan,
    SessionStarted,
    StepAnswered,
    TraceReceived,
    TurnBegan,
    TurnEnded,
    WebhookReceived,
    WordsReady,
)
from voicegw.cli.call_lines import call_lines, line_of
from voicegw.cli.timeline import heading, summary, timeline

RANG = CallRang(caller_number="+14155550123", called_number="+15005550100")


def entry(record: Record, offset: float = 1.0, turn: int = 2, at: float = 1_795_420_800.0) -> Entry:
    return Entry(call_sid="CA1", at=at, offset=offset, turn=turn, record=record)


def shown(what: RenderableType, width: int = 120) -> str:
    console = Console(width=width, record=True, highlight=False, file=StringIO())
    console.print(what)
    return "\n".join(line.rstrip() for line in console.export_text().splitlines())


SAID: list[tuple[Record, str, str]] = [
    (CallerSpoke(text="hello\nthere"), "caller", "hello there"),
    (CallerSpoke(text="hallo", confidence=0.9), "caller", "hallo"),
    (CallerSpoke(text="hallo", confidence=0.31), "caller", "hallo  confidence 0.31"),
    (KeysPressed(keys="12", ended_by="#"), "caller", "keys 12#"),
    (KeysPressed(keys="12"), "caller", "keys 12"),
    (CallerStayedSilent(), "caller", "(nothing was heard)"),
    (CallerInterrupted(by="keys"), "caller", "interrupts by keys"),
    (PromptBegan(text="Hello."), "agent", "Hello."),
    (PromptBegan(text="One moment.", filler=True), "gateway", "One moment."),
    (PromptBegan(text="Sorry.", by_gateway=True), "gateway", "Sorry."),
    (PromptBegan(source="https://a.example/b.wav"), "agent", "♪ https://a.example/b.wav"),
    (PromptBegan(), "agent", "♪ a recording"),
    (PromptCut(heard="You can book"), "", "cut off after “You can book”"),
    (PromptCut(heard=" "), "", "cut off before a word was out"),
]
HAPPENED: list[tuple[Record, str, str]] = [
    (Failed(part="agent", code="agent-unreachable"), "!", "Voiceflow could not be reached  agent-unreachable"),
    (TurnEnded(failure="turn-lost"), "!", "The gateway's process died or was stopped during turn 2  turn-lost"),
    (AnswerBegan(status=502), "!", "the agent answers with status 502"),
    (Noted(about="agent-overdue"), "!", "the agent has been silent for longer than callers are kept waiting"),
    (WebhookReceived(name="fallback"), "!", "Twilio asks the fallback URL: it could not use an answer"),
    (
        ForwardTried(address="+14155550142", address_type="phone", attempt=1, ring_seconds=20),
        "human",
        "+14155550142 is called, attempt 1, for 20 s",
    ),
    (
        ForwardTried(address="sip:a@b", address_type="sip", attempt=2, ring_seconds=5, confirm=True),
        "human",
        "sip:a@b is called, attempt 2, for 5 s, asked to accept",
    ),
    (ForwardFinished(outcome="completed", seconds=30, bridged=True), "human", "was on the line for 30 s"),
    (ForwardFinished(outcome="busy", address="sip:a@b"), "!", "not forwarded to sip:a@b: busy"),
    (ForwardFinished(outcome="completed", bridged=False), "!", "not forwarded to a human: answered, but not connected"),
    (
        ForwardFinished(outcome="refused", address="+49", reason="not-allowed"),
        "!",
        "not forwarded to +49: refused: not-allowed",
    ),
    (CallEnded(reason="hangup"), "", "the call is over: the caller hung up"),
]
ASIDES: list[tuple[Record, str, str]] = [
    (RANG, "", "it rings: +14155550123 calls +15005550100"),
    (
        CallRang(caller_number="", called_number="+1500", caller_name="ANN", forwarded_from="+1600"),
        "",
        "it rings: a withheld number (ANN) calls +1500, forwarded from +1600",
    ),
    (SessionStarted(seconds=0.123), "", "the session with the agent begins, 0.12 s"),
    (SessionStarted(seconds=0.5, renewed=True), "", "a new session with the agent begins, 0.50 s"),
    (ActionSent(action={"type": "launch"}), "", "→ launch"),
    (ActionSent(action={"type": "text", "payload": "hi"}), "", "→ text “hi”"),
    (
        ActionSent(action={"type": "event", "payload": {"event": {"name": "call_forward_failed"}}}),
        "",
        "→ event “call_forward_failed”",
    ),
    (ActionSent(action={"type": "path-1", "payload": {"label": "Yes"}}), "", "→ path-1 “Yes”"),
    (ActionSent(action={"type": "path-1", "payload": {"number": 3}}), "", "→ path-1"),
    (ActionSent(action={}), "", "→ ?"),
    (RecordingBegan(file="kept/CA1-1.flac"), "", "recorded in kept/CA1-1.flac"),
    (OrderReceived(order="hang-up", by="ops"), "", "ops orders: hang-up"),
    (OrderReceived(order="event", name="paid"), "", "somebody orders: event paid"),
    (Noted(about="custom-action", fields={"name": "x"}), "", "· custom-action name=x"),
    (
        Noted(about="input-ignored", fields={"reason": "echo", "characters": 4}),
        "",
        "· 4 characters of the caller's were ignored: the agent's own voice, coming back (echo)",
    ),
    (TraceReceived(type="speak"), "", "← speak"),
    (TraceReceived(type=""), "", "← ?"),
    (ActionSent(action={"type": "text", "payload": "x" * 300}), "", f"→ text “{'x' * 99}…”"),
]
NOTHING: list[Record] = [
    AnswerBegan(),
    PromptHeard(),
    StepAnswered(name="1/1", seconds=1.0, answer="<Response/>"),
    TurnBegan(heard="said"),
    TurnEnded(),
    WebhookReceived(name="1/1"),
    WordsReady(),
    Noted(about="still-answering"),
    Noted(about="block"),
]


@pytest.mark.parametrize(("record", "who", "what"), [*SAID, *HAPPENED, *ASIDES])
def test_the_line_of_an_entry(record: Record, who: str, what: str) -> None:
    line = line_of(entry(record))
    assert line is not None
    assert (line.at, line.who, line.what.plain) == (1.0, who, what)


@pytest.mark.parametrize("record", NOTHING)
def test_what_says_nothing_to_a_person_has_no_line(record: Record) -> None:
    assert line_of(entry(record)) is None


def test_fillers_are_dim_and_failures_red() -> None:
    filler = line_of(entry(PromptBegan(text="One moment.", filler=True)))
    failure = line_of(entry(Failed(part="store", code="store-error")))
    assert filler is not None
    assert failure is not None
    assert "dim" in {str(span.style) for span in filler.what.spans}
    assert "red" in {str(span.style) for span in failure.what.spans}


def plain(entries: Sequence[Entry], *, twiml: bool = False) -> list[str]:
    return [line.what.plain for line in call_lines(entries, twiml=twiml)]


def test_traces_in_a_row_share_a_line() -> None:
    traces = [entry(TraceReceived(type=name)) for name in ("flow", "speak", "speak")]
    assert plain([*traces, entry(PromptHeard()), entry(TraceReceived(type="end"))]) == ["← flow, speak ×2, end"]
    assert plain([*traces, entry(PromptBegan(text="Hi.")), *traces[:1]]) == ["← flow, speak ×2", "Hi.", "← flow"]


def test_a_turn_does_not_fail_twice_for_one_reason() -> None:
    failed = [entry(Failed(part="agent", code="agent-broke")), entry(TurnEnded(failure="agent-broke"))]
    assert len(plain(failed)) == 1
    assert len(plain([*failed, entry(Failed(part="agent", code="agent-broke"), turn=3)])) == 2


def test_documents_are_lines_on_demand() -> None:
    answered = [entry(StepAnswered(name="1/1", seconds=1.0, answer="<Response><Say>a</Say></Response>"))]
    assert plain(answered) == []
    assert plain(answered, twiml=True) == ["<Response>\n<Say>a</Say>\n</Response>"]
    assert plain([entry(StepAnswered(name="1/1", seconds=1.0))], twiml=True) == []


# The whole call


def turn(number: int, at: float, seconds: float) -> list[Entry]:
    told: list[tuple[float, Record]] = [
        (0.0, CallerSpoke(text=f"words {number}", quiet_seconds=2.0)),
        (0.0, TurnBegan(heard="said")),
        (0.0, ActionSent(action={"type": "text"})),
        (seconds, WordsReady()),
        (seconds, PromptBegan(text=f"answer {number}")),
        (seconds, StepAnswered(name="x", seconds=seconds)),
        (seconds, TurnEnded()),
    ]
    return [entry(record, at + after, number if record is not told[0][1] else number - 1) for after, record in told]


def test_what_the_caller_said_stands_in_the_turn_that_answers_it() -> None:
    text = shown(
        timeline([entry(RANG, 0.0, 0), *turn(1, 1, 1), *turn(2, 10, 2), entry(CallEnded(reason="hangup"), 20)])
    )
    order = ["it rings", "turn 1 ", "words 1", "answer 1", "turn 2 ", "words 2", "answer 2", "the call is over"]
    assert re.search(".*".join(order), text, re.DOTALL), text


def test_bars_are_drawn_to_one_scale_with_a_sign_for_each_part() -> None:
    text = shown(summary([*turn(1, 1, 1), *turn(2, 10, 10)]))
    assert "turn 1 ░░░░▓▓ 3.0 s  ░2.0 ▓1.0" in text
    assert f"turn 2 ░░░░{'▓' * 20} 12.0 s  ░2.0 ▓10.0" in text


def test_a_turn_of_which_no_time_is_known_has_no_bar() -> None:
    text = shown(summary([entry(TurnBegan(heard="event-raised"))]))
    assert re.search(r"turn 2$", text, re.MULTILINE), text


def test_the_legend_explains_the_signs_that_are_drawn() -> None:
    assert shown(summary(turn(1, 1, 1))).splitlines()[-1] == "  ░ carrier: end of speech  ▓ agent: first sentence"
    assert not shown(summary([entry(RANG)])).splitlines()[1:]


def test_in_a_narrow_terminal_the_legend_breaks_between_signs() -> None:
    assert shown(summary(turn(1, 1, 1)), width=40).splitlines()[-2:] == [
        "  ░ carrier: end of speech",
        "  ▓ agent: first sentence",
    ]


def test_a_turn_that_was_never_answered_is_drawn_to_its_end() -> None:
    entries = [*turn(1, 1, 1), *turn(2, 10, 5)[:3], entry(CallEnded(reason="hangup"), 16)]
    assert "turn 2   ░░░░░░▚▚▚▚▚▚▚▚▚▚▚▚▚▚▚▚▚▚ 8.0 s  ░2.0 ▚6.0" in shown(timeline(entries))
    entries.insert(-1, entry(AnswerBegan(), 11))
    assert "turn 2   ░░░░░░███▚▚▚▚▚▚▚▚▚▚▚▚▚▚▚ 8.0 s  ░2.0 █1.0 ▚5.0" in shown(timeline(entries))


def test_harmless_findings_are_marked_as_such_and_further_ones_follow() -> None:
    entries = [*turn(2, 1, 10), entry(Failed(part="store", code="store-error"), 15, 3)]
    text = shown(timeline(entries))
    assert "✗ The gateway's own store failed." in text
    assert "! The agent took 10 s to answer turn 2." in text


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([], ""),
        ([entry(RANG)], "CA1  +14155550123 → +15005550100  2026-11-23 08:00:00 UTC  0:01  live"),
        ([entry(CallEnded(reason="hangup"), 95.0)], "CA1  2026-11-23 08:00:00 UTC  1:35"),
        (
            [entry(CallEnded(reason="hangup"), 95.0), entry(ActionSent(action={"type": "end"}), 99.0)],
            "CA1  2026-11-23 08:00:00 UTC  1:35",
        ),
        ([entry(CallEnded(reason="x"), at=1e300)], "CA1  ?  0:01"),
        (
            [entry(CallRang(caller_number="", called_number="+1"))],
            "CA1  withheld → +1  2026-11-23 08:00:00 UTC  0:01  live",
        ),
    ],
)
def test_the_heading_says_who_when_and_how_long(entries: list[Entry], words: str) -> None:
    assert heading(entries).plain == words


RECORDS = st.one_of(
    st.builds(PromptBegan, text=st.text(), source=st.text(), by_gateway=st.booleans(), filler=st.booleans()),
    st.builds(CallerSpoke, text=st.text(), confidence=st.none() | st.floats(), quiet_seconds=st.floats()),
    st.builds(TraceReceived, type=st.text(), summary=st.text()),
    st.builds(ActionSent, action=st.dictionaries(st.text(), st.text() | st.dictionaries(st.text(), st.text()))),
    st.builds(Failed, part=st.sampled_from(["agent", "carrier", "gateway"]), code=st.text(), reason=st.text()),
    st.builds(Noted, about=st.text(), fields=st.dictionaries(st.text(), st.text() | st.integers())),
    st.builds(StepAnswered, name=st.text(), seconds=st.floats(), answer=st.text()),
    st.builds(CallEnded, reason=st.text()),
    st.sampled_from([TurnBegan(heard="said"), TurnEnded(), WordsReady()]),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.builds(entry, RECORDS, st.floats(), st.integers(0, 3), st.floats()), max_size=8))
def test_whatever_the_entries_are_nothing_raw_is_shown(entries: list[Entry]) -> None:
    text = shown(timeline(entries, twiml=True))
    assert all(character == "\n" or character.isprintable() for character in text)
