"""A stand-in server for each test of this room."""

from collections.abc import AsyncIterator

import pytest
from stand_in_server import Memory, Server
from websockets.asyncio.server import serve


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    stand_in = Server()
    async with serve(stand_in.handle, "127.0.0.1", 0, max_size=None, close_timeout=0.1) as listening:
        host, port = next(iter(listening.sockets)).getsockname()[:2]
        stand_in.url = f"ws://{host}:{port}/realtime"
        yield stand_in
        stand_in.over.set()


@pytest.fixture
def memory() -> Memory:
    return Memory()
