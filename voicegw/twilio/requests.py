"""One signed webhook request, from raw ASGI to verified form pairs; refuses with a bare status and no hint why.

Order matters: a request without a signature is refused before its body is read, and no body is read beyond Twilio's
own sizes. Nothing here looks at `Host` or `X-Forwarded-*`.
"""

import asyncio
from dataclasses import dataclass
from hashlib import sha256

from starlette.types import Receive, Scope, Send

from voicegw.twilio.forms import MAX_FORM_BYTES, CallForm, FormError, FormPairs, parse_call_form, parse_form
from voicegw.twilio.signature import SETTINGS_HEADER, SIGNATURE_HEADER, SignatureVerifier, signed_target

BODY_SECONDS = 5.0
_FORM_TYPE = b"application/x-www-form-urlencoded"
_SIGNATURE = SIGNATURE_HEADER.lower().encode()
_SETTINGS = SETTINGS_HEADER.lower().encode()


class RefusedError(Exception):
    """The request is answered with `status` and an empty body."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A webhook that is really the carrier's: its form as sent and as read, its raw target, and when it came in (the
    loop's time).

    `target` is what was signed, the same for all requests that its signature fits, however a replay divides names from
    values anew.
    """

    pairs: FormPairs
    call: CallForm
    path: str
    query: str
    received_at: float
    target: bytes

    @property
    def name(self) -> str:
        """By which the request is known when it comes again."""
        return sha256(self.target).hexdigest()


class RequestReader:
    """Reads and verifies webhooks. Without a verifier (development on loopback) signatures are not looked at."""

    def __init__(self, verifier: SignatureVerifier | None, account_sid: str = "") -> None:
        self._verifier = verifier
        self._account_sid = account_sid

    def trust(self, verifier: SignatureVerifier | None, account_sid: str) -> None:
        """Take on new secrets (a rotation) from the next request on."""
        self._verifier = verifier
        self._account_sid = account_sid

    async def read(self, scope: Scope, receive: Receive) -> SignedRequest:
        """The verified request. Raises `RefusedError`: 403 unsigned or forged, 400, 408, 413 or 415 otherwise."""
        received_at = asyncio.get_running_loop().time()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        signature = headers.get(_SIGNATURE)
        if signature is None and self._verifier is not None:
            raise RefusedError(403)
        if headers.get(b"content-type", b"").split(b";")[0].strip().lower() != _FORM_TYPE:
            raise RefusedError(415)
        body = await _read_body(headers.get(b"content-length", b""), receive)
        try:
            pairs = parse_form(body)
        except FormError:
            raise RefusedError(413) from None
        path, query = scope.get("raw_path") or scope["path"].encode(), scope["query_string"]
        target = signed_target(path, query, pairs)
        if self._verifier is not None and not self._verifier.verify_target(
            target,
            (signature or b"").decode("latin-1"),
            headers.get(_SETTINGS, b"").decode("latin-1") or None,
        ):
            raise RefusedError(403)
        try:
            call = parse_call_form(pairs)
        except FormError:
            raise RefusedError(400) from None
        if self._account_sid and call.account_sid != self._account_sid:
            raise RefusedError(403)
        return SignedRequest(pairs, call, scope["path"], query.decode("latin-1"), received_at, target)


async def _read_body(content_length: bytes, receive: Receive) -> bytes:
    if content_length.isdigit() and int(content_length[:12]) > MAX_FORM_BYTES:
        raise RefusedError(413)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise RefusedError(400)
                chunk = message.get("body", b"")
                size += len(chunk)
                if size > MAX_FORM_BYTES:
                    raise RefusedError(413)
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return b"".join(chunks)
    except TimeoutError:
        raise RefusedError(408) from None


async def respond(send: Send, status: int, body: bytes = b"", content_type: bytes = b"") -> None:
    """Answer with a length: Twilio once warned that chunked answers may be cut."""
    headers = [(b"content-length", str(len(body)).encode())]
    if content_type:
        headers.append((b"content-type", content_type))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
