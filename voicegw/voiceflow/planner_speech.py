"""Messages of an agent → prompts in the order they are to be heard: whole texts, texts in pieces, sound in pieces.

Pure. Rules: words that came as a `completion` are not said again as `text`; a message is heard as words or as sound,
never as both; a message whose sound is still arriving holds back what comes behind it. Sound is collected to a
recording, or given out piece by piece where it can be heard at once (`live_sound`). With the gateway's voice
words are said as they come. With the agent's voice words wait for their sound, and are said when it stays away.
"""

from voicegw.call.instructions import BargeIn, Instruction, PlayAudio, Say
from voicegw.call.sentences import SentenceAssembler
from voicegw.call.speakable import make_speakable
from voicegw.voiceflow.planner_messages import ArrivingSound, Reached, WaitingWords


class SpeechPlanner:
    """Puts one turn's messages in order. An empty message id stands for one that has none."""

    def __init__(self, *, barge_in: BargeIn, agent_voice: bool, live_sound: bool = False) -> None:
        self._barge_in = barge_in
        self._agent_voice = agent_voice
        self._live_sound = live_sound
        self._sentences = SentenceAssembler()
        self._completion: str | None = None
        self._completed_words = ""
        self._mid_word = False
        self._waiting: WaitingWords | None = None
        self._sound: ArrivingSound | None = None
        self._behind_sound: list[Instruction] = []
        self._muted = False
        self._expected_sound = ""  # whose sound began, but was given up before any of it came
        self._heard: dict[str, Reached] = {}
        self._unnamed_said = 0  # messages without an id that were said, while their sound may yet come

    @property
    def pending(self) -> bool:
        """Whether something is held back that `flush` would give out."""
        held = self._sentences.pending or self._waiting is not None or bool(self._behind_sound)
        return held or (self._sound is not None and not self._is_being_heard)

    def say(self, words: str, message_id: str = "") -> list[Instruction]:
        """A whole message in words."""
        out = self.end_completion()
        if self._is_repeated(words, message_id):
            return out
        if self._sound is not None and message_id and self._sound.message_id == message_id:
            if self._agent_voice or self._is_being_heard:
                self._sound.words += words
                return out
            self._sound, self._muted = None, True
            out += self._take_behind_sound()
        if self._agent_voice:
            out += self._say_waiting()
            self._wait_with(WaitingWords(message_id, words))
            return out
        return out + self._in_order(self._speak(words, message_id, Reached.AS_WORDS))

    def play(self, source: str, words: str, message_id: str = "") -> list[Instruction]:
        """A whole message as a recording that can be fetched; `words` are what it says."""
        out = self.end_completion()
        if message_id and self._waiting is not None and self._waiting.message_id == message_id:
            self._waiting = None  # here is the sound that its words have waited for
        elif self._is_repeated(words, message_id):
            return out
        self._remember(message_id, Reached.AS_WORDS)
        instead = make_speakable(words).text
        return out + self.add_message([PlayAudio(source=source, instead=instead, barge_in=self._barge_in)])

    def begin_completion(self, message_id: str) -> list[Instruction]:
        """A message begins that arrives in pieces of text."""
        out = self.end_completion()
        self._completion = message_id
        self._completed_words = ""
        if self._agent_voice and not self._is_sounding(message_id) and message_id not in self._heard:
            out += self._say_waiting()
            self._wait_with(WaitingWords(message_id, growing=True))
        return out

    def continue_completion(self, text: str) -> list[Instruction]:
        """More text; a piece without a beginning is a message of its own."""
        out = self.begin_completion("") if self._completion is None else []
        message_id = self._completion or ""
        self._completed_words += text
        self._mid_word = text[-1:].isalnum()
        is_its_text = self._agent_voice or self._is_being_heard
        if is_its_text and self._sound is not None and self._is_sounding(message_id):
            self._sound.words += text
            self._sound.growing = True
            return out
        if self._waiting is not None and self._waiting.growing and self._waiting.message_id == message_id:
            self._waiting.text += text
            return out
        if self._heard.get(message_id) is Reached.AS_SOUND:
            return out
        return out + self._say_sentences(self._sentences.receive(text))

    def end_completion(self) -> list[Instruction]:
        """The message that arrives in pieces of text is complete."""
        out = self.settle()
        self._completion = None
        return out

    def begin_sound(self, message_id: str) -> list[Instruction]:
        """A message begins that arrives in pieces of sound."""
        out = self._close_sound()
        self._expected_sound = ""
        if self._is_said(message_id):
            self._muted = True
            return out
        self._muted = False
        out += self.settle()
        sound = ArrivingSound(message_id)
        if self._waiting is not None:
            if message_id and self._waiting.message_id and self._waiting.message_id != message_id:
                out += self._say_waiting()
            else:
                sound = ArrivingSound(message_id or self._waiting.message_id, self._waiting.text, self._waiting.growing)
                self._waiting = None
        self._sound = sound
        return out

    def continue_sound(self, content: str, encoding: str) -> list[Instruction]:
        """More sound; a piece without a beginning is a message of its own."""
        out: list[Instruction] = []
        if self._sound is None and not self._muted:
            out += self.begin_sound(self._expected_sound)
        if self._sound is None:
            return out
        if self._sound.began and self._sound.encoding != encoding:
            message_id = self._sound.message_id
            out += self._close_sound()
            self._sound = ArrivingSound(message_id)
        sound = self._sound
        first, sound.began, sound.encoding = not sound.began, True, encoding
        if self._live_sound:
            return [*out, sound.chunk(content, self._barge_in, first=first)]
        sound.pieces.append(content)
        return out

    def end_sound(self) -> list[Instruction]:
        """The message that arrives in pieces of sound is complete."""
        self._muted, self._expected_sound = False, ""
        return self._close_sound()

    def add_message(self, instructions: list[Instruction]) -> list[Instruction]:
        """Prompts from elsewhere, or an ending: everything before them is given out first."""
        return [*self.settle(), *self._say_waiting(), *self._in_order(instructions)]

    def add(self, instructions: list[Instruction]) -> list[Instruction]:
        """Anything that is not heard."""
        return [*self.settle(), *self._in_order(instructions)]

    def settle(self) -> list[Instruction]:
        """Say the text that has arrived, whole sentence or not: something else comes."""
        return self._say_sentences(self._sentences.flush())

    def flush(self) -> list[Instruction]:
        """Give out everything that is held back: nothing has come for a while. A sound that is being heard goes on."""
        if not self.pending:
            return []
        if self._sound is not None and not self._sound.began:
            self._muted = bool(self._sound.words.strip())  # said now; what still comes of their sound would repeat them
            self._expected_sound = self._sound.message_id
        return [*self._close_sound(), *self.settle(), *self._say_waiting()]

    def finish(self, *, clean: bool) -> list[Instruction]:
        """Give out everything that is held back; of an answer that broke off in mid-word, whole words only."""
        broken_off = not clean and self._mid_word and self._completion is not None
        out = self._close_sound()
        if broken_off and self._waiting is not None and self._waiting.growing:
            self._waiting.text = _whole_words(self._waiting.text)
        sentences = self._sentences.flush()
        if broken_off and sentences:
            sentences[-1] = _whole_words(sentences[-1])
        return [*out, *self._say_sentences(sentences), *self._say_waiting()]

    def _wait_with(self, words: WaitingWords) -> None:
        self._waiting = words
        self._unnamed_said = 0  # the next sound is for these words

    def _say_waiting(self) -> list[Instruction]:
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return []
        if not waiting.growing:
            return self._in_order(self._speak(waiting.text, waiting.message_id, Reached.AS_WORDS))
        sentences = SentenceAssembler()
        spoken = [*sentences.receive(waiting.text), *sentences.flush()]
        return self._say_sentences(spoken, waiting.message_id)

    def _say_sentences(self, sentences: list[str], message_id: str | None = None) -> list[Instruction]:
        name = message_id if message_id is not None else self._completion or ""
        prompts = [say for words in sentences for say in self._speak(words, name, Reached.AS_COMPLETION)]
        return self._in_order(prompts)

    def _speak(self, words: str, message_id: str, way: Reached) -> list[Instruction]:
        speech = make_speakable(words)
        if not speech.text.strip():
            return []
        self._remember(message_id, way)
        return [Say(text=speech.text, ssml=speech.ssml, barge_in=self._barge_in)]

    def _remember(self, message_id: str, way: Reached) -> None:
        if message_id:
            self._heard[message_id] = way
        elif way is Reached.AS_COMPLETION:  # sentence by sentence, but one message
            self._unnamed_said = max(self._unnamed_said, 1)
        else:
            self._unnamed_said += 1

    def _close_sound(self) -> list[Instruction]:
        sound, self._sound = self._sound, None
        if sound is None:
            return []
        if not sound.began:
            way = Reached.AS_COMPLETION if sound.growing else Reached.AS_WORDS
            return [*self._speak(sound.words, sound.message_id, way), *self._take_behind_sound()]
        if sound.message_id:
            self._heard[sound.message_id] = Reached.AS_SOUND
        if self._live_sound:
            return [sound.chunk("", self._barge_in, last=True), *self._take_behind_sound()]
        return [sound.recording(self._barge_in), *self._take_behind_sound()]

    def _take_behind_sound(self) -> list[Instruction]:
        behind, self._behind_sound = self._behind_sound, []
        return behind

    def _in_order(self, instructions: list[Instruction]) -> list[Instruction]:
        if self._sound is None:
            return instructions
        self._behind_sound += instructions
        return []

    @property
    def _is_being_heard(self) -> bool:
        """Has some of the sound that is arriving been given out already?"""
        return self._live_sound and self._sound is not None and self._sound.began

    def _is_sounding(self, message_id: str) -> bool:
        return self._sound is not None and self._sound.message_id == message_id

    def _is_repeated(self, words: str, message_id: str) -> bool:
        """Whether the message has been or will be heard: "completion *replaces* the finished text/speak"."""
        if message_id:
            waiting = self._waiting
            if waiting and waiting.growing and waiting.message_id == message_id and waiting.text.strip():
                return True
            return self._heard.get(message_id) in (Reached.AS_COMPLETION, Reached.AS_SOUND)
        completed, self._completed_words = self._completed_words.split(), ""
        return bool(completed) and words.split() == completed

    def _is_said(self, message_id: str) -> bool:
        """Whether a sound that begins belongs to words that were said. `speak` has no id: the next sound is its."""
        if self._heard.get(message_id) in (Reached.AS_WORDS, Reached.AS_COMPLETION):
            return True
        if self._completion is not None and not self._agent_voice:
            return "" in (message_id, self._completion) or message_id == self._completion
        claims = self._unnamed_said > 0
        self._unnamed_said -= claims
        return claims


def _whole_words(text: str) -> str:
    """Without the last word, of which only a part may have come; a script without spaces stays as it is."""
    head, space, _ = text.rpartition(" ")
    return head if space else text
