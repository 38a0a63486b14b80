"""How much one turn of an agent may ask of a call: caps on speech, sound, settings and notes.

Pure. An agent is not trusted to stop talking. What goes over a cap is cut, and the log is told once for each cap;
an ending is never cut away by what came before it.
"""

from dataclasses import replace
from typing import assert_never

from voicegw.call.instructions import (
    AgentDown,
    AwaitPath,
    Collect,
    ControlRealtime,
    Forward,
    HangUp,
    HoldSound,
    Instruction,
    LegacyKeypad,
    Note,
    OfferButtons,
    Overdue,
    PlayAudio,
    PlayChunk,
    PlayRecording,
    ReturnRequest,
    Say,
    SessionOpened,
    SetBackground,
    SetBargeIn,
    SetRecognition,
    SetSensitive,
    SilenceTimeout,
    SpliceTwiml,
    StartRealtime,
)

MAX_PROMPTS = 50
MAX_TEXT_CHARACTERS = 8000
MAX_READ_CHARACTERS = 4 * MAX_TEXT_CHARACTERS
"""Text as the agent wrote it, before it is made into words: that takes 10 µs a character, and holds up all calls."""
MAX_SOUND_CHARACTERS = 8_000_000
"""Base64 characters: five minutes of mulaw are 3.2 million, of mp3 at 128 kbit/s 6.4 million."""
CHUNK_CHARACTERS = 240
"""What a piece of live sound costs beside its own characters, so that nobody sends millions of tiny ones."""
MAX_SETTINGS = 200
MAX_ENDINGS = 20
MAX_NOTES = 100


class TurnBudget:
    """What is left of one turn's allowance."""

    __slots__ = ("_endings", "_notes", "_prompts", "_settings", "_sound", "_text", "_told", "_unread", "_unread_cut")

    def __init__(self) -> None:
        self._prompts = MAX_PROMPTS
        self._text = MAX_TEXT_CHARACTERS
        self._sound = MAX_SOUND_CHARACTERS
        self._settings = MAX_SETTINGS
        self._endings = MAX_ENDINGS
        self._notes = MAX_NOTES
        self._told: set[str] = set()
        self._unread = MAX_READ_CHARACTERS
        self._unread_cut = False

    def read(self, text: str) -> str:
        """As much of `text` as is read at all; `admit` tells of what was not."""
        read = text[: self._unread]
        self._unread -= len(read)
        self._unread_cut = self._unread_cut or len(read) < len(text)
        return read

    def admit(self, instructions: list[Instruction]) -> list[Instruction]:
        """The instructions that are within the caps, in order, over-long speech cut at a word."""
        admitted = [item for instruction in instructions for item in self._admit(instruction)]
        return admitted + self._cut("text") if self._unread_cut else admitted

    def _admit(self, instruction: Instruction) -> list[Instruction]:
        match instruction:
            case Say() | PlayAudio() | PlayRecording():
                return self._admit_prompt(instruction)
            case PlayChunk():
                return self._admit_chunk(instruction)
            case Note() | Overdue():
                self._notes -= 1
                return [instruction] if self._notes >= 0 else []
            case Forward() | HangUp() | StartRealtime() | ReturnRequest() | SpliceTwiml() | AgentDown() | AwaitPath():
                self._endings -= 1
                return [instruction] if self._endings >= 0 else self._cut("endings")
            case (
                Collect()
                | SilenceTimeout()
                | OfferButtons()
                | LegacyKeypad()
                | SetBargeIn()
                | SetBackground()
                | SetSensitive()
                | SetRecognition()
                | SessionOpened()
                | HoldSound()
                | ControlRealtime()
            ):
                self._settings -= 1
                return [instruction] if self._settings >= 0 else self._cut("settings")
            case _:
                assert_never(instruction)

    def _admit_prompt(self, prompt: Say | PlayAudio | PlayRecording) -> list[Instruction]:
        self._prompts -= 1
        if self._prompts < 0:
            return self._cut("prompts")
        match prompt:
            case Say():
                return self._admit_words(prompt)
            case PlayAudio(source=source):
                return self._admit_sound(prompt, len(source))
            case PlayRecording(content=content):
                return self._admit_sound(prompt, sum(map(len, content)))
            case _:
                assert_never(prompt)

    def _admit_words(self, say: Say) -> list[Instruction]:
        room = self._text
        self._text = max(0, room - len(say.text))
        # Markup counts little, but not nothing: it travels as far as the words do.
        if len(say.text) <= room and len(say.ssml or "") <= MAX_TEXT_CHARACTERS:
            return [say]
        words = say.text if len(say.text) <= room else say.text[:room].rpartition(" ")[0]
        return [*([replace(say, text=words, ssml=None)] if words else []), *self._cut("text")]

    def _admit_sound(self, prompt: PlayAudio | PlayRecording, characters: int) -> list[Instruction]:
        self._sound -= characters
        if self._sound < 0:
            return self._cut("sound")
        return [replace(prompt, instead=prompt.instead[:MAX_TEXT_CHARACTERS])]

    def _admit_chunk(self, chunk: PlayChunk) -> list[Instruction]:
        """A sound counts as one prompt. What is cut off in its middle has an end all the same."""
        self._prompts -= chunk.first
        if self._prompts < 0:
            return self._cut("prompts")
        self._sound -= len(chunk.content) + CHUNK_CHARACTERS
        chunk = replace(chunk, instead=chunk.instead[:MAX_TEXT_CHARACTERS])
        if self._sound >= 0:
            return [chunk]
        return [*([replace(chunk, content="")] if chunk.first or chunk.last else []), *self._cut("sound")]

    def _cut(self, cap: str) -> list[Instruction]:
        if cap in self._told:
            return []
        self._told.add(cap)
        return [Note(about="turn-cut", fields={"cap": cap})]
