"""The carrier's side of a benchmark: calls whose webhooks are signed as Twilio signs them, over any line."""

import asyncio
import base64
import hashlib
import hmac
import re
import time
from typing import Protocol
from urllib.parse import urlencode, urlsplit

ACCOUNT_SID = "AC" + "0" * 32
AUTH_TOKEN = "token-of-the-benchmark"  # noqa: S105 (of no account)
PUBLIC_URL = "https://gateway.example"
CALLED = "+15005550006"
FORM_TYPE = "application/x-www-form-urlencoded; charset=UTF-8"
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


class Line(Protocol):
    """How a call's webhooks reach the gateway."""

    async def post(self, path: str, body: bytes, signature: str) -> bytes:
        """The answer's body; raises RuntimeError if it is no 200."""
        ...

    def close(self) -> None: ...


class HttpLine:
    """A keep-alive connection to the server on `port`; `seconds` is how long the last answer took."""

    def __init__(self, port: int) -> None:
        self.seconds = 0.0
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: bytes, signature: str) -> bytes:
        """See `Line.post`."""
        if self._streams is None or self._streams[0].at_eof():  # the server closes what is idle for long
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        head = (
            f"POST {path} HTTP/1.1\r\nhost: gateway.example\r\nuser-agent: TwilioProxy/1.1\r\naccept: */*\r\n"
            f"content-type: {FORM_TYPE}\r\ncontent-length: {len(body)}\r\nx-twilio-signature: {signature}\r\n\r\n"
        )
        began_at = time.perf_counter()
        writer.write(head.encode() + body)
        answered = await reader.readuntil(b"\r\n\r\n")
        self.seconds = time.perf_counter() - began_at
        length = re.search(rb"content-length: (\d+)", answered.lower())
        document = await reader.readexactly(int(length[1])) if length else b""
        if _STATUS_OK not in answered.split(b"\r\n", 1)[0]:
            raise RuntimeError(f"{path} was answered with {answered!r}")
        return document

    def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()


class SignedCall:
    """One call over `line`; `number` makes its ids. Every method returns the document that answers."""

    def __init__(self, line: Line, number: int) -> None:
        # Hex digits without order, as the carrier's: a run of zeros would be searched for a card's number
        self.call_sid = "CA" + hashlib.blake2b(str(number).encode(), digest_size=16).hexdigest()
        self._line = line
        self._caller = f"+1415{number % 10_000_000:07d}"
        self._next = "/twilio/voice"

    async def ring(self) -> bytes:
        """Begin the call."""
        return await self._ask(self._next, CallStatus="ringing")

    async def say(self, words: str) -> bytes:
        """The caller has said `words`; none: nothing was heard."""
        heard = {"SpeechResult": words, "Confidence": "0.93", "Language": "en-US"} if words else {}
        return await self._ask(self._next, CallStatus="in-progress", **heard)

    async def hang_up(self) -> bytes:
        """End the call."""
        answer = await self._ask("/twilio/status", CallStatus="completed")
        self._line.close()
        return answer

    async def _ask(self, path: str, **fields: str) -> bytes:
        form = {**_FORM, "CallSid": self.call_sid, "From": self._caller, "Caller": self._caller, **fields}
        document = await self._line.post(path, urlencode(form).encode(), sign(PUBLIC_URL + path, form))
        if (step := _STEP.search(document)) is not None:
            target = urlsplit(step[1].decode())
            self._next = target.path + ("?" + target.query if target.query else "")
        return document
