"""What may stand between the carrier and the gateway: requests that come twice, late or not at all.

Each way is a `WebClient` around another one, for one call; one with more to do when that is over has `settled`.
"""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Literal
from urllib.parse import parse_qsl

from voicegw.simulator import WebAnswer, WebClient, WebError, WebRequest
from voicegw.simulator.overrides import Overrides
from voicegw.simulator.signed_requests import RequestWriter

READ_FAILED = 11200
CONNECT_FAILED = 11205
HTML = b"<!doctype html><html><body>Service temporarily unavailable</body></html>"

Loss = Literal["refused", "answer lost", "time-out", "502", "HTML"]


class Twice:
    """Every request comes twice, `apart_seconds` apart. `unlike`: those whose two answers are not the same bytes."""

    def __init__(self, web: WebClient, apart_seconds: float) -> None:
        self._web = web
        self._apart_seconds = apart_seconds
        self._again: list[asyncio.Task[None]] = []
        self.unlike: list[str] = []

    async def send(self, request: WebRequest) -> WebAnswer:
        """The first answer is what counts."""
        if self._apart_seconds:
            answer = await self._web.send(request)
            self._again.append(asyncio.create_task(self._repeat(request, answer)))
            return answer
        answer, same = await asyncio.gather(self._web.send(request), self._web.send(request))
        self._compare(request, answer, same)
        return answer

    async def settled(self) -> None:
        """Wait for the repetitions under way."""
        await asyncio.gather(*self._again)

    async def _repeat(self, request: WebRequest, answer: WebAnswer) -> None:
        await asyncio.sleep(self._apart_seconds)
        self._compare(request, answer, await self._web.send(request))

    def _compare(self, request: WebRequest, answer: WebAnswer, same: WebAnswer) -> None:
        if (answer.status, answer.body) != (same.status, same.body):
            self.unlike.append(f"{request.url}: {answer.body.decode()} / {same.body.decode()}")


class Afterwards:
    """When the call is over, everything comes once more in a random order."""

    def __init__(self, web: WebClient, chance: Random) -> None:
        self._web = web
        self._chance = chance
        self._sent: list[WebRequest] = []

    async def send(self, request: WebRequest) -> WebAnswer:
        """Send it, and remember it."""
        self._sent.append(request)
        return await self._web.send(request)

    async def settled(self) -> None:
        """The call is over."""
        for again in self._chance.sample(self._sent, len(self._sent)):
            await asyncio.sleep(self._chance.choice((0.0, 0.0, 1.0, 14.0)))
            assert (await self._web.send(again)).status == 200


class StatusAmidst:
    """Before each request there is a status callback that says something older or something known already."""

    def __init__(self, web: WebClient, status: str, auth_token: str) -> None:
        self._web = web
        self._status = status
        self._writer = RequestWriter(auth_token)

    async def send(self, request: WebRequest) -> WebAnswer:
        """The callback first, then the request."""
        if request.method == "POST":
            params = dict(parse_qsl(request.body.decode(), keep_blank_values=True)) | {"CallStatus": self._status}
            url = "https://gateway.example/twilio/status"
            await self._web.send(self._writer.write("POST", url, params, Overrides(), "token"))
        return await self._web.send(request)


class Loses:
    """The requests of some `positions` (from 0) meet with a `loss`; what is asked of the fallback URL does not count.

    The carrier tries a refused connection twice, and both count as one.
    """

    def __init__(self, web: WebClient, positions: tuple[int, ...], loss: Loss) -> None:
        self._web = web
        self._positions = positions
        self._loss = loss
        self._urls: list[str] = []
        self.lost = 0

    async def send(self, request: WebRequest) -> WebAnswer:
        """Send it, or lose it."""
        if request.url.endswith(("/twilio/fallback", "/twilio/status")) or request.method == "GET":
            return await self._web.send(request)
        if not self._urls or self._urls[-1] != request.url:
            self._urls.append(request.url)
        if len(self._urls) - 1 not in self._positions:
            return await self._web.send(request)
        self.lost += 1
        return await self._lose(request)

    async def _lose(self, request: WebRequest) -> WebAnswer:
        match self._loss:
            case "refused":
                raise WebError(CONNECT_FAILED, "connection refused", reached=False)
            case "answer lost":
                await self._web.send(request)
                raise WebError(READ_FAILED, "the connection was reset", reached=True)
            case "time-out":
                await self._web.send(request)
                await asyncio.sleep(60.0)
                raise WebError(READ_FAILED, "no answer in time", reached=True)
            case "502":
                return WebAnswer(status=502, headers=(("content-type", "text/html"),), body=HTML)
            case "HTML":
                await self._web.send(request)
                return WebAnswer(status=200, headers=(("content-type", "text/html"),), body=HTML)


def keeping(made: list[Twice], apart_seconds: float) -> Callable[[WebClient], Twice]:
    """A way on which everything comes twice, kept in `made` for the test to look at."""

    def way(web: WebClient) -> Twice:
        made.append(Twice(web, apart_seconds))
        return made[-1]

    return way
