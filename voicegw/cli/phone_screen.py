"""What a call looks like in a terminal: live events → lines with the time, who it is, and what is heard or done."""

import math
from collections.abc import Callable, Mapping
from typing import assert_never

from rich.text import Text

from voicegw.cli.showing import out, printable
from voicegw.simulator.stream.records import Streamed
from voicegw.simulator.timeline import (
    Answered,
    Bridged,
    CallEnded,
    CallerPressed,
    CallerSpoke,
    Dialled,
    DiallingBegan,
    Exchange,
    Fault,
    Heard,
    Listened,
    ListeningBegan,
    LiveEvent,
    SoundBegan,
    StreamBegan,
    Warned,
)

_ENDS = {
    "caller-hung-up": "you hung up",
    "hangup": "the gateway hung up",
    "document-ended": "the gateway had nothing more to say",
    "rejected": "the call was refused",
    "application-error": "the carrier gave up: the gateway did not answer as it should",
    "time-limit": "it lasted longer than the simulated carrier allows",
    "too-many-documents": "the gateway went in circles",
}
_NOT_TALKED = {
    "busy": "is busy",
    "no-answer": "does not answer",
    "failed": "cannot be reached",
    "canceled": "was not waited for",
}
_WHO_CHARS = 12


class PhoneScreen:
    """Shows one call. `write` prints a line; `names` are what dialled addresses are called.

    What a stream says is known when it has been said; with `tells_speech` it is told as well that it begins, so that
    a person can interrupt.
    """

    def __init__(
        self,
        write: Callable[[Text], None],
        *,
        names: Mapping[str, str],
        shows_caller: bool,
        tells_speech: bool = False,
    ) -> None:
        self._write = write
        self._names = names
        self._shows_caller = shows_caller
        self._tells_speech = tells_speech
        self._answered = False
        self._streaming = False
        self._acted_at: list[float] = []  # when the caller had spoken or pressed a key, and no answer was heard yet
        self._other_side = "someone"
        self._end: CallEnded | None = None

    def show(self, event: LiveEvent) -> None:
        """Show an event; those that say nothing to a person are passed over."""
        match event:
            case Answered():
                self._answered = True
                self._note(event.at_seconds, "the call is answered")
            case SoundBegan():
                self._show_sound(event)
            case Heard(kind="stream", text=text):
                self._show_streamed(event, printable(text))
            case Heard(kind="speech" | "audio", cut=True):
                self._note(event.ends_at_seconds, "… interrupted")
            case CallerSpoke(text=text, lost_because=lost):
                self._acted_at.append(event.ends_at_seconds)
                self._show_caller(event.at_seconds, printable(text) or "♪ a noise", lost)
            case StreamBegan(url=url):
                self._streaming = True
                self._note(event.at_seconds, f"the gateway listens and speaks: {url}")
            case Streamed():
                self._show_end_of_stream(event)
            case CallerPressed(key=key, lost_because=lost):
                self._acted_at.append(event.at_seconds)
                if lost is not None or self._streaming:
                    # keys that a Gather takes show up together, when it ends
                    self._show_caller(event.at_seconds, f"key {key}", lost)
            case Listened() if keys := event.digits + event.finished_on_key:
                self._show_caller(event.ends_at_seconds, f"keys {keys}", None)
            case DiallingBegan(address=address):
                self._note(event.at_seconds, f"calling {self._name(address)} …")
            case Bridged(address=address):
                self._other_side = self._name(address)
            case Dialled():
                self._show_dialled(event)
            case Warned(code=code, text=text):
                self._alarm(event.at_seconds, f"the carrier would warn: {text}{f' ({code})' if code else ''}", "yellow")
            case Fault(code=code, text=text):
                self._alarm(event.at_seconds, f"the carrier's error {code}: {text}", "red")
            case CallEnded():
                self._end = event
                if not self._streaming:  # else its last words are still being made out
                    self._show_end(event)
            case Heard() | Listened() | ListeningBegan() | Exchange():
                pass
            case _:
                assert_never(event)

    def _show_sound(self, sound: SoundBegan) -> None:
        length = "" if math.isinf(sound.seconds) else f"  {sound.seconds:.1f} s"
        match sound.kind:
            case "speech":
                self._line(sound.at_seconds, "agent", printable(sound.text), "bold cyan", length)
            case "audio":
                self._line(sound.at_seconds, "agent", "♪ a recording", "bold cyan", length)
            case "tone":
                self._line(sound.at_seconds, "agent", "♪ tones", "bold cyan", length)
            case "ringing":
                if not self._answered:
                    self._note(sound.at_seconds, "it rings")
            case "error_prompt":
                self._line(sound.at_seconds, "carrier", printable(sound.text), "bold red", length)
            case "stream":
                if self._tells_speech:
                    self._note(sound.at_seconds, "the agent speaks …")
            case "human":
                self._line(sound.at_seconds, self._other_side, printable(sound.text), "bold magenta", length)
            case _:
                assert_never(sound.kind)

    def _show_streamed(self, sound: Heard, words: str) -> None:
        """With how long the caller waited for it, where it is the first since they acted."""
        asked = [at for at in self._acted_at if at <= sound.at_seconds]
        self._acted_at = [at for at in self._acted_at if at > sound.at_seconds]
        waited = f", {sound.at_seconds - asked[-1]:.1f} s after you" if asked else ""
        length = f"  {sound.seconds:.1f} s{waited}{', interrupted' if sound.cut else ''}"
        self._line(sound.at_seconds, "agent", words or "♪", "bold cyan", length)

    def _show_end_of_stream(self, stream: Streamed) -> None:
        self._streaming = False
        for underrun in stream.underruns:
            self._alarm(underrun.at_seconds, f"the agent's voice broke off for {underrun.seconds:.2f} s", "yellow")
        if self._end is not None:
            self._show_end(self._end)

    def _show_end(self, end: CallEnded) -> None:
        self._note(end.at_seconds, f"the call is over: {_ENDS.get(end.reason, end.reason)}")

    def _show_caller(self, at_seconds: float, what: str, lost_because: str | None) -> None:
        if lost_because is not None:
            self._alarm(at_seconds, f"{what} – nobody heard it: {lost_because}", "yellow")
        elif self._shows_caller:
            self._line(at_seconds, "you", what, "bold green")

    def _show_dialled(self, leg: Dialled) -> None:
        name = self._name(leg.address)
        if leg.bridged:
            self._note(leg.at_seconds + leg.seconds, f"{name} was on the line for {leg.talk_seconds:.0f} s")
        else:
            self._note(leg.at_seconds + leg.seconds, f"{name} {_NOT_TALKED.get(leg.status, leg.status)}")

    def _name(self, address: str) -> str:
        return self._names.get(address) or printable(address)

    def _note(self, at_seconds: float, text: str) -> None:
        self._line(at_seconds, "", text, "dim")

    def _alarm(self, at_seconds: float, text: str, style: str) -> None:
        self._line(at_seconds, "!", printable(text), style)

    def _line(self, at_seconds: float, who: str, what: str, style: str, after: str = "") -> None:
        label = Text.assemble((f"{at_seconds:6.1f}  ", "dim"), (f"{who:<{_WHO_CHARS}.{_WHO_CHARS}} ", style))
        words = Text.assemble((what, "" if who not in ("", "!") else style), (after, "dim"))
        lines = words.wrap(out, max(20, out.width - len(label) - 1)) if out.is_terminal else [words]
        for line in lines:
            self._write(label + line)
            label = Text(" " * len(label))
