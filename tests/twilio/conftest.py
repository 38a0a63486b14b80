"""A loopback server that answers as Twilio's REST API does for the numbers of one account."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from twilio.http.http_client import TwilioHttpClient

ACCOUNT_SID, AUTH_TOKEN = "AC" + "a" * 32, "the-token"
NUMBER = "+15005550006"
COLLECTION = f"/2010-04-01/Accounts/{ACCOUNT_SID}/IncomingPhoneNumbers.json"
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

    def http_client(self) -> TwilioHttpClient:
        """The SDK's own HTTP client, pointed here."""
        return LoopbackClient(f"http://127.0.0.1:{self.server_address[1]}")

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
