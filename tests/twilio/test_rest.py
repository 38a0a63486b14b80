"""Connecting a number: the vendor's SDK against a loopback server that answers as Twilio's REST API does."""

import base64
import json
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from twilio.http.http_client import TwilioHttpClient

from voicegw.errors import CarrierError
from voicegw.twilio.rest import Change, NumberConnector, Webhook

ACCOUNT_SID, AUTH_TOKEN = "AC" + "a" * 32, "the-token"
NUMBER = "+15005550006"
COLLECTION = f"/2010-04-01/Accounts/{ACCOUNT_SID}/IncomingPhoneNumbers.json"
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
FORM_TO_JSON = {
    "VoiceUrl": "voice_url",
    "VoiceMethod": "voice_method",
    "VoiceFallbackUrl": "voice_fallback_url",
    "VoiceFallbackMethod": "voice_fallback_method",
    "StatusCallback": "status_callback",
    "StatusCallbackMethod": "status_callback_method",
}


class TwilioAccount(ThreadingHTTPServer):
    """IncomingPhoneNumbers of one account: list with the PhoneNumber filter (partial, paged) and update."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), AccountHandler)
        self.numbers: dict[str, dict[str, Any]] = {}
        self.updates: list[dict[str, str]] = []
        self.broken: tuple[int, bytes] | None = None
        self.refuses_updates = False
        self.page_size = 50
        self.add("+150055500067", voice_url="https://longer.example.com")
        self.add(
            NUMBER,
            voice_url="https://user:secret@old.example.com/voice?x=1",
            voice_method="GET",
            status_callback="https://old.example.com/status",
        )

    def add(self, number: str, **settings: object) -> None:
        sid = f"PN{len(self.numbers):032x}"
        self.numbers[sid] = {
            "sid": sid,
            "account_sid": ACCOUNT_SID,
            "phone_number": number,
            "voice_url": "",
            "voice_method": "POST",
            "voice_fallback_url": None,
            "voice_fallback_method": "POST",
            "status_callback": "",
            "status_callback_method": "POST",
            "sms_url": "https://old.example.com/sms",
            "voice_application_sid": "",
            "trunk_sid": None,
            "capabilities": {"voice": True, "sms": True, "mms": False, "fax": False},
            **settings,
        }

    def settings_of(self, number: str) -> dict[str, Any]:
        return next(found for found in self.numbers.values() if found["phone_number"] == number)


class AccountHandler(BaseHTTPRequestHandler):
    server: TwilioAccount

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        wanted = query.get("PhoneNumber", [""])[0]
        found = [entry for entry in self.server.numbers.values() if wanted in entry["phone_number"]]
        at = int(query.get("Page", ["0"])[0]) * self.server.page_size
        page = found[at : at + self.server.page_size]
        more = at + self.server.page_size < len(found)
        next_page = f"{COLLECTION}?PhoneNumber=%2B{wanted[1:]}&Page={at // self.server.page_size + 1}"
        self.answer({"incoming_phone_numbers": page, "next_page_uri": next_page if more else None})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        fields = dict(parse_qsl(body, keep_blank_values=True))
        if self.server.refuses_updates:
            self.server.broken = (400, b'{"code": 21502, "message": "Voice URL is not valid", "status": 400}')
        entry = self.server.numbers[self.path.rpartition("/")[2].removesuffix(".json")]
        self.server.updates.append(fields)
        entry.update({FORM_TO_JSON[name]: value for name, value in fields.items()})
        self.answer(entry)

    def answer(self, content: object) -> None:
        expected = "Basic " + base64.b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode()).decode()
        status, body = 200, json.dumps(content).encode()
        if self.headers["Authorization"] != expected:
            status, body = 401, json.dumps({"code": 20003, "message": "Authenticate", "status": 401}).encode()
        if self.server.broken:
            status, body = self.server.broken
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keeps the test's output quiet."""


class LoopbackClient(TwilioHttpClient):
    """The SDK's own HTTP client, sent to the loopback server instead of api.twilio.com."""

    def __init__(self, base_url: str) -> None:
        super().__init__(timeout=5)
        self.base_url = base_url

    def request(self, method: str, url: str, *args: object, **kwargs: object) -> object:
        assert url.startswith("https://api.twilio.com/")
        return super().request(method, url.replace("https://api.twilio.com", self.base_url), *args, **kwargs)


@pytest.fixture
def account() -> Iterator[TwilioAccount]:
    server = TwilioAccount()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def memory_path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "numbers.json"


def connector(account: TwilioAccount, memory_path: Path, token: str = AUTH_TOKEN) -> NumberConnector:
    client = LoopbackClient(f"http://127.0.0.1:{account.server_address[1]}")
    return NumberConnector(ACCOUNT_SID, token, memory_path, http_client=client)


def test_connect_points_the_three_voice_webhooks_here_and_says_what_changed(
    account: TwilioAccount, memory_path: Path
) -> None:
    done = connector(account, memory_path).connect(NUMBER, *OURS)
    settings = account.settings_of(NUMBER)
    assert (settings["voice_url"], settings["voice_method"]) == (OURS[0], "POST")
    assert (settings["status_callback"], settings["voice_fallback_url"]) == OURS[1:]
    assert settings["sms_url"] == "https://old.example.com/sms"
    assert set(account.updates[0]) == set(FORM_TO_JSON)
    assert done.changes == (
        Change("voice", Webhook("https://user:secret@old.example.com/voice?x=1", "GET"), Webhook(OURS[0])),
        Change("fallback", Webhook(""), Webhook(OURS[2])),
        Change("status", Webhook("https://old.example.com/status"), Webhook(OURS[1])),
    )
    assert (done.number, done.warnings, done.dry_run) == (NUMBER, (), False)
    assert [str(change.old) for change in done.changes[1:]] == ["nothing", "POST https://old.example.com/status"]


def test_disconnect_restores_every_webhook_exactly_and_forgets(account: TwilioAccount, memory_path: Path) -> None:
    before = dict(account.settings_of(NUMBER), voice_fallback_url="")
    connector(account, memory_path).connect(NUMBER, *OURS)
    done = connector(account, memory_path).disconnect(NUMBER)
    assert account.settings_of(NUMBER) == before
    assert {change.setting for change in done.changes} == {"voice", "fallback", "status"}
    assert done.warnings == ()
    assert json.loads(memory_path.read_text()) == {}
    with pytest.raises(CarrierError, match="not connected from here"):
        connector(account, memory_path).disconnect(NUMBER)


def test_second_connect_does_not_overwrite_what_is_remembered(account: TwilioAccount, memory_path: Path) -> None:
    before = dict(account.settings_of(NUMBER), voice_fallback_url="")
    connector(account, memory_path).connect(NUMBER, *OURS)
    again = connector(account, memory_path).connect(NUMBER, *OURS)
    assert again.changes == ()
    assert len(account.updates) == 1
    connector(account, memory_path).connect(NUMBER, *THEIRS)
    connector(account, memory_path).disconnect(NUMBER)
    assert account.settings_of(NUMBER) == before


def test_webhook_changed_by_someone_else_is_remembered_anew_by_the_next_connect(
    account: TwilioAccount, memory_path: Path
) -> None:
    connector(account, memory_path).connect(NUMBER, *OURS)
    account.settings_of(NUMBER)["voice_url"] = "https://third.example.com"
    connector(account, memory_path).connect(NUMBER, *OURS)
    connector(account, memory_path).disconnect(NUMBER)
    assert account.settings_of(NUMBER)["voice_url"] == "https://third.example.com"
    assert account.settings_of(NUMBER)["status_callback"] == "https://old.example.com/status"


def test_disconnect_leaves_alone_what_someone_else_changed_and_says_so(
    account: TwilioAccount, memory_path: Path
) -> None:
    connector(account, memory_path).connect(NUMBER, *OURS)
    account.settings_of(NUMBER)["voice_url"] = "https://third.example.com"
    done = connector(account, memory_path).disconnect(NUMBER)
    assert account.settings_of(NUMBER)["voice_url"] == "https://third.example.com"
    assert account.settings_of(NUMBER)["status_callback"] == "https://old.example.com/status"
    assert done.warnings == (
        "the voice webhook was changed since it was connected and stays POST https://third.example.com",
    )


def test_dry_run_tells_and_changes_nothing(account: TwilioAccount, memory_path: Path) -> None:
    told = connector(account, memory_path).connect(NUMBER, *OURS, dry_run=True)
    assert (len(told.changes), told.dry_run, account.updates, memory_path.exists()) == (3, True, [], False)
    connector(account, memory_path).connect(NUMBER, *OURS)
    kept = memory_path.read_text()
    told = connector(account, memory_path).disconnect(NUMBER, dry_run=True)
    assert (len(told.changes), len(account.updates), memory_path.read_text()) == (3, 1, kept)


def test_memory_is_private_and_keeps_other_numbers(account: TwilioAccount, memory_path: Path) -> None:
    account.add("+442071838750", voice_url="https://london.example.com")
    for number in (NUMBER, "+44 (20) 7183-8750"):
        connector(account, memory_path).connect(number, *OURS)
    assert stat.S_IMODE(memory_path.stat().st_mode) == 0o600
    assert [path.name for path in memory_path.parent.iterdir()] == ["numbers.json"]
    connector(account, memory_path).disconnect(NUMBER)
    assert list(json.loads(memory_path.read_text())) == ["+442071838750"]


def test_memory_is_written_before_the_number_is_changed(
    account: TwilioAccount, memory_path: Path, monkeypatch: pytest.MonkeyPatch
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
    account: TwilioAccount, memory_path: Path, monkeypatch: pytest.MonkeyPatch
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


def test_connect_that_failed_half_way_can_be_repeated_and_undone(account: TwilioAccount, memory_path: Path) -> None:
    before = dict(account.settings_of(NUMBER), voice_fallback_url="")

    class LosesUpdates(LoopbackClient):
        def request(self, method: str, url: str, *args: object, **kwargs: object) -> object:
            if method == "POST":
                raise ConnectionResetError
            return super().request(method, url, *args, **kwargs)

    losing = LosesUpdates(f"http://127.0.0.1:{account.server_address[1]}")
    with pytest.raises(CarrierError, match="cannot be reached: ConnectionResetError"):
        NumberConnector(ACCOUNT_SID, AUTH_TOKEN, memory_path, http_client=losing).connect(NUMBER, *OURS)
    undone = connector(account, memory_path).disconnect(NUMBER)
    assert (undone.changes, undone.warnings, account.updates) == ((), (), [])
    connector(account, memory_path).connect(NUMBER, *OURS)
    connector(account, memory_path).disconnect(NUMBER)
    assert account.settings_of(NUMBER) == before


@pytest.mark.parametrize("content", ["", "[]", "{", '{"+15005550006": {}}', '{"+15005550006": {"before": 1}}', "\x00"])
def test_memory_that_cannot_be_read_stops_before_anything_is_changed(
    account: TwilioAccount, memory_path: Path, content: str
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


def test_number_is_found_among_longer_ones_on_later_pages(account: TwilioAccount, memory_path: Path) -> None:
    account.page_size = 1
    assert connector(account, memory_path).connect(NUMBER, *OURS).number == NUMBER
    assert account.settings_of("+150055500067")["voice_url"] == "https://longer.example.com"


def test_number_of_another_account_is_refused(account: TwilioAccount, memory_path: Path) -> None:
    with pytest.raises(CarrierError, match=r"\+1500555000 is not a number of the account AC"):
        connector(account, memory_path).connect("+1500555000", *OURS)


@pytest.mark.parametrize("number", ["", "15005550006", "+1*", "+0123456789", "sip:a@b", "+1500555000x"])
def test_what_is_no_number_is_refused_without_asking(account: TwilioAccount, memory_path: Path, number: str) -> None:
    account.broken = (500, b"")
    with pytest.raises(CarrierError, match="international form"):
        connector(account, memory_path).connect(number, *OURS)


def test_missing_credentials_are_named(memory_path: Path) -> None:
    for credentials in (("", AUTH_TOKEN), (ACCOUNT_SID, "")):
        with pytest.raises(CarrierError, match="set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"):
            NumberConnector(*credentials, memory_path)


def test_wrong_credentials_say_what_to_check(account: TwilioAccount, memory_path: Path) -> None:
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
    account: TwilioAccount, memory_path: Path, status: int, body: bytes, message: str, retryable: bool
) -> None:
    account.broken = (status, body)
    with pytest.raises(CarrierError, match=message) as failed:
        connector(account, memory_path).connect(NUMBER, *OURS)
    assert failed.value.retryable is retryable
    assert len(str(failed.value)) < 300


def test_refused_update_repeats_what_twilio_says(account: TwilioAccount, memory_path: Path) -> None:
    account.refuses_updates = True
    with pytest.raises(CarrierError, match=r"status 400: .*Voice URL is not valid") as refused:
        connector(account, memory_path).connect(NUMBER, *OURS)
    assert not refused.value.retryable


def test_unreachable_carrier_is_worth_another_try(memory_path: Path) -> None:
    nowhere = LoopbackClient("http://127.0.0.1:1")
    with pytest.raises(CarrierError, match="cannot be reached: ConnectionError") as failed:
        NumberConnector(ACCOUNT_SID, AUTH_TOKEN, memory_path, http_client=nowhere).connect(NUMBER, *OURS)
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
    account: TwilioAccount, memory_path: Path, setting: dict[str, object], warning: str
) -> None:
    account.settings_of(NUMBER).update(setting)
    (told,) = connector(account, memory_path).connect(NUMBER, *OURS, dry_run=True).warnings
    assert told.startswith(warning)


def test_without_a_given_client_the_sdks_own_is_used_with_a_time_limit(memory_path: Path) -> None:
    own = NumberConnector(ACCOUNT_SID, AUTH_TOKEN, memory_path)
    assert own._client.http_client.timeout == 10.0
