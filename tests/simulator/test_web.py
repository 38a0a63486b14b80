"""The seam: inside the process and over loopback, the same questions get the same answers."""

import asyncio
import struct
from typing import Any

import pytest
from aiohttp import web

from voicegw.simulator import AsgiWeb, HttpWeb, WebError, WebRequest, run_virtual
from voicegw.simulator.overrides import Overrides, read_overrides
from voicegw.simulator.sounds import recording_seconds

ORIGIN = "https://gateway.example"


def get(path: str = "/", **details: Any) -> WebRequest:
    return WebRequest(method="GET", url=ORIGIN + path, **details)


def ask(app: Any, request: WebRequest) -> Any:
    async def send() -> Any:
        async with AsgiWeb({ORIGIN: app}) as client:
            return await client.send(request)

    return run_virtual(send())


def test_an_application_sees_the_request_as_it_was_written(gateway: Any) -> None:
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        seen.update(scope, body=(await receive())["body"])
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({"type": "http.response.body", "body": b"b"})

    request = WebRequest(method="POST", url=ORIGIN + "/a%2Fb/%C3%A4?c=d%20e", headers=(("X-Y", "z"),), body=b"f")
    answer = ask(app, request)
    assert (answer.status, answer.body, answer.header("X")) == (204, b"ab", "")
    assert (seen["path"], seen["raw_path"], seen["query_string"]) == ("/a/b/ä", b"/a%2Fb/%C3%A4", b"c=d%20e")
    assert dict(seen["headers"]) == {b"host": b"gateway.example", b"x-y": b"z", b"content-length": b"1"}
    assert (seen["scheme"], seen["server"], seen["body"]) == ("https", ("gateway.example", 443), b"f")


def test_an_application_that_breaks_is_a_500_and_in_mid_answer_a_broken_connection() -> None:
    async def breaks(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("oh")

    async def says_nothing(scope: Any, receive: Any, send: Any) -> None:
        return

    async def breaks_off(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("oh")

    assert ask(breaks, get()).status == 500
    assert ask(says_nothing, get()).status == 500
    with pytest.raises(WebError) as caught:
        asyncio.run(AsgiWeb({ORIGIN: breaks_off}).send(get()))
    assert (caught.value.code, caught.value.reached) == (11206, True)


def test_an_application_slower_than_the_read_timeout_is_given_up_and_finishes_by_itself() -> None:
    finished: list[bool] = []

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await asyncio.sleep(20)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            finished.append(True)

    with pytest.raises(WebError) as caught:
        ask(slow, get(read_seconds=2))
    assert caught.value.code == 11200
    assert finished == [True]


def test_a_lifespan_is_run_once_and_its_state_reaches_the_requests() -> None:
    steps: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            steps.append((await receive())["type"])
            scope["state"]["db"] = "open"
            await send({"type": "lifespan.startup.complete"})
            steps.append((await receive())["type"])
            await send({"type": "lifespan.shutdown.complete"})
            return
        steps.append(scope["state"]["db"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def run() -> None:
        async with AsgiWeb({ORIGIN: app, "https://other.example": app}) as client:
            await client.send(get())

    run_virtual(run())
    assert steps == ["lifespan.startup", "open", "lifespan.shutdown"]


def test_an_application_that_does_not_start_is_told() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(RuntimeError, match="no database"):
        ask(app, get())


async def test_over_the_network_a_public_origin_is_reached_where_it_listens() -> None:
    async def handle(request: web.Request) -> web.Response:
        text = f"{request.method} {request.host} {request.headers['X-Forwarded-Proto']} {request.raw_path}"
        return web.Response(text=f"{text} {await request.text()}", status=302, headers={"Location": "/x"})

    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with HttpWeb(reach={ORIGIN: f"http://127.0.0.1:{port}/"}) as client:
            request = WebRequest(method="POST", url=f"{ORIGIN}/a%2Fb?c=d%20e", body=b"x=1")
            answer = await client.send(request)
    finally:
        await runner.cleanup()
    assert answer.status == 302
    assert answer.body == b"POST gateway.example https /a%2Fb?c=d%20e x=1"
    assert answer.header("location") == "/x"


async def _serve(answer: bytes | None, *, at_once: bool = False) -> tuple[asyncio.Server, int]:
    """A server that answers every connection with these bytes and closes it, or, with None, never answers."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not at_once:
            await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("answer", "code", "reached"),
    [(b"nonsense\r\n\r\n", 11206, True), (b"", 11206, True), (None, 11200, True)],
)
async def test_over_the_network_failures_have_the_vendors_codes(answer: bytes | None, code: int, reached: bool) -> None:
    server, port = await _serve(answer)
    async with server, HttpWeb() as client:
        with pytest.raises(WebError) as caught:
            await client.send(WebRequest(method="GET", url=f"http://127.0.0.1:{port}/", read_seconds=0.05))
    assert (caught.value.code, caught.value.reached) == (code, reached)


async def test_over_the_network_a_closed_port_a_plain_port_and_a_bad_url_were_never_reached() -> None:
    server, port = await _serve(b"no TLS here", at_once=True)
    codes: list[int] = []
    async with HttpWeb() as client:
        async with server:
            urls = [f"https://127.0.0.1:{port}/", "http://", "ftp//nothing"]
            for url in urls:
                with pytest.raises(WebError) as caught:
                    await client.send(WebRequest(method="GET", url=url))
                codes.append(caught.value.code)
                assert not caught.value.reached
        with pytest.raises(WebError) as caught:
            await client.send(WebRequest(method="GET", url=f"http://127.0.0.1:{port}/"))
        codes.append(caught.value.code)
    assert codes == [11220, 11210, 11210, 11205]


async def test_without_its_context_the_network_client_refuses() -> None:
    with pytest.raises(RuntimeError):
        await HttpWeb().send(get())


@pytest.mark.parametrize(
    ("url", "bare", "overrides", "warnings"),
    [
        ("https://g/x", "https://g/x", Overrides(), []),
        (
            "https://g/x?a=b#ct=200&rt=300&tt=400&rc=5&rp=4xx,ct",
            "https://g/x?a=b",
            Overrides(
                connect_seconds=0.2, read_seconds=0.3, total_seconds=0.4, retries=5, retry_on=frozenset({"4xx", "ct"})
            ),
            [],
        ),
        ("https://g/x#e=dublin&sni=n&", "https://g/x", Overrides(), []),
        ("https://g/x#ct=99", "https://g/x", Overrides(), [11241]),
        ("https://g/x#rc=six&rp=always", "https://g/x", Overrides(), [11241, 11241]),
        ("https://g/x#section", "https://g/x", Overrides(), [11240]),
    ],
)
def test_overrides_are_read_from_the_fragment(url: str, bare: str, overrides: Overrides, warnings: list[int]) -> None:
    got_bare, got, got_warnings = read_overrides(url)
    assert (got_bare, got, [code for code, _ in got_warnings]) == (bare, overrides, warnings)


def test_all_retries_after_everything() -> None:
    assert Overrides(retry_on=frozenset({"all"})).retries_after("5xx")
    assert not Overrides().retries_after("rt")


@pytest.mark.parametrize(
    ("kind", "body", "seconds"),
    [
        ("audio/basic", b"x" * 4000, 0.5),
        ("audio/mpeg; charset=x", b"x" * 16000, 2.0),
        ("audio/gsm", b"x" * 100, None),
        ("audio/wav", b"RIFF\0\0\0\0WAVE", None),
        ("audio/wav", b"RIFF\0\0\0\0WAVE" + struct.pack("<4sI", b"data", 100) + b"x" * 100, None),
        (
            "audio/wav",
            b"RIFF\0\0\0\0WAVE"
            + struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16)
            + struct.pack("<4sI", b"data", 0xFFFFFFFF)
            + b"x" * 8000,
            0.5,
        ),
    ],
)
def test_the_length_of_a_recording(kind: str, body: bytes, seconds: float | None) -> None:
    assert recording_seconds(kind, body) == seconds
