"""`voicegw demo`: gateway, embedded agent and telephone in one process, over real HTTP on loopback."""

import logging
import secrets
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.text import Text

from voicegw.app import create_gateway
from voicegw.call.entries import Entry
from voicegw.calllog.queries import CallLogReader
from voicegw.cli.call_log import opened_log
from voicegw.cli.caller_speech import require_caller_speech
from voicegw.cli.logs import configure_logs
from voicegw.cli.phone import DEFAULT_ACCOUNT_SID, VOICE_PATH, Call, play_script, show_verdict, talk
from voicegw.cli.serving import Site, address_of, listen, run
from voicegw.cli.showing import is_interactive, out
from voicegw.cli.timeline import summary
from voicegw.config import Settings, load_settings
from voicegw.demo.server import DEMO_API_KEY, DEMO_PROJECT_ID, EmbeddedAgent, create_agent
from voicegw.simulator import Callee, CallReport, CarrierRules, Evidence, load_script, voicemail

_HERE = files("voicegw.cli")
_LOOPBACK = "127.0.0.1"
# A scripted call shows everything without the wait of a real one.
_HURRIED = CarrierRules(words_per_second=8)

FRONT_DESK = "+14155550142"
DUTY_DENTIST = "sip:duty-dentist@pbx.example.com"
LABORATORY = "sip:laboratory@pbx.example.com"
NIGHT_DESK = "+14155550177"
_NAMES = {FRONT_DESK: "front desk", DUTY_DENTIST: "dentist", LABORATORY: "laboratory", NIGHT_DESK: "night desk"}
_CALLEES = {
    FRONT_DESK: Callee(
        ring_seconds=1.5,
        talk_seconds=3,
        greeting="Bright Smile Dental, front desk, good morning. What can I do for you?",
    ),
    DUTY_DENTIST: Callee(ring_seconds=3, talk_seconds=6, greeting="Doctor Reyes here. Tell me, where does it hurt?"),
    LABORATORY: Callee(outcome="busy", ring_seconds=1),
    NIGHT_DESK: voicemail(ring_seconds=3),
}
_HINTS = (
    'Say: "I want to book a visit", "my appointment" (the PIN is 1234), "opening hours", "the front desk",',
    '"the laboratory" (busy), "emergency", "my insurance" (a slow tool), "break" (a failure), "goodbye".',
)


def demo(
    scripted: Annotated[
        bool, typer.Option("--scripted", help="Play the scripted call, even where there is a terminal.")
    ] = False,
    stream: Annotated[
        bool, typer.Option("--stream", help="Really speak and listen, on a media stream [dim](extra: offline)[/dim].")
    ] = False,
    record: Annotated[
        Path | None,
        typer.Option("--record", metavar="WAV", help="With --stream, keep its sound: agent left, caller right."),
    ] = None,
) -> None:
    """Call a dental practice on this machine; no account, no network.

    A gateway, an agent that speaks Voiceflow's API, and a telephone in this terminal talk to each other over HTTP on
    free ports of 127.0.0.1. Type to speak; digits, * and # are keys; Ctrl-C hangs up.

    Without a terminal a scripted call is played: speech, a PIN by keypad, a forward to a human. The exit status is 1
    if anything happened that must not happen to a caller.

    With --stream the gateway hears and speaks itself: what is typed is spoken by a synthetic voice, what the agent says
    is shown once a recogniser has made it out, and either can be interrupted at any time.

    [dim]Examples[/dim]

    [cyan]voicegw demo[/cyan]

    [cyan]voicegw demo < /dev/null[/cyan]  the scripted call

    [cyan]voicegw demo --stream --record call.wav[/cyan]  by voice, and to be listened to afterwards
    """
    if record is not None and not stream:
        raise typer.BadParameter("there is sound only on a stream: add --stream", param_hint="--record")
    if stream:
        require_caller_speech()
    typed = is_interactive() and not scripted
    # What goes wrong with a call is shown after it: the log would only break into the dialogue.
    configure_logs(level=logging.ERROR)
    report, evidence, entries = run(_demo(typed=typed, stream=stream, record=record))
    went_well = show_verdict(report, typed=typed, evidence=evidence)
    out.print(Text("\nWhat the call log has of it (of a gateway of yours: voicegw calls show last):", "dim"))
    out.print(summary(entries))
    if record is not None:
        out.print(Text(f"The call's sound: {record}", "dim"), soft_wrap=True)
    if not went_well:
        raise typer.Exit(1)


async def _demo(*, typed: bool, stream: bool, record: Path | None) -> tuple[CallReport, Evidence, tuple[Entry, ...]]:
    """Start everything, call, stop everything; answers what happened, as carrier, agent and call log saw it."""
    with TemporaryDirectory(prefix="voicegw-demo-") as here:
        agent_socket, gateway_socket = listen(_LOOPBACK, 0), listen(_LOOPBACK, 0)
        settings = _settings(
            Path(here), address_of(agent_socket), address_of(gateway_socket), secrets.token_hex(16), stream=stream
        )
        agent = create_agent()
        if stream:
            out.print("[dim]Loading a voice and a recogniser …[/dim]")
        async with AsyncExitStack() as stack:
            (await stack.enter_async_context(Site(agent, agent_socket))).open()
            gateway = create_gateway(settings)
            site = await stack.enter_async_context(Site(gateway.asgi, gateway_socket, gateway.media_sockets))
            await stack.enter_async_context(gateway.running())
            site.open()
            _introduce(settings)
            report = await _place_call(settings, typed=typed, stream=stream, record=record)
        # The gateway has stopped: the agent has been told of the end, and the call log has all of it.
        async with opened_log(settings.database_url.get_secret_value()) as engine:
            entries = await CallLogReader(engine).get_entries(report.call_sid)
    return report, _evidence(agent, report.call_sid), entries


async def _place_call(settings: Settings, *, typed: bool, stream: bool, record: Path | None) -> CallReport:
    call = Call(
        voice_url=settings.public_url + VOICE_PATH,
        auth_token=settings.twilio.auth_tokens[0].get_secret_value(),
        account_sid=DEFAULT_ACCOUNT_SID,
        callees=_CALLEES,
        names=_NAMES,
        speaks=stream,
        recording=record,
    )
    if typed:
        return await talk(call, _HINTS)
    name = "demo_call_stream.yaml" if stream else "demo_call.yaml"
    script = load_script(_HERE.joinpath(name).read_text(encoding="utf-8"))
    return await play_script(replace(call, rules=_HURRIED), script)


def _settings(here: Path, agent_url: str, gateway_url: str, auth_token: str, *, stream: bool) -> Settings:
    """The gateway's settings: the demo's own file, and nothing of this machine's environment."""
    with as_file(_HERE.joinpath("demo.toml")) as file:
        environment: Mapping[str, str] = {
            "VOICEGW_CONFIG": str(file),
            "VOICEGW_HOST": _LOOPBACK,
            "VOICEGW_MODE": "stream" if stream else "gather",
            "VOICEGW_PUBLIC_URL": gateway_url,
            "TWILIO_ACCOUNT_SID": DEFAULT_ACCOUNT_SID,
            "TWILIO_AUTH_TOKEN": auth_token,
            "VOICEFLOW_BASE_URL": agent_url,
            "VOICEFLOW_PROJECT_ID": DEMO_PROJECT_ID,
            "VOICEFLOW_API_KEY": DEMO_API_KEY,
        }
        return load_settings(environment, here)


def _introduce(settings: Settings) -> None:
    out.print(
        f"[dim]The gateway answers at {settings.public_url}{VOICE_PATH}, "
        f"the agent at {settings.voiceflow.base_url}/v4/interact/stream.[/dim]",
        soft_wrap=True,
    )


def _evidence(agent: EmbeddedAgent, call_sid: str) -> Evidence:
    return Evidence(agent_actions=[received.action for received in agent.received_from(call_sid)])
