"""`LiveCalls`: the summaries of the calls that are being written, as far as they are kept between two writes."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.call.entries import Entry
from voicegw.call.records import CallEnded, CallRang
from voicegw.calllog.database import reading
from voicegw.calllog.summaries import CallSummary
from voicegw.calllog.writes import CallRows, count_records, read_summary, rows_of

MAX_SUMMARIES = 5_000
"""Kept at once. One that is not kept, also after a restart, is read back from the call's records."""


class LiveCalls:
    """The calls of one writer. What comes of a call is taken in once, in the order in which it is written."""

    def __init__(self, engine: AsyncEngine, max_summaries: int = MAX_SUMMARIES) -> None:
        self._engine = engine
        self._max_summaries = max_summaries
        self._summaries: OrderedDict[str, CallSummary] = OrderedDict()

    async def recall(self, arrived: Mapping[str, Sequence[Entry]]) -> None:
        """Read back what is needed and not known of the calls that these entries are of. Raises `CallLogError`.

        A call that ends now may have been written by another process too: then all of it is read again.
        """
        kept = {call_sid for call_sid in arrived if call_sid in self._summaries}
        unknown = {call_sid for call_sid in arrived if call_sid not in kept and not _has(arrived[call_sid], CallRang)}
        ending = {call_sid for call_sid in kept if _has(arrived[call_sid], CallEnded)}
        if not unknown and not ending:
            return
        async with reading(self._engine) as connection:
            written = await count_records(connection, ending)
            shared = {call_sid for call_sid in ending if written.get(call_sid, 0) != self._summaries[call_sid].count}
            for call_sid in unknown | shared:
                self._summaries[call_sid] = await read_summary(connection, call_sid)

    def add(self, call_sid: str, entries: Sequence[Entry]) -> CallRows:
        """Take in what came of a call, after `recall`: the rows that it makes."""
        summary = self._summaries.setdefault(call_sid, CallSummary(call_sid))
        self._summaries.move_to_end(call_sid)
        for entry in entries:
            summary.add(entry)
        return rows_of(summary, entries)

    def forget_some(self) -> None:
        """Forget the calls that are over and, of too many, those that were silent for longest. After a write only:
        what is not written cannot be read back."""
        for call_sid in [call_sid for call_sid, summary in self._summaries.items() if summary.ended]:
            del self._summaries[call_sid]
        while len(self._summaries) > self._max_summaries:
            self._summaries.popitem(last=False)

    def forget(self, call_sid: str) -> None:
        """Forget one call, whose summary may say more than what was written."""
        self._summaries.pop(call_sid, None)


def _has(entries: Sequence[Entry], kind: type[CallRang | CallEnded]) -> bool:
    return any(isinstance(entry.record, kind) for entry in entries)
