"""Who may use the API: bearer tokens with scopes (RFC 6750), asked for before anything else of a request is read.

Every endpoint of the gateway says by its `guard` how it is kept: `signed`, `token` or `public`. An endpoint of the API
without one cannot be made into a route.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from voicegw.api.problems import ProblemError
from voicegw.calllog.queries import CallLogReader
from voicegw.calllog.tokens import Grant, Scope
from voicegw.errors import CallLogError, OrderRefused, StoreError
from voicegw.turns.conversation import Conversations, UnknownCall

BACKING = "voicegw.api"
"""Where a request's scope holds the `Backing`."""
_CHALLENGE = 'Bearer realm="voicegw"'
_RETRY = {"Retry-After": "5"}

_log = structlog.get_logger(__name__)
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])


class TokenVerifier(Protocol):
    """Knows tokens."""

    async def verify(self, token: str) -> Grant | None:
        """What `token` opens, None if nothing. Raises `CallLogError`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Backing:
    """What the API of one gateway stands on; without a call log, `reader` and `tokens` are None."""

    conversations: Conversations
    reader: CallLogReader | None
    tokens: TokenVerifier | None


def backing(request: Request) -> Backing:
    """That of the gateway which this request is for."""
    found: Backing = request.scope[BACKING]
    return found


def guarded(scope: Scope) -> Callable[[_Endpoint], _Endpoint]:
    """The endpoint is for tokens of this scope."""

    def mark(endpoint: _Endpoint) -> _Endpoint:
        endpoint.guard, endpoint.scope = "token", scope  # type: ignore[attr-defined]
        return endpoint

    return mark


async def authorize(request: Request, tokens: TokenVerifier | None, scope: Scope) -> Grant:
    """Whose token the request shows. Raises `ProblemError`: 401 without a token that is known, 403 without the scope,
    503 where tokens cannot be looked up."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        detail = "Send a token: Authorization: Bearer vgw_…"
        raise ProblemError(401, "token-missing", detail, {"WWW-Authenticate": _CHALLENGE})
    if tokens is None:
        raise ProblemError(503, "no-call-log", "The gateway keeps no call log, and tokens are kept there.")
    try:
        grant = await tokens.verify(token.strip())
    except CallLogError as error:
        raise _log_is_down(error) from error
    if grant is None:
        challenge = f'{_CHALLENGE}, error="invalid_token"'
        raise ProblemError(401, "token-unknown", "This token opens nothing.", {"WWW-Authenticate": challenge})
    if scope not in grant.scopes:
        challenge = f'{_CHALLENGE}, error="insufficient_scope", scope="{scope}"'
        detail = f"This needs a token with the scope {scope}."
        raise ProblemError(403, "scope-missing", detail, {"WWW-Authenticate": challenge})
    return grant


class GuardedRoute(APIRoute):
    """A route that asks for a token first, and turns the gateway's own errors into problems."""

    def get_route_handler(self) -> Handler:
        """The handler as FastAPI makes it, behind the guard."""
        handle = super().get_route_handler()
        scope: Scope = self.endpoint.scope  # type: ignore[attr-defined]
        known = frozenset(parameter.alias for parameter in self.dependant.query_params)

        async def guard(request: Request) -> Response:
            request.state.grant = await authorize(request, backing(request).tokens, scope)
            if unknown := sorted(set(request.query_params) - known):
                raise ProblemError(422, "parameter-unknown", f"There is no parameter {unknown[0][:64]!a} here.")
            response = await _translated(handle, request)
            response.headers.setdefault("Cache-Control", "no-store")
            return response

        return guard


async def _translated(handle: Handler, request: Request) -> Response:
    try:
        return await handle(request)
    except (HTTPException, RequestValidationError):
        raise
    except UnknownCall as error:
        raise ProblemError(404, "call-not-live", "No such call is live.") from error
    except OrderRefused as error:
        raise ProblemError(409, error.reason, error.message) from error
    except StoreError as error:
        _log.warning("order not taken", code=error.code, reason=error.message)
        raise ProblemError(503, error.code, "The store of live calls does not answer.", _RETRY) from error
    except CallLogError as error:
        raise _log_is_down(error) from error
    except Exception as error:  # the request's root: whoever asked learns nothing of it, the operator's log does
        _log.exception("API request failed", path=request.url.path)
        raise ProblemError(500, "internal-error", "The gateway failed; its log says why.") from error


def _log_is_down(error: CallLogError) -> ProblemError:
    _log.warning("call log cannot be read", code=error.code, reason=error.message)
    return ProblemError(503, error.code, "The call log does not answer.", _RETRY)
