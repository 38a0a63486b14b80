"""Orders from outside: kept in the call's state by whichever process is asked, so that any other acts on them.

Where the carrier can be told, the call is interrupted and comes for its order at once. What the order does is decided
in `voicegw.call.orders`.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, assert_never

import structlog

from voicegw.call.entries import Journal
from voicegw.call.inputs import EventRaised, ForwardOrdered, HangUpOrdered, Order
from voicegw.call.orders import object_to, place
from voicegw.call.records import OrderReceived
from voicegw.call.state import CallState
from voicegw.errors import CarrierError, OrderRefused, StaleVersion
from voicegw.turns.call_book import CallBook
from voicegw.turns.no_streams import NoStreams
from voicegw.turns.ports import CarrierControl, Streams

_MAX_TRIES = 10

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderResult:
    """An order that a call has taken on, and what it waits for: `nothing` (the carrier was told to come at once), the
    `turn` that the agent is at, or the call's next `webhook`. `reason` says why the carrier was not told."""

    waits_for: Literal["nothing", "turn", "webhook"]
    reason: str = ""


class OrderDesk:
    """Takes orders for live calls."""

    def __init__(
        self,
        journal: Journal,
        control: CarrierControl | None,
        book: CallBook,
    ) -> None:
        self._journal = journal
        self._control = control
        self._book = book
        self.streams: Streams = NoStreams()

    async def take(self, call_sid: str, order: Order, *, by: str, at_once: bool) -> OrderResult:
        """Keep `order` for its call, and have the call come for it. Raises `UnknownCall`, `OrderRefused`, `StoreError`.

        Without `at_once` nothing is interrupted: the order waits for the call's next webhook.
        """
        state = await self._keep(call_sid, order)
        _log.info("order taken", call_sid=call_sid, order=order.kind, by=by)
        self._journal.note(call_sid, _record_of(order, by), state.turn)
        at_the_turns_end = isinstance(order, EventRaised) and state.running
        if at_once and not _is_wordless(order) and self.streams.notice_order(call_sid):
            return OrderResult(waits_for="turn" if at_the_turns_end else "nothing")
        if at_the_turns_end:
            return OrderResult(waits_for="turn")
        if not at_once:
            return OrderResult(waits_for="webhook", reason="as ordered")
        return await self._interrupt(state, order)

    async def _keep(self, call_sid: str, order: Order) -> CallState:
        """No lock: a webhook of this call that is being answered, here or elsewhere, takes the order over."""
        for _ in range(_MAX_TRIES):
            with suppress(StaleVersion):
                return await self._try_to_keep(call_sid, order)
        raise StaleVersion(f"call {call_sid} changed each time that an order was to be kept")

    async def _try_to_keep(self, call_sid: str, order: Order) -> CallState:
        state, version = await self._book.load(call_sid)
        line = self._book.peek_line(state)
        if (objection := object_to(state, line, order)) is not None:
            reason, message = objection
            raise OrderRefused(message, reason=reason)
        state = place(state, order)
        await self._book.save(state, version)
        self._journal.open(call_sid, state.parties, line.profile, state.started_at)
        return state

    async def _interrupt(self, state: CallState, order: Order) -> OrderResult:
        if self._control is None:
            return OrderResult(waits_for="webhook", reason="the gateway has no credentials for the carrier's API")
        try:
            if _is_wordless(order):
                await self._control.hang_up(state.call_sid)
            else:
                await self._control.interrupt(state)
        except CarrierError as error:
            _log.warning("call not interrupted", call_sid=state.call_sid, code=error.code, reason=error.message)
            return OrderResult(waits_for="webhook", reason=error.message)
        return OrderResult(waits_for="nothing")


def _is_wordless(order: Order) -> bool:
    return isinstance(order, HangUpOrdered) and not order.goodbye


def _record_of(order: Order, by: str) -> OrderReceived:
    match order:
        case EventRaised(name=name):
            return OrderReceived(order="event", name=name, by=by)
        case HangUpOrdered():
            return OrderReceived(order="hang-up", by=by)
        case ForwardOrdered(address=address):
            return OrderReceived(order="forward", name=address, by=by)
        case _:
            assert_never(order)
