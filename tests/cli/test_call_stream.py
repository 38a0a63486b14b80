"""`voicegw call` at a gateway that streams its calls, and the voice and ears of the telephone."""

import asyncio
import base64
import json
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from voicegw.cli.caller_speech import caller_speech
from voicegw.cli.root import app
from voicegw.cli.serving import Site, address_of, listen
from voicegw.errors import SpeechError
from voicegw.simulator import Telegraph
from voicegw.simulator.stream.sound import silence
from voicegw.simulator.telegraph import decode_text, encode_text

runner = CliRunner()

SCRIPT = """
steps:
  - hears: yes?
  - presses: "7"
    when: now
    after_seconds: 0
  - hears: key 7
  - says: bye
    when: now
    after_seconds: 0
  - stays_silent
"""


def gateway(address: str) -> Any:
    """Says what it heard, and goodbye at "bye"."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await receive()
            body = f'<Response><Connect><Stream url="{address}/media"/></Connect><Hangup/></Response>'.encode()
            head = [(b"content-type", b"text/xml"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": head})
            await send({"type": "http.response.body", "body": body})
            return
        await receive()
        await send({"type": "websocket.accept"})
        heard, sid = b"", ""

        async def say(event: str, inner: dict[str, str]) -> None:
            await send({"type": "websocket.send", "text": json.dumps({"event": event, "streamSid": sid, event: inner})})

        async def speak(text: str) -> None:
            await say("media", {"payload": base64.b64encode(encode_text(text)).decode()})

        while (message := await receive())["type"] == "websocket.receive":
            fields = json.loads(message["text"])
            match fields["event"]:
                case "start":
                    sid = fields["streamSid"]
                    await speak("yes?")
                case "dtmf":
                    await speak(f"key {fields['dtmf']['digit']}")
                case "media":
                    frame = base64.b64decode(fields["media"]["payload"])
                    heard += frame
                    if decode_text(heard) == "bye" and not frame.strip(b"\xff"):
                        heard = b""
                        await speak("goodbye")
                        await say("mark", {"name": "end"})
                case "mark":
                    await send({"type": "websocket.close", "code": 1000})

    return serve


@pytest.fixture
async def served() -> AsyncIterator[str]:
    """The address of that gateway."""
    listening = listen("127.0.0.1", 0)
    address = address_of(listening)
    async with Site(gateway(address.replace("http", "ws")), listening) as site:
        site.open()
        yield address


@pytest.fixture
def telegraph(monkeypatch: pytest.MonkeyPatch) -> None:
    """A telephone whose speech is exact, in place of the models."""

    @asynccontextmanager
    async def speech(*, wanted: bool) -> AsyncIterator[Telegraph]:
        assert wanted
        yield Telegraph()

    monkeypatch.setattr("voicegw.cli.phone.caller_speech", speech)


async def test_a_streamed_call_is_talked_through_shown_measured_and_recorded(
    served: str, tmp_path: Path, telegraph: None
) -> None:
    (tmp_path / "call.yaml").write_text(SCRIPT, encoding="utf-8")
    recording = tmp_path / "call.wav"
    arguments = [f"{served}/voice", "--script", str(tmp_path / "call.yaml"), "--stream", "--record", str(recording)]
    done = await asyncio.to_thread(runner.invoke, app, ["call", *arguments], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    for line in ("the gateway listens and speaks", "yes?", "key 7", "bye", "goodbye", "every invariant held"):
        assert line in done.output
    assert "answers: 1, the median after" in done.output
    with wave.open(str(recording)) as file:
        assert file.getnchannels() == 2
        assert file.getnframes() > 8000


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("voicegw.cli.caller_speech.is_installed", lambda: False)
    done = runner.invoke(app, ["call", "--stream"], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert "pip install 'voicegw[offline]'" in done.stderr


async def test_a_telephone_that_need_not_speak_loads_nothing() -> None:
    async with caller_speech(wanted=False) as speech:
        assert speech is None


async def test_what_the_telephone_says_it_also_understands() -> None:
    pytest.importorskip("hibari")
    pytest.importorskip("moonshine_voice")
    async with caller_speech(wanted=True) as speech:
        assert speech is not None
        audio = await speech.speak("I would like to hear the opening hours.")
        assert "opening hours" in (await speech.understand(silence(0.2) + audio)).lower()


async def test_what_cannot_be_understood_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("hibari")
    moonshine = pytest.importorskip("voicegw.speech.moonshine")

    async def fails(_: Any, audio: bytes) -> Any:
        raise SpeechError("out of order")

    monkeypatch.setattr(moonshine.Moonshine, "recognise", fails)
    async with caller_speech(wanted=True) as speech:
        assert speech is not None
        assert await speech.understand(silence(0.5)) == ""
