"""PURE: what the simulated carrier assumes where the vendor is silent, contradicts itself, or depends on the world."""

from dataclasses import dataclass, field
from typing import Literal

from voicegw.simulator.stream.rules import StreamRules


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierRules:
    """Settings of the carrier; the defaults are the vendor's documented behaviour, else the less forgiving reading.

    `words_per_second`: how fast `<Say>` speaks. Raise it to hear a long call quickly.
    `assumed_audio_seconds`: the length of a recording that is not fetched, or has no length of its own.
    `fetches_audio`: "own" fetches `<Play>` URLs on the host of the call's webhooks, "all" and "none" what they say.
    `failed_audio`: a recording that cannot be had is a "fatal" error, or is "skipped" with a warning.
    `auto_speech_pause_seconds`: the pause that ends speech with speechTimeout="auto".
    `lone_finish_key`: see `gather.GatherSettings`.
    `empty_result_has_fields`: an empty Gather result sends its fields with "" rather than leaving them out.
    `latency_seconds`: added before each request, for the way to the gateway.
    `ring_grace_seconds`: "Twilio adds ~5 s" to the time-out of `<Dial>`.
    `stream`: how streams are opened, and what their network does.
    `owned_numbers`: may be caller IDs besides the two parties of the call.
    `max_call_seconds`, `max_documents`: where the simulator ends a call that nobody ends.
    """

    words_per_second: float = 2.5
    assumed_audio_seconds: float = 4.0
    fetches_audio: Literal["own", "all", "none"] = "own"
    failed_audio: Literal["fatal", "skipped"] = "fatal"
    auto_speech_pause_seconds: float = 0.8
    lone_finish_key: Literal["ends", "ignored"] = "ends"
    empty_result_has_fields: bool = True
    latency_seconds: float = 0.0
    ring_grace_seconds: float = 5.0
    stream: StreamRules = field(default_factory=StreamRules)
    owned_numbers: frozenset[str] = field(default_factory=frozenset)
    max_call_seconds: float = 1800.0
    max_documents: int = 2000
