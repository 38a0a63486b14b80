"""Audio made for the tests, ears that measure it, and an internet of two machines: one public, one of our own."""

import asyncio
import math
import socket
import ssl
import struct
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from voicegw.audio.mulaw import decode_mulaw
from voicegw.audio.wav import FORMAT_MULAW, parse_wav
from voicegw.prompts.guarded_fetch import GuardedFetcher
from voicegw.prompts.public_sources import SourceRules

FIXTURES = Path(__file__).parent / "fixtures"


class Ear:
    """Measures an 8 kHz mulaw WAV, after making sure that it is one."""

    def __init__(self, wav: bytes) -> None:
        header = parse_wav(wav)
        assert (header.format_tag, header.channels, header.rate_hz) == (FORMAT_MULAW, 1, 8_000)
        self.mulaw = wav[header.data_offset : header.data_offset + header.data_bytes]
        self.samples: npt.NDArray[np.float64] = np.frombuffer(decode_mulaw(self.mulaw), "<i2").astype(float)

    @property
    def seconds(self) -> float:
        return len(self.samples) / 8_000

    @property
    def loudness(self) -> float:
        """Root mean square, in sample units."""
        return float(np.sqrt(np.mean(self.samples**2)))

    @property
    def pitch_hz(self) -> float:
        spectrum = np.abs(np.fft.rfft(self.samples * np.hanning(len(self.samples))))
        return float(np.argmax(spectrum)) * 8_000 / len(self.samples)


class Studio:
    """Makes audio in the formats that need no encoder, and reads the files of those that do."""

    def hear(self, wav: bytes) -> Ear:
        return Ear(wav)

    def fixture(self, name: str) -> bytes:
        return (FIXTURES / name).read_bytes()

    def sine(self, frequency_hz: float, rate_hz: int, seconds: float = 0.5) -> bytes:
        """16-bit little-endian mono samples of a sine."""
        at = np.arange(round(seconds * rate_hz)) / rate_hz
        return np.round(np.sin(2 * math.pi * frequency_hz * at) * 8_000).astype("<i2").tobytes()

    def endless_flac(self, seconds: float) -> bytes:
        """A FLAC file of silence: 14 bytes for every 8 seconds. Its header does not say how long it is."""
        block, rate_hz = 65_535, 8_000
        rate_channels_bits_total = rate_hz << 44 | 0 << 41 | 15 << 36
        stream_info = struct.pack(">HH6xQ16x", block, block, rate_channels_bits_total)
        frames = []
        for number in range(math.ceil(seconds * rate_hz / block)):
            head = b"\xff\xf8\x74\x08" + chr(number).encode() + struct.pack(">H", block - 1)
            frame = head + bytes([crc(head, 0x07, 8)]) + b"\0" + b"\0\0"  # one constant sub-frame of zeros
            frames.append(frame + struct.pack(">H", crc(frame, 0x8005, 16)))
        return b"fLaC" + b"\x80\0\0\x22" + stream_info + b"".join(frames)

    def endless_mp3(self) -> bytes:
        """Some minutes of a tone: the frames of a short file again and again, without the one that counts them."""
        short = self.fixture("tone_24khz_mono.mp3")
        counting_frame_at, counting_frame_bytes = short.index(b"\xff\xf3"), 192
        return short[counting_frame_at + counting_frame_bytes :] * 400


def crc(message: bytes, polynomial: int, bits: int) -> int:
    remainder, top = 0, 1 << (bits - 1)
    for byte in message:
        remainder ^= byte << (bits - 8)
        for _ in range(8):
            remainder = (remainder << 1 ^ polynomial if remainder & top else remainder << 1) & ((1 << bits) - 1)
    return remainder


@pytest.fixture(scope="session")
def studio() -> Studio:
    return Studio()


PUBLIC_ADDRESS = "93.184.215.14"
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Internet:
    """Public addresses lead to `server`, all others to the canary of our own network, whom nobody may ever reach.

    `names` says what a name resolves to, one answer after the other, the last for good; other names are our own.
    """

    def __init__(self) -> None:
        self.names: dict[str, list[list[str]]] = {"public.example": [[PUBLIC_ADDRESS]]}
        self.looked_up: defaultdict[str, int] = defaultdict(int)
        self.dialled: list[str] = []
        self.canary_hits = 0
        self.requests: list[bytes] = []
        self.answers: dict[str, bytes | Answer] = {}
        self.port = self.canary_port = 0

    async def open(self, tls: ssl.SSLContext | None = None) -> "Internet":
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        canary = await asyncio.start_server(self._sing, "127.0.0.1", 0)
        self.port, self.canary_port = (made.sockets[0].getsockname()[1] for made in (server, canary))
        self._servers = [server, canary]
        return self

    def close(self) -> None:
        for server in self._servers:
            server.close()

    def answer(self, path: str, *head: str, body: bytes = b"", status: str = "200 OK") -> None:
        """What the public server says to whoever asks for this path."""
        lines = [f"HTTP/1.1 {status}", *head, f"Content-Length: {len(body)}", "", ""]
        self.answers[path] = "\r\n".join(lines).encode("utf-8", "surrogateescape") + body

    def assert_only_public_was_reached(self) -> None:
        assert self.canary_hits == 0
        assert set(self.dialled) <= {PUBLIC_ADDRESS}

    async def look_up(self, host: str, port: int) -> Sequence[str]:
        self.looked_up[host] += 1
        answers = self.names.get(host, [["127.0.0.1"]])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def open_socket(self, address: Any) -> socket.socket:
        internet = self

        class RoutedSocket(socket.socket):
            def connect(self, towards: Any) -> None:
                internet.dialled.append(towards[0])
                port = internet.port if towards[0] == PUBLIC_ADDRESS else internet.canary_port
                super().connect(("127.0.0.1", port))

        return RoutedSocket(socket.AF_INET, socket.SOCK_STREAM)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(request)
            path = request.split(b" ", 2)[1].decode()
            answer = self.answers.get(path, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # whoever asked has gone
        finally:
            writer.close()

    async def _sing(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.canary_hits += 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\nContent-Length: 6\r\n\r\nsecret")
        writer.close()


@pytest.fixture
async def internet() -> AsyncIterator[Internet]:
    made = await Internet().open()
    yield made
    made.close()


@pytest.fixture
async def fetcher(internet: Internet) -> AsyncIterator[GuardedFetcher]:
    """One that is kept back by its guard alone: http and the ports of both machines are allowed."""
    rules = SourceRules(allow_http=True, extra_ports=frozenset({internet.port, internet.canary_port}))
    async with GuardedFetcher(rules, lookup=internet.look_up, open_socket=internet.open_socket) as made:
        yield made
