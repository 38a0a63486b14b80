"""Live-call state in this process: nothing survives it. For tests, and for a gateway that may forget."""

from collections.abc import Callable
from dataclasses import dataclass, field

from voicegw.errors import StaleVersion
from voicegw.turns.ports import RECORDING_REST_SECONDS, RECORDINGS_KEPT, StoredAudio, StoredCall, StoredTurn


@dataclass(slots=True)
class _Turn:
    entries: list[bytes] = field(default_factory=list)
    over: bool = False
    beat_at: float = 0.0


@dataclass(slots=True)
class _Call:
    document: bytes
    version: int
    expires_at: float
    live: bool = True
    turns: dict[int, _Turn] = field(default_factory=dict)
    answers: dict[str, bytes] = field(default_factory=dict)
    audio: list[str] = field(default_factory=list)


class MemoryStore:
    """Implements `turns.ports.CallStore` in dictionaries. `wall` gives epoch seconds."""

    def __init__(self, *, wall: Callable[[], float], lifetime_seconds: float) -> None:
        self._wall = wall
        self._lifetime = lifetime_seconds
        self._calls: dict[str, _Call] = {}
        self._audio: dict[str, StoredAudio] = {}
        self._names: dict[str, tuple[str, float]] = {}
        self._counts: dict[tuple[str, int], tuple[int, float]] = {}

    async def create_call(self, call_sid: str, document: bytes) -> bool:
        if self._known(call_sid) is not None:
            return False
        self._calls[call_sid] = _Call(document, 1, self._expiry())
        return True

    async def load_call(self, call_sid: str) -> StoredCall | None:
        call = self._known(call_sid)
        return StoredCall(call.document, call.version) if call else None

    async def save_call(
        self,
        call_sid: str,
        document: bytes,
        version: int,
        *,
        answered: tuple[str, bytes] | None = None,
        live: bool = True,
    ) -> int:
        call = self._known(call_sid)
        if call is None or call.version != version:
            raise StaleVersion(f"call {call_sid} is not at version {version} any more")
        call.document, call.version, call.expires_at, call.live = document, version + 1, self._expiry(), live
        if answered is not None:
            step, answer = answered
            call.answers[step] = answer
        return call.version

    async def live_calls(self) -> tuple[str, ...]:
        now = self._wall()
        return tuple(call_sid for call_sid, call in self._calls.items() if call.live and call.expires_at > now)

    async def forget_call(self, call_sid: str) -> None:
        if (call := self._calls.pop(call_sid, None)) is not None:
            self._drop_audio(call, kept=0)

    async def append_turn(self, call_sid: str, turn: int, entries: tuple[bytes, ...], *, over: bool) -> None:
        if (call := self._known(call_sid)) is None:
            return
        if turn not in call.turns:
            call.turns = {known: progress for known, progress in call.turns.items() if known >= turn - 1}
        progress = call.turns.setdefault(turn, _Turn())
        progress.entries.extend(entries)
        progress.over = progress.over or over
        progress.beat_at = self._wall()
        call.expires_at = self._expiry()

    async def read_turn(self, call_sid: str, turn: int) -> StoredTurn | None:
        call = self._known(call_sid)
        progress = call.turns.get(turn) if call else None
        return StoredTurn(tuple(progress.entries), progress.over, progress.beat_at) if progress else None

    async def put_audio(self, call_sid: str, token: str, audio: StoredAudio) -> None:
        if (call := self._known(call_sid)) is not None:
            call.audio.append(token)
            self._audio[token] = audio
            self._drop_audio(call, kept=RECORDINGS_KEPT)

    async def get_audio(self, token: str) -> StoredAudio | None:
        return self._audio.get(token)

    async def get_answer(self, call_sid: str, step: str) -> bytes | None:
        call = self._known(call_sid)
        return call.answers.get(step) if call else None

    async def claim_name(self, name: str, owner: str) -> bool:
        holder, expires_at = self._names.get(name, (owner, 0.0))
        if holder != owner and expires_at > self._wall():
            return False
        self._names[name] = (owner, self._expiry())
        return True

    async def release_name(self, name: str, owner: str) -> None:
        if self._names.get(name, ("", 0.0))[0] == owner:
            del self._names[name]

    async def count(self, key: str, window_seconds: int) -> int:
        now = self._wall()
        window = int(now // window_seconds)
        counted = self._counts.get((key, window), (0, 0.0))[0] + 1
        self._counts[key, window] = (counted, (window + 1) * window_seconds)
        return counted

    async def purge(self) -> int:
        now = self._wall()
        expired = [call_sid for call_sid, call in self._calls.items() if call.expires_at <= now]
        for call_sid in expired:
            await self.forget_call(call_sid)
        for call in self._calls.values():
            if not call.live and call.expires_at - self._lifetime + RECORDING_REST_SECONDS <= now:
                self._drop_audio(call, kept=0)
                call.turns.clear()
        self._names = {name: held for name, held in self._names.items() if held[1] > now}
        self._counts = {key: counted for key, counted in self._counts.items() if counted[1] > now}
        return len(expired)

    async def close(self) -> None:
        """Nothing to close."""

    def _drop_audio(self, call: _Call, *, kept: int) -> None:
        while len(call.audio) > kept:
            self._audio.pop(call.audio.pop(0), None)

    def _expiry(self) -> float:
        return self._wall() + self._lifetime

    def _known(self, call_sid: str) -> _Call | None:
        call = self._calls.get(call_sid)
        return call if call is not None and call.expires_at > self._wall() else None
