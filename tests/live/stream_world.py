"""A whole stream call in memory and virtual time: the real gateway, a line that plays and hears, honest small speech.

The detector reads loudness. The caller's words travel as what they are: a speech's words are what the script says was
spoken in it. The voice makes a tone that is as long as its words; each sentence has a loudness of its own, so that the
test can say what was heard.
"""

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import twiml
from voicegw.app import Gateway
from voicegw.call.entries import NoJournal
from voicegw.call.profile import Mode, NumberProfile
from voicegw.call.records import Failed, Record
from voicegw.config import Settings, Twilio, Voiceflow
from voicegw.demo.in_memory import InMemoryTransport
from voicegw.errors import SpeechError
from voicegw.live.ports import Ear, ListenRequest, Realtime, SpeechRequest, Transcript, VoiceTap
from voicegw.store.memory import MemoryStore
from voicegw.twilio.signature import SignatureVerifier

ORIGIN = "https://gateway.example"
AUTH_TOKEN = "the-carriers-token"
API_KEY = "VF.DM.the-agents-key"
ACCOUNT_SID = "AC" + "0" * 32
CALL_SID = "CA" + "1" * 32
OUR_NUMBER = "+15005550100"
QUIET = b"\xff" * 160
LOUD = b"\x80" * 160
SECONDS_PER_WORD = 0.3
PROFILE = NumberProfile(mode=Mode.STREAM)
Traces = list[dict[str, Any]]
GOODBYE = {"type": "end"}
LONG = "This is a long sentence with very many words that nobody wants to hear to its end today."


def is_loud(audio: bytes) -> bool:
    """Whether mulaw is louder than a whisper: its bits are inverted, and grow with the logarithm of the amplitude."""
    return sum(~byte & 0x7F for byte in audio) > 64 * len(audio)


class LoudnessDetector:
    """There is a voice where it is loud."""

    def __init__(self) -> None:
        self.taps = 0

    def open(self, tell: Callable[[float, float], None]) -> VoiceTap:
        self.taps += 1
        return _Tap(self, tell)


class _Tap:
    def __init__(self, detector: LoudnessDetector, tell: Callable[[float, float], None]) -> None:
        self._detector = detector
        self._tell = tell

    def put(self, audio: bytes) -> None:
        self._tell(1.0 if is_loud(audio) else 0.0, len(audio) / 8000)

    def close(self) -> None:
        self._detector.taps -= 1


class CertainTurnModel:
    """Every pause is the end of the turn."""

    async def judge(self, audio: bytes) -> float:
        assert len(audio) <= 64_000
        return 0.9


class ScriptedEars:
    """Understands what the caller of that call says at the moment: `words` is asked once for each speech."""

    def __init__(self) -> None:
        self.words: dict[str, list[str]] = {}
        self.open_ears = 0
        self.requests: list[ListenRequest] = []

    def open(self, request: ListenRequest, tell: Callable[[Transcript], None]) -> Ear:
        self.open_ears += 1
        self.requests.append(request)
        return _Ear(self, request, tell)


class _Ear:
    def __init__(self, ears: ScriptedEars, request: ListenRequest, tell: Callable[[Transcript], None]) -> None:
        self._ears = ears
        self._sid = request.call_sid
        self._tell = tell
        self.heard_bytes = 0

    def begin(self, speech: int, before: bytes) -> None:
        self.heard_bytes = len(before)

    def put(self, audio: bytes) -> None:
        self.heard_bytes += len(audio)

    def pause(self, speech: int) -> None:
        pass

    def finish(self, speech: int, quiet_seconds: float) -> None:
        words = self._ears.words.get(self._sid, [])
        text = words.pop(0) if words else ""
        asyncio.get_running_loop().call_later(
            0.05, self._tell, Transcript(speech=speech, text=text, final=True, confidence=0.9)
        )

    def ask_again(self, request: ListenRequest) -> None:
        self._ears.requests.append(request)

    async def close(self) -> None:
        self._ears.open_ears -= 1


class ToneVoice:
    """Speaks in tones: `says[byte]` is the sentence whose sound that byte is. `broken` says nothing at all."""

    def __init__(self) -> None:
        self.says: dict[int, str] = {}
        self.spoken: list[SpeechRequest] = []
        self.speaking = 0
        self.broken = False

    async def speak(self, request: SpeechRequest) -> AsyncIterator[bytes]:
        self.speaking += 1
        try:
            if self.broken:
                raise SpeechError("no voice at all")
            self.spoken.append(request)
            sound = next((byte for byte, text in self.says.items() if text == request.text), len(self.says) + 1)
            self.says[sound] = request.text
            await asyncio.sleep(0.1)
            for _ in request.text.split():
                yield bytes([sound]) * round(SECONDS_PER_WORD * 8000)
                await asyncio.sleep(0.01)
        finally:
            self.speaking -= 1


@dataclass
class SmallSpeech:
    """Implements `live.ports.Speech`."""

    detector: LoudnessDetector = field(default_factory=LoudnessDetector)
    turn_model: CertainTurnModel | None = field(default_factory=CertainTurnModel)
    stt: ScriptedEars = field(default_factory=ScriptedEars)
    tts: ToneVoice = field(default_factory=ToneVoice)

    async def close(self) -> None:
        """Nothing to let go of."""


class Agent:
    """Speaks the v4 API: `answer` gives the traces for an action, `wait_seconds` how long it thinks."""

    def __init__(self, answer: Callable[[Mapping[str, Any]], Traces]) -> None:
        self.answer = answer
        self.received: list[Mapping[str, Any]] = []
        self.wait_seconds = 0.2

    @property
    def kinds(self) -> list[str]:
        return [str(action["type"]) for action in self.received]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = json.loads((await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"].endswith("/session"):
            await send({"type": "http.response.body", "body": json.dumps({"sessionKey": "key"}).encode()})
            return
        self.received.append(body["action"])
        await asyncio.sleep(self.wait_seconds)
        for trace in self.answer(body["action"]):
            if "wait" in trace:
                await asyncio.sleep(trace["wait"])
                continue
            event = f"event: trace\ndata: {json.dumps(trace)}\n\n"
            await send({"type": "http.response.body", "body": event.encode(), "more_body": True})
        await send({"type": "http.response.body", "body": b"event: end\ndata: {}\n\n"})


def says(text: str) -> dict[str, Any]:
    return {"type": "text", "payload": {"message": text}}


def dialogue(action: Mapping[str, Any]) -> Traces:
    match action["type"]:
        case "launch":
            return [says("Welcome to the practice.")]
        case "text" if action["payload"] == "story":
            return [says(LONG)]
        case "text" if action["payload"] == "slow":
            return [{"wait": 6.0}, says("Here it is.")]
        case "text" if action["payload"] == "human":
            forward = {"addressType": "phone", "address": "human"}
            return [says("I connect you."), {"type": "call-forward", "payload": forward}]
        case "text":
            return [says(f"You said {action['payload']}."), {"wait": 0.4}, says("Anything else?")]
        case "dtmf":
            return [says("Goodbye then."), GOODBYE]
        case "event":
            return [says(f"Event {action['payload']['event']['name']}.")]
    return []


class Notes(NoJournal):
    """Keeps every record."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.noted_at: list[float] = []

    def note(self, call_sid: str, record: Record, turn: int = 0) -> None:
        self.records.append(record)
        self.noted_at.append(asyncio.get_running_loop().time())

    def of(self, kind: type) -> list[Any]:
        return [record for record in self.records if isinstance(record, kind)]


class Site:
    """One gateway process with small speech. `store` may be shared by several."""

    def __init__(
        self,
        agent: Agent,
        profile: NumberProfile = PROFILE,
        store: MemoryStore | None = None,
        realtime: Realtime | None = None,
        recordings_path: Path = Path("nowhere"),
    ) -> None:
        loop = asyncio.get_running_loop()

        def wall() -> float:
            return 1_700_000_000.0 + loop.time()

        self.agent = agent
        self.speech = SmallSpeech()
        self.journal = Notes()
        self.store = store or MemoryStore(wall=wall, lifetime_seconds=86_400)
        settings = Settings(
            twilio=Twilio(account_sid=ACCOUNT_SID, auth_tokens=(AUTH_TOKEN,)),
            public_url=ORIGIN,
            voiceflow=Voiceflow(api_key=API_KEY, project_id="p"),
            numbers=(profile,),
            recordings_path=recordings_path,
        )
        self.gateway = Gateway(
            settings,
            store=self.store,
            transport=InMemoryTransport(agent),
            wall=wall,
            journal=self.journal,
            speech=self.speech,
            realtime=realtime,
        )
        self._signer = SignatureVerifier(ORIGIN, (AUTH_TOKEN,))

    async def post(self, url: str, call_sid: str = CALL_SID, status: str = "in-progress", **fields: str) -> bytes:
        """One signed webhook; the answer's body."""
        form = {
            "CallSid": call_sid,
            "AccountSid": ACCOUNT_SID,
            "From": "+14155550123",
            "To": OUR_NUMBER,
            "CallStatus": status,
            "Direction": "inbound",
            **fields,
        }
        pairs = sorted(form.items())
        parts = urlsplit(url.removeprefix(ORIGIN))
        signature = self._signer.sign(parts.path, parts.query, pairs)
        body = urlencode(pairs).encode()
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "headers": [
                (b"x-twilio-signature", signature.encode()),
                (b"content-type", b"application/x-www-form-urlencoded"),
                (b"content-length", str(len(body)).encode()),
            ],
            "scheme": "https",
            "server": ("gateway.example", 443),
            "client": ("203.0.113.1", 1234),
            "http_version": "1.1",
            "root_path": "",
        }
        await self.gateway.asgi(scope, receive, send)
        assert sent[0]["status"] == 200, sent
        return b"".join(message.get("body", b"") for message in sent[1:])


class Socket:
    """One WebSocket to the gateway, as a carrier opens it. `accepted` is None until it is known."""

    def __init__(self, site: Site, *, signature: str | None = None, path: str = "/twilio/media") -> None:
        self.site = site
        self.to_gateway: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.from_gateway: list[dict[str, Any]] = []
        self.closed_with: int | None = None
        self.accepted = False
        self.closed = asyncio.Event()
        self.blocked = asyncio.Event()
        self.blocked.set()
        self.on_message: Callable[[dict[str, Any]], None] = self.from_gateway.append
        signer = SignatureVerifier(ORIGIN, (AUTH_TOKEN,), websocket=True)
        signature = signer.sign(path) if signature is None else signature
        self.scope = {
            "type": "websocket",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(b"x-twilio-signature", signature.encode())] if signature else [],
            "scheme": "wss",
            "server": ("gateway.example", 443),
            "client": ("203.0.113.1", 1234),
            "http_version": "1.1",
            "root_path": "",
            "subprotocols": [],
        }
        self.to_gateway.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.create_task(self._serve())

    async def _serve(self) -> None:
        try:
            await self.site.gateway.asgi(self.scope, self.to_gateway.get, self._send)
        finally:
            self.closed.set()

    async def _send(self, message: dict[str, Any]) -> None:
        await self.blocked.wait()
        match message["type"]:
            case "websocket.accept":
                self.accepted = True
            case "websocket.close":
                self.closed_with = message.get("code", 1000)
                self.closed.set()
            case "websocket.send":
                if self.closed.is_set():
                    raise OSError("closed")
                self.on_message(json.loads(message["text"]))

    def send(self, message: Mapping[str, Any] | str) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        self.to_gateway.put_nowait({"type": "websocket.receive", "text": text})

    def break_off(self, code: int = 1006) -> None:
        self.to_gateway.put_nowait({"type": "websocket.disconnect", "code": code})
        self.closed.set()


@dataclass
class Sound:
    """A byte's sound in the caller's ear, from when to when."""

    byte: int
    begin: float
    end: float


class Stream:
    """A carrier's end of one stream: plays what comes, names marks back, sends the caller's frames every 20 ms."""

    def __init__(self, site: Site, document: bytes, *, call_sid: str = CALL_SID, **socket: Any) -> None:
        connect, redirect = twiml.parse(document.decode()).verbs
        assert isinstance(connect, twiml.Connect)
        assert isinstance(redirect, twiml.Redirect)
        stream = connect.children[0]
        assert isinstance(stream, twiml.Stream)
        assert stream.url == "wss://gateway.example/twilio/media"
        self.after = redirect.url
        self.parameters = {each.name: each.value for each in stream.children if isinstance(each, twiml.Parameter)}
        self.call_sid = call_sid
        self.site = site
        self.loop = asyncio.get_running_loop()
        self.socket = Socket(site, **socket)
        self.socket.on_message = self._receive
        self.stream_sid = "MZ" + "2" * 32
        self.sounds: list[Sound] = []
        self.clears = 0
        self.sequence = 0
        self.plays_until = self.loop.time()
        self.marks: list[tuple[float, str]] = []
        self.timers: list[asyncio.TimerHandle] = []
        self.speaking_until = 0.0
        self.frames: asyncio.Task[None] | None = None
        self.frame_seconds = 0.02
        self.mark_travel_seconds = 0.0

    def start(self, **changes: Any) -> None:
        self.socket.send({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        self.socket.send(self.start_message(**changes))
        self.frames = asyncio.create_task(self._send_frames())

    def start_message(self, **changes: Any) -> dict[str, Any]:
        start = {
            "accountSid": ACCOUNT_SID,
            "streamSid": self.stream_sid,
            "callSid": self.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": self.parameters,
            **changes,
        }
        self.sequence = 1
        return {"event": "start", "sequenceNumber": "1", "start": start, "streamSid": self.stream_sid}

    def press(self, keys: str) -> None:
        for key in keys:
            self._send("dtmf", {"track": "inbound_track", "digit": key})

    def say(self, words: str, seconds: float = 1.0) -> None:
        self.site.speech.stt.words.setdefault(self.call_sid, []).append(words)
        self.speaking_until = self.loop.time() + seconds

    def stop(self) -> None:
        self._send("stop", {"accountSid": ACCOUNT_SID, "callSid": self.call_sid})
        self.socket.break_off(1000)

    async def until_closed(self, seconds: float = 60.0) -> None:
        async with asyncio.timeout(seconds):
            await self.socket.closed.wait()
        await self.leave()

    async def leave(self) -> None:
        if self.frames is not None:
            self.frames.cancel()
        self.socket.break_off()
        for timer in self.timers:
            timer.cancel()
        async with asyncio.timeout(5):
            await self.socket.task

    def heard(self) -> list[str]:
        """The sentences that the caller heard any of, in order; what was cut off ends in "…"."""
        seconds: dict[int, float] = {}
        for sound in self.sounds:
            played = min(sound.end, self.loop.time()) - sound.begin
            if played > 0:
                seconds[sound.byte] = seconds.get(sound.byte, 0.0) + played
        return [self._sentence(byte, played) for byte, played in seconds.items()]

    def _sentence(self, byte: int, played: float) -> str:
        text = self.site.speech.tts.says[byte]
        return text if played >= len(text.split()) * SECONDS_PER_WORD - 0.001 else f"{text}…"

    def _receive(self, message: dict[str, Any]) -> None:
        assert message["streamSid"] == self.stream_sid
        now = self.loop.time()
        match message["event"]:
            case "media":
                audio = b64decode(message["media"]["payload"])
                begin = max(now, self.plays_until)
                self.plays_until = begin + len(audio) / 8000
                assert self.plays_until - now < 0.5, "too much is sent ahead"
                for place in range(0, len(audio), 160):
                    piece = audio[place : place + 160]
                    at = begin + place / 8000
                    self.sounds.append(Sound(piece[0], at, at + len(piece) / 8000))
            case "mark":
                name = message["mark"]["name"]
                self.timers.append(self.loop.call_at(self._travelled(now), self._name_back, name))
                self.marks.append((self.plays_until, name))
            case "clear":
                self.clears += 1
                for sound in self.sounds:
                    sound.end = max(sound.begin, min(sound.end, now))
                self.plays_until = now

    def _travelled(self, now: float) -> float:
        return max(now, self.plays_until) + self.mark_travel_seconds

    def _name_back(self, name: str) -> None:
        self._send("mark", {"name": name})

    def _send(self, event: str, content: Mapping[str, Any]) -> None:
        self.sequence += 1
        self.socket.send(
            {"event": event, "sequenceNumber": str(self.sequence), event: content, "streamSid": self.stream_sid}
        )

    async def _send_frames(self) -> None:
        began = self.loop.time()
        chunk = 0
        while not self.socket.closed.is_set():
            chunk += 1
            sound = LOUD if self.loop.time() < self.speaking_until else QUIET
            frame = sound * round(self.frame_seconds / 0.02)
            content = {"track": "inbound", "chunk": str(chunk), "timestamp": str(chunk * 20)}
            self._send("media", {**content, "payload": b64encode(frame).decode()})
            await asyncio.sleep(began + chunk * self.frame_seconds - self.loop.time())


StartSite = Callable[..., Awaitable[Site]]
"""Starts a process, from what `Site` is made of."""


async def answer(site: Site, **place: Any) -> Stream:
    """Ring and pick up: a stream that runs."""
    document = await site.post(f"{ORIGIN}/twilio/voice", status="ringing", **place)
    stream = Stream(site, document, **({"call_sid": place["call_sid"]} if "call_sid" in place else {}))
    await asyncio.sleep(0.4)  # as long as a carrier needs for it
    stream.start()
    return stream


async def hear_greeting(site: Site) -> Stream:
    """Ring, pick up and listen, until the agent waits for a word."""
    stream = await answer(site)
    await asyncio.sleep(3)
    return stream


def assert_nothing_left(*sites: Site) -> None:
    for site in sites:
        assert site.gateway.streams is not None
        assert len(site.gateway.streams.calls) == 0
        assert site.speech.stt.open_ears == 0
        assert site.speech.detector.taps == 0
        assert site.speech.tts.speaking == 0
        assert [each for each in site.journal.of(Failed) if each.part == "gateway"] == []
    assert [each.get_name() for each in asyncio.all_tasks() if each is not asyncio.current_task()] == []


async def hang_up(site: Site, stream: Stream) -> None:
    stream.stop()
    await stream.leave()
    await site.post(f"{ORIGIN}/twilio/status", status="completed")
    await site.gateway.conversations.close(30)
