"""A provider of speech as a process of its own, in Deepgram's protocol: `/v1/listen` (a WebSocket) and `/v1/speak`.

It understands the same words in every speech, tells of them once a second while it hears, and settles them when it is
told to `Finalize`; it speaks the same clip, whatever it is asked to say, five times as fast as it sounds. Run by
`bench.stream_load` as `python -m bench.speech_provider CLIP`; prints its port, and stops when its standard input ends.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import uvloop
from aiohttp import WSMsgType, web

from voicegw.audio.mulaw import MULAW_RATE_HZ

_WORDS = "I would like an appointment tomorrow"
_TOLD_EVERY_BYTES = MULAW_RATE_HZ
_PIECE_BYTES = 2_000
_PIECE_SECONDS = _PIECE_BYTES / MULAW_RATE_HZ / 5


@asynccontextmanager
async def provided(clip: Path) -> AsyncIterator[str]:
    """Such a process, from the outside: its URL."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, str(clip), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None  # noqa: S101 (asked for above)
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        await process.communicate(b"")  # its standard input ends


def _results(begin: int, end: int, *, is_final: bool, from_finalize: bool = False) -> str:
    alternative = {"transcript": _WORDS if end > begin else "", "confidence": 0.98, "words": []}
    results = {
        "type": "Results",
        "channel_index": [0, 1],
        "start": begin / MULAW_RATE_HZ,
        "duration": (end - begin) / MULAW_RATE_HZ,
        "is_final": is_final,
        "speech_final": is_final,
        "from_finalize": from_finalize,
        "channel": {"alternatives": [alternative]},
        "metadata": {"request_id": "bench", "model_info": {}, "model_uuid": "bench"},
    }
    return json.dumps(results)


async def _listen(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    settled = told = heard = 0
    async for message in socket:
        if message.type is WSMsgType.BINARY:
            heard += len(message.data)
            if heard - told >= _TOLD_EVERY_BYTES:
                told = heard
                await socket.send_str(_results(settled, heard, is_final=False))
        elif message.type is WSMsgType.TEXT and '"Finalize"' in message.data:
            await socket.send_str(_results(settled, heard, is_final=True, from_finalize=True))
            settled = told = heard
    return socket


def _application(clip: bytes) -> web.Application:
    async def speak(request: web.Request) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse(headers={"content-type": "audio/mulaw"})
        await response.prepare(request)
        with suppress(ConnectionError):  # who is interrupted wants no more of it
            for at in range(0, len(clip), _PIECE_BYTES):
                await response.write(clip[at : at + _PIECE_BYTES])
                await asyncio.sleep(_PIECE_SECONDS)
        return response

    application = web.Application()
    application.router.add_get("/v1/listen", _listen)
    application.router.add_post("/v1/speak", speak)
    return application


async def _serve(clip: bytes) -> None:
    runner = web.AppRunner(_application(clip), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    from bench.served_stream import clip

    uvloop.run(_serve(clip(Path(sys.argv[1]))))
