"""Far ends of `<Dial>`: what a dialled number, SIP address or client does. Looked up by its address."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from voicegw.simulator.phone import Phone

REACTION_SECONDS = 0.5

_SIP_TAIL = re.compile(r"[;?].*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Callee:
    """How a far end behaves.

    `ring_seconds` pass before it answers, is busy, or fails; "no-answer" rings on. Then the caller hears
    `greeting`, and `talk_seconds` after the bridge it hangs up (None: never). On a whisper it presses `whisper_keys`
    when the prompt is over; `hangs_up_on_whisper` instead declines.
    """

    outcome: Literal["answers", "busy", "no-answer", "failed"] = "answers"
    ring_seconds: float = 3.0
    talk_seconds: float | None = 20.0
    greeting: str = "Hello?"
    whisper_keys: str = ""
    hangs_up_on_whisper: bool = False

    async def run(self, phone: Phone) -> None:
        """What the far end does on its own phone until it is bridged: listens to the whisper and perhaps confirms."""
        await phone.wait_for_turn()
        await phone.wait(REACTION_SECONDS)
        if self.hangs_up_on_whisper:
            phone.hang_up()
        elif self.whisper_keys:
            await phone.press_keys(self.whisper_keys)


def human(*, confirms_with: str = "1", ring_seconds: float = 3.0, talk_seconds: float | None = 20.0) -> Callee:
    """Someone who answers, confirms a whisper, and talks."""
    return Callee(ring_seconds=ring_seconds, talk_seconds=talk_seconds, whisper_keys=confirms_with)


def voicemail(*, ring_seconds: float = 15.0) -> Callee:
    """A machine: answers, speaks to whoever is there, never presses a key."""
    greeting = "You have reached the mailbox. Please leave a message after the tone."
    return Callee(ring_seconds=ring_seconds, talk_seconds=60.0, greeting=greeting)


def find_callee(callees: Mapping[str, Callee], address: str, default: Callee) -> Callee:
    """The callee of a dialled address. A SIP address is also found without its parameters and headers."""
    return callees.get(address) or callees.get(_SIP_TAIL.sub("", address)) or default
