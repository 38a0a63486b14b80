"""Bounds what a client may send: no request of the API needs more than a few kilobytes."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voicegw.api.problems import ProblemError, answer_with

MAX_BODY_BYTES = 65_536
_TOO_LARGE = f"A request has at most {MAX_BODY_BYTES} bytes."


class BoundedBodies:
    """ASGI middleware: a body that says or turns out to be longer is answered with 413."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"")
        if length.isdigit() and (len(length) > 9 or int(length) > MAX_BODY_BYTES):
            await answer_with(413, "body-too-large", _TOO_LARGE)(scope, receive, send)
            return
        received = 0

        async def bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY_BYTES:
                raise ProblemError(413, "body-too-large", _TOO_LARGE)
            return message

        await self._app(scope, bounded, send)
