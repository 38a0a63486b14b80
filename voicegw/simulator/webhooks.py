"""How the carrier asks the gateway: signed, within 15 s, with its retries and redirects, each attempt written down.

Vendor's rules: "connect 5 s, 15 s in all, one retry on connection failure only", "follows ≤10 redirects (else 11215)",
"if the action URL answers 3xx Twilio follows but does not resend Digits", "cookies kept per call".
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from random import Random
from urllib.parse import urlencode, urljoin, urlsplit, urlunsplit

from twilio.request_validator import RequestValidator

from voicegw.simulator.documents import BAD_CONTENT_TYPE, HTTP_FAILED, FatalTwimlError
from voicegw.simulator.journal import Journal
from voicegw.simulator.overrides import Overrides, read_overrides
from voicegw.simulator.timeline import Exchange
from voicegw.simulator.web import READ_FAILED, WebAnswer, WebClient, WebError, WebRequest

MAX_REDIRECTS = 10
TOO_MANY_REDIRECTS = 11215

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEP_METHOD = frozenset({307, 308})


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """What to ask: `standard` parameters go along redirects, `extra` (Digits …) only with the first request."""

    url: str
    purpose: str
    standard: Mapping[str, str]
    extra: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"


class WebhookSender:
    """Sends one call's webhooks. A request outlives the call if it is under way at the hang-up; see `drain`."""

    def __init__(
        self, web: WebClient, auth_token: str, journal: Journal, *, random: Random, latency_seconds: float = 0.0
    ) -> None:
        self._web = web
        self._validator = RequestValidator(auth_token)
        self._journal = journal
        self._random = random
        self._latency_seconds = latency_seconds
        self._cookies: dict[str, SimpleCookie] = {}
        self._under_way: set[asyncio.Task[tuple[str, WebAnswer]]] = set()
        self._notices: set[asyncio.Task[None]] = set()
        self.call_is_over = False

    async def ask(self, webhook: Webhook) -> tuple[str, WebAnswer]:
        """Ask, and answer the final URL and its 2xx answer. Raises FatalTwimlError with the vendor's code.

        Cancelling gives up the answer, not the request: the gateway works on it, as it does after a real hang-up.
        """
        task = asyncio.create_task(self._ask(webhook))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    def notify(self, webhook: Webhook) -> None:
        """Send a status callback without waiting; what the vendor would complain of becomes a warning."""
        task = asyncio.create_task(self._notify(webhook))
        self._notices.add(task)
        task.add_done_callback(self._notices.discard)

    async def drain(self) -> None:
        """Wait for the requests that the call left behind; their answers are of no interest any more."""
        await asyncio.gather(*self._under_way, *self._notices, return_exceptions=True)

    async def _notify(self, webhook: Webhook) -> None:
        try:
            _, answer = await self._ask(webhook)
        except FatalTwimlError as exc:
            self._journal.warn(exc.code, f"status callback: {exc.message}", webhook.url)
            return
        kind = answer.header("content-type").partition(";")[0].strip().lower()
        if answer.status != 204 and kind not in ("text/xml", "application/xml"):
            # The vendor: "Respond 204, or 200 + text/xml <Response/>; otherwise Debugger warnings"
            self._journal.warn(BAD_CONTENT_TYPE, f"status callback answered {kind!r}", webhook.url)

    async def _ask(self, webhook: Webhook) -> tuple[str, WebAnswer]:
        url, overrides, warnings = read_overrides(webhook.url)
        for code, text in warnings:
            self._journal.warn(code, text, webhook.url)
        token = f"{self._random.getrandbits(128):032x}"
        started_at = self._journal.now_seconds()
        attempt = 0
        while True:
            attempt += 1
            left = overrides.total_seconds - (self._journal.now_seconds() - started_at)
            final_url, answer, error = await self._attempt(webhook, url, overrides, left, attempt, token)
            if answer is not None and answer.status < 300:
                return final_url, answer
            if attempt > overrides.retries or not overrides.retries_after(_kind(answer, error)):
                break
        if answer is not None:
            error = WebError(HTTP_FAILED, f"HTTP status {answer.status}", reached=True)
        raise FatalTwimlError(error.code if error else HTTP_FAILED, str(error), final_url)

    async def _attempt(
        self, webhook: Webhook, url: str, overrides: Overrides, left: float, attempt: int, token: str
    ) -> tuple[str, WebAnswer | None, WebError | None]:
        """One try, redirects included, in the `left` seconds. Answers what came, or why nothing did."""
        method, params = webhook.method.upper(), {**webhook.standard, **webhook.extra}
        deadline = self._journal.now_seconds() + left
        for _ in range(MAX_REDIRECTS + 1):
            began_at = self._journal.now_seconds()
            answer, error = None, None
            try:
                async with asyncio.timeout(max(0.0, deadline - began_at)):
                    await asyncio.sleep(self._latency_seconds)
                    answer = await self._web.send(self._request(method, url, params, overrides, token))
            except TimeoutError:
                text = f"no answer within {overrides.total_seconds:g} seconds in all"
                error = WebError(READ_FAILED, text, reached=True)
            except WebError as exc:
                error = exc
            exchange = Exchange(
                at_seconds=began_at,
                seconds=round(self._journal.now_seconds() - began_at, 6),
                purpose=webhook.purpose,
                method=method,
                url=url,
                params=tuple(params.items()),
                attempt=attempt,
                idempotency_token=token,
                status=None if answer is None else answer.status,
                content_type="" if answer is None else answer.header("content-type"),
                body="" if answer is None else answer.body.decode("utf-8", "replace"),
                error_code=None if error is None else error.code,
                error="" if error is None else str(error),
                abandoned=self.call_is_over and webhook.purpose != "status",
            )
            self._journal.keep(exchange)
            if answer is None or answer.status not in _REDIRECTS or not answer.header("location"):
                if answer is not None:
                    self._keep_cookies(url, answer)
                return url, answer, error
            self._keep_cookies(url, answer)
            # The vendor: "Twilio follows but does not resend Digits"
            method = method if answer.status in _KEEP_METHOD else "GET"
            params = dict(webhook.standard)
            url = urljoin(url, answer.header("location"))
        text = f"more than {MAX_REDIRECTS} redirects"
        return url, None, WebError(TOO_MANY_REDIRECTS, text, reached=True)

    def _request(
        self, method: str, url: str, params: Mapping[str, str], overrides: Overrides, token: str
    ) -> WebRequest:
        parts = urlsplit(url)
        body = b""
        if method == "GET":
            query = "&".join(filter(None, (parts.query, urlencode(params))))
            parts = parts._replace(query=query)
        else:
            body = urlencode(params).encode("ascii")
        url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))
        headers = [
            ("Accept", "*/*"),
            ("User-Agent", "TwilioProxy/1.1"),
            ("I-Twilio-Idempotency-Token", token),
            ("X-Twilio-Signature", self._signature(url, {} if method == "GET" else params)),
        ]
        if body:
            headers.append(("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8"))
        if jar := self._cookies.get(parts.hostname or ""):
            headers.append(("Cookie", "; ".join(f"{name}={item.value}" for name, item in jar.items())))
        return WebRequest(
            method=method,
            url=url,
            headers=tuple(headers),
            body=body,
            connect_seconds=overrides.connect_seconds,
            read_seconds=overrides.read_seconds,
        )

    def _signature(self, url: str, params: Mapping[str, str]) -> str:
        parts = urlsplit(url)
        if parts.scheme == "https" and parts.port is not None:
            # The vendor: "HTTPS-voice drops port, HTTP keeps port"
            url = urlunsplit(parts._replace(netloc=parts.netloc.removesuffix(f":{parts.port}")))
        return str(self._validator.compute_signature(url, dict(params)))

    def _keep_cookies(self, url: str, answer: WebAnswer) -> None:
        jar = self._cookies.setdefault(urlsplit(url).hostname or "", SimpleCookie())
        for name, value in answer.headers:
            if name.lower() == "set-cookie":
                try:
                    jar.load(value)
                except CookieError:
                    self._journal.warn(0, f"cookie not understood: {value!r}", url)


def _kind(answer: WebAnswer | None, error: WebError | None) -> str:
    """The failure in the words of the retry policy."""
    if answer is not None:
        return "5xx" if answer.status >= 500 else "4xx" if answer.status >= 400 else "3xx"
    return "ct" if error is not None and not error.reached else "rt"
