"""What a caller's telephone lets back into the line of what the agent says: later, weaker, otherwise the same.

Twilio promises no echo cancelling. Delay and loss are drawn anew for each thing said: 100 to 300 ms, 20 to 30 dB.
"""

import base64

import numpy as np

from voicegw.audio.mulaw import MULAW_RATE_HZ, decode_mulaw, encode_mulaw

_LEAST_SECONDS, _MOST_SECONDS = 0.1, 0.3
_LEAST_DB, _MOST_DB = 20.0, 30.0
_KEPT_SECONDS = 30
_PAUSE_SECONDS = 0.4


class LineEcho:
    """The echo in one call. Times are the event loop's seconds, audio is base64 of mulaw."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._back = np.zeros(_KEPT_SECONDS * MULAW_RATE_HZ)  # what comes back when, round and round
        self._began_at: float | None = None
        self._heard = 0
        self._spoken_until = 0.0
        self._draw()

    def play(self, payload: str, begins_at: float) -> None:
        """The agent is heard to say this from `begins_at` on."""
        if self._began_at is None:
            return
        if begins_at > self._spoken_until + _PAUSE_SECONDS:
            self._draw()
        samples = np.frombuffer(decode_mulaw(base64.b64decode(payload)), "<i2") * self._share
        self._back[self._places(begins_at, len(samples))] = samples
        self._spoken_until = begins_at + len(samples) / MULAW_RATE_HZ

    def clear(self, now: float) -> None:
        """What has not been played by now never will be."""
        if self._spoken_until > now:
            self._back[self._places(now, round((self._spoken_until - now) * MULAW_RATE_HZ))] = 0.0
            self._spoken_until = now

    def hear(self, payload: str, now: float) -> str:
        """The caller's next frame, with what has come back by now."""
        self._began_at = now if self._began_at is None else self._began_at
        caller = decode_mulaw(base64.b64decode(payload))
        places = np.arange(self._heard, self._heard + len(caller) // 2) % len(self._back)
        self._heard += len(places)
        mixed = np.frombuffer(caller, "<i2") + self._back[places]
        self._back[places] = 0.0
        return base64.b64encode(encode_mulaw(mixed.clip(-32_768, 32_767).astype("<i2").tobytes())).decode()

    def _draw(self) -> None:
        self._delay_seconds = self._random.uniform(_LEAST_SECONDS, _MOST_SECONDS)
        self._share = 10 ** (-self._random.uniform(_LEAST_DB, _MOST_DB) / 20)

    def _places(self, begins_at: float, count: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
        seconds = begins_at + self._delay_seconds - (self._began_at or 0.0)
        return (round(seconds * MULAW_RATE_HZ) + np.arange(count)) % len(self._back)
