"""OpenAI's Realtime API (and servers that speak it): mulaw both ways, the server's own detector takes turns.

When the caller speaks, the server stops its answer by itself; what the caller had not heard of it is cut off in the
conversation too ("conversation.item.truncate"), so that the model knows how far it came. The model speaks first.
"""

import asyncio
from collections.abc import Mapping
from typing import Final, assert_never

import structlog

from voicegw.errors import RealtimeError
from voicegw.live.ports import BridgeListener, BridgeRequest
from voicegw.realtime import openai_messages as messages
from voicegw.realtime.encodings import open_converters
from voicegw.realtime.link import CONNECT_SECONDS, Link, open_link
from voicegw.realtime.spoken_items import SpokenItems

KEYS_GAP_SECONDS: Final = 1.5
"""Keys that follow each other within this time are one entry to the model."""

_log = structlog.get_logger(__name__)


class OpenAiRealtime:
    """The API at one address. What `instructions` and `voice` leave empty is the server's own choice."""

    def __init__(self, url: str, headers: Mapping[str, str], *, instructions: str = "", voice: str = "") -> None:
        self._url = url
        self._headers = headers
        self._update = messages.render_session_update(instructions=instructions, voice=voice)

    async def open(self, request: BridgeRequest, listener: BridgeListener) -> "OpenAiBridge":
        """Connect, and wait until the session is as we need it. Raises `RealtimeError` (unavailable, refused, or an
        encoding that we cannot give: the API is spoken to in mulaw, but the trace must be one that we could serve)."""
        open_converters(request.start)
        link = await open_link(self._url, self._headers, request.call_sid)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                link.put_control(self._update)
                await _await_session(link)
        except TimeoutError as exc:
            await link.leave()
            raise RealtimeError(f"the realtime server did not take the session within {CONNECT_SECONDS:g} s") from exc
        except BaseException:
            await link.leave()
            raise
        bridge = OpenAiBridge(link, listener)
        link.put_control(messages.render_response_create())
        link.start(bridge.receive, bridge.end)
        return bridge


async def _await_session(link: Link) -> None:
    while True:
        event = messages.parse_openai_event(await link.receive_first())
        match event:
            case messages.SessionUpdated():
                return
            case messages.ServerError(code=code, message=message):
                raise RealtimeError(f"the realtime server refuses the session: {message}", brief=f"refused: {code}")
            case _:
                pass


class OpenAiBridge:
    """One caller's conversation with the model."""

    def __init__(self, link: Link, listener: BridgeListener) -> None:
        self._link = link
        self._listener = listener
        self._spoken = SpokenItems()
        self._answering = False
        self._keys = ""
        self._keys_timer: asyncio.TimerHandle | None = None

    def put(self, audio: bytes) -> None:
        """The next piece of what the caller says, as 8 kHz mulaw."""
        self._link.put_audio(messages.render_audio(audio))

    def press(self, key: str) -> None:
        """The caller pressed a key: told to the model with those that follow it soon, once it has finished speaking."""
        self._keys += key
        self._stop_keys_timer()
        self._keys_timer = asyncio.get_running_loop().call_later(KEYS_GAP_SECONDS, self._tell_keys)

    def interrupt(self, heard_seconds: float) -> None:
        """The caller had heard this much since the last interruption; what came after it never was said."""
        if self._answering:
            self._link.put_control(messages.render_response_cancel())
            self._answering = False
        for item_id, content_index, seconds in self._spoken.cut(heard_seconds):
            self._link.put_control(messages.render_truncate(item_id, content_index, seconds))

    async def close(self) -> None:
        """Leave, within two seconds."""
        self._stop_keys_timer()
        await self._link.leave()

    async def receive(self, message: str | bytes) -> str:
        """Take one event of the server's; returns why the bridge is to end, empty while it goes on."""
        event = messages.parse_openai_event(message)
        match event:
            case messages.AudioDelta(item_id=item_id, content_index=content_index, audio=audio):
                if self._spoken.add(item_id, content_index, len(audio)):
                    self._listener.hear_agent(audio)
            case messages.CallerSpoke():
                self._answering = False  # "interrupt_response": the server has cancelled it already
                self._spoken.interrupt()
                self._listener.flush()
            case messages.ResponseBegan():
                self._answering = True
            case messages.ResponseEnded(failure=failure):
                self._answering = False
                if failure:
                    _log.warning("realtime model cannot answer", code=failure)
                    return "server-failed"
                if self._keys and self._keys_timer is None:
                    self._tell_keys()
            case messages.ServerError(code=code):
                # "Most errors are recoverable and the session will stay open"; where it does not, the socket closes.
                _log.warning("realtime server reports an error", code=code)
            case messages.SessionUpdated() | messages.Unknown():
                pass
            case _:
                assert_never(event)
        return ""

    def end(self, reason: str) -> None:
        """The server has gone: nobody is told of keys any more."""
        self._stop_keys_timer()
        self._listener.end(reason)

    def _tell_keys(self) -> None:
        self._stop_keys_timer()
        if self._answering:
            return  # "Conversation already has an active response": told when it has ended
        keys, self._keys = self._keys, ""
        self._link.put_control(messages.render_keys(keys))
        self._link.put_control(messages.render_response_create())

    def _stop_keys_timer(self) -> None:
        if self._keys_timer is not None:
            self._keys_timer.cancel()
            self._keys_timer = None
