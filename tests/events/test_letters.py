"""The outbox's rows, on SQLite and PostgreSQL: who gets which letter, in what order, and what becomes of it."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.events.letters import (
    Letter,
    claim_letters,
    count_letters,
    find_letters,
    get_letter,
    mark_delivered,
    mark_failed,
    next_due_at,
    prune_delivered,
    resend_letters,
)
from voicegw.events.schedule import KEEPS_ORDER_ATTEMPTS

Claim = Callable[..., Any]


@pytest.fixture
def claim(engine: AsyncEngine, wall: Any) -> Claim:
    async def take(receiver: str = "crm", limit: int = 10) -> list[Letter]:
        return await claim_letters(engine, receiver, wall(), lease_seconds=60, limit=limit)

    return take


async def test_letter_comes_back_as_it_was_posted(mail: Any, claim: Claim, wall: Any) -> None:
    await mail.post("1")
    (letter,) = await claim()
    assert (letter.message_id, letter.call_sid, letter.receiver) == ("msg_crm_CA1_1", "CA1", "crm")
    assert (letter.type, letter.body) == ("call.turn", '{"n":1}')
    assert (letter.attempts, letter.due_at, letter.created_at) == (1, wall() + 60, wall())


async def test_letter_that_is_there_already_is_not_posted_twice(mail: Any) -> None:
    await mail.post("1", "1")
    await mail.post("1")
    assert await mail.states() == ["waiting"]


async def test_claimed_letter_is_nobody_else_s_until_its_lease_is_over(mail: Any, claim: Claim, wall: Any) -> None:
    await mail.post("1")
    assert len(await claim()) == 1
    wall.now += 59
    assert await claim() == []
    wall.now += 1
    (letter,) = await claim()
    assert letter.attempts == 2


async def test_letters_of_one_call_are_claimed_one_after_the_other(
    mail: Any, claim: Claim, engine: AsyncEngine, wall: Any
) -> None:
    await mail.post("1", "2")
    await mail.post("1", call_sid="CA2")
    first, other = await claim()
    assert [first.message_id, other.message_id] == ["msg_crm_CA1_1", "msg_crm_CA2_1"]
    assert await claim() == []
    await mark_delivered(engine, first, wall())
    (second,) = await claim()
    assert second.message_id == "msg_crm_CA1_2"


async def test_letter_waits_for_an_earlier_one_that_failed_but_not_for_ever(
    mail: Any, claim: Claim, engine: AsyncEngine, wall: Any
) -> None:
    await mail.post("1", "2")
    for attempt in range(1, KEEPS_ORDER_ATTEMPTS + 1):
        (first,) = await claim()
        assert (first.message_id, first.attempts) == ("msg_crm_CA1_1", attempt)
        await mark_failed(engine, first, "answered 400", due_at=wall() + 100)
        if attempt < KEEPS_ORDER_ATTEMPTS:
            assert await claim() == []
            assert await next_due_at(engine, "crm") == wall() + 100
            wall.now += 100
    (second,) = await claim()
    assert second.message_id == "msg_crm_CA1_2"


async def test_dead_letter_holds_up_nobody(mail: Any, claim: Claim, engine: AsyncEngine) -> None:
    await mail.post("1", "2")
    (first,) = await claim()
    await mark_failed(engine, first, "answered 410", due_at=None)
    (second,) = await claim()
    assert second.message_id == "msg_crm_CA1_2"
    assert await mail.states() == ["dead", "waiting"]


async def test_receivers_do_not_wait_for_each_other(mail: Any, claim: Claim, engine: AsyncEngine, wall: Any) -> None:
    await mail.post("1", receiver="crm")
    await mail.post("1", receiver="till")
    assert [letter.receiver for letter in await claim("till")] == ["till"]
    assert await next_due_at(engine, "crm") == wall()
    assert await next_due_at(engine, "nobody") is None


async def test_two_who_claim_at_once_never_get_the_same_letter(
    mail: Any, log_url: str, open_log: Callable[..., AsyncEngine], wall: Any
) -> None:
    for number in range(40):
        await mail.post("1", call_sid=f"CA{number}")
    engines = [open_log(log_url) for _ in range(4)]

    async def take_all(engine: AsyncEngine) -> list[int]:
        taken: list[int] = []
        while letters := await claim_letters(engine, "crm", wall(), lease_seconds=60, limit=3):
            assert len(letters) <= 3
            taken += [letter.id for letter in letters]
        return taken

    taken = await asyncio.gather(*map(take_all, engines))
    assert sorted(itertools.chain(*taken)) == [letter.id for letter in await mail.all()]


async def test_who_comes_too_late_changes_nothing(mail: Any, claim: Claim, engine: AsyncEngine, wall: Any) -> None:
    await mail.post("1")
    (slow,) = await claim()
    wall.now += 60
    (quick,) = await claim()
    await mark_failed(engine, slow, "no answer in time", due_at=None)
    assert await mail.states() == ["waiting"]
    await mark_delivered(engine, quick, wall())
    await mark_failed(engine, quick, "no answer in time", due_at=None)
    assert await mail.states() == ["delivered"]


async def test_resent_letter_starts_anew_under_the_same_id(
    mail: Any, claim: Claim, engine: AsyncEngine, wall: Any
) -> None:
    await mail.post("1")
    (letter,) = await claim()
    await mark_failed(engine, letter, "answered 410", due_at=None)
    assert await resend_letters(engine, [letter.id, 999], wall()) == 1
    (again,) = await claim()
    assert (again.message_id, again.attempts, again.last_error) == (letter.message_id, 1, "")


async def test_what_was_delivered_long_ago_is_pruned_and_nothing_else(
    mail: Any, claim: Claim, engine: AsyncEngine, wall: Any
) -> None:
    await mail.post("1", "2", "3")
    (first,) = await claim()
    await mark_delivered(engine, first, wall())
    wall.now += 10
    (second,) = await claim()
    await mark_delivered(engine, second, wall())
    assert await prune_delivered(engine, wall()) == 1
    assert [letter.message_id for letter in await mail.all()] == ["msg_crm_CA1_2", "msg_crm_CA1_3"]
    assert await count_letters(engine) == {"waiting": 1, "dead": 0, "delivered": 1}


async def test_letters_are_found_by_state_receiver_and_page(
    mail: Any, claim: Claim, engine: AsyncEngine, wall: Any
) -> None:
    await mail.post("1", "2", "3")
    await mail.post("1", receiver="till")
    (first,) = await claim()
    await mark_delivered(engine, first, wall())
    (second,) = await claim()
    await mark_failed(engine, second, "x" * 1000, due_at=None)

    async def found(*states: Any, **wanted: Any) -> list[str]:
        letters = await find_letters(engine, states, **{"limit": 10, **wanted})
        return [letter.message_id.removeprefix("msg_") for letter in letters]

    assert await found("waiting") == ["crm_CA1_3", "till_CA1_1"]
    assert await found("dead") == ["crm_CA1_2"]
    assert await found("dead", "delivered") == ["crm_CA1_1", "crm_CA1_2"]
    assert await found("waiting", receiver="till") == ["till_CA1_1"]
    assert await found("waiting", "dead", "delivered", limit=1, after_id=second.id) == ["crm_CA1_3"]


async def test_letter_is_got_by_its_id(mail: Any, engine: AsyncEngine) -> None:
    await mail.post("1")
    (letter,) = await mail.all()
    assert await get_letter(engine, letter.id) == letter
    assert await get_letter(engine, letter.id + 1) is None


async def test_error_longer_than_its_column_is_cut(mail: Any, claim: Claim, engine: AsyncEngine) -> None:
    await mail.post("1")
    (letter,) = await claim()
    await mark_failed(engine, letter, "x" * 1000, due_at=None)
    assert (await mail.all())[0].last_error == "x" * 256
