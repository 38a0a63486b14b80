"""Calls whose end nobody will tell: the process that had them died, and what it knew of them is gone too.

(While the file of live calls is there, whoever starts next ends them in minutes. This is for when it is not.)
"""

from voicegw.call.entries import Entry
from voicegw.call.records import CallEnded
from voicegw.calllog.queries import CallLogReader
from voicegw.calllog.results import CallFilter, CallSummary

FORGOTTEN_AFTER_SECONDS = 26 * 3600.0
"""How long a call may be silent: as long as live calls are kept. The vendor ends any leg after 24 hours."""
_AT_ONCE = 100


async def ends_of_forgotten_calls(reader: CallLogReader, now: float) -> list[Entry]:
    """The ends that are missing, dated with the last sign of life; at most a hundred, the next time brings more.

    `now` is epoch seconds. Writes nothing; to write an end twice does no harm. Raises `CallLogError`.
    """
    before = now - FORGOTTEN_AFTER_SECONDS
    page = await reader.list_calls(CallFilter(live=True, started_before=before), limit=_AT_ONCE)
    ends = [await _end_of(reader, call) for call in page.calls]
    return [end for end in ends if end.at < before]


async def _end_of(reader: CallLogReader, call: CallSummary) -> Entry:
    entries = await reader.get_entries(call.call_sid)
    last = max(entries, key=lambda entry: entry.at, default=None)
    at, offset, turn = (last.at, last.offset, last.turn) if last else (call.started_at, 0.0, 0)
    return Entry(call_sid=call.call_sid, at=at, offset=offset, turn=turn, record=CallEnded(reason="reaped"))
