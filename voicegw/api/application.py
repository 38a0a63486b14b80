"""The API as an application of its own, under `/api`: its routes, its errors, its description."""

from functools import cache

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send

from voicegw import __version__
from voicegw.api import ordering, problems, reading
from voicegw.api.bodies import BoundedBodies
from voicegw.api.documented import describe
from voicegw.api.guard import BACKING, Backing, TokenVerifier
from voicegw.calllog.queries import CallLogReader
from voicegw.turns.conversation import Conversations

ROOT = "/api"
_DESCRIPTION = """What happened on calls, and orders into live ones.

Every request needs a token (`voicegw token add`) whose scope fits: `calls:read` or `calls:write`. Every error is a
problem document (RFC 9457)."""


class Api:
    """An ASGI application: the API of one gateway. Its routes are made once for the process, which takes a while."""

    def __init__(self, backing: Backing) -> None:
        self._backing = backing

    @property
    def routes(self) -> list[BaseRoute]:
        """All of them; each endpoint says by its `guard` how it is kept."""
        return _application().routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _application()({**scope, BACKING: self._backing}, receive, send)


def api_routes(
    conversations: Conversations, reader: CallLogReader | None, tokens: TokenVerifier | None
) -> tuple[Mount, ...]:
    """What to mount. Without `reader` and `tokens` (no call log is kept) every request is answered with 503."""
    return (Mount(ROOT, app=Api(Backing(conversations=conversations, reader=reader, tokens=tokens))),)


@cache
def _application() -> FastAPI:
    application = FastAPI(
        title="voicegw",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url=None,  # its own route below says how it is guarded
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # such a redirect would be built from `Host`, which any client can write
    )
    application.add_middleware(BoundedBodies)
    problems.install(application)
    application.router.routes.extend([*reading.router.routes, *ordering.router.routes])
    description = describe(application, ROOT)

    async def openapi(_request: Request) -> Response:
        return JSONResponse(description)

    openapi.guard = "public"  # type: ignore[attr-defined]
    application.router.routes.append(Route("/openapi.json", openapi, methods=["GET"]))
    return application
