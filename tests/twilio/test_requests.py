"""Who is let in: one signed request from raw ASGI, refused with a bare status and before its body where that can be."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from voicegw.simulator.virtual_time import run_virtual
from voicegw.twilio.forms import MAX_FORM_BYTES
from voicegw.twilio.requests import BODY_SECONDS, RefusedError, RequestReader, SignedRequest, respond
from voicegw.twilio.signature import SignatureVerifier

ACCOUNT = "AC" + "0" * 32
FORM = {"CallSid": "CA" + "1" * 32, "AccountSid": ACCOUNT, "From": "+14155550123", "To": "+15005550006"}
PAIRS = tuple(FORM.items())
VERIFIER = SignatureVerifier("https://g.example", ("token",), {"SK1": "shared"})
PATH = b"/twilio/step/1/1"


def scope(headers: dict[str, str], *, path: bytes = PATH, query: bytes = b"") -> dict[str, Any]:
    return {
        "type": "http",
        "method": "POST",
        "path": path.decode(),
        "raw_path": path,
        "query_string": query,
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
    }


def signed(
    fields: dict[str, str] | tuple[tuple[str, str], ...] = PAIRS, *, query: bytes = b"", **changes: str
) -> tuple[dict[str, str], bytes]:
    """Headers and body as the carrier sends them; `changes` replace headers ("-" drops one)."""
    pairs = tuple(fields.items()) if isinstance(fields, dict) else fields
    headers = {
        "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
        "x-twilio-signature": VERIFIER.sign(PATH, query, pairs),
    }
    for name, value in changes.items():
        headers[name.replace("_", "-")] = value
    return {name: value for name, value in headers.items() if value != "-"}, urlencode(pairs).encode()


class Body:
    """What the peer sends, and whether anybody asked for it."""

    def __init__(self, *chunks: bytes, pause_seconds: float = 0.0, disconnects: bool = False) -> None:
        self.chunks = list(chunks)
        self.pause_seconds = pause_seconds
        self.disconnects = disconnects
        self.read = 0

    async def __call__(self) -> dict[str, Any]:
        self.read += 1
        if self.pause_seconds:
            await asyncio.sleep(self.pause_seconds)
        if self.disconnects:
            return {"type": "http.disconnect"}
        chunk = self.chunks.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(self.chunks)}


def read(
    headers: dict[str, str], body: Body, *, reader: RequestReader | None = None, query: bytes = b""
) -> SignedRequest:
    reader = reader or RequestReader(VERIFIER, ACCOUNT)
    return run_virtual(reader.read(scope(headers, query=query), body))


def refused(headers: dict[str, str], body: Body, **options: Any) -> int:
    with pytest.raises(RefusedError) as found:
        read(headers, body, **options)
    return found.value.status


def test_the_carriers_own_request_is_read() -> None:
    headers, body = signed()
    request = read(headers, Body(body))
    assert request.call.call_sid == FORM["CallSid"]
    assert request.pairs == tuple(FORM.items())
    assert (request.path, request.query) == (PATH.decode(), "")


def test_the_query_is_part_of_what_is_signed() -> None:
    headers, body = signed(query=b"again=1")
    assert read(headers, Body(body), query=b"again=1").query == "again=1"
    assert refused(headers, Body(body)) == 403
    assert refused(headers, Body(body), query=b"again=2") == 403


def test_a_body_may_arrive_in_pieces() -> None:
    headers, body = signed()
    assert read(headers, Body(*[body[at : at + 1] for at in range(len(body))])).pairs == tuple(FORM.items())


def test_without_a_signature_the_body_is_not_even_read() -> None:
    headers, body = signed(x_twilio_signature="-")
    content = Body(body)
    assert refused(headers, content) == 403
    assert content.read == 0


@pytest.mark.parametrize("content_type", ["-", "application/json", "text/plain", "multipart/form-data", ""])
def test_only_forms_are_read(content_type: str) -> None:
    headers, body = signed(content_type=content_type)
    content = Body(body)
    assert refused(headers, content) == 415
    assert content.read == 0


def test_a_body_that_says_it_is_too_long_is_not_read() -> None:
    headers, body = signed(content_length=str(MAX_FORM_BYTES + 1))
    content = Body(body)
    assert refused(headers, content) == 413
    assert content.read == 0


@pytest.mark.parametrize("claimed", ["9" * 40, str(MAX_FORM_BYTES * 100)])
def test_no_claimed_length_is_too_absurd(claimed: str) -> None:
    headers, body = signed(content_length=claimed)
    assert refused(headers, Body(body)) == 413


@pytest.mark.parametrize("claimed", ["-1", "abc", "1e9", "٣"])
def test_a_claim_that_is_no_number_says_nothing(claimed: str) -> None:
    headers, body = signed(content_length=claimed.encode("utf-8").decode("latin-1"))
    assert read(headers, Body(body)).call.call_sid == FORM["CallSid"]


def test_a_body_that_grows_too_long_is_read_no_further() -> None:
    headers, _ = signed()
    content = Body(*[b"a" * 1000] * 200)
    assert refused(headers, content) == 413
    assert content.read == MAX_FORM_BYTES // 1000 + 1


def test_a_form_with_too_many_fields_is_refused() -> None:
    headers, _ = signed()
    assert refused(headers, Body(b"a=1&" * 500)) == 413


def test_a_slow_body_is_not_waited_for() -> None:
    async def scene() -> tuple[float, int]:
        loop = asyncio.get_running_loop()
        headers, body = signed()
        content = Body(*[body[at : at + 1] for at in range(len(body))], pause_seconds=0.5)
        began = loop.time()
        with pytest.raises(RefusedError) as found:
            await RequestReader(VERIFIER, ACCOUNT).read(scope(headers), content)
        return loop.time() - began, found.value.status

    took, status = run_virtual(scene())
    assert (took, status) == (BODY_SECONDS, 408)


def test_a_peer_that_leaves_is_no_request() -> None:
    headers, _ = signed()
    assert refused(headers, Body(disconnects=True)) == 400


@pytest.mark.parametrize(
    "change",
    [
        lambda form: {**form, "Digits": "1"},
        lambda form: {**form, "From": "+14155550124"},
        lambda form: {name: value for name, value in form.items() if name != "To"},
        lambda form: {**form, "To": form["To"] + " "},
        lambda _: {},
    ],
)
def test_a_form_that_was_not_signed_is_refused(change: Callable[[dict[str, str]], dict[str, str]]) -> None:
    headers, _ = signed()
    assert refused(headers, Body(urlencode(change(FORM)).encode())) == 403


@pytest.mark.parametrize("call_sid", ["", "CA1", "CA" + "g" * 32, "CA" + "1" * 33, "XX" + "1" * 32])
def test_a_signed_form_without_a_real_call_is_refused(call_sid: str) -> None:
    headers, body = signed({**FORM, "CallSid": call_sid})
    assert refused(headers, Body(body)) == 400


def test_a_signed_form_that_contradicts_itself_is_refused() -> None:
    headers, body = signed((*FORM.items(), ("CallSid", "CA" + "2" * 32)))
    assert refused(headers, Body(body)) == 400


def test_another_account_of_the_carriers_is_refused() -> None:
    headers, body = signed({**FORM, "AccountSid": "AC" + "9" * 32})
    assert refused(headers, Body(body)) == 403
    assert read(headers, Body(body), reader=RequestReader(VERIFIER)).call.account_sid == "AC" + "9" * 32


def test_a_gateway_without_secrets_takes_what_comes_but_still_reads_it() -> None:
    reader = RequestReader(None, ACCOUNT)
    headers, body = signed(x_twilio_signature="-")
    assert read(headers, Body(body), reader=reader).call.call_sid == FORM["CallSid"]
    assert refused(headers, Body(b"CallSid=1"), reader=reader) == 400


def test_a_rotated_secret_counts_from_the_next_request() -> None:
    reader = RequestReader(VERIFIER, ACCOUNT)
    headers, body = signed()
    reader.trust(SignatureVerifier("https://g.example", ("new",)), ACCOUNT)
    assert refused(headers, Body(body), reader=reader) == 403
    reader.trust(SignatureVerifier("https://g.example", ("new", "token")), ACCOUNT)
    assert read(headers, Body(body), reader=reader).call.call_sid == FORM["CallSid"]


PROXIES = [
    {"host": "evil.example"},
    {"x-forwarded-host": "evil.example", "x-forwarded-proto": "http"},
    {"x-forwarded-for": "1.2.3.4", "forwarded": "for=1.2.3.4;host=evil.example;proto=http"},
    {"x-forwarded-port": "99999", "x-original-url": "/twilio/status", "x-rewrite-url": "/twilio/status"},
    {"i-twilio-idempotency-token": "anything"},
]


@pytest.mark.parametrize("more", PROXIES)
def test_what_proxies_and_strangers_add_changes_no_verdict(more: dict[str, str]) -> None:
    headers, body = signed()
    assert read({**headers, **more}, Body(body)).pairs == tuple(FORM.items())
    forged = {**headers, "x-twilio-signature": "AAAA" + headers["x-twilio-signature"][4:], **more}
    assert refused(forged, Body(body)) == 403


def test_a_shared_key_needs_its_settings_header() -> None:
    headers, body = signed(x_twilio_webhooks_signature_settings="key=SK1,algorithm=HMAC_SHA256")
    assert refused(headers, Body(body)) == 403


async def test_every_answer_has_a_length() -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await respond(send, 200, b"<Response/>", b"text/xml")
    await respond(send, 403)
    assert sent[0]["headers"] == [(b"content-length", b"11"), (b"content-type", b"text/xml")]
    assert sent[1]["body"] == b"<Response/>"
    assert (sent[2]["status"], sent[2]["headers"], sent[3]["body"]) == (403, [(b"content-length", b"0")], b"")
