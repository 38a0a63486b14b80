"""Serving an ASGI application from a running loop: on a socket that is ours first, and without signal handlers."""

import asyncio
import gc
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Self, TypeVar

import uvicorn

from voicegw.cli.bounded_http import BoundedHttp
from voicegw.cli.direct_media import upgrade_to
from voicegw.errors import SettingsError
from voicegw.twilio.direct_socket import DirectSockets

_Result = TypeVar("_Result")

KEEP_ALIVE_SECONDS = 5
# What is being answered when the server closes gets this long; calls have been waited for before.
CLOSE_SECONDS = 5
# More connections than calls could ever need; beyond it clients get a 503 at once, not a process without files.
MAX_CONNECTIONS = 900
# Far more than any message of a media stream
MAX_FRAME_BYTES = 64 * 1024

AsgiApp = Callable[..., Awaitable[None]]


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes a free one. Connections wait in it until a server opens.

    Raises `SettingsError` where that cannot be.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as exc:
        raise SettingsError(
            f"cannot listen on {host}, port {port}: {exc.strerror or exc}. "
            "Stop what listens there, or set another VOICEGW_HOST or VOICEGW_PORT."
        ) from exc


def spare_the_collector() -> None:
    """What a process holds once it has started is no garbage: leave it out of every collection to come, and collect
    what is young less often. A turn makes some thousand objects; nearly all of them die without the collector."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 10)


def address_of(listening: socket.socket) -> str:
    """The http origin of a listening socket."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Site:
    """One application on one socket, with the media streams of its calls. Enter it, `open` it; leaving closes it, and
    waits for answers under way."""

    def __init__(self, app: AsgiApp, listening: socket.socket, media: DirectSockets | None = None) -> None:
        self._socket = listening
        self._server = _QuietServer(
            uvicorn.Config(
                app,
                http=BoundedHttp,
                ws="websockets-sansio" if media is None else upgrade_to(media, MAX_FRAME_BYTES),  # type: ignore[arg-type]
                ws_max_size=MAX_FRAME_BYTES,
                ws_per_message_deflate=False,  # a small frame could unfold to a large one
                ws_ping_interval=None,  # a caller's line is never quiet: who sends nothing is noticed sooner
                lifespan="off",  # whoever makes the application also starts and stops it
                log_config=None,
                access_log=False,
                proxy_headers=False,  # nothing may depend on X-Forwarded-*: any client can write it
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=CLOSE_SECONDS,
                limit_concurrency=MAX_CONNECTIONS,
            )
        )
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = True
        if self._running is not None:
            await self._running
        self._socket.close()

    def open(self) -> None:
        """Answer, those first who have been waiting."""
        self._running = asyncio.create_task(self._server.serve(sockets=[self._socket]), name="server")


class _QuietServer(uvicorn.Server):
    """Uvicorn without its signal handlers: what a signal means is decided by the command that runs."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run(main: Coroutine[Any, Any, _Result]) -> _Result:
    """Run to the end on uvloop, or on asyncio's own loop where there is no uvloop (Windows).

    A task that was cancelled from within ends as Ctrl-C does: by KeyboardInterrupt.
    """
    try:
        from uvloop import new_event_loop  # noqa: PLC0415 - not installed on every platform
    except ImportError:
        loop_factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    else:
        loop_factory = new_event_loop
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        try:
            return runner.run(main)
        except asyncio.CancelledError as exc:
            raise KeyboardInterrupt from exc
