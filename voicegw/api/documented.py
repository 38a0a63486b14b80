"""How the API describes itself: the problems that each route may answer with, the token, the document itself."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from voicegw.api.problems import MEDIA_TYPE, Problem

_ALWAYS = (401, 403, 413, 422, 500, 503)
_WHEN = {
    400: "The body is no JSON.",
    401: "No token, or one that is not known.",
    403: "The token has not the scope that this needs.",
    404: "No such call.",
    409: "The call cannot take this order now: it is over, a human has it, or its forwarding policy refuses.",
    413: "The body is too large.",
    422: "The request is not as described here.",
    500: "The gateway failed.",
    503: "The database does not answer; try again.",
}
_TOKEN = {"type": "http", "scheme": "bearer", "description": "Made by `voicegw token add NAME --scope …`."}


def refusals(*more: int) -> dict[int | str, dict[str, Any]]:
    """The problems of a route: those of every one, and `more`."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": _WHEN[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted({*_ALWAYS, *more})
    }


def describe(application: FastAPI, root: str) -> dict[str, Any]:
    """The OpenAPI document of `application`, whose routes lie under the path `root`."""
    document = get_openapi(
        title=application.title,
        version=application.version,
        description=application.description,
        routes=application.routes,
        servers=[{"url": root}],
    )
    components = document.setdefault("components", {})
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = components.setdefault("schemas", {})
    schemas |= {**problem.pop("$defs", {}), "Problem": problem}
    components["securitySchemes"] = {"token": _TOKEN}
    for path in document["paths"].values():
        for operation in path.values():
            operation["security"] = [{"token": []}]
    return document
