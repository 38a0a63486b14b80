"""A server of stream calls as a process of its own, pinned to core 0. Run as `python -m bench.served_stream NAME
AGENT_URL DIRECTORY`; prints its port once it answers, and stops when its standard input ends.

`gateway` is `voicegw serve` in stream mode with call log and metrics, Silero's model listening on every line; what
would be another machine's work is stood in for: a recogniser that answers at once, a voice that has its clip ready.
`gateway, offline speech` has the real ones; `gateway, provider sockets` has Deepgram's adapters, which reach
`bench.speech_provider` at DEEPGRAM_BASE_URL: a WebSocket for each call, a request for each sentence.
`floor` is the barest loop that hears and speaks: one protocol object a call, energy in place of a model, no agent.
"""

import asyncio
import audioop
import base64
import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from bench.signed_calls import ACCOUNT_SID, AUTH_TOKEN, PUBLIC_URL
from voicegw.app import LIVE_STATE_SECONDS, Gateway
from voicegw.audio.mulaw import MULAW_RATE_HZ
from voicegw.call.profile import Mode, NumberProfile
from voicegw.cli.logs import configure_logs
from voicegw.cli.serving import Site, listen, run, spare_the_collector
from voicegw.config import Settings, Twilio, Voiceflow
from voicegw.live.ports import ListenRequest, Speech, SpeechRequest, Transcript, TurnModel
from voicegw.operations import Operations
from voicegw.speech.deepgram_stt import DeepgramRecogniser
from voicegw.speech.deepgram_tts import DeepgramVoice
from voicegw.speech.factory import create_speech
from voicegw.speech.failover_ears import FailoverEars
from voicegw.speech.failover_voices import FailoverVoices
from voicegw.speech.silero import SileroDetector
from voicegw.store.sqlite import SqliteStore
from voicegw.voiceflow.transport import AiohttpTransport

GATEWAY, FLOOR, PIPECAT = "gateway", "floor", "pipecat"
OFFLINE, PROVIDED = "gateway, offline speech", "gateway, provider sockets"
GATEWAYS = (GATEWAY, OFFLINE, PROVIDED)
PEERS = os.environ.get("VOICEGW_BENCH_PEERS", "")
"""A Python that has pipecat."""
CLIP_SECONDS = 2.5
_PIECE_BYTES = 1600


def clip(path: Path) -> bytes:
    """What every server says: the same mulaw file."""
    return path.read_bytes()[: int(CLIP_SECONDS * MULAW_RATE_HZ)]


@asynccontextmanager
async def served(name: str, agent_url: str, directory: Path) -> AsyncIterator[tuple[int, int]]:
    """Such a process, from the outside: its port and process id."""
    python, module = (PEERS, "bench.pipecat_stream") if name == PIPECAT else (sys.executable, __name__)
    process = await asyncio.create_subprocess_exec(
        python, "-m", module, name, agent_url, str(directory),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=(directory / "errors").open("wb"),
    )  # fmt: skip
    assert process.stdout is not None  # noqa: S101 (asked for above)
    port = await process.stdout.readline()
    if not port.strip():
        raise RuntimeError(f"{name} did not start: {(directory / 'errors').read_text()[-2000:]}")
    try:
        yield int(port), process.pid
    finally:
        await process.communicate(b"")  # its standard input ends


class _ReadyVoice:
    """Speaks the same clip, whatever it is asked to say."""

    def __init__(self, audio: bytes) -> None:
        self._audio = audio

    async def speak(self, request: SpeechRequest) -> AsyncIterator[bytes]:  # noqa: ARG002
        for at in range(0, len(self._audio), _PIECE_BYTES):
            yield self._audio[at : at + _PIECE_BYTES]
            await asyncio.sleep(0)


class _ReadyEar:
    """Understands the same words in every speech, as soon as it is over."""

    def __init__(self, tell: Callable[[Transcript], None]) -> None:
        self._tell = tell

    def begin(self, speech: int, before: bytes) -> None: ...

    def put(self, audio: bytes) -> None: ...

    def pause(self, speech: int) -> None: ...

    def finish(self, speech: int, quiet_seconds: float) -> None:  # noqa: ARG002
        heard = Transcript(speech=speech, text="I would like an appointment tomorrow", final=True, confidence=0.9)
        asyncio.get_running_loop().call_soon(self._tell, heard)

    def ask_again(self, request: ListenRequest) -> None: ...

    async def close(self) -> None: ...


class _ReadyEars:
    def open(self, request: ListenRequest, tell: Callable[[Transcript], None]) -> _ReadyEar:  # noqa: ARG002
        return _ReadyEar(tell)


@dataclass(frozen=True)
class _Speech:
    """Implements `live.ports.Speech`."""

    detector: SileroDetector
    stt: _ReadyEars | FailoverEars
    tts: _ReadyVoice | FailoverVoices
    turn_model: TurnModel | None = None

    async def close(self) -> None:
        await self.detector.close()
        if isinstance(self.stt, FailoverEars) and isinstance(self.tts, FailoverVoices):
            await asyncio.gather(self.stt.close(), self.tts.close())


def _speech(name: str, directory: Path) -> Speech:
    if name == OFFLINE:
        return create_speech()
    if name == GATEWAY:
        return _Speech(SileroDetector(), _ReadyEars(), _ReadyVoice(clip(directory / "clip.ulaw")))
    key, url = "bench", os.environ["DEEPGRAM_BASE_URL"]
    ears = FailoverEars([DeepgramRecogniser(key, base_url=url)])
    return _Speech(SileroDetector(), ears, FailoverVoices([DeepgramVoice(key, base_url=url)]))


async def _serve_gateway(name: str, agent_url: str, directory: Path) -> None:
    settings = Settings(
        twilio=Twilio(account_sid=ACCOUNT_SID, auth_tokens=(AUTH_TOKEN,)),
        public_url=PUBLIC_URL,
        numbers=(NumberProfile(mode=Mode.STREAM),),
        max_live_calls=10_000,
        live_store_path=directory / "live.db",
        database_url=f"sqlite:///{directory}/calls.db",
        voiceflow=Voiceflow(api_key="VF.DM.bench", project_id="bench", base_url=agent_url),
    )
    listening = listen("127.0.0.1", 0)
    speech = _speech(name, directory)
    gateway = Gateway(
        settings,
        store=SqliteStore(settings.live_store_path, wall=time.time, lifetime_seconds=LIVE_STATE_SECONDS),
        transport=AiohttpTransport(),
        operations=Operations(settings, clock=asyncio.get_running_loop().time),
        speech=speech,
    )
    async with Site(gateway.asgi, listening, gateway.media_sockets) as site, gateway.running():
        spare_the_collector()
        site.open()
        await _until_told(listening.getsockname()[1])


class _FloorCall(asyncio.Protocol):
    """Hears by energy, answers half a second after it fell: frames are found by searching for their payload."""

    _PAYLOAD = re.compile(rb'"payload": ?"([^"]*)"')
    _STREAM = re.compile(rb'"streamSid": ?"([^"]*)"')
    _LOUD, _QUIET_FRAMES, _PIECE = 500, 25, 1600

    def __init__(self, audio: bytes) -> None:
        self._audio = audio
        self._received = b""
        self._open = False
        self._quiet: int | None = None
        self._stream = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._open:
            if b"\r\n\r\n" not in self._received:
                return
            key = re.search(rb"Sec-WebSocket-Key: (\S+)", self._received)
            guid = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            accept = base64.b64encode(hashlib.sha1((key[1] if key else b"") + guid).digest())  # noqa: S324 (RFC 6455)
            self._transport.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            )
            self._received = self._received.partition(b"\r\n\r\n")[2]
            self._open = True
        while len(self._received) >= 8:
            size, start = self._received[1] & 0x7F, 6
            if size == 126:
                size, start = int.from_bytes(self._received[2:4], "big"), 8
            if len(self._received) < start + size:
                return
            self._hear(self._received[start : start + size])
            self._received = self._received[start + size :]

    def _hear(self, text: bytes) -> None:
        found = self._PAYLOAD.search(text)
        if found is None:
            if (stream := self._STREAM.search(text)) is not None:
                self._stream = stream[1]
            return
        loud = audioop.rms(audioop.ulaw2lin(base64.b64decode(found[1]), 2), 2) > self._LOUD
        if loud:
            self._quiet = 0
        elif self._quiet is not None:
            self._quiet += 1
            if self._quiet == self._QUIET_FRAMES:
                self._quiet = None
                self._say(0)

    def _say(self, at: int) -> None:
        piece = self._audio[at : at + self._PIECE]
        if not piece or self._transport.is_closing():
            return
        text = b'{"event":"media","streamSid":"%s","media":{"payload":"%s"}}' % (self._stream, base64.b64encode(piece))
        self._transport.write(b"\x81\x7e" + len(text).to_bytes(2, "big") + text)
        ahead = len(piece) / MULAW_RATE_HZ - (0.1 if at == 0 else 0.0)
        asyncio.get_running_loop().call_later(ahead, self._say, at + self._PIECE)


async def _serve_floor(directory: Path) -> None:
    audio = clip(directory / "clip.ulaw") * 2
    server = await asyncio.get_running_loop().create_server(lambda: _FloorCall(audio), "127.0.0.1", 0)
    await _until_told(server.sockets[0].getsockname()[1])


async def _until_told(port: int) -> None:
    print(port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def main(name: str, agent_url: str, directory: str) -> None:
    """Serve until standard input ends."""
    os.sched_setaffinity(0, {0})
    configure_logs()
    run(_serve_gateway(name, agent_url, Path(directory)) if name in GATEWAYS else _serve_floor(Path(directory)))


if __name__ == "__main__":
    main(*sys.argv[1:])
