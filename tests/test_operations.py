"""What goes on beside the calls: the call log is tidied, whatever was left in it."""

import asyncio
import time
from pathlib import Path

from voicegw.call.entries import Entry
from voicegw.call.records import CallEnded, CallRang, Record
from voicegw.calllog.database import open_engine
from voicegw.calllog.forgotten import FORGOTTEN_AFTER_SECONDS
from voicegw.calllog.queries import CallLogReader
from voicegw.calllog.revisions import upgrade
from voicegw.calllog.writer import CallLogWriter
from voicegw.config import load_settings
from voicegw.operations import Operations

BEGAN = 1_795_420_800.0
DAY = 86_400.0


def entry(call_sid: str, record: Record) -> Entry:
    return Entry(call_sid=call_sid, at=BEGAN, offset=0.0, turn=0, record=record)


async def write(url: str, *entries: Entry) -> None:
    engine = open_engine(url)
    writer = CallLogWriter(engine)
    await writer.start()
    for each in entries:
        writer.receive(each)
    await writer.stop(10)
    await engine.dispose()


async def outcomes_after(where: Path, seconds: float, wanted: dict[str, str]) -> None:
    """Run the operations so long after the calls, until the log has these outcomes."""
    environment = {
        "TWILIO_AUTH_TOKEN": "token",
        "VOICEGW_PUBLIC_URL": "https://voice.example.com",
        "VOICEFLOW_API_KEY": "VF.DM.key",
        "VOICEFLOW_PROJECT_ID": "project",
    }
    operations = Operations(load_settings(environment, where), clock=time.monotonic, wall=lambda: BEGAN + seconds)
    assert operations.reader is not None
    await operations.start()
    async with asyncio.timeout(20):
        while await outcomes(operations.reader) != wanted:  # noqa: ASYNC110 (nobody tells when it is tidied)
            await asyncio.sleep(0.01)
    await operations.stop()


async def outcomes(reader: CallLogReader) -> dict[str, str]:
    return {call.call_sid: call.outcome for call in (await reader.list_calls()).calls}


async def test_what_a_dead_process_left_live_is_lost_a_day_later_and_gone_after_the_days_of_retention(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'voicegw.db'}"
    await upgrade(url)
    rang = CallRang(caller_number="+15005550006", called_number="+15005550001")
    await write(url, entry("CA1", rang), entry("CA2", rang), entry("CA2", CallEnded(reason="hangup")))
    await outcomes_after(tmp_path, FORGOTTEN_AFTER_SECONDS + 1, {"CA1": "lost", "CA2": "completed"})
    await outcomes_after(tmp_path, 91 * DAY, {})
