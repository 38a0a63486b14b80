"""An agent that refuses: connections, statuses, answers that are none, sessions that do not begin or have expired."""

from collections.abc import Sequence
from typing import Literal

from broken_agent import EVENTS, GREETS, Reply, Script, events, refuses, says
from groups import CONNECTING, FILLER, FINAL, HUMAN, SORRY, UNAVAILABLE, cases, failure
from telephone_world import FRONT_DESK, TRIES_AGAIN, Cell, hears, play_cells

from voicegw.call.profile import Destination
from voicegw.simulator import Callee, HangsUp, Hears, Limits, Says, StaysSilent, human

Phase = Literal["launch", "mid-call"]
Case = tuple[str, Phase]

HTML = b"<!doctype html><html><body><h1>502 Bad Gateway</h1></body></html>"
CREDIT = {"type": "debug", "payload": {"level": "error", "message": "credit_limit_reached"}}

REFUSED: dict[str, Reply] = {
    **{str(status): refuses(status, b'{"message": "no"}') for status in (400, 402, 403, 404, 405, 409, 410, 413, 418)},
    **{str(status): refuses(status, b'{"message": "broken"}') for status in (422, 451, 500, 501, 502, 503, 504, 529)},
    "502 with HTML": refuses(502, HTML, content_type="text/html"),
    "500 with an endless body": refuses(500, b"x").cut_off("stall", 1),
    "503 with Retry-After": refuses(503, retry_after="1"),
    **{f"redirect {status}": refuses(status, location="https://elsewhere.example/") for status in (301, 302, 307, 308)},
}
NO_ANSWER: dict[str, Reply] = {
    "200 and HTML": refuses(200, HTML, content_type="text/html"),
    "200 and nothing": refuses(200, b"", content_type="text/event-stream"),
    "204": refuses(204, b""),
    "200 and JSON": refuses(200, b'{"traces": []}'),
    "200 and a half JSON": refuses(200, b'{"traces": [{"type"'),
    "200 and noise": refuses(200, bytes(range(256)) * 8, content_type="application/octet-stream"),
    "200 and comments only": Reply(body=b": keep-alive\n\n" * 20, well=False),
    "200 and events without names": Reply(body=b'data: {"type":"speak"}\n\n' * 3, well=False),
    "traces that are none": Reply(
        body=b"\n" + b"event: trace\ndata: 17\n\nevent: trace\ndata: {\n\n" + b"event: end\ndata: {}\n\n", well=False
    ),
    "connection reset before the answer": Reply(way="reset-before-answer", well=False),
    "connection reset after 3 s": Reply(way="reset-before-answer", after_seconds=3.0, well=False),
}
BRIEF: dict[str, Reply] = {
    "connection refused": Reply(way="refused", well=False),
    "connect time-out": Reply(way="connect-hang", well=False),
    "429": refuses(429),
    **{f"429, Retry-After: {after}": refuses(429, retry_after=after) for after in ("0", "1", "3", "soon", "-1")},
    "429, Retry-After: a date gone by": refuses(429, retry_after="Wed, 21 Oct 2015 07:28:00 GMT"),
    "session expired": refuses(401, b'{"code": 401, "status": "Unauthorized"}'),
}
"""Faults of which the agent says, or the line shows, that the turn did not run: it is asked once more."""
BUSY = {f"429, Retry-After: {after}": refuses(429, retry_after=after) for after in ("4", "30", "3600")}
JSON = {"content-type": "application/json"}
NO_SESSION: dict[str, Reply] = {
    "500": refuses(500, b"{}"),
    "503": refuses(503, HTML, content_type="text/html"),
    "429": refuses(429, retry_after="1"),
    "connection refused": Reply(way="refused", well=False),
    "connect time-out": Reply(way="connect-hang", well=False),
    "connection reset": Reply(way="reset-before-answer", well=False),
    "no answer": Reply(after_seconds=10_000.0, well=False),
    "half an answer": Reply(body=b'{"sessionKey": "k', headers=JSON, well=False).cut_off("reset", 12),
    "a stall in the answer": Reply(body=b'{"sessionKey": "k', headers=JSON, well=False).cut_off("stall", 12),
    "HTML": refuses(200, HTML, content_type="text/html"),
    "no key": Reply(body=b"{}", headers=JSON, well=False),
    "an empty key": Reply(body=b'{"sessionKey": ""}', headers=JSON, well=False),
    "a key that is no text": Reply(body=b'{"sessionKey": 7}', headers=JSON, well=False),
    "a key with a line feed": Reply(body=b'{"sessionKey": "a\\nb: c"}', headers=JSON, well=False),
}
LASTING: dict[str, Script] = {
    **{f"{status} to a session": Script(sessions=(refuses(status),) * 9) for status in (400, 401, 402, 403, 404, 422)},
    "redirect of a session": Script(sessions=(refuses(302, location="https://elsewhere.example/"),) * 9),
    "out of credit at the launch": Script(turns=(Reply(body=events(CREDIT), well=False),) * 9),
}


def both(replies: dict[str, Reply]) -> list[Case]:
    return [(name, phase) for name in replies for phase in ("launch", "mid-call")]


def once(name: str, phase: Phase, *replies: Reply, hears: str = "") -> Cell:
    title = f"{name}, {phase}"
    if phase == "launch":
        return Cell(name=title, script=Script(turns=replies), hears=hears)
    steps = (Says("the first question"), *TRIES_AGAIN)
    return Cell(name=title, script=Script(turns=(GREETS, *replies)), steps=steps, hears=hears)


@failure(
    "agent refuses",
    "an error status to a turn (4xx, 5xx, redirects, HTML bodies)",
    "“Sorry, something went wrong. Please say that again.”, and they are listened to; the same turn is not sent again",
)
@cases(both(REFUSED), quick=3, size=100)
def test_a_turn_is_refused(cases: tuple[Case, ...]) -> None:
    play_cells([once(name, phase, REFUSED[name], hears=SORRY) for name, phase in cases])


@failure(
    "agent refuses",
    "an answer that is none: HTML, nothing, noise, comments, wrong JSON, reset before the first byte",
    "the failure phrase, and they are listened to",
)
@cases(both(NO_ANSWER), quick=3)
def test_an_answer_that_is_none(cases: tuple[Case, ...]) -> None:
    play_cells([once(name, phase, NO_ANSWER[name], hears=SORRY) for name, phase in cases])


@failure(
    "agent refuses",
    "a fault after which asking again is safe: connection refused, connect time-out, 429, session expired (401)",
    "nothing of it (a filler at most): asked once more, in a new session where the old one expired",
)
@cases(both(BRIEF), quick=3)
def test_a_fault_that_is_tried_again(cases: tuple[Case, ...]) -> None:
    for call in play_cells([once(name, phase, BRIEF[name]) for name, phase in cases]):
        assert not hears(call.report, SORRY), call.explain()


@failure("agent refuses", "the same fault twice", "the failure phrase, and they are listened to")
@cases(both(BRIEF), quick=3, first=1)
def test_a_fault_that_is_tried_again_in_vain(cases: tuple[Case, ...]) -> None:
    play_cells([once(name, phase, BRIEF[name], BRIEF[name], hears=SORRY) for name, phase in cases])


@failure(
    "agent refuses",
    "429 with a Retry-After longer than a caller can wait",
    "the failure phrase, and they are listened to; the agent is left alone meanwhile",
)
@cases(both(BUSY), quick=2)
def test_a_rate_limit_that_lasts(cases: tuple[Case, ...]) -> None:
    for call in play_cells([once(name, phase, BUSY[name], hears=SORRY) for name, phase in cases]):
        refused = [asked for asked in call.asked if asked.reply.status == 429]
        assert len(refused) == 1, call.explain()


@failure(
    "session",
    "a session does not begin: 5xx, 429, refused, reset, no answer in 10 s, HTML, no key in the answer (once)",
    "nothing of it (fillers, where it takes long): starting again does no harm",
)
@cases([(name, 1) for name in NO_SESSION], quick=2)
def test_a_session_begins_at_the_second_try(cases: tuple[tuple[str, int], ...]) -> None:
    for call in play_cells(
        [Cell(name=f"{name}, once", script=Script(sessions=(NO_SESSION[name],))) for name, _ in cases]
    ):
        assert not hears(call.report, SORRY), call.explain()
        assert [asked.action["type"] for asked in call.asked].count("launch") == 1, call.explain()


@failure("session", "the same, twice", "the failure phrase; what they say then starts a session and launches")
@cases([(name, 2) for name in NO_SESSION], quick=2, first=1)
def test_a_session_does_not_begin(cases: tuple[tuple[str, int], ...]) -> None:
    cells = [
        Cell(name=f"{name}, twice", script=Script(sessions=(NO_SESSION[name],) * times), hears=SORRY)
        for name, times in cases
    ]
    for call in play_cells(cells):
        assert [asked.action["type"] for asked in call.asked][:2] == ["launch", "text"], call.explain()


def lasting(name: str, human_there: bool) -> Cell:
    profile = {"fallback": (Destination(to=FRONT_DESK),)} if human_there else {}
    return Cell(
        name=f"{name}, {'a human' if human_there else 'nobody'} to fall back on",
        script=LASTING[name],
        steps=(StaysSilent(),),
        hears=UNAVAILABLE,
        profile=profile,
    )


@failure(
    "agent cannot work",
    "wrong key, project or environment, out of credit; the number has a fallback destination",
    "“I'm sorry, our assistant is not available at the moment. One moment, please. I'm connecting you.”, then a human",
)
@cases([(name, True) for name in LASTING], quick=3)
def test_a_lasting_fault_leads_to_a_human_at_once(cases: tuple[tuple[str, bool], ...]) -> None:
    for call in play_cells([lasting(*case) for case in cases]):
        assert hears(call.report, CONNECTING), call.explain()
        assert hears(call.report, HUMAN), call.explain()


@failure(
    "agent cannot work",
    "the same, and the number has no fallback destination",
    "“… is not available at the moment. I'm sorry, I can't help you at the moment. Please call again later. Goodbye.”",
)
@cases([(name, False) for name in LASTING], quick=3, first=1)
def test_a_lasting_fault_with_nowhere_to_go_is_explained(cases: tuple[tuple[str, bool], ...]) -> None:
    for call in play_cells([lasting(*case) for case in cases]):
        assert hears(call.report, FINAL), call.explain()


THREE_FAULTS = [(name, phase) for name, phase in both(REFUSED | NO_ANSWER)]
INSISTS = tuple(Says(f"attempt number {number}") for number in ("one", "two", "three"))


@failure(
    "agent refuses",
    "three turns in a row fail; the number has a fallback destination",
    "the failure phrase twice, then “I'm connecting you” and a human",
)
@cases(THREE_FAULTS, quick=11, size=100)
def test_the_third_failure_in_a_row_leads_to_a_human(cases: tuple[Case, ...]) -> None:
    for call in play_cells([thrice(*case, human_there=True) for case in cases]):
        assert hears(call.report, HUMAN), call.explain()


@failure(
    "agent refuses",
    "three turns in a row fail, and there is no fallback destination",
    "the failure phrase twice, then “I'm sorry, I can't help you at the moment. Please call again later. Goodbye.”",
)
@cases(THREE_FAULTS, quick=11, size=100, first=5)
def test_the_third_failure_in_a_row_is_the_end(cases: tuple[Case, ...]) -> None:
    for call in play_cells([thrice(*case, human_there=False) for case in cases]):
        assert hears(call.report, FINAL), call.explain()


def thrice(name: str, phase: Phase, *, human_there: bool) -> Cell:
    reply = (REFUSED | NO_ANSWER)[name]
    before: Sequence[Reply] = () if phase == "launch" else (GREETS, says("What for?"))
    steps = INSISTS if phase == "launch" else (Says("I need a visit"), *INSISTS)
    return Cell(
        name=f"{name} three times, {phase}",
        script=Script(turns=(*before, *(reply,) * 6)),
        steps=(*steps, StaysSilent()),
        hears=SORRY,
        profile={"fallback": (Destination(to=FRONT_DESK),)} if human_there else {},
    )


FALLBACKS: dict[str, tuple[Callee, str]] = {
    "busy": (Callee(outcome="busy"), FINAL),
    "no answer": (Callee(outcome="no-answer"), FINAL),
    "failed": (Callee(outcome="failed"), FINAL),
    "human": (human(talk_seconds=5), HUMAN),
}


@failure(
    "agent cannot work",
    "and the fallback destination is busy, does not answer, fails",
    "why nobody could be reached, and a goodbye",
)
@cases(list(FALLBACKS), quick=1)
def test_a_fallback_that_cannot_be_reached_is_explained(cases: tuple[str, ...]) -> None:
    cells = [
        Cell(
            name=f"fallback {name}",
            script=LASTING["404 to a session"],
            steps=(StaysSilent(),),
            callees={FRONT_DESK: FALLBACKS[name][0]},
            hears=FALLBACKS[name][1],
            profile={"fallback": (Destination(to=FRONT_DESK),)},
            limits=Limits(owed_silence_seconds=4.0),
        )
        for name in cases
    ]
    play_cells(cells)


ENDS: dict[str, Reply] = {
    **{name: REFUSED[name] for name in ("404", "500", "redirect 302")},
    **{name: BRIEF[name] for name in ("connection refused", "429, Retry-After: 1", "session expired")},
    "no answer": Reply(after_seconds=10_000.0, well=False),
    "reset": NO_ANSWER["connection reset before the answer"],
    "stall": Reply(body=b"\n", headers=EVENTS).cut_off("stall", 1),
}


@failure("agent refuses", "the `end` that tells the agent of the hang-up fails", "– (they are gone)")
@cases(list(ENDS), quick=2)
def test_the_end_of_the_call_cannot_be_told(cases: tuple[str, ...]) -> None:
    steps = (Says("that was all"), Hears("with you"), HangsUp())
    cells = [Cell(name=f"end: {name}", script=Script(ends=(ENDS[name],) * 3), steps=steps) for name in cases]
    for call in play_cells(cells):
        assert not hears(call.report, FILLER), call.explain()
