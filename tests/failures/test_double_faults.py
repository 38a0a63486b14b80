"""Two faults in one call, drawn at random: a seeded sweep, each of whose cells can be played again by its number."""

from random import Random
from typing import Any

from broken_agent import GREETS, STREAMS, Reply, Script, recorded, refuses, says
from groups import cases, failure
from people import HangsUpAt
from telephone_world import FRONT_DESK, TRIES_AGAIN, Cell, play_cells
from ways import Loses, Twice

from voicegw.call.profile import Destination
from voicegw.simulator import Callee, Limits, Says, human, voicemail

SEED = 20_260
NUMBERS = list(range(400))
BOTH = Limits(rescued_faults_allowed=True, owed_silence_seconds=20.0, webhook_seconds=16.0)


def broken_turn(chance: Random) -> tuple[str, Reply]:
    """A turn in which something goes wrong."""
    reply = recorded(stream := chance.choice(STREAMS))
    at = chance.randrange(len(reply.body))
    match chance.randrange(9):
        case 0:
            return f"{stream} reset at {at}", reply.cut_off("reset", at)
        case 1:
            return f"{stream} ends at {at}", reply.cut_off("end-of-file", at)
        case 2:
            return f"{stream} stalls at {at}", reply.cut_off("stall", at)
        case 3:
            return f"{stream} corrupt at {at}", reply.corrupted(at)
        case 4:
            status = chance.choice((400, 401, 404, 429, 500, 502, 503))
            return f"refused {status}", refuses(status, retry_after=str(chance.randrange(40)))
        case 5:
            return "refused connection", Reply(way="refused", well=False)
        case 6:
            return "reset before the answer", Reply(way="reset-before-answer", well=False)
        case 7:
            seconds = chance.uniform(0, 60)
            return f"{stream} after {seconds:.1f} s", Reply(body=reply.body, after_seconds=seconds)
        case _:
            seconds = chance.uniform(0, 60)
            return f"{stream} pauses {seconds:.1f} s at {at}", Reply(body=reply.body, pauses=((at, seconds),))


def callee(chance: Random) -> Callee:
    """Somebody who may be forwarded to."""
    some = (Callee(outcome="busy"), Callee(outcome="no-answer"), Callee(outcome="failed"), voicemail(), human())
    return chance.choice(some)


def double(number: int) -> Cell:
    """The cell of a number: two broken turns, or one and trouble with webhooks, the forward or the caller."""
    chance = Random(SEED + number)
    first, second = broken_turn(chance), broken_turn(chance)
    turns: list[Reply] = [GREETS, says("What for?")]
    turns.insert(chance.randrange(3), first[1])
    steps: tuple[Any, ...] = (Says("the first question"), Says("the second question"), *TRIES_AGAIN)
    changes: dict[str, Any] = {}
    match chance.randrange(4):
        case 0:
            turns.insert(chance.randrange(4), second[1])
            name = f"{first[0]}; {second[0]}"
        case 1:
            position, loss = chance.randrange(5), chance.choice(("refused", "answer lost", "502", "HTML"))
            changes["way"] = lambda web: Loses(web, (position,), loss)
            name = f"{first[0]}; webhook {position} {loss}"
        case 2:
            apart = chance.choice((0.0, 0.5, 1.0, 14.0))
            changes["way"] = lambda web: Twice(web, apart)
            name = f"{first[0]}; every webhook twice, {apart} s apart"
        case _:
            seconds = chance.uniform(0, 40)
            changes["caller"] = HangsUpAt(steps, seconds)
            name = f"{first[0]}; the caller leaves after {seconds:.1f} s"
    if chance.random() < 0.5:
        changes["profile"] = {"fallback": (Destination(to=FRONT_DESK),)}
    return Cell(
        name=f"number {number}: {name}",
        script=Script(turns=turns),
        steps=steps,
        callees={FRONT_DESK: callee(chance)},
        limits=BOTH,
        **changes,
    )


@failure(
    "two faults at once",
    "a slow, broken, refused or lost answer and another one, or a lost or repeated webhook, a bad forward, a hang-up",
    "what they hear of each; they are back in dialogue, with a human, or have heard a goodbye",
)
@cases(NUMBERS, quick=16, size=76)
def test_two_faults_at_once(cases: tuple[int, ...]) -> None:
    play_cells([double(number) for number in cases])
