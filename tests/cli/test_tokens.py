"""`voicegw token`: a token is shown once, on standard output alone; the list never shows it."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from voicegw.calllog.revisions import upgrade
from voicegw.cli.root import app


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a call log in a folder of its own, as the environment names it."""
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    settings = {
        "VOICEGW_DATABASE_URL": url,
        "VOICEGW_PUBLIC_URL": "https://gateway.example",
        "VOICEFLOW_API_KEY": "VF.DM.key",
        "VOICEFLOW_PROJECT_ID": "project",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return url


@pytest.fixture
def made(log: str) -> str:
    """The same, with its tables."""
    asyncio.run(upgrade(log))
    return log


def voicegw(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["token", *words])
    return result.exit_code, result.stdout, result.stderr


def test_a_new_token_stands_alone_on_standard_output(made: str) -> None:
    status, out, err = voicegw("add", "grafana", "--scope", "metrics", "--scope", "calls:read")
    assert status == 0
    assert out.startswith("vgw_")
    assert len(out.split()) == 1
    assert "grafana may use metrics, calls:read" in err
    assert out.strip() not in err


def test_the_list_names_tokens_and_never_shows_one(made: str) -> None:
    _, token, _ = voicegw("add", "grafana", "--scope", "metrics")
    voicegw("add", "ops", "--scope", "calls:write")
    assert voicegw("revoke", "ops")[0] == 0
    status, out, _ = voicegw("list")
    assert status == 0
    assert "grafana" in out
    assert "metrics" in out
    assert "never" in out
    assert token.strip()[4:14] not in out


def test_a_name_twice_and_a_name_unknown_are_clear_errors(made: str) -> None:
    voicegw("add", "grafana", "--scope", "metrics")
    for words, says in (
        (("add", "grafana", "--scope", "metrics"), "already"),
        (("revoke", "nobody"), "no token called"),
    ):
        status, _, err = voicegw(*words)
        assert status == 1
        assert says in err


def test_a_scope_that_there_is_not_is_refused_by_name(made: str) -> None:
    status, _, err = voicegw("add", "grafana", "--scope", "everything")
    assert status == 2
    assert "everything" in err
    assert "calls:read" in err
    assert voicegw("add", "grafana")[0] == 2


def test_without_tables_the_mend_is_named(log: str) -> None:
    status, _, err = voicegw("list")
    assert status == 1
    assert "voicegw db upgrade" in err
