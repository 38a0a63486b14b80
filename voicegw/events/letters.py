"""The rows of the table `outbox`, a letter for each receiver and event: written, claimed, marked, found, pruned.

Every function raises `CallLogError`. Several processes may work on one table at the same moment.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Row,
    and_,
    delete,
    exists,
    false,
    func,
    not_,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.calllog.database import reading, writing
from voicegw.calllog.schema import outbox
from voicegw.events.payloads import Event
from voicegw.events.schedule import KEEPS_ORDER_ATTEMPTS

State = Literal["waiting", "dead", "delivered"]
_MAX_ERROR_CHARS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLetter:
    """An event that is still to be put into the outbox, for the receiver of that name."""

    message_id: str
    receiver: str
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A row of the outbox. Instants are epoch seconds; `attempts` counts those begun."""

    id: int
    message_id: str
    call_sid: str
    receiver: str
    type: str
    body: str
    created_at: float
    attempts: int
    due_at: float
    delivered_at: float | None
    dead: bool
    last_error: str

    @property
    def state(self) -> State:
        if self.delivered_at is not None:
            return "delivered"
        return "dead" if self.dead else "waiting"


async def post_letters(engine: AsyncEngine, letters: Sequence[NewLetter], now: float) -> None:
    """Put letters into the outbox, due at once; one that is there already (by its message id) stays as it is."""
    rows = [
        {
            "message_id": letter.message_id,
            "call_sid": letter.event.call_sid,
            "endpoint": letter.receiver,
            "type": letter.event.type,
            "body": letter.event.body,
            "created_at": letter.event.at,
            "due_at": now,
        }
        for letter in letters
    ]
    insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
    async with writing(engine) as connection:
        await connection.execute(insert(outbox).on_conflict_do_nothing(index_elements=["message_id"]), rows)


async def claim_letters(
    engine: AsyncEngine, receiver: str, now: float, *, lease_seconds: float, limit: int
) -> list[Letter]:
    """Take letters to send, in order, at most one of each call; nobody else gets them for `lease_seconds`.

    Taking counts as an attempt. Whoever dies with a letter in hand leaves it to be sent again after the lease.
    """
    found = outbox.alias("found")
    # "MATERIALIZED" in all but name: PostgreSQL does not inline a query that locks, so the limit holds.
    due = (
        select(found.c.id)
        .where(_may_be_sent(found, receiver), found.c.due_at <= now)
        .order_by(found.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    claim = (
        update(outbox)
        # due_at once more: PostgreSQL looks at it again in a row that somebody else has just changed
        .where(outbox.c.id.in_(select(due.c.id)), outbox.c.due_at <= now)
        .values(due_at=now + lease_seconds, attempts=outbox.c.attempts + 1)
        .returning(outbox)
    )
    async with writing(engine) as connection:
        rows = (await connection.execute(claim)).all()
    return sorted(map(_letter, rows), key=lambda letter: letter.id)


async def next_due_at(engine: AsyncEngine, receiver: str) -> float | None:
    """When the next letter to the receiver may be sent; None: there is none."""
    found = outbox.alias("found")
    async with reading(engine) as connection:
        due_at: float | None = await connection.scalar(
            select(func.min(found.c.due_at)).where(_may_be_sent(found, receiver))
        )
    return due_at


async def mark_delivered(engine: AsyncEngine, letter: Letter, now: float) -> None:
    """The receiver has it."""
    await _change(engine, outbox.c.id == letter.id, delivered_at=now, dead=False, last_error="")


async def mark_failed(engine: AsyncEngine, letter: Letter, error: str, *, due_at: float | None) -> None:
    """This attempt failed; the next is at `due_at`, or None: never, the letter is dead.

    Nothing changes if somebody else has taken the letter meanwhile.
    """
    ours = and_(outbox.c.id == letter.id, outbox.c.attempts == letter.attempts, outbox.c.delivered_at.is_(None))
    values: dict[str, Any] = {"dead": True} if due_at is None else {"due_at": due_at}
    await _change(engine, ours, last_error=error[:_MAX_ERROR_CHARS], **values)


async def resend_letters(engine: AsyncEngine, ids: Sequence[int], now: float) -> int:
    """Make letters due now as if they had never been sent, dead and delivered ones too; says how many there were."""
    fresh = {"due_at": now, "attempts": 0, "dead": False, "delivered_at": None, "last_error": ""}
    return await _change(engine, outbox.c.id.in_(ids), **fresh)


async def prune_delivered(engine: AsyncEngine, before: float) -> int:
    """Delete letters delivered before then; says how many."""
    async with writing(engine) as connection:
        return (await connection.execute(delete(outbox).where(outbox.c.delivered_at < before))).rowcount


async def count_letters(engine: AsyncEngine) -> dict[State, int]:
    """How many letters wait, are dead, and are delivered and not yet pruned."""
    query = select(outbox.c.dead, outbox.c.delivered_at.is_(None), func.count()).group_by(
        outbox.c.dead, outbox.c.delivered_at.is_(None)
    )
    counts: dict[State, int] = {"waiting": 0, "dead": 0, "delivered": 0}
    async with reading(engine) as connection:
        for dead, undelivered, count in await connection.execute(query):
            counts["dead" if undelivered and dead else "waiting" if undelivered else "delivered"] += count
    return counts


async def find_letters(
    engine: AsyncEngine, states: Sequence[State], *, receiver: str = "", limit: int, after_id: int = 0
) -> list[Letter]:
    """Letters in any of these states, oldest first, with ids above `after_id`; of all receivers, or of one."""
    conditions = {
        "waiting": and_(outbox.c.delivered_at.is_(None), outbox.c.dead == false()),
        "dead": and_(outbox.c.delivered_at.is_(None), outbox.c.dead == true()),
        "delivered": outbox.c.delivered_at.is_not(None),
    }
    wanted = or_(*(conditions[state] for state in states))
    query = select(outbox).where(outbox.c.id > after_id, wanted).order_by(outbox.c.id).limit(limit)
    if receiver:
        query = query.where(outbox.c.endpoint == receiver)
    async with reading(engine) as connection:
        return [_letter(row) for row in await connection.execute(query)]


async def get_letter(engine: AsyncEngine, letter_id: int) -> Letter | None:
    """The letter of that id."""
    async with reading(engine) as connection:
        row = (await connection.execute(select(outbox).where(outbox.c.id == letter_id))).one_or_none()
    return None if row is None else _letter(row)


def _may_be_sent(found: FromClause, receiver: str) -> ColumnElement[bool]:
    """Undelivered, and not behind a letter of the same call that should come first."""
    earlier = outbox.alias("earlier")
    comes_first = exists().where(
        earlier.c.call_sid == found.c.call_sid,
        earlier.c.endpoint == receiver,
        earlier.c.id < found.c.id,
        earlier.c.delivered_at.is_(None),
        earlier.c.dead == false(),
        earlier.c.attempts < KEEPS_ORDER_ATTEMPTS,
    )
    return and_(
        found.c.endpoint == receiver, found.c.delivered_at.is_(None), found.c.dead == false(), not_(comes_first)
    )


async def _change(engine: AsyncEngine, which: ColumnElement[bool], **values: Any) -> int:
    async with writing(engine) as connection:
        return (await connection.execute(update(outbox).where(which).values(**values))).rowcount


def _letter(row: Row[Any]) -> Letter:
    fields = dict(row._mapping)
    return Letter(receiver=fields.pop("endpoint"), **fields)
