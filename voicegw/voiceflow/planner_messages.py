"""One message of an agent's turn: how it reached the caller, words that wait, sound that arrives. Pure."""

from dataclasses import dataclass, field
from enum import Enum, auto

from voicegw.call.instructions import BargeIn, PlayChunk, PlayRecording
from voicegw.call.speakable import make_speakable


class Reached(Enum):
    """How a message reached the caller."""

    AS_WORDS = auto()
    AS_COMPLETION = auto()
    AS_SOUND = auto()


@dataclass(slots=True)
class WaitingWords:
    """Words that wait for their sound. `growing`: they came as a completion, so they are said by sentences."""

    message_id: str
    text: str = ""
    growing: bool = False


@dataclass(slots=True)
class ArrivingSound:
    """A message whose sound is arriving, and the words it says. `growing`: they came as a completion; `began`: some of
    the sound has come."""

    message_id: str
    words: str = ""
    growing: bool = False
    began: bool = False
    encoding: str = ""
    pieces: list[str] = field(default_factory=list)

    def recording(self, barge_in: BargeIn) -> PlayRecording:
        """All pieces that were collected, as one."""
        return PlayRecording(
            content=tuple(self.pieces),
            encoding=self.encoding,
            message_id=self.message_id,
            instead=make_speakable(self.words).text,
            barge_in=barge_in,
        )

    def chunk(self, content: str, barge_in: BargeIn, *, first: bool = False, last: bool = False) -> PlayChunk:
        """One piece on its own; its words are told where it begins and where it ends."""
        instead = make_speakable(self.words).text if first or last else ""
        return PlayChunk(
            content=content, encoding=self.encoding, first=first, last=last, instead=instead, barge_in=barge_in
        )
