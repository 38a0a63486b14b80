"""How routes are guarded, as ASGI endpoints: signed by Twilio, or public behind a name that nobody can guess."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from starlette.convertors import Convertor, register_url_convertor
from starlette.types import Receive, Scope, Send

from voicegw.twilio.requests import SignedRequest

Handler: TypeAlias = Callable[[SignedRequest, Scope], Awaitable[bytes]]


class _Count(Convertor[int]):
    """A number of few digits: Python refuses to read one of thousands, and anyone may send such a path."""

    regex = "[0-9]{1,9}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("count", _Count())


class Signed:
    """An endpoint behind Twilio's signature: `answer` verifies, and asks the handler."""

    guard = "signed"

    def __init__(self, answer: Callable[[Handler, Scope, Receive, Send], Awaitable[None]], handler: Handler) -> None:
        self._answer = answer
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(self._handler, scope, receive, send)


class Public:
    """An endpoint that anyone may ask who knows its name."""

    guard = "public"

    def __init__(self, handler: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._handler(scope, receive, send)
