"""A caller's ways to a realtime server, one at a time: opened, fed and left as the session says. Knows no protocol.

One task owns a connection from the wish for it until it is left. While it is being opened keys wait, and what the
caller says is dropped: nobody is there to hear it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

import structlog

from voicegw.call.entries import Journal
from voicegw.call.records import KeysPressed, Noted
from voicegw.call.state import CallState
from voicegw.errors import RealtimeError
from voicegw.live.ports import Bridge, BridgeRequest, Realtime
from voicegw.media import commands as c

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeSink:
    """Who is told what the server brings: its audio, that what was not heard is void, that it is gone (and whether it
    was ever here)."""

    receive: Callable[[bytes], None]
    flush: Callable[[], None]
    end: Callable[[bool], None]


class Bridging:
    """The bridges of one stream. `active` from the wish for one until it is left."""

    def __init__(self, realtime: Realtime | None, sink: BridgeSink, journal: Journal) -> None:
        self._realtime = realtime
        self._sink = sink
        self._journal = journal
        self._current: _CallerBridge | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def active(self) -> bool:
        """Is the caller's audio the server's?"""
        return self._current is not None

    def put(self, audio: bytes) -> None:
        """The next piece of what the caller says."""
        if self._current is not None:
            self._current.put(audio)

    def obey(
        self, command: c.OpenRealtime | c.SendKey | c.InterruptRealtime | c.CloseRealtime, state: CallState
    ) -> None:
        """Do what the session asks for."""
        match command:
            case c.OpenRealtime(start=start):
                request = BridgeRequest(call_sid=state.call_sid, session_key=state.session_key, start=start)
                self._open(request)
            case c.SendKey(key=key):
                pressed = KeysPressed(keys=key, sensitive=state.agent.sensitive)
                self._journal.note(state.call_sid, pressed, state.turn)
                if self._current is not None:
                    self._current.press(key)
            case c.InterruptRealtime(heard_seconds=heard_seconds):
                if self._current is not None:
                    self._current.interrupt(heard_seconds)
            case c.CloseRealtime(failure=failure):
                if self._current is not None:
                    self._current.leave(failure)
                    self._current = None
            case _:
                assert_never(command)

    async def close(self) -> None:
        """Leave, within two seconds."""
        if self._current is not None:
            self._current.leave()
            self._current = None
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _open(self, request: BridgeRequest) -> None:
        if self._realtime is None:
            self._sink.end(False)
            return
        self._current = _CallerBridge(self._sink, self._journal, request.call_sid)
        task = asyncio.create_task(self._current.run(self._realtime, request), name=f"bridge-{request.call_sid}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _CallerBridge:
    """One bridge, for once. Implements `live.ports.BridgeListener`."""

    def __init__(self, sink: BridgeSink, journal: Journal, call_sid: str) -> None:
        self._sink: BridgeSink | None = sink
        self._journal = journal
        self._call_sid = call_sid
        self._bridge: Bridge | None = None
        self._keys = ""
        self._over = asyncio.Event()

    async def run(self, realtime: Realtime, request: BridgeRequest) -> None:
        """Open it, and close it once it is over."""
        opening = asyncio.create_task(realtime.open(request, self))
        leaving = asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait({opening, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if opening.done():
                self._bridge = opening.result()
                self._begin()
                await leaving
        except RealtimeError as error:
            _log.warning("realtime server unavailable", call_sid=self._call_sid, reason=error.brief)
            self._end(error.brief, was_here=False)
        except Exception:  # the task's root: the agent is told, the operator reads the traceback
            _log.exception("realtime server unavailable", call_sid=self._call_sid)
            self._end("crashed", was_here=False)
        finally:
            opening.cancel()
            leaving.cancel()
            await asyncio.wait({opening, leaving})
            if self._bridge is not None:
                await self._bridge.close()

    def put(self, audio: bytes) -> None:
        if self._bridge is not None:
            self._bridge.put(audio)

    def press(self, key: str) -> None:
        if self._bridge is not None:
            self._bridge.press(key)
        else:
            self._keys += key

    def interrupt(self, heard_seconds: float) -> None:
        if self._bridge is not None:
            self._bridge.interrupt(heard_seconds)

    def leave(self, failure: str = "") -> None:
        """Begin to leave; nobody is told anything any more. `failure`: why, where the server is at fault."""
        if failure and self._sink is not None:
            _log.warning("realtime server failed", call_sid=self._call_sid, reason=failure)
            self._journal.note(self._call_sid, Noted(about="realtime-ended", fields={"reason": failure}))
        self._sink = None
        self._over.set()

    def hear_agent(self, audio: bytes) -> None:
        """See `BridgeListener.hear_agent`."""
        if self._sink is not None:
            self._sink.receive(audio)

    def flush(self) -> None:
        """See `BridgeListener.flush`."""
        if self._sink is not None:
            self._sink.flush()

    def end(self, reason: str) -> None:
        """See `BridgeListener.end`."""
        self._end(reason, was_here=True)

    def _begin(self) -> None:
        self._journal.note(self._call_sid, Noted(about="realtime-began"))
        for key in self._keys:
            self.press(key)

    def _end(self, reason: str, *, was_here: bool) -> None:
        sink, self._sink = self._sink, None
        self._over.set()
        if sink is not None:
            about = "realtime-ended" if was_here else "realtime-unavailable"
            self._journal.note(self._call_sid, Noted(about=about, fields={"reason": reason}))
            sink.end(was_here)
