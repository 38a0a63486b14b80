"""What the journal is told of a stream: that it began and ended, what was said and cut off, what was ignored.

Only tells. A prompt sounds when the mark behind its first piece comes back. What was ignored is told by its kind and
size: nobody can say whether it was a secret.
"""

from dataclasses import dataclass

from voicegw.call.entries import Journal
from voicegw.call.instructions import Prompt, Say
from voicegw.call.records import (
    CallerInterrupted,
    Noted,
    PromptCut,
    PromptHeard,
    PromptSounded,
    StreamBegan,
    StreamEnded,
)
from voicegw.call.streaming import StreamEnd
from voicegw.media.commands import ReportBargeIn, ReportIgnored, SendAudio
from voicegw.media.utterances import BYTES_PER_SECOND
from voicegw.turns.telling import prompt_began


@dataclass(frozen=True, slots=True)
class _Silent:
    """A prompt that was sent in a turn, and of which nothing is known to have been heard."""

    turn: int
    filler: bool


@dataclass(frozen=True, slots=True)
class _FirstPiece:
    """What an utterance begins with, on its way to the caller's ear."""

    utterance: int
    seconds: float
    sent_at: float


class StreamTeller:
    """Tells of one stream of one call. A prompt began when its first sound was sent."""

    def __init__(self, journal: Journal, call_sid: str) -> None:
        self._journal = journal
        self._call_sid = call_sid
        self._prompts: dict[int, tuple[Prompt, int]] = {}
        self._being_heard = False
        self._silent: dict[int, _Silent] = {}
        self._unmarked: _FirstPiece | None = None
        self._marked: dict[str, _FirstPiece] = {}

    def begin(self, number: int) -> None:
        """The stream is here."""
        self._journal.note(self._call_sid, StreamBegan(number=number))

    def end(self, reason: StreamEnd, turn: int) -> None:
        """The stream is over."""
        self._journal.note(self._call_sid, StreamEnded(reason=reason), turn)

    def prepare(self, utterance: int, prompt: Prompt, turn: int) -> None:
        """An utterance will be said in this turn."""
        self._prompts[utterance] = (prompt, turn)

    def send(self, sent: SendAudio, now: float) -> None:
        """Some of an utterance was sent; its mark comes next."""
        number = sent.utterance
        if number in self._prompts:
            prompt, turn = self._prompts.pop(number)
            filler = isinstance(prompt, Say) and prompt.filler
            self._journal.note(self._call_sid, prompt_began(prompt), turn)
            self._silent[number] = _Silent(turn, filler)
            self._being_heard = self._being_heard or not filler
        if number in self._silent and all(each.utterance != number for each in self._marked.values()):
            self._unmarked = _FirstPiece(number, len(sent.audio) / BYTES_PER_SECOND, now)

    def send_mark(self, name: str) -> None:
        """The mark behind what was sent last was sent."""
        if self._unmarked is not None:
            self._marked[name] = self._unmarked
            self._unmarked = None

    def reach_mark(self, name: str, now: float) -> None:
        """The carrier named a mark back."""
        piece = self._marked.pop(name, None)
        silent = self._silent.pop(piece.utterance, None) if piece is not None else None
        if piece is not None and silent is not None:
            sounded = PromptSounded(
                played_seconds=round(piece.seconds, 4),
                sent_seconds=round(max(piece.seconds, now - piece.sent_at), 4),
                filler=silent.filler,
            )
            self._journal.note(self._call_sid, sounded, silent.turn)

    def clear(self) -> None:
        """What is on its way is thrown away; the carrier names its marks back all the same (Twilio)."""
        self._marked.clear()

    def drop(self, utterance: int) -> None:
        """The rest of an utterance will not be heard."""
        self._silent.pop(utterance, None)

    def hear_out(self, turn: int) -> None:
        """What was begun and not cut off has been heard to its end: the session has gone on from it."""
        if self._being_heard:
            self._being_heard = False
            self._journal.note(self._call_sid, PromptHeard(), turn)

    def report(self, report: ReportBargeIn | ReportIgnored, turn: int) -> None:
        """What the session reports."""
        match report:
            case ReportBargeIn(kind=kind, heard_text=heard_text):
                self._journal.note(self._call_sid, CallerInterrupted(by="speech" if kind == "speech" else "keys"), turn)
                self._journal.note(self._call_sid, PromptCut(heard=heard_text), turn)
                self._being_heard = False
            case ReportIgnored(content=content, reason=reason):
                noted = Noted(about="input-ignored", fields={"reason": reason, "characters": len(content)})
                self._journal.note(self._call_sid, noted, turn)
