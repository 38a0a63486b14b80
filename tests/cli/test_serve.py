"""`voicegw serve`: what it refuses to start with, how it drains, how it reloads, and what it never logs."""
# ruff: noqa: ASYNC240 (a settings file is small)

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
import structlog.testing
from twilio.request_validator import RequestValidator
from typer.testing import CliRunner

from voicegw.cli.root import app
from voicegw.cli.serve import _serve, _tell
from voicegw.cli.serving import listen
from voicegw.cli.source import SettingsSource
from voicegw.errors import SettingsError

AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
CALLER = "+14155550123"
Command = Callable[..., "subprocess.Popen[str]"]

runner = CliRunner()


async def webhook(
    http: aiohttp.ClientSession, url: str, *, sid: str = "1", token: str = AUTH_TOKEN, **more: str
) -> Any:
    """Sends one signed webhook; gives status and body."""
    form = {"CallSid": f"CA{sid:0>32}", "AccountSid": "AC" + "0" * 32, "From": CALLER, "To": "+15005550100"}
    form |= {"CallStatus": "in-progress", **more}
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": RequestValidator(token).compute_signature(url, form),
    }
    async with http.post(url, data=urlencode(form), headers=headers) as answer:
        return answer.status, await answer.text()


def action_of(twiml: str) -> str:
    return re.findall('action="([^"]+)"', twiml)[0]


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the other side is a thread or a signal
            await asyncio.sleep(0)


def test_without_settings_every_fault_is_named_with_its_mend_and_the_status_is_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean_environment: None
) -> None:
    monkeypatch.chdir(tmp_path)
    done = runner.invoke(app, ["serve"])
    assert done.exit_code == 2
    for key in ("TWILIO_AUTH_TOKEN", "VOICEGW_PUBLIC_URL", "VOICEFLOW_API_KEY", "VOICEFLOW_PROJECT_ID"):
        assert key in done.stderr
    assert "Copy it from the Twilio console" in done.stderr


def test_in_a_terminal_the_faults_stand_in_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean_environment: None, wide_output: None
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("voicegw.cli.showing.err._force_terminal", True)
    done = runner.invoke(app, ["serve"])
    assert done.exit_code == 2
    assert "what to do" in done.stderr
    assert "TWILIO_AUTH_TOKEN" in done.stderr


def test_insecure_mode_is_refused_where_others_could_reach_it(
    settings_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = settings_file.read_text(encoding="utf-8").replace(f'auth_tokens = ["{AUTH_TOKEN}"]', "")
    settings_file.write_text(text, encoding="utf-8")
    monkeypatch.chdir(settings_file.parent)
    done = runner.invoke(app, ["serve", "--insecure-dev", "--host", "0.0.0.0"])  # noqa: S104
    assert done.exit_code == 2
    assert "VOICEGW_HOST" in done.stderr


def test_a_port_that_is_taken_is_one_clear_line(
    settings_file: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(settings_file.parent)
    with listen("127.0.0.1", port):
        done = runner.invoke(app, ["serve"])
    assert done.exit_code == 1
    assert done.stderr.startswith(f"✗ cannot listen on 127.0.0.1, port {port}: ")
    assert "Traceback" not in done.stderr


def test_listening_works_on_ipv6_where_there_is_any() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        with listen("::1", 0) as listening:
            assert listening.family is socket.AF_INET6
    except SettingsError as error:
        assert "cannot listen on ::1" in error.message


async def test_it_answers_signed_webhooks_and_nobody_else(gateway: str) -> None:
    async with aiohttp.ClientSession() as http:
        status, twiml = await webhook(http, f"{gateway}/twilio/voice", CallStatus="ringing")
        assert (status, "How can I help you?" in twiml) == (200, True)
        assert (await webhook(http, f"{gateway}/twilio/voice", token="guessed"))[0] == 403
        async with http.get(f"{gateway}/healthz", headers={"X-Forwarded-Proto": "https"}) as answer:
            assert "server" not in answer.headers
            assert "date" in answer.headers


async def test_sigterm_fails_readiness_first_lets_the_turn_finish_and_then_ends(
    gateway: str, agent: Any, settings_file: Path
) -> None:
    async with aiohttp.ClientSession() as http:
        _, twiml = await webhook(http, f"{gateway}/twilio/voice", CallStatus="ringing")
        step = asyncio.create_task(webhook(http, action_of(twiml), SpeechResult="the slow one"))
        sid = f"CA{'1':0>32}"
        await eventually(lambda: len(agent.agent.received_from(sid)) == 2)
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(10):
            while True:
                async with http.get(f"{gateway}/readyz") as answer:
                    if answer.status == 503:
                        assert (await answer.json())["waiting_for"][0] == "stopping"
                        break
        status, _ = await webhook(http, f"{gateway}/twilio/voice", sid="2", CallStatus="ringing")
        assert status == 200, "a new call is told that we are busy, not refused by the carrier's apology"
        assert len(agent.agent.received_from(f"CA{'2':0>32}")) == 0
        status, twiml = await step
        assert (status, "I look it up" in twiml) == (200, True)


async def test_sighup_takes_new_settings_for_new_calls_and_keeps_the_old_ones_when_faulty(
    gateway: str, settings_file: Path
) -> None:
    text = settings_file.read_text(encoding="utf-8")
    listed = text + '[[numbers]]\nnumber = "+15005550177"\n'
    with structlog.testing.capture_logs() as logs:
        async with aiohttp.ClientSession() as http:
            settings_file.write_text(f'nonsense = "{CALLER}"\n' + text, encoding="utf-8")
            os.kill(os.getpid(), signal.SIGHUP)
            await eventually(lambda: any(log["event"] == "settings stay as they were" for log in logs))
            _, twiml = await webhook(http, f"{gateway}/twilio/voice", CallStatus="ringing")
            assert "How can I help you?" in twiml

            settings_file.write_text(listed.replace('host = "127.0.0.1"', 'host = "localhost"'), encoding="utf-8")
            os.kill(os.getpid(), signal.SIGHUP)
            await eventually(lambda: any(log["event"].startswith("settings reloaded") for log in logs))
            _, twiml = await webhook(http, f"{gateway}/twilio/voice", sid="2", CallStatus="ringing")
            assert "not in service" in twiml
    fault = next(log for log in logs if log["event"] == "setting not taken")
    assert (fault["key"], fault["wrong"]) == ("nonsense", "is not a setting")
    waiting = next(log for log in logs if log["event"] == "settings that wait for a restart")
    assert waiting["keys"] == ["host"]
    assert CALLER not in repr(logs)


async def test_a_live_store_that_cannot_be_opened_is_said_and_ends_the_start(
    settings_file: Path, monkeypatch: pytest.MonkeyPatch, restored_signals: None
) -> None:
    monkeypatch.chdir(settings_file.parent)
    (settings_file.parent / "voicegw-live.db").mkdir()
    source = SettingsSource()
    from voicegw.errors import StoreError

    with pytest.raises(StoreError):
        await _serve(source, source.load())


def test_as_a_process_it_logs_json_without_numbers_and_a_second_signal_ends_it_at_once(
    settings_file: Path, command: Command, agent: Any, port: int
) -> None:
    with settings_file.open("a", encoding="utf-8") as file:
        file.write('[[numbers]]\nnumber = "+15005550100"\n')
    process = command("serve")
    assert process.stderr is not None
    first = json.loads(process.stderr.readline())
    assert first["event"] == "answering calls"
    assert first["webhooks"]["voice"] == f"http://127.0.0.1:{port}/twilio/voice"
    assert first["numbers"] == 1
    assert first["mode"] == "gather"
    assert "speech" not in first

    async def call_and_signal() -> None:
        url = f"http://127.0.0.1:{port}"
        async with aiohttp.ClientSession() as http:
            _, twiml = await webhook(http, f"{url}/twilio/voice", CallStatus="ringing")
            step = asyncio.create_task(webhook(http, action_of(twiml), SpeechResult="the slow one"))
            await eventually(lambda: len(agent.agent.received_from(f"CA{'1':0>32}")) == 2)
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(10):
                while True:
                    async with http.get(f"{url}/readyz") as answer:
                        if answer.status == 503:
                            break
            process.send_signal(signal.SIGTERM)
            with pytest.raises(aiohttp.ClientError):
                await step

    asyncio.run(call_and_signal())
    assert process.wait(5) == -signal.SIGTERM
    log = process.stderr.read()
    assert [json.loads(line)["event"] for line in log.splitlines()] == ["stopping"]
    assert "+1" not in json.dumps(first) + log


def test_in_a_terminal_it_shows_what_to_enter_at_twilio(
    settings_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wide_output: None
) -> None:
    with settings_file.open("a", encoding="utf-8") as file:
        file.write('[[numbers]]\nnumber = "+15005550100"\n')
    monkeypatch.chdir(settings_file.parent)
    monkeypatch.setenv("VOICEGW_STT", "offline")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    settings = SettingsSource(insecure_dev=True).load()
    with structlog.testing.capture_logs() as logs:
        _tell(settings)
    shown = capsys.readouterr().out
    assert f"{settings.public_url}/twilio/fallback" in shown
    assert "+15005550100" in shown
    assert [log["event"] for log in logs][1:] == [
        "stt takes effect only in stream mode.",
        "webhooks are not checked: whoever reaches this port can pose as Twilio",
    ]


async def test_ctrl_c_drains_as_sigterm_does(gateway: str) -> None:
    with structlog.testing.capture_logs() as logs:
        os.kill(os.getpid(), signal.SIGINT)
        await eventually(lambda: any(log["event"] == "stopped" for log in logs))
