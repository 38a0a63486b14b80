"""Random requests, good and bad, with a token and without: no server error, and every answer as the API describes it.

The gateway runs in a loop of its own, as it does in production; requests come from other threads.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import negative_data_rejection

OVER = "CA" + "2" * 32
BOUNDED = settings(
    max_examples=8,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


class Bridge:
    """An ASGI application in another loop: a request is read whole, carried over, and its answer carried back."""

    def __init__(self, app: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._app = app
        self._loop = loop

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":  # it is started and stopped in its own loop
            for done in ("lifespan.startup.complete", "lifespan.shutdown.complete"):
                await receive()
                await send({"type": done})
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        answering = asyncio.run_coroutine_threadsafe(self._answer(scope, body), self._loop)
        for message in await asyncio.wrap_future(answering):
            await send(message)

    async def _answer(self, scope: Any, body: bytes) -> list[Any]:
        sent: list[Any] = []
        asked = [{"type": "http.request", "body": body}]

        async def receive() -> Any:
            return asked.pop() if asked else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        return sent


@pytest.fixture
def running(open_running_site: Callable[..., Any]) -> Iterator[Any]:
    """A gateway in a loop of its own, with a call that is over and one that goes on."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def do(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(30)

    site = do(open_running_site())

    async def calls() -> None:
        for sid in (OVER, site.sid):
            await site.webhook(await site.ring(sid), sid, SpeechResult="opening hours", Confidence="0.9")
        await site.webhook("/twilio/status", OVER, CallStatus="completed")
        await site.written()

    do(calls())
    site.bridge = Bridge(site.gateway.asgi, loop)
    yield site
    do(site.client.aclose())
    do(site.gateway.stop(0.1))
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def description(running: Any) -> Any:
    return schemathesis.openapi.from_asgi("/api/openapi.json", running.bridge)


def each_operation(description: Any, mode: GenerationMode, check: Callable[[Any], None]) -> None:
    """`check` for random requests of every operation, such as the description allows or (negative) forbids."""
    operations = [result.ok() for result in description.get_all_operations()]
    assert len(operations) == 7
    for operation in operations:
        BOUNDED(given(case=operation.as_strategy(generation_mode=mode))(check))()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_answers_are_as_described(description: Any, running: Any, mode: GenerationMode) -> None:
    shown = {"Authorization": f"Bearer {running.token}"}

    def check(case: Any) -> None:
        # the token is ours in every request, whatever was drawn for it
        drawn = case.meta.components
        forbidden = any(part.mode is GenerationMode.NEGATIVE and place != "header" for place, part in drawn.items())
        skipped = [] if forbidden else [negative_data_rejection]
        case.call_and_validate(headers=shown, excluded_checks=skipped)
        if "sid" in (case.path_parameters or {}):
            for sid in (running.sid, OVER):
                case.path_parameters["sid"] = sid
                case.validate_response(case.call(headers=shown), checks=[not_a_server_error])

    each_operation(description, mode, check)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_nothing_is_told_without_a_token(description: Any, mode: GenerationMode) -> None:
    def check(case: Any) -> None:
        answer = case.call()
        assert answer.status_code in (401, 404, 405)
        assert answer.headers["content-type"] == ["application/problem+json"]

    each_operation(description, mode, check)
