"""What the caller hears next and what then: the carrier-neutral `CallPlan` that a performer carries out.

Made by `call.conduct` and `call.answer`; knows no carrier.
"""

from dataclasses import dataclass
from typing import Literal

from voicegw.call.instructions import Collect, Prompt, StartRealtime
from voicegw.call.profile import Endpointing


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """How the caller is listened to: which senses, which keys end an entry, how speech is recognised.

    `keys_kept` is how many digits of the entry have come already; `one_key` ends it at the first key.
    """

    keypad: Collect
    language: str
    endpointing: Endpointing
    speech: bool = True
    one_key: bool = False
    keys_kept: int = 0
    speech_model: str = ""
    hints: tuple[str, ...] = ()
    profanity_filter: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One attempt to reach a human, judged and normalised: only this is ever dialled.

    `address` is E.164 or a SIP URI; `caller_id` E.164, or empty where we have none of our own; times in seconds.
    """

    kind: Literal["phone", "sip"]
    address: str
    caller_id: str = ""
    send_digits: str = ""
    ring_seconds: int = 20
    time_limit_seconds: int = 14400
    confirm: bool = False
    sip_headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """The agent has had its say: wait for the caller, at most `silence_seconds` after the last prompt was heard."""

    hearing: Hearing
    silence_seconds: float
    kind: Literal["listen"] = "listen"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoOn:
    """More is to come (the turn still runs, or there was too much to say at once): stay reachable and come back."""

    hearing: Hearing
    kind: Literal["go-on"] = "go-on"


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeRealtime:
    """Bridge the caller to the speech-to-speech server once the prompts were heard, until another plan comes."""

    start: StartRealtime
    hearing: Hearing
    kind: Literal["bridge-realtime"] = "bridge-realtime"


@dataclass(frozen=True, slots=True, kw_only=True)
class DialLeg:
    """Connect the caller to `leg` and report how it went."""

    leg: Leg
    hearing: Hearing
    kind: Literal["dial-leg"] = "dial-leg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """Hang up once the prompts were heard."""

    reason: str
    kind: Literal["finish"] = "finish"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """Give the call to a whole TwiML document of the agent's; where the document ends, we `listen` again."""

    document: str
    listen: Listen
    kind: Literal["hand-over"] = "hand-over"


Then = Listen | GoOn | BridgeRealtime | DialLeg | Finish | HandOver


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlan:
    """Prompts in the order they are heard, then one thing to do."""

    prompts: tuple[Prompt, ...]
    then: Then


def still_to_do(then: Then, *, complete: bool) -> Then | None:
    """What is left of `then` after an answer that carried it out (`complete`) or only led towards it."""
    if not complete:
        return then
    return then.listen if isinstance(then, HandOver) else None
