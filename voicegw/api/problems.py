"""Errors of the API as problem documents (RFC 9457), whoever raised them: no stack, no value that was sent."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
_MAX_FAULTS = 20


class Fault(BaseModel):
    """One thing that is wrong with a request: where, as in `query.limit` or `body.fields.room`, and what."""

    where: str
    wrong: str


class Problem(BaseModel):
    """A problem document. `type` names the kind of problem for programs, `detail` says for people what to mend."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:voicegw:problem:call-over",
                    "title": "Conflict",
                    "status": 409,
                    "detail": "The call is over.",
                    "errors": [],
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str
    errors: list[Fault] = Field(default_factory=list)


class ProblemError(HTTPException):
    """Answers the request with a problem of `code` (kebab-case, stable)."""

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, dict(headers) if headers else None)
        self.code = code


def answer_with(
    status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, faults: Sequence[Fault] = ()
) -> Response:
    """The problem as a response."""
    problem = Problem(
        type=f"urn:voicegw:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        errors=list(faults),
    )
    # as ASCII: a field's name may be half of a surrogate pair, which UTF-8 has no bytes for
    body = json.dumps(problem.model_dump()).encode()
    return Response(body, status, {"Cache-Control": "no-store", **(headers or {})}, media_type=MEDIA_TYPE)


def install(application: FastAPI) -> None:
    """Let every error of `application` become a problem document."""
    application.add_exception_handler(HTTPException, _refusal)
    application.add_exception_handler(RequestValidationError, _faulty_request)


async def _refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 (the handler of that class alone)
    code = error.code if isinstance(error, ProblemError) else HTTPStatus(error.status_code).phrase
    return answer_with(error.status_code, code.lower().replace(" ", "-"), str(error.detail), headers=error.headers)


async def _faulty_request(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return answer_with(
        422, "invalid-request", "The request is not as the API takes it: see `errors`.", faults=_faults(error)
    )


def _faults(error: RequestValidationError) -> list[Fault]:
    """Each place once; of a parameter that may be several things, what is wrong with it as the first of them."""
    wrong: dict[str, str] = {}
    for fault in error.errors():
        place = fault["loc"] if fault["loc"][0] == "body" else fault["loc"][:2]
        wrong.setdefault(".".join(str(part) for part in place)[:200], str(fault["msg"])[:200])
    return [Fault(where=where, wrong=what) for where, what in list(wrong.items())[:_MAX_FAULTS]]
