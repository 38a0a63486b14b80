"""`voicegw check`: is everything set for real calls? And the static documents for when nothing is."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from voicegw.cli.check_call_log import check_call_log, check_receivers
from voicegw.cli.check_streams import check_socket, check_speech
from voicegw.cli.checks import check_agents, check_clock, check_destinations, check_numbers, check_public_url
from voicegw.cli.fallback import fallback_documents
from voicegw.cli.findings import Finding, bad, good, skipped
from voicegw.cli.serving import run
from voicegw.cli.showing import out
from voicegw.cli.source import ConfigOption, InsecureOption, SettingsSource
from voicegw.cli.web_probe import WebProber
from voicegw.config import InvalidSettingsError, Settings

_STANDARD_OUTPUT = Path("-")


def check(
    config: ConfigOption = None,
    insecure_dev: InsecureOption = False,
    fallback: Annotated[
        Path | None,
        typer.Option("--fallback", metavar="DIR|-", help="Instead, write the TwiML for when the gateway is down."),
    ] = None,
) -> None:
    """Is everything set for real calls?

    Looks at the settings, the agent with its key and environment, the way through the public URL (run
    [cyan]voicegw serve[/cyan] meanwhile), signatures, the clock, the numbers' webhooks at Twilio, the call log's
    database, the receivers of events, in stream mode models, voice and WebSocket, and the places that calls may be
    forwarded to. Each line is ✓, ✗ with what to do, or · for what was not looked at; any ✗ makes the exit status 1.

    [b]When the gateway is down[/b], Twilio asks a number's fallback URL. [cyan]--fallback DIR[/cyan] writes two
    documents in the first number's words, fallback.xml and human.xml. Put both side by side on any web server but the
    gateway's, one that answers POST and GET with text/xml (or into two TwiML Bins; then write the second one's address
    into the first one's action), and connect numbers with
    [cyan]voicegw twilio connect NUMBER --fallback-url https://…/fallback.xml[/cyan]. The caller hears "one moment,
    please", then the gateway is tried again, every few seconds until it is back. Who speaks or presses a key meanwhile
    is connected to the human destination (forwarding.human, else the first fallback destination), or told to call
    later. Static documents cannot count, so it never stops by itself.

    [dim]Examples[/dim]

    [cyan]voicegw check[/cyan]

    [cyan]voicegw check --fallback public/[/cyan]
    """
    source = SettingsSource(config=config, insecure_dev=insecure_dev)
    if fallback is not None:
        _write_fallback(source.load(), fallback)
        return
    try:
        settings = source.load()
    except InvalidSettingsError as error:
        findings = [bad("settings", f"{each.subject}: {each.wrong}", each.mend) for each in error.faults]
        _show([*findings, skipped("the rest", "needs settings")])
    else:
        numbers = [profile.number for profile in settings.numbers if profile.number]
        _show([good("settings", f"no fault; numbers set: {len(numbers) or 'none, so every number is served'}")])
        findings = run(_check(settings))
    if any(finding.verdict == "bad" for finding in findings):
        raise typer.Exit(1)


async def _check(settings: Settings) -> list[Finding]:
    """Look at everything at once, show it in order; each part has its own time-out."""
    async with WebProber() as web, asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(check_agents(settings)),
            group.create_task(check_public_url(settings, web)),
            group.create_task(check_clock(settings, web)),
            group.create_task(check_numbers(settings)),
            group.create_task(check_call_log(settings)),
            group.create_task(check_receivers(settings, web)),
            group.create_task(check_socket(settings, web)),
        ]
        findings: list[Finding] = []
        for task in tasks:
            found = await task
            _show(found)
            findings += found
    found = [*await check_speech(settings), *check_destinations(settings)]
    _show(found)
    return findings + found


def _show(findings: list[Finding]) -> None:
    for finding in findings:
        finding.show()


def _write_fallback(settings: Settings, target: Path) -> None:
    """Write the first number's documents; to standard output one after the other, each under its name."""
    documents = fallback_documents(settings.numbers[0], settings.public_url)
    for name, document in documents.items():
        if target == _STANDARD_OUTPUT:
            typer.echo(f"<!-- {name} -->\n{document}")
            continue
        try:
            target.mkdir(parents=True, exist_ok=True)
            (target / name).write_text(document + "\n", encoding="utf-8")
        except OSError as exc:
            raise typer.BadParameter(
                f"{target / name} cannot be written: {exc.strerror}", param_hint="--fallback"
            ) from exc
        out.print(f"wrote {target / name}", soft_wrap=True)
