"""The agent as an HTTP server: sessions, keys and the four endpoints; answers come from the engine.

A plain ASGI app: `uvicorn --factory voicegw.demo.server:create_agent`. All state lives in the process.
"""

import base64
import json
import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

from pydantic import BaseModel, Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from voicegw.demo.answers import answer_with_events, answer_with_json
from voicegw.demo.dialogue import Dialogue, Fault
from voicegw.demo.engine import Engine, Session
from voicegw.demo.loader import load_dialogue
from voicegw.voiceflow.actions import parse_action

DEMO_API_KEY = "VF.DM.demo"
DEMO_PROJECT_ID = "demo"

_ENVIRONMENTS = ("main", "development", "staging", "production")

# A process that serves a demo for months must not keep each call for ever.
_MAX_SESSIONS = 10_000

_MEDIA_TYPES = {".wav": "audio/wav", ".mp3": "audio/mpeg"}


class _SessionBody(BaseModel):
    # The vendor: userID is required, 1 to 256 characters.
    user_id: str = Field(alias="userID", min_length=1, max_length=256)


class _InteractBody(BaseModel):
    action: dict[str, object]
    variables: dict[str, object] = {}
    config: dict[str, object] = {}


@dataclass(frozen=True, slots=True)
class Received:
    """An action as it arrived, with what stood beside it; `streamed` tells which endpoint took it."""

    user_id: str
    session_key: str
    action: Mapping[str, object]
    variables: Mapping[str, object]
    config: Mapping[str, object]
    streamed: bool


@dataclass(frozen=True, slots=True)
class StartedSession:
    """A session that was started; `environment` is None where the traffic split chose."""

    user_id: str
    session_key: str
    environment: str | None


class EmbeddedAgent:
    """An agent server on one dialogue: an ASGI app that also tells, in process, what it was sent."""

    def __init__(
        self,
        dialogue: Dialogue,
        *,
        api_key: str,
        project_id: str | None,
        base_url: str | None,
    ) -> None:
        self.dialogue = dialogue
        self.started: deque[StartedSession] = deque(maxlen=_MAX_SESSIONS)
        self.received: deque[Received] = deque(maxlen=_MAX_SESSIONS)
        self._engine = Engine(dialogue, _sources(dialogue, base_url))
        self._api_key = api_key
        self._project_id = project_id
        # By user ID: the vendor keeps one session for each user, and variables outlive it.
        self._sessions: dict[str, Session] = {}
        self._keys: dict[str, str] = {}
        self._users_by_key: dict[str, str] = {}
        self._app = Starlette(
            routes=[
                Route("/v4/project/{project}/session", self._start_session, methods=["POST"]),
                Route(
                    "/v4/project/{project}/environment/{environment}/session",
                    self._start_session,
                    methods=["POST"],
                ),
                Route("/v4/interact", self._interact, methods=["POST"]),
                Route("/v4/interact/stream", self._interact, methods=["POST"]),
                Route("/recordings/{name}", self._send_recording),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one ASGI connection."""
        await self._app(scope, receive, send)

    def received_from(self, user_id: str) -> list[Received]:
        """Returns what the sessions of this user were sent, oldest first."""
        return [received for received in self.received if received.user_id == user_id]

    async def _start_session(self, request: Request) -> Response:
        if not secrets.compare_digest(_authorization(request).encode(), self._api_key.encode()):
            return _unauthorized()
        if self._project_id not in (None, request.path_params["project"]):
            return _refusal(404, "Not Found", "project not found")
        environment = request.path_params.get("environment")
        if environment is not None and environment not in _ENVIRONMENTS:
            return _refusal(400, "Bad Request", "invalid environment tag")
        try:
            body = _SessionBody.model_validate(await _json_of(request))
        except ValueError as exc:
            return _refusal(400, "Bad Request", str(exc))
        key = self._open_session(body.user_id)
        self.started.append(StartedSession(body.user_id, key, environment))
        return JSONResponse({"sessionKey": key})

    def _open_session(self, user_id: str) -> str:
        """Opens a session and returns its key. The vendor: an existing session of this user ends."""
        earlier = self._close_session(user_id)
        while len(self._sessions) >= _MAX_SESSIONS:
            self._close_session(next(iter(self._sessions)))
        key = secrets.token_urlsafe(24)
        self._sessions[user_id] = earlier.renewed() if earlier else Session(user_id)
        self._keys[user_id] = key
        self._users_by_key[key] = user_id
        return key

    def _close_session(self, user_id: str) -> Session | None:
        self._users_by_key.pop(self._keys.pop(user_id, ""), None)
        return self._sessions.pop(user_id, None)

    async def _interact(self, request: Request) -> Response:
        key = _authorization(request)
        user_id = self._users_by_key.get(key)
        if user_id is None:
            return _unauthorized()
        try:
            body = _InteractBody.model_validate(await _json_of(request))
        except ValueError as exc:
            return _refusal(400, "Bad Request", str(exc))
        if parse_action(body.action) is None:
            return _refusal(400, "Bad Request", "action fits no kind of request")
        streamed = request.url.path.endswith("/stream")
        self.received.append(Received(user_id, key, body.action, body.variables, body.config, streamed))
        completion_events = streamed and body.config.get("completionEvents") is True
        session, turn = self._engine.take_turn(
            self._sessions[user_id], body.action, body.variables, completion_events=completion_events
        )
        self._sessions[user_id] = session
        if turn.fault and (refusal := self._refuse(key, turn.fault)):
            return refusal
        return answer_with_events(turn) if streamed else answer_with_json(turn)

    def _refuse(self, key: str, fault: Fault) -> Response | None:
        """Returns the answer of a fault that comes before any trace, or None."""
        match fault.kind:
            case "http-500":
                return _refusal(500, "Internal Server Error", "the dialogue asked for a failure")
            case "http-429":
                refusal = _refusal(429, "Too Many Requests", "Rate limit hit for given project.")
                refusal.headers["Retry-After"] = str(round(fault.lasting_seconds))
                return refusal
            case "session-expired":
                # The user keeps variables and fault counts; only the key is worth nothing any more.
                del self._users_by_key[key]
                return _unauthorized()
        return None

    async def _send_recording(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self.dialogue.recordings:
            return _refusal(404, "Not Found", "no such recording")
        return Response(self.dialogue.recordings[name], media_type=_media_type(name))


def create_agent(
    dialogue: Dialogue | None = None,
    *,
    api_key: str = DEMO_API_KEY,
    project_id: str | None = DEMO_PROJECT_ID,
    base_url: str | None = None,
) -> EmbeddedAgent:
    """Returns an agent server on `dialogue` (the dental practice, where none is given).

    `project_id` None serves any project. Recordings are offered under `base_url` (where this server is reached
    from the carrier, no slash at its end), without it as `data:` URLs.
    """
    return EmbeddedAgent(
        dialogue or load_dialogue(),
        api_key=api_key,
        project_id=project_id,
        base_url=base_url,
    )


def _sources(dialogue: Dialogue, base_url: str | None) -> dict[str, str]:
    """Returns the URL of each recording."""
    if base_url is not None:
        return {name: f"{base_url}/recordings/{name}" for name in dialogue.recordings}
    return {
        name: f"data:{_media_type(name)};base64,{base64.b64encode(content).decode()}"
        for name, content in dialogue.recordings.items()
    }


def _media_type(name: str) -> str:
    return _MEDIA_TYPES.get(PurePath(name).suffix.lower(), "application/octet-stream")


def _authorization(request: Request) -> str:
    """Returns the key as it stands: the vendor sends it raw, without `Bearer`."""
    return request.headers.get("authorization", "")


async def _json_of(request: Request) -> object:
    """Returns the body's JSON; raises ValueError when it is none."""
    try:
        return json.loads(await request.body())
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc


def _unauthorized() -> JSONResponse:
    # One of the body shapes seen at the vendor; a client should lean on the status alone.
    return JSONResponse({"code": 401, "status": "Unauthorized", "data": "Auth Key Required"}, status_code=401)


def _refusal(status: int, reason: str, message: str) -> JSONResponse:
    body = {"statusCode": status, "statusText": reason, "message": message}
    return JSONResponse(body, status_code=status)
