"""`voicegw events`, as a person types it."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from voicegw.calllog.database import open_engine
from voicegw.calllog.revisions import upgrade
from voicegw.cli.root import app
from voicegw.events.letters import (
    Letter,
    NewLetter,
    claim_letters,
    find_letters,
    mark_delivered,
    mark_failed,
    post_letters,
)
from voicegw.events.payloads import Event

NOW = 1_743_563_467.0


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wide_output: None, clean_environment: None) -> str:
    """A call log with the newest tables, and settings that name it and a receiver `crm`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "voicegw.toml").write_text(
        """
        [[events]]
        name = "crm"
        url = "https://crm.example.com/in"
        secret = "whsec_cmVwbGFjZSB0aGlzIHdpdGggYSByYW5kb20gc2VjcmV0"
        [voiceflow]
        api_key = "VF.DM.x.y"
        project_id = "0123456789abcdef01234567"
        """,
        encoding="utf-8",
    )
    url = f"sqlite:///{tmp_path / 'voicegw.db'}"
    asyncio.run(upgrade(url))
    return url


def voicegw(*words: str) -> Result:
    return CliRunner().invoke(app, ["events", *words])


def fill(url: str, **fates: str) -> None:
    """Put a letter for each name, and let it be `waiting`, `dead` or `delivered`."""

    async def put() -> None:
        engine = open_engine(url)
        for name, fate in fates.items():
            receiver = name.split("_")[0]
            body = json.dumps({"said": f"{name} ü \u009b31m"})
            event = Event(type="call.turn", call_sid=f"CA{name}", occasion="1", at=NOW, body=body)
            await post_letters(engine, [NewLetter(message_id=f"msg_{name}", receiver=receiver, event=event)], NOW)
            if fate == "waiting":
                continue
            taken = await claim_letters(engine, receiver, NOW, lease_seconds=1e9, limit=100)
            for letter in taken:
                if letter.message_id == f"msg_{name}" and fate == "dead":
                    await mark_failed(engine, letter, "answered 410: the receiver wants no more", due_at=None)
                elif letter.message_id == f"msg_{name}":
                    await mark_delivered(engine, letter, NOW)
        await engine.dispose()

    asyncio.run(put())


def letters(url: str) -> list[Letter]:
    async def find() -> list[Letter]:
        engine = open_engine(url)
        found = await find_letters(engine, ["waiting", "dead", "delivered"], limit=10_000)
        await engine.dispose()
        return found

    return asyncio.run(find())


def test_list_shows_what_waits_and_what_was_given_up(url: str) -> None:
    fill(url, crm_1="dead", crm_2="waiting", crm_3="delivered")
    listed = voicegw("list")
    assert listed.exit_code == 0, listed.output
    rows = [line for line in listed.output.splitlines() if "call.turn" in line]
    assert ["dead" in rows[0], "answered 410" in rows[0], "waiting" in rows[1]] == [True, True, True]
    assert "CAcrm_3" not in listed.output
    assert "waiting: 1, given up: 1, delivered of late: 1" in listed.output


def test_list_of_nothing_says_so(url: str) -> None:
    assert voicegw("list").output.strip() == "waiting: 0, given up: 0, delivered of late: 0"


def test_list_can_be_narrowed_and_read_by_programs(url: str) -> None:
    fill(url, crm_1="dead", crm_2="delivered", till_1="dead")
    listed = voicegw("list", "--state", "dead", "--receiver", "till", "--json")
    (row,) = [json.loads(line) for line in listed.output.splitlines()]
    assert (row["message_id"], row["state"]) == ("msg_till_1", "dead")


def test_list_says_when_there_is_more_and_when_nobody_will_send_it(url: str) -> None:
    fill(url, old_1="waiting", old_2="waiting")
    listed = voicegw("list", "--limit", "1")
    assert "The first 1; see more with --limit." in listed.output
    assert "! old is no receiver in the settings: its events only wait." in listed.output


def test_show_gives_the_document_and_what_became_of_it(url: str) -> None:
    fill(url, crm_1="dead")
    shown = voicegw("show", "1")
    assert shown.exit_code == 0, shown.output
    for words in ("msg_crm_1", "CAcrm_1", "2025-04-02 03:11:07", "answered 410", '"said": "crm_1 ü \\u009b31m"'):
        assert words in shown.output


def test_given_up_events_are_resent(url: str) -> None:
    fill(url, crm_1="dead", crm_2="dead", till_1="dead", crm_3="delivered")
    assert voicegw("resend", "--all", "--receiver", "crm").output.strip() == "Due again: 2 events."
    assert [letter.state for letter in letters(url)] == ["waiting", "waiting", "dead", "delivered"]
    assert voicegw("resend", "--all").output.strip() == "Due again: 1 event."
    assert voicegw("resend", "--all").output.strip() == "Nothing was given up."


def test_more_than_a_page_is_resent(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicegw.cli.events._PAGE", 2)
    fill(url, **{f"crm_{number}": "dead" for number in range(5)})
    assert voicegw("resend", "--all").output.strip() == "Due again: 5 events."


def test_events_are_resent_by_id_whatever_became_of_them(url: str) -> None:
    fill(url, crm_1="dead", crm_2="delivered", crm_3="dead")
    assert voicegw("resend", "1", "2").output.strip() == "Due again: 2 events."
    assert [letter.state for letter in letters(url)] == ["waiting", "waiting", "dead"]


@pytest.mark.parametrize("words", [("show", "7"), ("resend", "1", "7")])
def test_event_that_there_is_not_is_one_clear_line_and_changes_nothing(words: tuple[str, ...], url: str) -> None:
    fill(url, crm_1="dead")
    refused = voicegw(*words)
    assert refused.exit_code == 1
    assert "has no event 7" in refused.output
    assert "voicegw events list" in refused.output
    assert len(refused.output.strip().splitlines()) == 1
    assert [letter.state for letter in letters(url)] == ["dead"]


@pytest.mark.parametrize("words", [(), ("--all", "1"), ("1", "--receiver", "crm")])
def test_resend_needs_to_know_what(words: tuple[str, ...], url: str) -> None:
    assert voicegw("resend", *words).exit_code == 2


def test_without_tables_the_mend_is_told(url: str, tmp_path: Path) -> None:
    (tmp_path / "voicegw.db").unlink()
    refused = voicegw("list")
    assert refused.exit_code == 1
    assert "Run: voicegw db upgrade" in refused.output
    assert not (tmp_path / "voicegw.db").exists()
