"""`GET /metrics`, for Prometheus: for tokens with the scope `metrics`, or for everyone where the settings say so."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from voicegw.api.guard import TokenVerifier, authorize
from voicegw.api.problems import ProblemError, answer_with
from voicegw.calllog.tokens import Scope

METRICS_PATH = "/metrics"


def metrics_route(render: Callable[[], tuple[bytes, str]], tokens: TokenVerifier | None, *, open_to_all: bool) -> Route:
    """The route; `render` gives the metrics and their content type."""

    async def metrics(request: Request) -> Response:
        if not open_to_all:
            try:
                await authorize(request, tokens, Scope.METRICS)
            except ProblemError as problem:
                return answer_with(problem.status_code, problem.code, problem.detail, headers=problem.headers)
        content, content_type = render()
        return Response(content, headers={"content-type": content_type, "cache-control": "no-store"})

    metrics.guard = "public" if open_to_all else "token"  # type: ignore[attr-defined]
    return Route(METRICS_PATH, metrics, methods=["GET"])
