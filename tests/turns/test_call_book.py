"""The book of calls: what was written here is known here, and what anybody else writes is read."""

from collections.abc import Callable
from typing import Any

import pytest

from voicegw.call.records import ForwardFinished
from voicegw.call.revising import revise
from voicegw.call.state import CallState, dump_state, start_call
from voicegw.errors import StaleVersion
from voicegw.turns.call_book import CallBook
from voicegw.turns.incoming import UnknownCall

Call = Callable[..., Any]


class Room:
    def __init__(self, call: Call) -> None:
        self.phone = call()
        self.book = CallBook(self.phone.store, lambda _: self.phone.line)
        self.state = start_call(self.phone.call_sid, self.phone.parties, user_id="someone", started_at=0.0)

    async def enter(self) -> CallState:
        assert await self.book.create(self.state)
        self.book.enter(self.state.call_sid, self.phone.line)
        await self.book.save(self.state, 1)
        return self.state


async def test_what_was_written_here_is_not_read_anew(call: Call) -> None:
    room = Room(call)
    state = await room.enter()
    found, version = await room.book.load(state.call_sid)
    assert found is state
    assert version == 2


async def test_what_another_process_wrote_is_read(call: Call) -> None:
    room = Room(call)
    state = await room.enter()
    other = CallBook(room.phone.store, lambda _: room.phone.line)
    theirs, version = await other.load(state.call_sid)
    assert theirs == state
    assert theirs is not state
    await room.phone.store.save_call(
        state.call_sid,
        dump_state(start_call(state.call_sid, state.parties, user_id="somebody else", started_at=0.0)),
        version,
    )
    found, version = await room.book.load(state.call_sid)
    assert (found.user_id, version) == ("somebody else", 3)


async def test_what_could_not_be_kept_is_not_known(call: Call) -> None:
    room = Room(call)
    state = await room.enter()
    with pytest.raises(StaleVersion):
        await room.book.save(start_call(state.call_sid, state.parties, user_id="nobody", started_at=0.0), 1)
    assert (await room.book.load(state.call_sid))[0] is state


async def test_a_call_that_is_over_leaves_nothing_behind(call: Call) -> None:
    room = Room(call)
    state = await room.enter()
    room.book.forget(state.call_sid)
    assert state.call_sid not in room.book
    found, _ = await room.book.load(state.call_sid)
    assert found == state
    assert found is not state


async def test_a_call_that_nobody_keeps_is_unknown(call: Call) -> None:
    room = Room(call)
    await room.enter()
    await room.phone.store.forget_call(room.state.call_sid)
    with pytest.raises(UnknownCall, match=room.state.call_sid):
        await room.book.load(room.state.call_sid)


async def test_what_was_told_with_a_state_is_not_told_again(call: Call) -> None:
    room = Room(call)
    state = await room.enter()
    await room.book.save(revise(state, happened=(ForwardFinished(outcome="busy"),)), 2)
    assert (await room.book.load(state.call_sid)) == (state, 3)
