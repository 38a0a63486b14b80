"""`voicegw check`: a good set-up, and each thing that can be wrong with its mend."""
# ruff: noqa: ASYNC240 (a settings file is small)

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from twilio.http import HttpClient
from twilio.http.response import Response
from typer.testing import CliRunner

from voicegw.call.profile import Destination, Forwarding, NumberProfile
from voicegw.cli.checks import check_destinations, judge_clock
from voicegw.cli.root import app
from voicegw.cli.serving import Site, address_of, listen
from voicegw.cli.web_probe import Probe, WebProber
from voicegw.config import Settings, Twilio, Voiceflow
from voicegw.demo.server import DEMO_API_KEY
from voicegw.twilio.rest import NumberConnector

AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
NUMBER = "+15005550006"

runner = CliRunner()


async def run(*arguments: str) -> Any:
    return await asyncio.to_thread(runner.invoke, app, ["check", *arguments])


def lines(output: str) -> dict[str, str]:
    """The mark of each subject; the worst one where it has several lines."""
    marks: dict[str, str] = {}
    for line in output.splitlines():
        mark, subject = line[0], line[2:14].strip()
        if mark in "✓✗·" and marks.get(subject) != "✗":
            marks[subject] = mark
    return marks


class RestApi(HttpClient):  # type: ignore[misc]
    """Twilio's REST API with one number, behind the SDK's own seam."""

    def __init__(self, **webhooks: str) -> None:
        self.number = {
            "sid": "PN" + "0" * 32,
            "account_sid": "AC" + "a" * 32,
            "phone_number": NUMBER,
            "voice_url": "",
            "voice_method": "POST",
            "voice_fallback_url": "",
            "voice_fallback_method": "POST",
            "status_callback": "",
            "status_callback_method": "POST",
            "voice_application_sid": "",
            "trunk_sid": None,
            "capabilities": {"voice": True},
            **webhooks,
        }
        self.changed: list[dict[str, str]] = []

    def request(self, method: str, url: str, *, data: Any = None, **_: Any) -> Response:
        import json

        if method == "POST":
            self.changed.append(data)
            return Response(200, json.dumps(self.number))
        return Response(200, json.dumps({"incoming_phone_numbers": [self.number], "next_page_uri": None}))


@pytest.fixture
def rest(monkeypatch: pytest.MonkeyPatch) -> Callable[..., RestApi]:
    """Puts a REST API with these webhooks where the real one would be."""

    def put(**webhooks: str) -> RestApi:
        api = RestApi(**webhooks)
        monkeypatch.setattr("voicegw.cli.numbers.NumberConnector", partial(NumberConnector, http_client=api))
        return api

    return put


def give_account(settings_file: Path) -> None:
    text = settings_file.read_text(encoding="utf-8")
    account = f'[twilio]\naccount_sid = "AC{"a" * 32}"'
    numbers = f'[[numbers]]\nnumber = "{NUMBER}"\n'
    settings_file.write_text(text.replace("[twilio]", account) + numbers, encoding="utf-8")


async def test_a_good_set_up_has_no_cross(gateway: str) -> None:
    done = await run()
    assert done.exit_code == 0, done.output
    marks = lines(done.output)
    good = ("settings", "agent", "public URL", "signature", "clock")
    assert {subject: marks[subject] for subject in good} == dict.fromkeys(good, "✓")
    assert (marks["Twilio"], marks["forwarding"]) == ("·", "·")


async def test_numbers_that_point_here_are_good_and_others_get_the_command_to_run(
    gateway: str, settings_file: Path, rest: Any
) -> None:
    give_account(settings_file)
    rest(voice_url=f"{gateway}/twilio/voice", status_callback=f"{gateway}/twilio/status")
    done = await run()
    assert lines(done.output)["Twilio"] == "✗"
    assert "the fallback webhook is nothing" in done.output
    assert f"Run: voicegw twilio connect {NUMBER}" in done.output

    rest(
        voice_url=f"{gateway}/twilio/voice",
        status_callback=f"{gateway}/twilio/status",
        voice_fallback_url="https://static.example/fallback.xml",
    )
    done = await run()
    assert "voice, status and fallback webhooks are set" in done.output
    # The served gateway knows no account, so its signature check stays good.
    assert done.exit_code == 0, done.output


async def test_a_wrong_key_is_a_cross_with_the_mend(gateway: str, settings_file: Path) -> None:
    text = settings_file.read_text(encoding="utf-8").replace(DEMO_API_KEY, "VF.DM.wrong")
    settings_file.write_text(text, encoding="utf-8")
    done = await run()
    assert done.exit_code == 1
    assert lines(done.output)["agent"] == "✗"
    assert "→ Check VOICEFLOW_API_KEY" in done.output
    assert "VF.DM.wrong" not in done.output


async def test_another_secret_than_the_gateways_is_a_cross(gateway: str, settings_file: Path) -> None:
    text = settings_file.read_text(encoding="utf-8").replace(AUTH_TOKEN, "another")
    settings_file.write_text(text, encoding="utf-8")
    done = await run()
    assert done.exit_code == 1
    assert lines(done.output)["signature"] == "✗"
    assert "a signed webhook is not taken (status 403)" in done.output


def test_nobody_at_either_address_is_two_crosses(
    settings_file: Path, monkeypatch: pytest.MonkeyPatch, agent: Any
) -> None:
    with listen("127.0.0.1", 0) as taken:
        nobody = address_of(taken)
    settings_file.write_text(settings_file.read_text(encoding="utf-8").replace(agent.url, nobody), encoding="utf-8")
    monkeypatch.chdir(settings_file.parent)
    done = runner.invoke(app, ["check"])
    assert done.exit_code == 1
    assert lines(done.output) | {"forwarding": "·"} == {
        "settings": "✓",
        "agent": "✗",
        "public URL": "✗",
        "signature": "·",
        "clock": "·",
        "Twilio": "·",
        "call log": "·",
        "forwarding": "·",
    }
    assert "the connection is refused" in done.output


async def test_something_else_behind_the_public_url_is_found_out(
    settings_file: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def other(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"hi"})

    monkeypatch.chdir(settings_file.parent)
    async with Site(other, listen("127.0.0.1", port)) as site:
        site.open()
        done = await run()
    assert done.exit_code == 1
    assert lines(done.output)["public URL"] == "✗"
    assert "answers 200, and not as voicegw does" in done.output


class Lax:
    """A gateway as far as /healthz tells, that answers webhooks with and without signature as told."""

    def __init__(self, signed: int, unsigned: int) -> None:
        self._statuses = {True: signed, False: unsigned}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        status = 200
        if scope["method"] == "POST":
            status = self._statuses[b"x-twilio-signature" in dict(scope["headers"])]
        body = b'{"status": "ok"}'
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@pytest.mark.parametrize(
    ("signed", "unsigned", "found"),
    [
        (200, 200, "a webhook without signature is taken"),
        (502, 502, "a signed webhook is not taken (status 502)"),
        (200, 500, "a webhook without signature gets 500, not 403"),
    ],
)
async def test_whoever_answers_in_our_place_must_check_signatures(
    signed: int, unsigned: int, found: str, settings_file: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(settings_file.parent)
    async with Site(Lax(signed, unsigned), listen("127.0.0.1", port)) as site:
        site.open()
        done = await run()
    assert done.exit_code == 1
    assert found in done.output


async def test_without_a_secret_the_signature_is_not_checked(
    settings_file: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = settings_file.read_text(encoding="utf-8").replace(f'auth_tokens = ["{AUTH_TOKEN}"]', "")
    settings_file.write_text(text, encoding="utf-8")
    monkeypatch.chdir(settings_file.parent)
    async with Site(Lax(200, 200), listen("127.0.0.1", port)) as site:
        site.open()
        done = await run("--insecure-dev")
    assert (done.exit_code, lines(done.output)["signature"]) == (0, "·")


async def test_an_agent_that_is_ill_is_told_apart_from_a_wrong_key(settings_file: Path, agent: Any) -> None:
    async def ill(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 503, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    listening = listen("127.0.0.1", 0)
    text = settings_file.read_text(encoding="utf-8").replace(agent.url, address_of(listening))
    settings_file.write_text(text, encoding="utf-8")
    async with Site(ill, listening) as site:
        site.open()
        done = await run("--config", str(settings_file))
    assert "Look at Voiceflow's status page" in done.output


def test_where_calls_may_go_is_told_for_each_number() -> None:
    settings = Settings(
        twilio=Twilio(auth_tokens=(AUTH_TOKEN,)),
        public_url="https://gw.example",
        voiceflow=Voiceflow(api_key=DEMO_API_KEY, project_id="demo"),
        numbers=(
            NumberProfile(
                number=NUMBER,
                forwarding=Forwarding(destinations={"desk": (Destination(to="+14155550142"),)}, human="desk"),
            ),
            NumberProfile(number="+15005550007", forwarding=Forwarding(allow=("+49",))),
        ),
    )
    assert [(found.verdict, found.detail) for found in check_destinations(settings)] == [
        ("good", f"{NUMBER}: 1 places under 1 names may be dialled, and nothing else"),
        ("good", "+15005550007: 0 places under 0 names may be dialled, and +49"),
        ("skipped", "+15005550007: no human to go to when the agent is dead (fallback)"),
    ]


async def test_refused_credentials_are_a_cross(settings_file: Path, gateway: str, rest: Any) -> None:
    give_account(settings_file)
    api = rest()
    api.number = {"phone_number": "+15005550099"}
    done = await run()
    assert lines(done.output)["Twilio"] == "✗"
    assert "is not a number of the account" in done.output


def test_faulty_settings_are_crosses_and_the_rest_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean_environment: None
) -> None:
    monkeypatch.chdir(tmp_path)
    done = runner.invoke(app, ["check"])
    assert done.exit_code == 1
    assert lines(done.output) == {"settings": "✗", "the rest": "·"}


@pytest.mark.parametrize(
    ("agent_clock", "public_clock", "verdict", "word"),
    [
        (0.4, -0.3, "good", "within 1 s"),
        (45.0, 0.0, "bad", "45 s behind the agent's"),
        (-31.0, None, "bad", "31 s ahead of the agent's"),
        (None, 12.0, "good", "within 12 s"),
        (None, None, "skipped", "nobody told the time"),
    ],
)
def test_the_clock_is_judged_by_the_others(
    agent_clock: float | None, public_clock: float | None, verdict: str, word: str
) -> None:
    found = judge_clock(
        {"the agent's": Probe(clock_seconds=agent_clock), "the public URL's": Probe(clock_seconds=public_clock)}
    )
    assert (found.verdict, word in found.detail) == (verdict, True)


@pytest.mark.parametrize(
    ("url", "failure"),
    [("http://nobody.invalid/", "its name is not known"), ("http://127.0.0.1:1/", "the connection is refused")],
)
async def test_a_probe_says_in_words_why_nothing_came(url: str, failure: str) -> None:
    async with WebProber() as web:
        probe = await web.get(url)
    assert (probe.failure, bool(probe.mend)) == (failure, True)


async def test_plain_http_where_tls_is_expected_and_broken_answers_are_told_apart() -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"not http at all\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, WebProber() as web:
        assert "TLS" in (await web.get(f"https://127.0.0.1:{port}/")).failure
        assert "the connection breaks" in (await web.get(f"http://127.0.0.1:{port}/")).failure


def test_the_fallback_documents_are_written_or_printed(settings_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(settings_file.parent)
    done = runner.invoke(app, ["check", "--fallback", "public"])
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in Path("public").iterdir()) == ["fallback.xml", "human.xml"]
    assert Path("public/fallback.xml").read_text(encoding="utf-8").startswith("<?xml")
    assert "<!-- human.xml -->" in runner.invoke(app, ["check", "--fallback", "-"]).output
    Path("taken").write_text("", encoding="utf-8")
    assert runner.invoke(app, ["check", "--fallback", "taken"]).exit_code == 2


def test_connect_and_disconnect_change_the_number_and_say_so(
    settings_file: Path, monkeypatch: pytest.MonkeyPatch, rest: Any, wide_output: None
) -> None:
    give_account(settings_file)
    monkeypatch.chdir(settings_file.parent)
    api = rest(voice_url="https://old.example.com/voice", trunk_sid="TK1")
    told = runner.invoke(app, ["twilio", "connect", NUMBER, "--dry-run"])
    assert told.exit_code == 0, told.output
    assert "https://old.example.com/voice" in told.output
    assert "not changed (dry run)" in told.output
    assert "SIP trunk (TK1)" in told.output
    assert (api.changed, Path(".voicegw").exists()) == ([], False)

    fallback = "https://static.example/fallback.xml"
    assert runner.invoke(app, ["twilio", "connect", NUMBER, "--fallback-url", fallback]).exit_code == 0
    assert api.changed[0]["VoiceFallbackUrl"] == fallback
    assert Path(".voicegw/numbers.json").exists()
    api.number |= {"voice_url": api.changed[0]["VoiceUrl"], "voice_fallback_url": fallback}
    api.number |= {"status_callback": api.changed[0]["StatusCallback"]}
    assert "already so" in runner.invoke(app, ["twilio", "connect", NUMBER, "--fallback-url", fallback]).output

    done = runner.invoke(app, ["twilio", "disconnect", NUMBER])
    assert done.exit_code == 0, done.output
    assert api.changed[-1]["VoiceUrl"] == "https://old.example.com/voice"


def test_without_an_account_connecting_is_one_clear_line(settings_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(settings_file.parent)
    done = runner.invoke(app, ["twilio", "connect", NUMBER])
    assert (done.exit_code, done.stderr) == (
        1,
        "✗ no Twilio credentials: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN\n",
    )
