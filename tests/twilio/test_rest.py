"""Connecting a number: the vendor's SDK against a loopback server that answers as Twilio's REST API does."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from twilio.http import HttpClient
from twilio.http.http_client import TwilioHttpClient

from voicegw.errors import CarrierError
from voicegw.twilio.rest import Change, NumberConnector, Webhook

ACCOUNT_SID, AUTH_TOKEN = "AC" + "a" * 32, "the-token"
NUMBER = "+15005550006"
OURS = (
    "https://gw.example.com/twilio/voice",
    "https://gw.example.com/twilio/status",
    "https://gw.example.com/twilio/fallback",
)
THEIRS = (
    "https://new.example.com/twilio/voice",
    "https://new.example.com/twilio/status",
    "https://new.example.com/twilio/fallback",
)


@pytest.fixture
def memory_path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "numbers.json"


def connector(account: Any, memory_path: Path, token: str = AUTH_TOKEN) -> NumberConnector:
    return NumberConnector(ACCOUNT_SID, token, memory_path, http_client=account.http_client())


def test_connect_points_the_three_voice_webhooks_here_and_says_what_changed(account: Any, memory_path: Path) -> None:
    done = connector(account, memory_path).connect(NUMBER, *OURS)
    settings = account.settings_of(NUMBER)
    assert (settings["voice_url"], settings["voice_method"]) == (OURS[0], "POST")
    assert (settings["status_callback"], settings["voice_fallback_url"]) == OURS[1:]
    assert settings["sms_url"] == "https://old.example.com/sms"
    assert sorted(account.updates[0]) == [
        "StatusCallback",
        "StatusCallbackMethod",
        "VoiceFallbackMethod",
        "VoiceFallbackUrl",
        "VoiceMethod",
        "VoiceUrl",
    ]
    assert done.changes == (
        Change("voice", Webhook("https://user:secret@old.example.com/voice?x=1", "GET"), Webhook(OURS[0])),
        Change("fallback", Webhook(""), Webhook(OURS[2])),
        Change("status", Webhook("https://old.example.com/status"), Webhook(OURS[1])),
    )
    assert (done.number, done.warnings, done.dry_run) == (NUMBER, (), False)
    assert [str(change.old) for change in done.changes[1:]] == ["nothing", "POST https://old.example.com/status"]


def test_disconnect_restores_every_webhook_exactly_and_forgets(account: Any, memory_path: Path) -> None:
    before = dict(account.settings_of(NUMBER), voice_fallback_url="")
    connector(account, memory_path).connect(NUMBER, *OURS)
    done = connector(account, memory_path).disconnect(NUMBER)
    assert account.settings_of(NUMBER) == before
    assert {change.setting for change in done.changes} == {"voice", "fallback", "status"}
    assert done.warnings == ()
    assert json.loads(memory_path.read_text()) == {}
    with pytest.raises(CarrierError, match="not connected from here"):
        connector(account, memory_path).disconnect(NUMBER)


def test_second_connect_does_not_overwrite_what_is_remembered(account: Any, memory_path: Path) -> None:
    before = dict(account.settings_of(NUMBER), voice_fallback_url="")
    connector(account, memory_path).connect(NUMBER, *OURS)
    again = connector(account, memory_path).connect(NUMBER, *OURS)
    assert again.changes == ()
    assert len(account.updates) == 1
    connector(account, memory_path).connect(NUMBER, *THEIRS)
    connector(account, memory_path).disconnect(NUMBER)
    assert account.settings_of(NUMBER) == before


def test_webhook_changed_by_someone_else_is_remembered_anew_by_the_next_connect(
    account: Any, memory_path: Path
) -> None:
    connector(account, memory_path).connect(NUMBER, *OURS)
    account.settings_of(NUMBER)["voice_url"] = "https://third.example.com"
    connector(account, memory_path).connect(NUMBER, *OURS)
    connector(account, memory_path).disconnect(NUMBER)
    assert account.settings_of(NUMBER)["voice_url"] == "https://third.example.com"
    assert account.settings_of(NUMBER)["status_callback"] == "https://old.example.com/status"


def test_disconnect_leaves_alone_what_someone_else_changed_and_says_so(account: Any, memory_path: Path) -> None:
    connector(account, memory_path).connect(NUMBER, *OURS)
    account.settings_of(NUMBER)["voice_url"] = "https://third.example.com"
    done = connector(account, memory_path).disconnect(NUMBER)
    assert account.settings_of(NUMBER)["voice_url"] == "https://third.example.com"
    assert account.settings_of(NUMBER)["status_callback"] == "https://old.example.com/status"
    assert done.warnings == (
        "the voice webhook was changed since it was connected and stays POST https://third.example.com",
    )


def test_dry_run_tells_and_changes_nothing(account: Any, memory_path: Path) -> None:
    told = connector(account, memory_path).connect(NUMBER, *OURS, dry_run=True)
    assert (len(told.changes), told.dry_run, account.updates, memory_path.exists()) == (3, True, [], False)
    connector(account, memory_path).connect(NUMBER, *OURS)
    kept = memory_path.read_text()
    told = connector(account, memory_path).disconnect(NUMBER, dry_run=True)
    assert (len(told.changes), len(account.updates), memory_path.read_text()) == (3, 1, kept)


def test_memory_is_private_and_keeps_other_numbers(account: Any, memory_path: Path) -> None:
    account.add("+442071838750", voice_url="https://london.example.com")
    for number in (NUMBER, "+44 (20) 7183-8750"):
        connector(account, memory_path).connect(number, *OURS)
    assert stat.S_IMODE(memory_path.stat().st_mode) == 0o600
    assert [path.name for path in memory_path.parent.iterdir()] == ["numbers.json"]
    connector(account, memory_path).disconnect(NUMBER)
    assert list(json.loads(memory_path.read_text())) == ["+442071838750"]


def test_memory_is_written_before_the_number_is_changed(
    account: Any, memory_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory_path.parent.mkdir()
    memory_path.mkdir()  # a directory cannot be replaced by a file
    memory_path.joinpath("kept").touch()

    def no_memory_yet(_: Path, encoding: str) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", no_memory_yet)
    with pytest.raises(CarrierError, match="cannot be written"):
        connector(account, memory_path).connect(NUMBER, *OURS)
    assert account.updates == []


def test_failed_write_leaves_no_rubbish_and_the_old_memory(
    account: Any, memory_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory_path.parent.mkdir()
    memory_path.write_text("{}")

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(CarrierError, match="No space left"):
        connector(account, memory_path).connect(NUMBER, *OURS)
    assert [path.read_text() for path in memory_path.parent.iterdir()] == ["{}"]
    assert account.updates == []


def test_connect_that_failed_half_way_can_be_repeated_and_undone(account: Any, memory_path: Path) -> None:
    before = dict(account.settings_of(NUMBER), voice_fallback_url="")

    losing = account.http_client()

    class LosesUpdates(HttpClient):
        def request(self, method: str, *args: object, **kwargs: object) -> object:
            if method == "POST":
                raise ConnectionResetError
            return losing.request(method, *args, **kwargs)

    with pytest.raises(CarrierError, match="cannot be reached: ConnectionResetError"):
        NumberConnector(ACCOUNT_SID, AUTH_TOKEN, memory_path, http_client=LosesUpdates(None, False)).connect(
            NUMBER, *OURS
        )
    undone = connector(account, memory_path).disconnect(NUMBER)
    assert (undone.changes, undone.warnings, account.updates) == ((), (), [])
    connector(account, memory_path).connect(NUMBER, *OURS)
    connector(account, memory_path).disconnect(NUMBER)
    assert account.settings_of(NUMBER) == before


@pytest.mark.parametrize("content", ["", "[]", "{", '{"+15005550006": {}}', '{"+15005550006": {"before": 1}}', "\x00"])
def test_memory_that_cannot_be_read_stops_before_anything_is_changed(
    account: Any, memory_path: Path, content: str
) -> None:
    memory_path.parent.mkdir()
    memory_path.write_text(content)
    for act in (
        lambda: connector(account, memory_path).connect(NUMBER, *OURS),
        lambda: connector(account, memory_path).disconnect(NUMBER),
    ):
        with pytest.raises(CarrierError, match=r"numbers\.json cannot be read"):
            act()
    assert account.updates == []
    assert memory_path.read_text() == content


def test_number_is_found_among_longer_ones_on_later_pages(account: Any, memory_path: Path) -> None:
    account.page_size = 1
    assert connector(account, memory_path).connect(NUMBER, *OURS).number == NUMBER
    assert account.settings_of("+150055500067")["voice_url"] == "https://longer.example.com"


def test_number_of_another_account_is_refused(account: Any, memory_path: Path) -> None:
    with pytest.raises(CarrierError, match=r"\+1500555000 is not a number of the account AC"):
        connector(account, memory_path).connect("+1500555000", *OURS)


@pytest.mark.parametrize("number", ["", "15005550006", "+1*", "+0123456789", "sip:a@b", "+1500555000x"])
def test_what_is_no_number_is_refused_without_asking(account: Any, memory_path: Path, number: str) -> None:
    account.broken = (500, b"")
    with pytest.raises(CarrierError, match="international form"):
        connector(account, memory_path).connect(number, *OURS)


def test_missing_credentials_are_named(memory_path: Path) -> None:
    for credentials in (("", AUTH_TOKEN), (ACCOUNT_SID, "")):
        with pytest.raises(CarrierError, match="set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"):
            NumberConnector(*credentials, memory_path)


def test_wrong_credentials_say_what_to_check(account: Any, memory_path: Path) -> None:
    with pytest.raises(CarrierError, match="check TWILIO_ACCOUNT_SID") as refused:
        connector(account, memory_path, "wrong").connect(NUMBER, *OURS)
    assert not refused.value.retryable
    assert "wrong" not in str(refused.value)


@pytest.mark.parametrize(
    ("status", "body", "message", "retryable"),
    [
        (429, b'{"code": 20429, "message": "Too Many Requests"}', "status 429: Too Many Requests", True),
        (503, b"<html>" * 1000, "status 503: <html>", True),
        (400, b'{"code": 21211}', "status 400", False),
        (200, b"<html>", "not in the form", False),
        (200, b"{}", "SDK gave up|not in the form", False),
        (200, b"[]", "not in the form", False),
    ],
)
def test_answers_that_are_no_answer_are_told_in_plain_words(
    account: Any, memory_path: Path, status: int, body: bytes, message: str, retryable: bool
) -> None:
    account.broken = (status, body)
    with pytest.raises(CarrierError, match=message) as failed:
        connector(account, memory_path).connect(NUMBER, *OURS)
    assert failed.value.retryable is retryable
    assert len(str(failed.value)) < 300


def test_refused_update_repeats_what_twilio_says(account: Any, memory_path: Path) -> None:
    account.refuses_updates = True
    with pytest.raises(CarrierError, match=r"status 400: .*Voice URL is not valid") as refused:
        connector(account, memory_path).connect(NUMBER, *OURS)
    assert not refused.value.retryable


def test_unreachable_carrier_is_worth_another_try(memory_path: Path) -> None:
    class Nowhere(TwilioHttpClient):
        def request(self, method: str, url: str, *args: object, **kwargs: object) -> object:
            return super().request(method, "http://127.0.0.1:1/", *args, **kwargs)

    with pytest.raises(CarrierError, match="cannot be reached: ConnectionError") as failed:
        NumberConnector(ACCOUNT_SID, AUTH_TOKEN, memory_path, http_client=Nowhere()).connect(NUMBER, *OURS)
    assert failed.value.retryable


@pytest.mark.parametrize(
    ("setting", "warning"),
    [
        ({"trunk_sid": "TK1"}, "calls do not come here while the number has a SIP trunk (TK1)"),
        ({"voice_application_sid": "AP1"}, "calls do not come here while the number has a TwiML application (AP1)"),
        ({"capabilities": {"voice": False}}, "the number cannot take calls"),
    ],
)
def test_what_keeps_calls_away_is_warned_of(
    account: Any, memory_path: Path, setting: dict[str, object], warning: str
) -> None:
    account.settings_of(NUMBER).update(setting)
    (told,) = connector(account, memory_path).connect(NUMBER, *OURS, dry_run=True).warnings
    assert told.startswith(warning)


def test_without_a_given_client_the_sdks_own_is_used_with_a_time_limit(memory_path: Path) -> None:
    own = NumberConnector(ACCOUNT_SID, AUTH_TOKEN, memory_path)
    assert own._client.http_client.timeout == 10.0
