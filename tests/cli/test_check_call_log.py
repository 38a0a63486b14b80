"""`voicegw check` on the call log's database and on the receivers of events: each fault is named, with its mend."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from voicegw.calllog.database import open_engine, writing
from voicegw.calllog.revisions import upgrade
from voicegw.calllog.schema import outbox
from voicegw.cli.check_call_log import check_call_log, check_receivers, judge_receiver
from voicegw.cli.findings import Finding
from voicegw.cli.serving import address_of, listen
from voicegw.cli.web_probe import Probe, WebProber
from voicegw.config import EventReceiver, Settings, load_settings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def settings_for(where: Path, **values: Any) -> Settings:
    environment = {
        "TWILIO_AUTH_TOKEN": "token",
        "VOICEGW_PUBLIC_URL": "https://voice.example.com",
        "VOICEFLOW_API_KEY": "VF.DM.key",
        "VOICEFLOW_PROJECT_ID": "project",
        "VOICEGW_DATABASE_URL": f"sqlite:///{where / 'log.db'}",
    }
    return load_settings(environment, where).model_copy(update=values)


def crm(url: str = "https://crm.example.com/hook?key=hidden") -> EventReceiver:
    return EventReceiver(name="crm", url=url, secret=SECRET)


def only(findings: list[Finding]) -> Finding:
    assert len(findings) == 1, findings
    return findings[0]


async def test_a_new_database_is_no_fault_and_is_not_made(tmp_path: Path) -> None:
    found = only(await check_call_log(settings_for(tmp_path)))
    assert (found.verdict, found.subject) == ("skipped", "call log")
    assert "voicegw serve makes them" in found.detail
    assert not (tmp_path / "log.db").exists()


async def test_a_log_with_the_newest_tables_is_good(tmp_path: Path) -> None:
    await upgrade(f"sqlite:///{tmp_path / 'log.db'}")
    found = only(await check_call_log(settings_for(tmp_path)))
    assert found.verdict == "good", found


async def test_a_log_that_somebody_has_locked_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    await upgrade(url)
    monkeypatch.setattr("voicegw.cli.call_log.open_engine", lambda url: open_engine(url, busy_timeout_seconds=0.0))
    with sqlite3.connect(tmp_path / "log.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        found = only(await check_call_log(settings_for(tmp_path)))
    other.close()
    assert (found.verdict, found.subject) == ("bad", "call log")
    assert "locked" in found.detail
    assert "Calls are answered meanwhile" in found.mend


async def test_a_disk_that_is_nearly_full_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await upgrade(f"sqlite:///{tmp_path / 'log.db'}")
    monkeypatch.setattr("voicegw.cli.check_call_log.LEAST_FREE_BYTES", 10**18)
    found = only(await check_call_log(settings_for(tmp_path)))
    assert found.verdict == "bad"
    assert "MB are free on its disk" in found.detail


async def test_tables_of_another_version_are_a_fault(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    await upgrade(url)
    with sqlite3.connect(tmp_path / "log.db") as other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")
    other.close()
    found = only(await check_call_log(settings_for(tmp_path)))
    assert "was made by a newer voicegw" in found.detail
    assert found.mend.startswith("Install that version")


async def test_a_database_that_is_away_is_a_fault_without_its_password(tmp_path: Path) -> None:
    pytest.importorskip("asyncpg")
    with listen("127.0.0.1", 0) as taken:
        port = address_of(taken).rpartition(":")[2]
    settings = load_settings(
        {
            **{"TWILIO_AUTH_TOKEN": "token", "VOICEGW_PUBLIC_URL": "https://voice.example.com"},
            **{"VOICEFLOW_API_KEY": "VF.DM.key", "VOICEFLOW_PROJECT_ID": "project"},
            "VOICEGW_DATABASE_URL": f"postgresql://voicegw:hidden@127.0.0.1:{port}/calls",
        },
        tmp_path,
    )
    found = only(await check_call_log(settings))
    assert found.verdict == "bad"
    assert "hidden" not in found.detail + found.mend


async def test_without_a_call_log_there_is_nothing_to_look_at_and_nothing_to_tell(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, call_log=False)
    assert only(await check_call_log(settings)).verdict == "skipped"
    async with WebProber() as web:
        assert await check_receivers(settings, web) == []
        told = only(await check_receivers(settings.model_copy(update={"events": (crm(),)}), web))
    assert (told.verdict, told.subject) == ("bad", "events")


async def test_events_that_were_given_up_are_a_fault(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    await upgrade(url)
    settings = settings_for(tmp_path, events=(crm(),))
    assert only(await check_call_log(settings)).verdict == "good"
    engine = open_engine(url)
    row = {"message_id": "msg_1", "endpoint": "crm", "type": "call.turn", "call_sid": "CA1", "body": "{}"}
    async with writing(engine) as connection:
        await connection.execute(insert(outbox).values(**row, created_at=1.0, due_at=1.0, dead=True))
    await engine.dispose()
    _, found = await check_call_log(settings)
    assert (found.verdict, found.detail) == ("bad", "given up: 1, still waiting: 0")


async def test_a_receiver_that_nobody_answers_at_is_a_fault(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as taken:
        nobody = address_of(taken)
    async with WebProber() as web:
        found = only(await check_receivers(settings_for(tmp_path, events=(crm(f"{nobody}/hook"),)), web))
    assert (found.verdict, found.subject) == ("bad", "events")
    assert "the connection is refused" in found.detail


@pytest.mark.parametrize(
    ("status", "verdict"), [(200, "good"), (401, "good"), (405, "good"), (501, "good"), (500, "bad"), (503, "bad")]
)
def test_any_answer_but_a_servers_error_says_that_a_receiver_is_there(status: int, verdict: str) -> None:
    found = judge_receiver(crm(), Probe(status=status))
    assert found.verdict == verdict
    assert "crm.example.com" in found.detail
    assert "hidden" not in found.detail + found.mend
