"""PURE: how the simulated carrier's streams behave where the vendor is silent, and how the network mistreats them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRules:
    """Settings of all streams of a carrier; without any, the network is perfect.

    `signs_trailing_slash`: sign `wss://host/path/` ("if trouble, try appending `/`").
    `fails_on_query`: a query in the URL fails the handshake (31920) rather than being cut off without a word.
    `plain_on_loopback`: open `ws://127.0.0.1…` too, which the vendor never would (31922).
    `connect_seconds`: from the document to the socket; 0.365 was measured. `handshake_seconds`: the longest wait for
    the answer to the upgrade.
    `latency_seconds`: each way, for every message; `jitter_seconds`: up to so much more, in order.
    `burst_every_seconds`, `burst_seconds`: every so often nothing gets through for so long, then all at once.
    `loss`: the share of the caller's frames that never come (their numbers do not show it, their timestamps do).
    `keys_sound`: a key is also heard as its tones. `echo_decibels`: how much of the agent comes back with the caller.
    `dies_after_messages`: the socket breaks without a close after so many messages, both ways counted.
    `says_stop`: False lets the socket break without `stop` when the caller hangs up.
    `media_stops_after_seconds`: the caller's audio ceases, and the socket stays.
    `turn_quiet_seconds`: after so much quiet a caller who waits for their turn takes it.
    """

    signs_trailing_slash: bool = False
    fails_on_query: bool = False
    plain_on_loopback: bool = False
    connect_seconds: float = 0.0
    handshake_seconds: float = 5.0
    latency_seconds: float = 0.0
    jitter_seconds: float = 0.0
    burst_every_seconds: float = 0.0
    burst_seconds: float = 0.0
    loss: float = 0.0
    keys_sound: bool = False
    echo_decibels: float | None = None
    dies_after_messages: int | None = None
    says_stop: bool = True
    media_stops_after_seconds: float | None = None
    turn_quiet_seconds: float = 0.8
