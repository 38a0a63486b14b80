"""The client of Voiceflow's v4 API: sessions, and turns as streams of traces.

Says what is sent where and what each status means; how bytes travel is the transport's business, what traces mean
the planner's. Never retries: every error says whether that would be safe.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from pydantic import SecretStr

from voicegw.errors import AgentBroke, AgentError, AgentNotConfigured
from voicegw.voiceflow.actions import Action, render_action
from voicegw.voiceflow.answers import AnswerCaps, read_bounded, read_stream, read_whole
from voicegw.voiceflow.refusals import read_detail, refusal_of_session, refusal_of_turn
from voicegw.voiceflow.traces import Trace
from voicegw.voiceflow.transport import AgentResponse, AgentTransport
from voicegw.voiceflow.wire_json import parse_json

DEFAULT_BASE_URL = "https://general-runtime.voiceflow.com"
_MAX_SHORT_BODY_BYTES = 64 * 1024
_REFUSAL_BODY_SECONDS = 2.0
_PROBE_USER_ID = "voicegw-check"
_JSON = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """Which agent to talk to, and how. `environment` is an alias such as `main`; None draws the traffic split."""

    api_key: SecretStr
    project_id: str
    environment: str | None = None
    base_url: str = DEFAULT_BASE_URL
    streaming: bool = True
    completion_events: bool = True
    timezone: str | None = None
    session_timeout_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class AgentName:
    """Which agent it is, for people and as a key; holds no secret."""

    base_url: str
    project_id: str
    environment: str | None

    def __str__(self) -> str:
        where = urlsplit(self.base_url).hostname or "?"  # never a user and password that stand in the URL
        return f"{self.project_id}/{self.environment or '(traffic split)'} at {where}"


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Whether the agent can be talked to: `error` is None when a session was started."""

    seconds: float
    error: AgentError | None = None


class VoiceflowClient:
    """Talks to one agent; holds no state of any call. Safe to use from many tasks at once."""

    def __init__(self, settings: AgentSettings, transport: AgentTransport, caps: AnswerCaps | None = None) -> None:
        self._settings = settings
        self._transport = transport
        self._caps = caps or AnswerCaps()
        self._base_url = settings.base_url.rstrip("/")
        self.agent_name = AgentName(self._base_url, settings.project_id, settings.environment)

    def __repr__(self) -> str:
        return f"VoiceflowClient({self._settings!r})"

    async def warm(self) -> bool:
        """Open a connection ahead of need; says whether that worked, never raises."""
        return await self._transport.warm(self._base_url)

    async def start_session(self, user_id: str) -> str:
        """Start a session for `user_id` (1 to 256 characters) and return its key, which is a secret.

        "If a session already exists for this user, the existing session will end." Starting again does no harm, so
        every error but `AgentNotConfigured` is retryable. Raises a child of `AgentError`. Cancel-safe.
        """
        try:
            async with asyncio.timeout(self._settings.session_timeout_seconds):
                return await self._start_session(user_id)
        except TimeoutError as exc:
            message = f"no session within {self._settings.session_timeout_seconds:g} seconds"
            raise AgentBroke(message, answer_begun=False, retryable=True) from exc
        except AgentBroke as exc:
            raise AgentBroke(exc.message, answer_begun=exc.answer_begun, retryable=True) from exc

    async def interact(
        self,
        session_key: str,
        action: Action,
        take: Callable[[Trace], None],
        variables: Mapping[str, object] | None = None,
        *,
        traceparent: str = "",
        on_answer: Callable[[int], None] | None = None,
    ) -> None:
        """Tell the agent what happened and have `take` its answer, trace by trace; `variables` are set before the turn.

        `traceparent` is the request's W3C trace context; `on_answer` is told the status once the answer begins.

        Raises `SessionExpired`, or another child of `AgentError`; what is not `retryable` may have run. Waits for
        the agent without end: patience is the caller's. Cancel-safe: that drops the answer.
        """
        path = "/v4/interact/stream" if self._settings.streaming else "/v4/interact"
        async with self._transport.post(
            self._base_url + path,
            headers=_headers(session_key) | ({"traceparent": traceparent} if traceparent else {}),
            body=self._turn_body(action, variables or {}),
        ) as response:
            if on_answer is not None:
                on_answer(response.status)
            if not _is_success(response):
                told = [render_action(action), variables]
                detail = await self._detail(response, session_key, told=told)
                raise refusal_of_turn(response.status, response.headers, detail, _now())
            read = read_stream if self._settings.streaming else read_whole
            await read(response.chunks, self._caps, take)

    async def probe(self) -> ProbeResult:
        """Find out whether the agent takes our settings, by starting a session of our own. Raises nothing of ours."""
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        try:
            await self.start_session(_PROBE_USER_ID)
        except AgentError as exc:
            return ProbeResult(loop.time() - began_at, exc)
        return ProbeResult(loop.time() - began_at)

    async def _start_session(self, user_id: str) -> str:
        api_key = self._settings.api_key.get_secret_value()
        async with self._transport.post(
            self._session_url(), headers=_headers(api_key), body=_encode({"userID": user_id})
        ) as response:
            if not _is_success(response):
                detail = await self._detail(response, told=user_id)
                raise refusal_of_session(response.status, response.headers, detail, _now())
            body = await read_bounded(response.chunks, _MAX_SHORT_BODY_BYTES)
        return _parse_session_key(body)

    def _session_url(self) -> str:
        project = f"{self._base_url}/v4/project/{quote(self._settings.project_id, safe='')}"
        if self._settings.environment is None:
            return f"{project}/session"
        return f"{project}/environment/{quote(self._settings.environment, safe='')}/session"

    def _turn_body(self, action: Action, variables: Mapping[str, object]) -> bytes:
        turn: dict[str, object] = {"action": render_action(action)}
        if variables:
            turn["variables"] = dict(variables)
        config: dict[str, object] = {}
        if self._settings.timezone is not None:
            config["userTimezone"] = self._settings.timezone
        # Voiceflow's recipe: on v4 the flag is read from the body, the query parameter of old is ignored.
        if self._settings.streaming:
            config["completionEvents"] = self._settings.completion_events
        if config:
            turn["config"] = config
        return _encode(turn)

    async def _detail(self, response: AgentResponse, session_key: str = "", *, told: object) -> str:
        try:
            async with asyncio.timeout(_REFUSAL_BODY_SECONDS):
                body = await read_bounded(response.chunks, _MAX_SHORT_BODY_BYTES)
        except (TimeoutError, AgentError):
            return ""
        return read_detail(body, (self._settings.api_key.get_secret_value(), session_key), told)


def _headers(key: str) -> dict[str, str]:
    if not _fits_header(key):
        raise AgentNotConfigured("the key holds characters that no key has (or none at all)")
    # The key stands there raw, without `Bearer`. Uncompressed, so that no one on the way waits for more to pack.
    return {
        "authorization": key,
        "content-type": "application/json",
        "accept": "text/event-stream, application/json",
        "accept-encoding": "identity",
    }


def _fits_header(key: str) -> bool:
    return key != "" and key.isascii() and key.isprintable() and key == key.strip()


def _parse_session_key(body: bytes) -> str:
    try:
        answer = parse_json(body.decode("utf-8-sig", "replace"))
    except ValueError as exc:
        raise AgentBroke("the answer to a session's start is not JSON", answer_begun=True) from exc
    key = answer.get("sessionKey") if isinstance(answer, dict) else None
    if not isinstance(key, str) or not _fits_header(key):
        raise AgentBroke("the answer to a session's start holds no session key", answer_begun=True)
    return key


def _is_success(response: AgentResponse) -> bool:
    return 200 <= response.status < 300


def _encode(body: Mapping[str, object]) -> bytes:
    return _JSON.encode(body).encode()


def _now() -> datetime:
    return datetime.now(UTC)
