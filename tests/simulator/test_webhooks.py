"""How the carrier asks: signatures, parameters, time-outs, retries, redirects, fallback, and what answers do."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from voicegw.simulator import CarrierRules, HangsUp, Waits, WebAnswer, WebClient, WebError, WebRequest
from voicegw.simulator.interpreter import ERROR_PROMPT

ORIGIN = "https://gateway.example"
BYE = "<Say>Goodbye.</Say>"
FALLBACK = {"fallback_url": f"{ORIGIN}/fallback"}


@dataclass
class Faulty:
    """The gateway behind a fault: the first `errors` are raised before any request gets through."""

    web: WebClient
    errors: list[WebError] = field(default_factory=list)
    sent: list[WebRequest] = field(default_factory=list)

    async def send(self, request: WebRequest) -> WebAnswer:
        self.sent.append(request)
        if self.errors:
            raise self.errors.pop(0)
        return await self.web.send(request)


REFUSED = {"code": 11205, "message": "connection refused", "reached": False}
RESET = {"code": 11200, "message": "reset", "reached": True}


def test_the_first_webhook_is_what_the_vendor_sends_and_signed(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": BYE}
    report = place()
    request = gateway.requests("/voice")[0]
    assert request.signed
    assert request.method == "POST"
    sent = request.params
    assert sent["CallSid"] == report.call_sid
    assert sent["CallSid"].startswith("CA")
    assert len(sent["CallSid"]) == 34
    assert (sent["From"], sent["Caller"], sent["To"], sent["Called"]) == (
        "+14155550123",
        "+14155550123",
        "+15005550100",
        "+15005550100",
    )
    assert (sent["CallStatus"], sent["Direction"], sent["ApiVersion"]) == ("ringing", "inbound", "2010-04-01")
    assert (sent["FromCity"], sent["CalledZip"], sent["FromCountry"]) == ("", "", "US")
    assert sent["StirVerstat"] == "TN-Validation-Passed-A"
    assert "CallToken" in sent
    assert request.headers["content-type"] == "application/x-www-form-urlencoded; charset=UTF-8"


def test_more_parameters_go_along_and_replace(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": BYE}
    place(
        from_="anonymous", more_params={"ForwardedFrom": "+15005550111", "StirVerstat": "NULL", "Überraschung": "ß&="}
    )
    request = gateway.requests("/voice")[0]
    assert request.signed
    assert request.params["FromCountry"] == ""
    assert request.params["ForwardedFrom"] == "+15005550111"
    assert request.params["StirVerstat"] == "NULL"
    assert request.params["Überraschung"] == "ß&="


def test_a_port_is_not_signed_on_https(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": BYE}
    place(apps={f"{ORIGIN}:8443": gateway}, voice_url=f"{ORIGIN}:8443/voice?a=b%20c")
    assert gateway.requests("/voice")[0].signed


def test_the_status_callback_comes_once_after_the_end(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": BYE, "/status": gateway.raw(b"", status=204)}
    report = place(status_callback=f"{ORIGIN}/status")
    (request,) = gateway.requests("/status")
    assert request.signed
    assert request.params["CallStatus"] == "completed"
    assert request.params["CallDuration"] == str(round(report.ended_at_seconds))
    assert report.warnings == ()


@pytest.mark.parametrize(("status", "kind", "code"), [(200, "application/json", 12300), (500, "text/xml", 11200)])
def test_a_bad_answer_to_the_status_callback_is_only_a_warning(
    gateway: Any, place: Any, status: int, kind: str, code: int
) -> None:
    gateway.pages = {"/voice": BYE, "/status": gateway.raw(b"{}", kind, status=status)}
    report = place(status_callback=f"{ORIGIN}/status")
    assert [warning.code for warning in report.warnings] == [code]
    assert report.faults == ()


def test_a_slow_gateway_gets_fifteen_seconds_is_not_asked_again_and_sees_the_disconnect(
    gateway: Any, place: Any
) -> None:
    gateway.pages = {"/voice": gateway.page(BYE, after_seconds=15.5), "/fallback": BYE}
    report = place(**FALLBACK)
    assert [exchange.purpose for exchange in report.webhooks] == ["voice", "fallback"]
    assert report.webhooks[0].seconds == 15.0
    assert gateway.disconnects == 1
    assert gateway.params("/fallback")["ErrorCode"] == "11200"
    assert gateway.params("/fallback")["ErrorUrl"] == f"{ORIGIN}/voice"
    assert report.faults[0].rescued
    assert report.end_reason == "document-ended"


def test_a_refused_connection_is_tried_once_more_with_the_same_token(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": BYE}
    report = place(wrap=lambda web: Faulty(web, [WebError(**REFUSED)]))
    first, second = report.webhooks
    assert (first.error_code, second.status) == (11205, 200)
    assert (first.attempt, second.attempt) == (1, 2)
    assert first.idempotency_token == second.idempotency_token
    assert gateway.requests("/voice")[0].headers["i-twilio-idempotency-token"] == first.idempotency_token
    assert report.spoken == ("Goodbye.",)


def test_two_refused_connections_are_fatal_and_without_fallback_the_caller_hears_the_apology(
    gateway: Any, place: Any
) -> None:
    report = place(wrap=lambda web: Faulty(web, [WebError(**REFUSED), WebError(**REFUSED)]))
    assert [(sound.kind, sound.text) for sound in report.heard[1:]] == [("error_prompt", ERROR_PROMPT)]
    assert report.end_reason == "application-error"
    assert not report.faults[0].rescued


def test_what_reached_the_gateway_is_not_tried_again(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": BYE, "/fallback": BYE}
    report = place(wrap=lambda web: Faulty(web, [WebError(**RESET)]), **FALLBACK)
    assert [exchange.purpose for exchange in report.webhooks] == ["voice", "fallback"]


def test_overrides_in_the_fragment_change_retries_and_are_not_sent(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": [gateway.raw(b"", status=503), gateway.raw(b"", status=500), BYE]}
    report = place(voice_url=f"{ORIGIN}/voice#rc=2&rp=5xx")
    assert [exchange.status for exchange in report.webhooks] == [503, 500, 200]
    assert all(request.signed for request in gateway.received)


def test_overrides_shorten_the_time(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": gateway.page(BYE, after_seconds=3)}
    report = place(voice_url=f"{ORIGIN}/voice#rt=500&rp=rt&rc=1&tt=900&zz=1")
    assert [exchange.seconds for exchange in report.webhooks] == [0.5, 0.4]
    assert report.warnings[0].code == 11240


def test_a_fallback_that_fails_too_ends_in_the_apology(gateway: Any, place: Any) -> None:
    report = place(**FALLBACK)
    assert [fault.rescued for fault in report.faults] == [True, False]
    assert report.end_reason == "application-error"


def test_a_later_failure_asks_the_fallback_again(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": "<Redirect>/gone</Redirect>", "/fallback": ["<Redirect>/gone</Redirect>", BYE]}
    report = place(**FALLBACK)
    assert len(gateway.requests("/fallback")) == 2
    assert report.spoken == ("Goodbye.",)


def test_a_redirect_is_followed_without_the_digits(gateway: Any, place: Any) -> None:
    from voicegw.simulator import Presses

    gateway.pages = {
        "/voice": '<Gather numDigits="1" action="/old"/>',
        "/old": gateway.raw(b"", status=302, headers=(("location", "/new"),)),
        "/new": BYE,
    }
    place([Presses("1")])
    assert gateway.params("/old")["Digits"] == "1"
    (request,) = gateway.requests("/new")
    assert (request.method, request.signed) == ("GET", True)
    assert "CallSid=" in request.query
    assert "Digits" not in request.query


def test_a_307_keeps_the_method(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": gateway.raw(b"", status=307, headers=(("location", "/new"),)), "/new": BYE}
    place()
    assert gateway.requests("/new")[0].method == "POST"


def test_an_endless_redirect_is_fatal(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": gateway.raw(b"", status=302, headers=(("location", "/voice"),))}
    report = place()
    assert report.faults[0].code == 11215
    assert len(gateway.received) == 11


def test_cookies_are_kept_during_the_call(gateway: Any, place: Any) -> None:
    page = gateway.page("<Redirect>/next</Redirect>", headers=(("set-cookie", "a=b; Path=/"), ("set-cookie", "a,b=c")))
    gateway.pages = {"/voice": page, "/next": BYE}
    place()
    assert gateway.requests("/next")[0].headers["cookie"] == "a=b"


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"", "text/xml", 11770),
        (b"<Response>" + b" " * 65536 + b"</Response>", "text/xml", 11750),
        (b" \n<?xml version='1.0'?><Response/>", "text/xml", 12100),
        (b"<Response><Say>a & b</Say></Response>", "application/xml", 12100),
        (b"<html><body>Error</body></html>", "text/html", 12102),
        (b"{}", "application/json", 12300),
        (b"<Response/>", "", 12300),
    ],
)
def test_a_document_that_cannot_be_read_is_fatal_with_the_vendors_code(
    gateway: Any, place: Any, body: bytes, kind: str, code: int
) -> None:
    gateway.pages = {"/voice": gateway.raw(body, kind), "/fallback": BYE}
    report = place(**FALLBACK)
    assert gateway.params("/fallback")["ErrorCode"] == str(code)
    assert report.spoken == ("Goodbye.",)


def test_plain_text_is_spoken_unless_it_is_twiml(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": gateway.raw(b"Out of order", "text/plain")}
    assert place().spoken == ("Out of order",)
    gateway.pages = {"/voice": gateway.raw(b"<Response><Say>Hi</Say></Response>", "text/plain; charset=utf-8")}
    assert place().spoken == ("Hi",)


def test_an_audio_answer_is_played_and_ends_the_call(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": gateway.raw(b"\xff" * 16000, "audio/basic")}
    report = place()
    assert [(sound.kind, sound.seconds) for sound in report.heard[1:]] == [("audio", 2.0)]
    assert report.end_reason == "document-ended"


def test_an_unknown_host_is_fatal(gateway: Any, place: Any) -> None:
    assert place(voice_url="https://nowhere.example/voice").faults[0].code == 11210


def test_a_hang_up_while_the_gateway_thinks_lets_it_finish_and_ignores_the_answer(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": gateway.page(BYE, after_seconds=5)}
    report = place([Waits(2), HangsUp()])
    assert report.ended_at_seconds == 2
    (exchange,) = report.webhooks
    assert (exchange.abandoned, exchange.status, exchange.seconds) == (True, 200, 5.0)
    assert report.spoken == ()
    assert report.call_status == "canceled"


def test_an_endless_document_loop_is_ended(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": "<Redirect>/voice</Redirect>"}
    report = place(rules=CarrierRules(max_documents=20))
    assert report.end_reason == "too-many-documents"
    assert len(gateway.received) == 21


def test_a_call_that_nobody_ends_is_ended(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": '<Pause length="60"/><Redirect>/voice</Redirect>'}
    report = place(rules=CarrierRules(max_call_seconds=600))
    assert (report.end_reason, report.ended_at_seconds) == ("time-limit", 600)


def test_latency_is_added_to_each_request(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": BYE}
    assert place(rules=CarrierRules(latency_seconds=0.1)).answered_at_seconds == 0.1
