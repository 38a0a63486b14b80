"""Callers: a script of steps, a policy that decides at each moment, and a person who types. All use only `Phone`.

When a step acts: `"turn"` waits until it is the caller's turn (`Phone.wait_for_turn`), `"prompt"` until the next sound
begins (so with `after_seconds` it interrupts), `"now"` for nothing; then `after_seconds` more.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from voicegw.simulator.line import Invitation, Sound
from voicegw.simulator.phone import Phone

When = Literal["turn", "prompt", "now"]

REACTION_SECONDS = 0.5


class ScriptError(Exception):
    """What the script waits for did not come; the report keeps the text and the caller hangs up."""


@dataclass(frozen=True, slots=True)
class Says:
    """Speak for `seconds` (None: at a usual pace). `confidence` None: the recogniser gives none."""

    text: str
    when: When = "turn"
    after_seconds: float = REACTION_SECONDS
    seconds: float | None = None
    confidence: float | None = 0.9


@dataclass(frozen=True, slots=True)
class Sounds:
    """Let mulaw at 8 kHz be heard: a recording that says `text`, or a noise."""

    audio: bytes
    text: str = ""
    when: When = "turn"
    after_seconds: float = REACTION_SECONDS


@dataclass(frozen=True, slots=True)
class Presses:
    """Press keys, `gap_seconds` apart; `w` and `W` among them wait 0.5 s and 1 s more."""

    keys: str
    when: When = "turn"
    after_seconds: float = REACTION_SECONDS
    gap_seconds: float = 0.3


@dataclass(frozen=True, slots=True)
class Hears:
    """Wait until a sound matches the regular expression `pattern`, and then for its end, or not (`until="begin"`).

    Sounds that began since the last match count. The script fails if none comes `within_seconds`. What a stream says
    is matched when it has been said.
    """

    pattern: str
    within_seconds: float = 60.0
    until: Literal["begin", "end"] = "end"

    def matches(self, text: str) -> bool:
        """Is this what is waited for?"""
        return re.search(self.pattern, text, re.IGNORECASE) is not None


@dataclass(frozen=True, slots=True)
class HearsQuiet:
    """Wait until nothing has been heard for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Waits:
    """Do nothing for a while."""

    seconds: float


@dataclass(frozen=True, slots=True)
class StaysSilent:
    """Say nothing more and stay on the line until the other side ends the call."""


@dataclass(frozen=True, slots=True)
class HangsUp:
    """Put the phone down."""

    when: When = "now"
    after_seconds: float = 0.0


Step = Says | Sounds | Presses | Hears | HearsQuiet | Waits | StaysSilent | HangsUp


class ScriptedCaller:
    """Performs its steps in order. After the last it stays on the line in silence."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = tuple(steps)
        self._done = 0
        self._listened_to = 0

    async def run(self, phone: Phone) -> None:
        """Perform the script; raises ScriptError."""
        self._done = self._listened_to = 0
        for step in self._steps:
            if isinstance(step, Hears):
                await self._hear(phone, step)
            else:
                await perform(phone, step)
            self._done += 1

    def left_undone(self, begun: Sequence[Sound]) -> str:
        """The first step that came to nothing where the call, with all these sounds, is over now; "" if none did.

        Who only waited, or was about to hang up, missed nothing; what was heard last may not have been matched yet.
        """
        unmatched = iter(begun[self._listened_to :])
        for number, step in enumerate(self._steps[self._done :], start=self._done + 1):
            match step:
                case HangsUp() | StaysSilent():
                    return ""
                case Waits() | HearsQuiet():
                    pass
                case Hears() if any(step.matches(sound.text) for sound in unmatched):
                    pass
                case Hears() | Says() | Sounds() | Presses():
                    return f"the call was over before step {number} was done: {_tell(step)}"
        return ""

    async def _hear(self, phone: Phone, step: Hears) -> None:
        missed: list[str] = []
        try:
            async with asyncio.timeout(step.within_seconds):
                while True:
                    sound = await phone.wait_for_sound(self._listened_to)
                    text = await phone.understand(sound)
                    if step.matches(text):
                        break
                    self._listened_to += 1
                    missed.append(text or sound.kind)
                if step.until == "end":
                    await phone.wait_for_end_of(sound)
                self._listened_to += 1
        except TimeoutError as exc:
            raise ScriptError(
                f"did not hear /{step.pattern}/ within {step.within_seconds:g} s; heard {missed}"
            ) from exc


def _tell(step: Hears | Says | Sounds | Presses) -> str:
    """A step, as scripts write it."""
    match step:
        case Hears(pattern):
            return f"hears /{pattern}/"
        case Says(text):
            return f"says {text!r}"
        case Presses(keys):
            return f"presses {keys!r}"
        case Sounds():
            return f"plays {step.text!r}" if step.text else "plays a recording"


async def perform(phone: Phone, step: "Act") -> None:
    """Do one act at its time."""
    match step:
        case Waits(seconds):
            await phone.wait(seconds)
        case HearsQuiet(seconds):
            await phone.wait_for_quiet(seconds)
        case StaysSilent():
            await asyncio.Event().wait()
        case Says(text):
            await _moment(phone, step.when, step.after_seconds)
            await phone.say(text, seconds=step.seconds, confidence=step.confidence)
        case Sounds(audio):
            await _moment(phone, step.when, step.after_seconds)
            await phone.sound(audio, step.text)
        case Presses(keys):
            await _moment(phone, step.when, step.after_seconds)
            await phone.press_keys(keys, step.gap_seconds)
        case HangsUp():
            await _moment(phone, step.when, step.after_seconds)
            phone.hang_up()
            await asyncio.Event().wait()
        case _:
            assert_never(step)


async def _moment(phone: Phone, when: When, after_seconds: float) -> None:
    if when == "turn":
        await phone.wait_for_turn()
    elif when == "prompt":
        await phone.wait_for_sound(len(phone.begun))
    await phone.wait(after_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerView:
    """What a caller who decides freely knows: the time, all sounds begun so far, the present one, an open Gather."""

    now_seconds: float
    begun: Sequence[Sound]
    playing: Sound | None
    invitation: Invitation | None


Act = Says | Sounds | Presses | HearsQuiet | Waits | StaysSilent | HangsUp
Policy = Callable[[CallerView], Act]


class PolicyCaller:
    """Asks `policy` what to do, does it, and asks again; after `max_acts` they hang up."""

    def __init__(self, policy: Policy, max_acts: int = 100) -> None:
        self._policy = policy
        self._max_acts = max_acts

    async def run(self, phone: Phone) -> None:
        """Act until told to hang up, or out of acts."""
        for _ in range(self._max_acts):
            view = CallerView(
                now_seconds=phone.now_seconds,
                begun=tuple(phone.begun),
                playing=phone.playing,
                invitation=phone.invitation,
            )
            await perform(phone, self._policy(view))
        phone.hang_up()


class InteractiveCaller:
    """A person at a keyboard: what is typed is done at once. The methods may be called at any time, from the loop."""

    def __init__(self) -> None:
        self._acts: asyncio.Queue[Says | Presses] = asyncio.Queue()
        self._phone: Phone | None = None
        self._hang_up_early = False

    def say(self, text: str) -> None:
        """Speak; waits for what is still being said."""
        self._acts.put_nowait(Says(text, when="now", after_seconds=0.0))

    def press(self, keys: str) -> None:
        """Press keys, one after another."""
        self._acts.put_nowait(Presses(keys, when="now", after_seconds=0.0, gap_seconds=0.15))

    def hang_up(self) -> None:
        """Put the phone down at once, whatever is still to be said."""
        self._hang_up_early = True
        if self._phone is not None:
            self._phone.hang_up()

    async def run(self, phone: Phone) -> None:
        """Do what is typed until the call ends."""
        self._phone = phone
        if self._hang_up_early:
            phone.hang_up()
        while True:
            await perform(phone, await self._acts.get())
