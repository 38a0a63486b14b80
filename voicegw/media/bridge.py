"""A caller and a speech-to-speech server, bridged: opened once what was said before has been heard, left once.

| what | becomes |
|---|---|
| a plan with `BridgeRealtime`, its prompts heard | `OpenRealtime`, then every key that waited |
| a key | `SendKey`: no entry, no interruption |
| audio of the server's | played after what it said before, by the session's own playout |
| a flush, by server or agent | nothing more of it is played, `InterruptRealtime` with what had been heard |
| the server's end or failure | the event `realtime_ended` or `realtime_unavailable` begins a turn |
| a server that the caller has not heard for long | has failed |
| any other plan | `CloseRealtime`; what the server said before is still heard |

Meanwhile the session does not listen itself: no transcript, no barge-in, no silence, no filler. Knows no socket.
"""

from collections.abc import Callable
from typing import Final

from voicegw.call.inputs import CallerInput, EventRaised
from voicegw.call.instructions import StartRealtime
from voicegw.media.commands import CloseRealtime, Command, InterruptRealtime, OpenRealtime, SendKey
from voicegw.media.prompt_player import PromptPlayer

ENDED_EVENT: Final = "realtime_ended"
UNAVAILABLE_EVENT: Final = "realtime_unavailable"
SILENT: Final = "server-silent"
"""Why a bridge ended whose server connected, answered pings, and let the caller hear nothing. Nobody else would ever
end it: while bridged the silence timer and the turn's time-out rest."""

_HUSHED: Final = bytes(byte for byte in range(256) if ~byte & 0x7F < 0x20)
"""Mulaw below -38 dB (its bits are inverted): what servers send all the time while they have nothing to say."""


class RealtimeBridge:
    """What the session's pump tells of the server comes here. `settle(now)` has the session see to what follows,
    `ask(heard, now)` begins a turn."""

    def __init__(
        self,
        outbox: list[Command],
        player: PromptPlayer,
        settle: Callable[[float], object],
        ask: Callable[[CallerInput, float], None],
        silence_seconds: float,
    ) -> None:
        self._outbox = outbox
        self._player = player
        self._settle = settle
        self._ask = ask
        self._silence_seconds = silence_seconds
        self._silent_from = 0.0
        self._start: StartRealtime | None = None
        self._keys = ""
        self._open = False

    def receive_audio(self, audio: bytes, now: float) -> None:
        """More of what the server says (mulaw, 8 kHz)."""
        if self._open:
            self._player.stream(audio)
            if audio.translate(None, _HUSHED):
                self._silent_from = now + self._player.unsent_seconds
            self._settle(now)

    def receive_flush(self, now: float) -> None:
        """What the server said and the caller has not heard yet is void."""
        if self._open:
            self._outbox.append(InterruptRealtime(heard_seconds=self._player.cut_stream(now)))
            self._silent_from = min(self._silent_from, now)
            self._settle(now)

    def receive_timer(self, now: float) -> None:
        """The time that `next_timer` named has come; at any other time this changes nothing."""
        at = self.next_timer()
        if at is not None and now >= at:
            self.receive_ended(now, failure=SILENT)

    def next_timer(self) -> float | None:
        """When the caller will have heard nothing of the server for too long, counted from the bridge's beginning or
        from the end of its last sound."""
        return self._silent_from + self._silence_seconds if self._open and self._silence_seconds else None

    def receive_ended(self, now: float, *, event: str = ENDED_EVENT, failure: str = "") -> None:
        """The server is done, or failed, or (`UNAVAILABLE_EVENT`) could not be had at all; `failure` is what only we
        have noticed."""
        if self._open:
            if now >= self._silent_from:  # all that is left of it is quiet: nobody must wait until it was heard
                self._player.cut_stream(now)
            self.leave(failure)
            self._ask(EventRaised(name=event), now)
            self._settle(now)

    def begin(self, start: StartRealtime, keys: str) -> None:
        """Bridge as soon as all is heard; `keys` were pressed before. One bridge at a time: again changes nothing."""
        if self._start is None:
            self._start = start
            self._keys = keys

    def open(self, now: float) -> None:
        """All has been heard. Again changes nothing."""
        if self._start is not None and not self._open:
            self._open = True
            self._silent_from = now
            self._outbox.append(OpenRealtime(start=self._start))
            self._outbox += [SendKey(key=key) for key in self._keys]
            self._keys = ""

    def press(self, key: str) -> None:
        """The caller pressed a key."""
        if self._open:
            self._outbox.append(SendKey(key=key))
        else:
            self._keys += key

    def leave(self, failure: str = "") -> str:
        """No bridge any more. Returns the keys that nobody has taken. Again changes nothing."""
        if self._open:
            self._outbox.append(CloseRealtime(failure=failure))
        keys = self._keys
        self._start, self._keys, self._open = None, "", False
        self._player.end_stream()
        return keys

    def close(self) -> None:
        """No bridge ever again. The session knows us, so we forget it: it need not wait for the garbage collector."""
        self.leave()
        del self._settle, self._ask
