"""Forwards that come to nothing: every caller reaches a human or is back in dialogue, and soon."""

import re
from dataclasses import replace
from itertools import product
from typing import Any

from broken_agent import BACK, GREETS, Reply, Script, events, says
from groups import cases, failure
from people import HangsUpAt
from telephone_world import Cell, Played, play_cells

from voicegw.call.phrases import PhraseName, phrase
from voicegw.call.profile import Destination, Forwarding
from voicegw.simulator import Callee, HangsUp, Hears, Says, StaysSilent, human, voicemail

BACK_WITHIN_SECONDS = 3.0
PLACES = ("+15005550191", "+15005550192", "+15005550193")
OUTCOMES: dict[str, Callee] = {
    "busy": Callee(outcome="busy", ring_seconds=1.0),
    "no answer": Callee(outcome="no-answer"),
    "failed": Callee(outcome="failed", ring_seconds=0.5),
    "voicemail": voicemail(ring_seconds=4.0),
    "declined": human(confirms_with="2"),
    "hung up on us": Callee(hangs_up_on_whisper=True),
}
HUMAN = human(talk_seconds=6.0)
ON_FAILURE = ("event", "text", "nothing")
# a voicemail box presses no key: whoever was asked to accept the call and did not is nobody who answers
WHY = {
    "busy": phrase(PhraseName.FORWARD_BUSY, "en-US"),
    "no answer": phrase(PhraseName.FORWARD_NO_ANSWER, "en-US"),
    "failed": phrase(PhraseName.FORWARD_FAILED, "en-US"),
    "voicemail": phrase(PhraseName.FORWARD_NO_ANSWER, "en-US"),
    "declined": phrase(PhraseName.FORWARD_NO_ANSWER, "en-US"),
    "hung up on us": phrase(PhraseName.FORWARD_NO_ANSWER, "en-US"),
}

SEQUENCES = [sequence for length in (1, 2, 3) for sequence in product(OUTCOMES, repeat=length)]
TO_NOBODY = [(sequence, ON_FAILURE[index % 3]) for index, sequence in enumerate(SEQUENCES)]
TO_A_HUMAN = [sequence for sequence in SEQUENCES if len(sequence) < len(PLACES)]
REFUSED = {
    "unknown alias": "nobody",
    "our own number (a loop)": "",
    "emergency": "+1911",
    "emergency, local": "911",
    "premium": "+19005551234",
    "outside the allow-list": "+4930123456",
    "satellite": "+881612345678",
    "too short": "+12",
    "no number": "call me maybe",
    "letters in it": "+1500555FLOW",
    "other digits": "+١٥٠٠٥٥٥٠١٩١",
    "SIP to a host not listed": "sip:desk@evil.example",
    "SIP with userinfo": "sip:desk@pbx.example.com@evil.example",
    "empty": " ",
}
REFUSALS = [(name, on_failure) for name in REFUSED for on_failure in ON_FAILURE]
LEAVING = [(outcome, after) for outcome in OUTCOMES for after in (8.0, 11.5, 12.5, 14.0, 17.0, 24.0)]

HERE = {"type": "speak", "payload": {"type": "message", "message": "I will connect you."}}
ASKS = Says("the front desk please")
GOES_ON = (ASKS, Says("hello again"), Hears(BACK, within_seconds=60.0), HangsUp())


def forwards(address: str = "desk") -> Reply:
    payload = {"addressType": "sip" if address.startswith("sip:") else "phone", "address": address}
    return Reply(body=events(HERE, {"type": "call-forward", "payload": payload}))


def cell(name: str, callees: tuple[Callee, ...], on_failure: str = "event", **changes: Any) -> Cell:
    places = PLACES[: len(callees)]
    destinations = tuple(Destination(to=place, confirm=True) for place in places)
    forwarding = Forwarding(
        destinations={"desk": destinations or (Destination(to=PLACES[0]),)},
        allow=("+1", "sip:pbx.example.com"),
        on_failure=on_failure,  # type: ignore[arg-type]
        max_per_destination_per_hour=100_000,
    )
    # told that a forward failed, the agent says something; told nothing, it is asked only by the caller
    turns = (GREETS, forwards(), *(() if on_failure == "nothing" else (says("What else can I do?"),)))
    usual = Cell(
        name=name,
        script=Script(turns=turns),
        steps=GOES_ON,
        callees=dict(zip(places, callees, strict=True)),
        profile={"forwarding": forwarding.model_dump()},
    )
    return replace(usual, **changes)


def words_after_the_last_attempt(call: Played) -> float:
    """Seconds until the caller heard a voice again."""
    last = call.report.dialled[-1]
    ended_at = last.at_seconds + last.seconds
    return min(
        (
            sound.at_seconds - ended_at
            for sound in call.report.heard
            if sound.kind == "speech" and sound.at_seconds >= ended_at - 0.001
        ),
        default=float("inf"),
    )


def reasons_heard(call: Played) -> list[str]:
    """Why each attempt failed, as the caller heard it."""
    return re.findall("|".join(map(re.escape, WHY.values())), " ".join(call.report.spoken))


@failure(
    "forward fails",
    "busy, no answer, failed, voicemail, declined, hung up on: every sequence over one to three destinations",
    "each time why, in plain words, and the next destination; at last the agent, or “nobody could take your call "
    "just now. Is there anything else I can do for you?”, within 3 s",
)
@cases(TO_NOBODY, quick=16, size=90)
def test_nobody_takes_the_call(cases: tuple[tuple[tuple[str, ...], str], ...]) -> None:
    cells = [
        cell(f"{', '.join(tried)} ({told})", tuple(OUTCOMES[name] for name in tried), told) for tried, told in cases
    ]
    for call, (tried, _) in zip(play_cells(cells), cases, strict=True):
        assert len(call.report.dialled) == len(tried), call.explain()
        assert not any(attempt.bridged for attempt in call.report.dialled), call.explain()
        assert words_after_the_last_attempt(call) <= BACK_WITHIN_SECONDS, call.explain()
        assert reasons_heard(call) == [WHY[name] for name in tried], call.explain()


@failure(
    "forward fails",
    "the same, and then a human answers at the next destination",
    "why, in plain words, and then the human",
)
@cases(TO_A_HUMAN, quick=6)
def test_the_next_destination_takes_the_call(cases: tuple[tuple[str, ...], ...]) -> None:
    cells = [
        cell(", ".join((*tried, "human")), (*(OUTCOMES[name] for name in tried), HUMAN), steps=(ASKS, StaysSilent()))
        for tried in cases
    ]
    for call, tried in zip(play_cells(cells), cases, strict=True):
        *failed, last = call.report.dialled
        assert (last.bridged, last.talk_seconds) == (True, 6.0), call.explain()
        assert not any(attempt.bridged for attempt in failed), call.explain()
        assert reasons_heard(call) == [WHY[name] for name in tried], call.explain()


@failure(
    "forward fails",
    "refused by policy: loops, emergency, premium, satellite, unlisted, malformed",
    "“I'm sorry, I can't connect you to that number”, and the agent again; nothing is dialled",
)
@cases(REFUSALS, quick=5)
def test_a_forward_that_is_not_allowed(cases: tuple[tuple[str, str], ...]) -> None:
    cells = []
    for index, (name, told) in enumerate(cases):
        address = REFUSED[name] or f"+1500556{1000 + index}"
        known = cell(f"{name} ({told})", (), told, hears="I can't connect you|nobody could take your call")
        turns = (GREETS, forwards(address), *known.script.turns[2:])
        cells.append(replace(known, script=Script(turns=turns)))
    for call in play_cells(cells):
        assert call.report.dialled == (), call.explain()


@failure("forward fails", "the caller hangs up while it rings", "– (they are gone); the agent is told once")
@cases(LEAVING, quick=5)
def test_a_caller_who_leaves_while_it_rings(cases: tuple[tuple[str, float], ...]) -> None:
    cells = [
        cell(f"left after {after} s at {name}", (OUTCOMES[name],), caller=HangsUpAt(GOES_ON, after))
        for name, after in cases
    ]
    for call in play_cells(cells):
        assert len(call.report.dialled) <= 1, call.explain()
