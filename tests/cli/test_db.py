"""`voicegw db`, as a person types it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from voicegw.calllog.revisions import newest
from voicegw.cli.root import app


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the settings say that the call log is."""
    path = tmp_path / "log" / "calls.db"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOICEGW_DATABASE_URL", f"sqlite:///{path}")
    monkeypatch.setenv("VOICEFLOW_API_KEY", "VF.DM.x.y")
    monkeypatch.setenv("VOICEFLOW_PROJECT_ID", "0123456789abcdef01234567")
    return path


def voicegw(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def test_upgrade_makes_the_tables_for_their_owner_alone_and_status_says_so(database: Path) -> None:
    made = voicegw("db", "upgrade")
    assert made.exit_code == 0, made.output
    assert f"are at {newest()} now (before: none)" in made.output
    assert database.stat().st_mode & 0o777 == 0o600
    found = voicegw("db", "status")
    assert (found.exit_code, f"has the newest tables ({newest()})" in found.output) == (0, True)


def test_upgrading_again_changes_nothing(database: Path) -> None:
    voicegw("db", "upgrade")
    again = voicegw("db", "upgrade")
    assert (again.exit_code, f"were at {newest()} already" in again.output) == (0, True)


def test_status_of_no_database_tells_the_mend_and_makes_no_file(database: Path) -> None:
    found = voicegw("db", "status")
    assert found.exit_code == 1
    assert "has no tables yet" in found.output
    assert "Run: voicegw db upgrade" in found.output
    assert not database.exists()


def test_a_database_that_cannot_be_reached_is_one_clear_line_without_its_password(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEGW_DATABASE_URL", "postgresql://voicegw:hush@127.0.0.1:1/calls")
    found = voicegw("db", "upgrade")
    assert found.exit_code == 1
    assert "call log postgresql://voicegw:***@127.0.0.1:1/calls" in found.output
    assert "hush" not in found.output
    assert len(found.output.strip().splitlines()) == 1
