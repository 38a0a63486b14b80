"""The carrier's side of a benchmark: calls whose webhooks are signed as Twilio signs them, over keep-alive HTTP."""

import asyncio
import base64
import hashlib
import hmac
import re
import time
from urllib.parse import urlencode, urlsplit

ACCOUNT_SID = "AC" + "0" * 32
AUTH_TOKEN = "token-of-the-benchmark"  # noqa: S105 (of no account)
PUBLIC_URL = "https://gateway.example"
CALLED = "+15005550006"
_STEP = re.compile(rb"<Redirect[^>]*>([^<]+)</Redirect>")
_STATUS_OK = b" 200 "
# The 27 fields that a voice webhook carries, with those of a <Gather> that heard speech.
_FORM = {
    "AccountSid": ACCOUNT_SID,
    "ApiVersion": "2010-04-01",
    "CallToken": '{"parentCallInfoToken":"eyJhbGciOiJFUzI1NiJ9","identityHeaderTokens":[]}',
    "Called": CALLED,
    "CalledCity": "",
    "CalledCountry": "US",
    "CalledState": "",
    "CalledZip": "",
    "CallerCity": "SAN FRANCISCO",
    "CallerCountry": "US",
    "CallerState": "CA",
    "CallerZip": "94105",
    "Direction": "inbound",
    "FromCity": "SAN FRANCISCO",
    "FromCountry": "US",
    "FromState": "CA",
    "FromZip": "94105",
    "StirVerstat": "TN-Validation-Passed-A",
    "To": CALLED,
    "ToCity": "",
    "ToCountry": "US",
    "ToState": "",
    "ToZip": "",
}


def sign(url: str, form: dict[str, str]) -> str:
    """The signature of one request, as Twilio makes it."""
    signed = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(AUTH_TOKEN.encode(), signed.encode(), hashlib.sha1).digest()).decode()


class SignedCall:
    """One call at the gateway on `port`; `number` makes its ids."""

    def __init__(self, port: int, number: int) -> None:
        self.caller = f"+1415{number:07d}"
        self._port = port
        self.call_sid = f"CA{number:032x}"
        self._next = "/twilio/voice"

    async def ring(self) -> None:
        """Begin the call, and hear the first answer."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        await self._ask(self._next, CallStatus="ringing")

    async def say(self, words: str) -> float:
        """One turn: the caller has said `words`. Returns how many seconds the answer took."""
        began_at = time.perf_counter()
        await self._ask(self._next, CallStatus="in-progress", SpeechResult=words, Confidence="0.93", Language="en-US")
        return time.perf_counter() - began_at

    async def hang_up(self) -> None:
        """End the call."""
        await self._ask("/twilio/status", CallStatus="completed")
        self._writer.close()

    async def _ask(self, path: str, **fields: str) -> None:
        form = {**_FORM, "CallSid": self.call_sid, "From": self.caller, "Caller": self.caller, **fields}
        body = urlencode(form).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nhost: gateway.example\r\nuser-agent: TwilioProxy/1.1\r\naccept: */*\r\n"
            f"content-type: application/x-www-form-urlencoded; charset=UTF-8\r\ncontent-length: {len(body)}\r\n"
            f"x-twilio-signature: {sign(PUBLIC_URL + path, form)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        answered = await self._reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", answered.lower())
        document = await self._reader.readexactly(int(length[1])) if length else b""
        if _STATUS_OK not in answered.split(b"\r\n", 1)[0]:
            raise RuntimeError(f"{path} was answered with {answered!r} {document!r}")
        if (step := _STEP.search(document)) is not None:
            target = urlsplit(step[1].decode())
            self._next = target.path + ("?" + target.query if target.query else "")
