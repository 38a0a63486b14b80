"""How the carrier asks the gateway: within 15 s, with its retries and redirects, each attempt written down.

The vendor's rules: connect 5 s, 15 s in all, one retry after connection failure; "follows ≤10 redirects (else 11215)";
"if the action URL answers 3xx Twilio follows but does not resend Digits".
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from urllib.parse import urljoin

from voicegw.simulator.documents import BAD_CONTENT_TYPE, HTTP_FAILED, FatalTwimlError
from voicegw.simulator.journal import Journal
from voicegw.simulator.overrides import Overrides, read_overrides
from voicegw.simulator.signed_requests import RequestWriter
from voicegw.simulator.timeline import Exchange
from voicegw.simulator.web import READ_FAILED, WebAnswer, WebClient, WebError

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


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One try at a webhook: its number, the token that all tries share, and when it must be over."""

    number: int
    token: str
    overrides: Overrides
    deadline_seconds: float


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a try came to: an answer from `url`, or the reason why there is none."""

    url: str
    answer: WebAnswer | None = None
    error: WebError | None = None

    @property
    def kind(self) -> str:
        """In the words of the retry policy: `2xx` … `5xx`, `ct` not connected, `rt` no answer."""
        if self.answer is not None:
            return f"{self.answer.status // 100}xx"
        return "ct" if self.error is not None and not self.error.reached else "rt"


class WebhookSender:
    """Sends one call's webhooks. A request outlives the call if it is under way at the hang-up; see `drain`."""

    def __init__(
        self, web: WebClient, auth_token: str, journal: Journal, *, random: Random, latency_seconds: float = 0.0
    ) -> None:
        self._web = web
        self._writer = RequestWriter(auth_token)
        self._journal = journal
        self._random = random
        self._latency_seconds = latency_seconds
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

    def close(self) -> None:
        """Give up whatever is still under way."""
        for task in (*self._under_way, *self._notices):
            task.cancel()

    async def _notify(self, webhook: Webhook) -> None:
        try:
            _, answer = await self._ask(webhook)
        except FatalTwimlError as exc:
            self._journal.warn(exc.code, f"{webhook.purpose} callback: {exc.message}", webhook.url)
            return
        kind = answer.header("content-type").partition(";")[0].strip().lower()
        if answer.status != 204 and kind not in ("text/xml", "application/xml"):
            # The vendor: "Respond 204, or 200 + text/xml <Response/>; otherwise Debugger warnings"
            self._journal.warn(BAD_CONTENT_TYPE, f"{webhook.purpose} callback answered {kind!r}", webhook.url)

    async def _ask(self, webhook: Webhook) -> tuple[str, WebAnswer]:
        url, overrides, warnings = read_overrides(webhook.url)
        for code, text in warnings:
            self._journal.warn(code, text, webhook.url)
        token = f"{self._random.getrandbits(128):032x}"
        # "Total incl. retries": one deadline for all tries.
        deadline = self._journal.now_seconds() + overrides.total_seconds
        outcome = _Outcome(url)
        for number in range(1, overrides.retries + 2):
            outcome = await self._try(webhook, url, _Attempt(number, token, overrides, deadline))
            if outcome.kind == "2xx" or not overrides.retries_after(outcome.kind):
                break
        if outcome.answer is None:
            code = HTTP_FAILED if outcome.error is None else outcome.error.code
            raise FatalTwimlError(code, str(outcome.error), outcome.url)
        if outcome.kind != "2xx":
            raise FatalTwimlError(HTTP_FAILED, f"HTTP status {outcome.answer.status}", outcome.url)
        return outcome.url, outcome.answer

    async def _try(self, webhook: Webhook, url: str, attempt: _Attempt) -> _Outcome:
        """One try, redirects included."""
        method, params = webhook.method.upper(), {**webhook.standard, **webhook.extra}
        for _ in range(MAX_REDIRECTS + 1):
            outcome = await self._exchange(webhook.purpose, method, url, params, attempt)
            answer = outcome.answer
            if answer is None or answer.status not in _REDIRECTS or not answer.header("location"):
                return outcome
            method = method if answer.status in _KEEP_METHOD else "GET"
            params = dict(webhook.standard)
            url = urljoin(url, answer.header("location"))
        error = WebError(TOO_MANY_REDIRECTS, f"more than {MAX_REDIRECTS} redirects", reached=True)
        return _Outcome(url, error=error)

    async def _exchange(
        self, purpose: str, method: str, url: str, params: Mapping[str, str], attempt: _Attempt
    ) -> _Outcome:
        """One request and its answer, written down."""
        began_at = self._journal.now_seconds()
        outcome = await self._send(method, url, params, attempt)
        answer, error = outcome.answer, outcome.error
        self._journal.keep(
            Exchange(
                at_seconds=began_at,
                seconds=round(self._journal.now_seconds() - began_at, 6),
                purpose=purpose,
                method=method,
                url=url,
                params=tuple(params.items()),
                attempt=attempt.number,
                idempotency_token=attempt.token,
                status=None if answer is None else answer.status,
                content_type="" if answer is None else answer.header("content-type"),
                body="" if answer is None else answer.body.decode("utf-8", "replace"),
                error_code=None if error is None else error.code,
                error="" if error is None else str(error),
                abandoned=self.call_is_over and purpose != "status",
            )
        )
        return outcome

    async def _send(self, method: str, url: str, params: Mapping[str, str], attempt: _Attempt) -> _Outcome:
        left_seconds = max(0.0, attempt.deadline_seconds - self._journal.now_seconds())
        try:
            async with asyncio.timeout(left_seconds):
                await asyncio.sleep(self._latency_seconds)
                request = self._writer.write(method, url, params, attempt.overrides, attempt.token)
                answer = await self._web.send(request)
        except TimeoutError:
            text = f"no answer within {attempt.overrides.total_seconds:g} seconds in all"
            return _Outcome(url, error=WebError(READ_FAILED, text, reached=True))
        except WebError as exc:
            return _Outcome(url, error=exc)
        self._writer.keep_cookies(url, answer)
        return _Outcome(url, answer=answer)
