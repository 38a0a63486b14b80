"""What `voicegw check` looks at of the call log and of the events that are told from it: the database, the receivers.

Changes nothing: makes no file and no table, and posts no event.
"""

import asyncio
from pathlib import Path
from shutil import disk_usage
from urllib.parse import urlsplit

from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.calllog.database import masked, writing
from voicegw.calllog.revisions import current, newest
from voicegw.cli.call_log import opened_log
from voicegw.cli.findings import Finding, bad, good, skipped
from voicegw.cli.web_probe import Probe, WebProber
from voicegw.config import EventReceiver, Settings
from voicegw.errors import CallLogError
from voicegw.events.letters import count_letters

LEAST_FREE_BYTES = 100_000_000
"""With less room on its disk an SQLite call log counts as full."""

_NO_LOG = "there is no call log to tell them from"
_SERVER_ERRORS, _NOT_IMPLEMENTED = 500, 501


async def check_call_log(settings: Settings) -> list[Finding]:
    """Can the call log be written, has it the tables that this version needs, and do its events leave?"""
    if not settings.call_log:
        return [skipped("call log", "not kept (call_log = false)")]
    url = settings.database_url.get_secret_value()
    try:
        if await current(url) is None:
            return [skipped("call log", f"{masked(url)} has no tables yet; voicegw serve makes them")]
        async with opened_log(url) as engine:
            async with writing(engine):
                pass  # takes the lock that a writer needs
            findings = [_full(url) or good("call log", f"{masked(url)} has the newest tables ({newest()})")]
            return findings + (await _look_at_outbox(engine) if settings.events else [])
    except CallLogError as error:
        return [_refused(error)]


async def check_receivers(settings: Settings, web: WebProber) -> list[Finding]:
    """Does anybody answer where events are posted? Asks with a GET, which receivers refuse and do not act on."""
    if settings.events and not settings.call_log:
        return [bad("events", _NO_LOG, "Set call_log = true, or remove the [[events]] tables.")]
    probes = await asyncio.gather(*(web.get(receiver.url) for receiver in settings.events))
    return [judge_receiver(receiver, probe) for receiver, probe in zip(settings.events, probes, strict=True)]


def judge_receiver(receiver: EventReceiver, probe: Probe) -> Finding:
    """PURE: the verdict on one receiver. Any answer but a server's error says that somebody is there.

    501 is no error here: "the server does not support the functionality required" (RFC 9110 §15.6.2), which is a GET.
    """
    where = f"{receiver.name}: {urlsplit(receiver.url).netloc.rpartition('@')[2]}"  # the rest of a URL may be secret
    if probe.failure:
        return bad("events", f"{where}: {probe.failure}", probe.mend)
    if probe.status >= _SERVER_ERRORS and probe.status != _NOT_IMPLEMENTED:
        return bad("events", f"{where} answers {probe.status}", "Look at the receiver's own log.")
    return good("events", f"{where} answers")


def _full(url: str) -> Finding | None:
    """Has the disk of an SQLite file too little room? (A PostgreSQL does not say.)"""
    file = make_url(url)
    if file.get_backend_name() != "sqlite":
        return None
    free_bytes = disk_usage(Path(file.database or "").absolute().parent).free
    if free_bytes >= LEAST_FREE_BYTES:
        return None
    left = f"{masked(url)}: {free_bytes // 1_000_000} MB are free on its disk"
    return bad("call log", left, "Make room, or keep calls for fewer days (call_log_days).")


async def _look_at_outbox(engine: AsyncEngine) -> list[Finding]:
    counts = await count_letters(engine)
    if counts["dead"]:
        mend = "See voicegw events list --state dead, mend the receiver, then run: voicegw events resend --all"
        return [bad("events", f"given up: {counts['dead']}, still waiting: {counts['waiting']}", mend)]
    return []


def _refused(error: CallLogError) -> Finding:
    """Errors that no waiting mends end with their mend."""
    if error.retryable:
        mend = "Mend the database, or VOICEGW_DATABASE_URL. Calls are answered meanwhile, but not kept."
        return bad("call log", error.message, mend)
    what, _, mend = error.message.partition(". ")
    return bad("call log", what, mend or "Do that, or set another VOICEGW_DATABASE_URL.")
