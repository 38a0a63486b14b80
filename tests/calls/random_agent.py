"""A random agent: each turn a random answer of valid traces, weighted so that calls live long and meet everything.

Everything comes from one `Random`. What it may never do is break the contract; what it does do is talk too much, hang,
set the keypad in all ways, forward to strangers, and fail now and then.
"""

import base64
import struct
from collections.abc import Callable
from random import Random
from typing import Any

Trace = dict[str, Any]

WORDS = ("yes", "no", "please", "the", "visit", "on", "Tuesday", "costs", "twenty", "dollars", "and", "friend", "teeth")
FLOURISHES = (
    "**very**",
    "[our site](https://example.com/a?b=c&d=e)",
    "<speak><break time='300ms'/>well</speak>",
    "<say-as interpret-as='digits'>1234</say-as>",
    "🦷😀",
    "Größe & <b>Maß</b>",
    "`code` _and_ ~~more~~",
    "\n- one\n- two\n",
    "👩‍👩‍👧",
    "\u200b",
    "٣٤٥",
    "\x0b",
    "a < b > c & d",
    "</Say><Dial>+19005551234</Dial>",
)
DELIMITERS: tuple[list[str], ...] = (["#"], ["*"], ["#", "*"], ["*", "#"], [])
# 0.2 s of 8-bit PCM at 8 kHz
WAV = b"RIFF" + struct.pack("<I4s4sIHHIIHH4sI", 1636, b"WAVE", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8, b"data", 1600)
AUDIO = "data:audio/wav;base64," + base64.b64encode(WAV + b"\x80" * 1600).decode()
SOUNDS = ("https://cdn.example/hours.mp3", AUDIO, "https://cdn.example/a b?c=d&e=f", "ftp://nowhere/", "data:,", "")
TARGETS = (
    *("front-desk", "Front Desk", "duty-dentist", "nobody", "", "+15005550199", "+1 (415) 555-0199", "+14155550198"),
    *(
        "911",
        "+4930110",
        "+19005551234",
        "+15005550100",
        "sip:lab@pbx.example.com",
        "sip:lab@evil.example",
        "+1876555123",
    ),
)


class RandomTurns:
    """Makes answers. `quiet`: may it say nothing, and ask for waits of a second, which a caller cannot tell from a gap
    in an answer? `interrupts`: may it switch barge-in off? `mishaps`: may it fail?"""

    def __init__(self, chance: Random, *, quiet: bool, interrupts: bool, mishaps: bool) -> None:
        self._chance = chance
        self.quiet = quiet
        self._interrupts = interrupts
        self._mishaps = mishaps
        self._names = 0

    def turn(self, action_type: str) -> tuple[list[tuple[float, Trace]], str]:
        """Timed traces and the mishap, if any, for one action."""
        chance = self._chance
        if action_type == "end" or (self.quiet and chance.random() < 0.1):
            return [], ""
        traces = self.traces(chance.choice((1, 1, 1, 2, 2, 3, 5, 8)))
        timed = [(self._delay_seconds(), trace) for trace in traces]
        if chance.random() < 0.04:
            timed = self._with_tool(timed)
        mishap = chance.choice(("refused", "cut-off")) if self._mishaps and chance.random() < 0.05 else ""
        return timed, "" if action_type == "launch" else mishap

    def traces(self, messages: int) -> list[Trace]:
        """What is said, how the caller is then listened to, and, rarely, an ending."""
        chance = self._chance
        out: list[Trace] = []
        for _ in range(messages):
            out += self._pick(SPEAKING) if chance.random() < 0.75 else self._pick(SILENT)
        if not self.quiet:
            out.append(spoken(f"So {self.text()[:300]}"))
        for likelihood, make in ((0.4, keypad), (0.4, no_reply), (0.15, choices)):
            if chance.random() < likelihood:
                out += make(self)
        if self._interrupts and chance.random() < 0.2:
            out += interruption(self)
        if chance.random() < 0.1:
            out += self._pick(ENDING)
        return out

    def _pick(self, makers: tuple[Callable[["RandomTurns"], list[Trace]], ...]) -> list[Trace]:
        return self._chance.choice(makers)(self)

    def _delay_seconds(self) -> float:
        chance = self._chance
        return chance.choices((0.0, chance.uniform(0, 0.3), chance.uniform(0, 3), chance.uniform(0, 8)), (6, 6, 2, 1))[
            0
        ]

    def _with_tool(self, timed: list[tuple[float, Trace]]) -> list[tuple[float, Trace]]:
        chance = self._chance
        start: Trace = {"type": "tool-call", "payload": {"callID": self.name(), "state": "start"}}
        if chance.random() < 0.7:
            start["payload"]["sound"] = {"ref": chance.choice(("keyboard", "https://cdn.example/typing.mp3", "../x"))}
        end: Trace = {"type": "tool-call", "payload": {"callID": start["payload"]["callID"], "state": "end"}}
        place = chance.randrange(len(timed) + 1)
        return [*timed[:place], (0.0, start), (chance.uniform(0, 40), end), *timed[place:]]

    def name(self) -> str:
        """A name that was not used before."""
        self._names += 1
        return f"unsaid-{self._names}"

    def text(self) -> str:
        """Words, from none to 200 kB of them, some with ornaments."""
        chance = self._chance
        count = chance.choices(
            (0, chance.randrange(1, 12), chance.randrange(12, 60), 2_000, 36_000), (4, 80, 16, 1, 0.2)
        )[0]
        words = chance.choices(WORDS, k=count)
        for _ in range(chance.choice((0, 0, 0, 1, 3))):
            words.insert(chance.randrange(len(words) + 1), chance.choice(FLOURISHES))
        for place in range(7, len(words), 11):
            words[place] += chance.choice(".?!,;")
        return " ".join(words)

    @property
    def chance(self) -> Random:
        """Where everything comes from."""
        return self._chance

    def request(self) -> Trace:
        """A request of the agent's own, such as a button's."""
        chance = self._chance
        name = self.name()
        return chance.choice(
            (
                {"type": f"path-{name}", "payload": {"label": name}},
                {"type": "intent", "payload": {"query": name, "intent": {"name": name}, "entities": []}},
                {"type": "event", "payload": {"event": {"name": name}}},
                {"type": "text", "payload": name},
            )
        )


def spoken(words: str) -> Trace:
    return {"type": "speak", "payload": {"type": "message", "message": words}, "time": 1}


def speak(turns: RandomTurns) -> list[Trace]:
    trace = spoken(turns.text())
    if turns.chance.random() < 0.1:
        trace["payload"] |= {"type": "audio", "src": turns.chance.choice((*SOUNDS, None))}
    return [trace]


def text(turns: RandomTurns) -> list[Trace]:
    words = turns.text()
    payload: Trace = {"message": words, "slate": {"id": "s", "content": [{"children": [{"text": words[:50]}]}]}}
    payload["messageID"] = turns.name()
    if turns.chance.random() < 0.1:
        payload["audio"] = {"src": turns.chance.choice(SOUNDS)}
    return [{"type": "text", "payload": payload}]


def completion(turns: RandomTurns) -> list[Trace]:
    words, message_id, chance = turns.text(), turns.name(), turns.chance
    borders = sorted(chance.randrange(len(words) + 1) for _ in range(chance.randrange(6)))
    pieces = [words[begin:end] for begin, end in zip([0, *borders], [*borders, len(words)], strict=True)]
    out: list[Trace] = [{"type": "completion", "payload": {"state": "start", "messageID": message_id}}]
    out += [{"type": "completion", "payload": {"state": "content", "content": piece}} for piece in pieces]
    if chance.random() < 0.9:
        out.append({"type": "completion", "payload": {"state": "end"}})
    return out


def audio(turns: RandomTurns) -> list[Trace]:
    chance = turns.chance
    content = base64.b64encode(b"\xff" * 1600).decode()
    encoding = chance.choice(("audio/x-mulaw", "audio/mp3", "audio/pcm"))
    piece: Trace = {"type": "audio", "payload": {"state": "content", "content": content, "encoding": encoding}}
    out: list[Trace] = [{"type": "audio", "payload": {"state": "start", "messageID": turns.name()}}]
    out += [piece] * chance.randrange(5)
    return [*out, {"type": "audio", "payload": {"state": "end"}}] if chance.random() < 0.9 else out


def stream(turns: RandomTurns) -> list[Trace]:
    action = turns.chance.choice(("PLAY", "LOOP", "PAUSE", "END"))
    # a loop never ends by itself, so that what is played for ever is nothing for a random caller
    action = "PLAY" if action == "LOOP" else action
    return [{"type": "stream", "payload": {"src": turns.chance.choice(SOUNDS), "token": "t", "action": action}}]


def handoff(turns: RandomTurns) -> list[Trace]:
    event = turns.chance.choice(("chat_ended", "message_received", "wait_time", "participant_joined"))
    payload = {"conversationID": "c", "message": turns.text()[:200], "event": event}
    return [{"type": "live-agent-handoff", "payload": payload}]


def keypad(turns: RandomTurns) -> list[Trace]:
    chance = turns.chance
    payload = {
        "enabled": chance.random() < 0.85,
        "timeoutInSeconds": chance.choice((0, *((0.5, 1) if turns.quiet else ()), 1.1, 2, 2.5, 3, 5, 10)),
        "delimiter": chance.choice(DELIMITERS),
        "maxDigits": chance.choice((1, 1, 2, 3, 4, 4, 8, 20)),
    }
    return [{"type": "dtmf", "payload": payload}]


def no_reply(turns: RandomTurns) -> list[Trace]:
    seconds = turns.chance.choice((1, 1.5, 2, 10) if turns.quiet else (2, 3, 5, 7.5, 10))
    return [{"type": "no-reply", "payload": {"timeout": seconds}}]


def choices(turns: RandomTurns) -> list[Trace]:
    chance = turns.chance
    buttons: list[Trace] = [
        {"name": chance.choice(("Yes", "No", "name-1", "")), "request": turns.request()}
        # what is not said by callers: a button without a request is sent by its name, whoever says or presses it
        if chance.random() < 0.6
        else {"name": chance.choice(("🦷", turns.name(), ""))}
        for _ in range(chance.randrange(12))
    ]
    card: Trace = {"title": "Card", "buttons": buttons, "imageUrl": None, "description": {"text": turns.text()[:80]}}
    return chance.choice(
        (
            [{"type": "choice", "payload": {"buttons": buttons}}],
            [{"type": "cardV2", "payload": card}],
            [{"type": "carousel", "payload": {"cards": [card], "layout": "List"}}],
        )
    )


def interruption(turns: RandomTurns) -> list[Trace]:
    return [{"type": "interruption", "payload": {"allowInterrupts": turns.chance.random() < 0.5}}]


def recognition(turns: RandomTurns) -> list[Trace]:
    payload = {"keywords": ["a,b", "", "tooth"], "partialWaitMS": turns.chance.choice((300, 2000, 4000))}
    return [{"type": "asr", "payload": payload, "defaultPath": 0, "paths": [{"event": {"type": "done"}}]}]


def language(turns: RandomTurns) -> list[Trace]:
    payload = {"name": "language", "payload": {"language": turns.chance.choice(("de-DE", "en-US", "fr", "xx-??"))}}
    return [{"type": "channel-action", "payload": payload}]


def noise(turns: RandomTurns) -> list[Trace]:
    """A trace that nobody hears."""
    intent = {"type": "intent", "payload": {"query": "q", "intent": {"name": "n"}, "entities": []}}
    return [
        turns.chance.choice(
            (
                {"type": "block", "payload": {"blockID": "b"}},
                {"type": "debug", "payload": {"message": turns.text()[:100], "level": "info"}},
                {"type": "entity-filling", "payload": {"entityToFill": "e", "intent": intent}},
                {"type": "flow", "payload": {"diagramID": "d", "name": "n"}},
                {"type": "log", "payload": {"kind": "node", "level": "info"}},
                {"type": "path", "payload": {"path": "choice:1"}},
                {"type": "reasoning", "payload": {"state": "content", "content": turns.text()[:100]}},
                {"type": "reasoning", "payload": {"state": "start"}},
                {"type": "visual", "payload": {"visualType": "image", "image": "https://example.com/i.png"}},
                {"type": "knowledgeBase", "payload": {"chunks": [{"score": 1, "documentID": "d", "documentData": {}}]}},
                {"type": "a-new-kind", "payload": {"unknown": turns.text()[:50]}},
                {"type": "realtime-agent", "payload": {"action": "INTERRUPTED"}},
                {"type": "realtime-agent", "payload": {"action": "END"}},
            )
        )
    ]


def end(turns: RandomTurns) -> list[Trace]:
    return [{"type": "end", "payload": None}] if turns.chance.random() < 0.4 else []


def forward(turns: RandomTurns) -> list[Trace]:
    chance = turns.chance
    address = chance.choice(TARGETS)
    if chance.random() < 0.2:
        return [{"type": "forward-call", "payload": {"number": address}}]
    if chance.random() < 0.1:
        payload = {"conversationID": "c", "message": turns.text()[:80], "event": "chat_started"}
        return [{"type": "live-agent-handoff", "payload": payload}]
    if address.startswith("sip:"):
        return [{"type": "call-forward", "payload": {"addressType": "sip", "address": address}}]
    payload = {"addressType": "phone", "address": address, "callerIDPassthrough": chance.random() < 0.5}
    if chance.random() < 0.3:
        payload["extension"] = chance.choice(("1234", "w9", "12;34", "#"))
    return [{"type": "call-forward", "payload": payload}]


def go_to(turns: RandomTurns) -> list[Trace]:
    return [{"type": "goto", "payload": {"request": turns.request()}}]


def custom(turns: RandomTurns) -> list[Trace]:
    name = turns.chance.choice(("look-up", "twiml", "DTMF", "send_sms"))
    payload = turns.chance.choice(({"a": 1}, "text", "<Response><Dial>911</Dial></Response>"))
    trace: Trace = {"type": name, "payload": payload}
    if turns.chance.random() < 0.6:
        trace |= {"defaultPath": 0, "paths": [{"event": {"type": turns.name()}}]}
    return [trace]


def realtime(turns: RandomTurns) -> list[Trace]:
    sound = {"encoding": "audio/x-mulaw", "sampleRate": 8000}
    return [{"type": "realtime-agent", "payload": {"action": "START", "input": sound, "output": sound}}]


SPEAKING = (speak, speak, text, text, completion, completion, audio, stream, handoff)
SILENT = (noise, noise, noise, noise, recognition, language)
ENDING = (end, forward, forward, forward, go_to, custom, custom, realtime)
