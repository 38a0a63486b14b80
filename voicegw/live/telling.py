"""What the journal is told of a stream: that it began and ended, what was said and cut off, what was ignored.

Only tells. What was ignored is told by its kind and size: nobody can say whether it was a secret.
"""

from voicegw.call.entries import Journal
from voicegw.call.instructions import Prompt, Say
from voicegw.call.records import CallerInterrupted, Noted, PromptCut, PromptHeard, StreamBegan, StreamEnded
from voicegw.call.streaming import StreamEnd
from voicegw.media.commands import ReportBargeIn, ReportIgnored
from voicegw.turns.telling import prompt_began


class StreamTeller:
    """Tells of one stream of one call. A prompt began when its first sound was sent."""

    def __init__(self, journal: Journal, call_sid: str) -> None:
        self._journal = journal
        self._call_sid = call_sid
        self._prompts: dict[int, tuple[Prompt, int]] = {}
        self._being_heard = False

    def begin(self, number: int) -> None:
        """The stream is here."""
        self._journal.note(self._call_sid, StreamBegan(number=number))

    def end(self, reason: StreamEnd, turn: int) -> None:
        """The stream is over."""
        self._journal.note(self._call_sid, StreamEnded(reason=reason), turn)

    def prepare(self, utterance: int, prompt: Prompt, turn: int) -> None:
        """An utterance will be said in this turn."""
        self._prompts[utterance] = (prompt, turn)

    def send(self, utterance: int) -> None:
        """Some of an utterance was sent."""
        if utterance in self._prompts:
            prompt, turn = self._prompts.pop(utterance)
            self._journal.note(self._call_sid, prompt_began(prompt), turn)
            self._being_heard = self._being_heard or not (isinstance(prompt, Say) and prompt.filler)

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
