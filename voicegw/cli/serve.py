"""`voicegw serve`: the gateway as a process. SIGHUP reloads, SIGTERM and Ctrl-C drain, a second one ends at once."""

import asyncio
import signal
import sys
from typing import Annotated

import structlog
import typer
from rich.table import Table

from voicegw.app import Gateway, create_gateway
from voicegw.cli.check_streams import described
from voicegw.cli.logs import configure_logs
from voicegw.cli.serving import Site, listen, run, spare_the_collector
from voicegw.cli.showing import out
from voicegw.cli.source import ConfigOption, InsecureOption, SettingsSource
from voicegw.config import InvalidSettingsError, Settings

_log = structlog.get_logger(__name__)


def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on, instead of VOICEGW_HOST.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="The port to listen on, instead of VOICEGW_PORT.")
    ] = None,
    config: ConfigOption = None,
    insecure_dev: InsecureOption = False,
) -> None:
    """Answer calls.

    Put a TLS proxy in front, set VOICEGW_PUBLIC_URL to the address that Twilio reaches, and point a number here with
    [cyan]voicegw twilio connect +15005550006[/cyan] (or enter the webhooks that are shown at start).

    [b]SIGHUP[/b] reads the settings again; calls in progress keep theirs, and a faulty file changes nothing.

    [b]SIGTERM[/b], [b]Ctrl-C[/b] let turns in progress finish while /readyz fails; a second one ends at once.

    [dim]Examples[/dim]

    [cyan]voicegw serve[/cyan]

    [cyan]voicegw serve --config /etc/voicegw.toml --port 8081[/cyan]

    [cyan]voicegw serve --insecure-dev[/cyan]  without a Twilio account; try it with [cyan]voicegw call[/cyan]
    """
    source = SettingsSource(config=config, host=host, port=port, insecure_dev=insecure_dev)
    settings = source.load()
    configure_logs()
    run(_serve(source, settings))


async def _serve(source: SettingsSource, settings: Settings) -> None:
    """Open the door once the gateway is ready; shut it only after the gateway has failed its readiness and drained."""
    stopping = asyncio.Event()
    _end_on_signal(stopping)
    listening = listen(settings.host, settings.port)
    gateway = create_gateway(settings)
    async with Site(gateway.asgi, listening, gateway.media_sockets) as site, gateway.running():
        _reload_on_signal(source, gateway)
        spare_the_collector()
        site.open()
        _tell(settings)
        await stopping.wait()
        _log.info("stopping", live_calls=gateway.conversations.live_calls)
    _log.info("stopped")


def _end_on_signal(stopping: asyncio.Event) -> None:
    """The first SIGTERM or Ctrl-C sets `stopping`; from then on both do what they do to any process."""
    loop = asyncio.get_running_loop()
    ending = (signal.SIGTERM, signal.SIGINT)

    def stop() -> None:
        stopping.set()
        for number in ending:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in ending:
        loop.add_signal_handler(number, stop)


def _reload_on_signal(source: SettingsSource, gateway: Gateway) -> None:
    """SIGHUP reads the settings again. Faults are logged without their values, which may be telephone numbers."""

    def reload() -> None:
        try:
            waiting = gateway.reload(source.load())
        except InvalidSettingsError as error:
            for fault in error.faults:
                _log.error("setting not taken", key=fault.key, wrong=fault.wrong, mend=fault.mend)
            _log.error("settings stay as they were", faults=len(error.faults))
            return
        _log.info("settings reloaded; calls in progress keep theirs")
        if waiting:
            _log.warning("settings that wait for a restart", keys=list(waiting))

    if hasattr(signal, "SIGHUP"):
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)


def _tell(settings: Settings) -> None:
    """What the operator should know at start: to a person as a table, to a log as one line without numbers."""
    url = settings.public_url
    webhooks = {"voice": f"{url}/twilio/voice", "status": f"{url}/twilio/status", "fallback": f"{url}/twilio/fallback"}
    listed = [profile.number for profile in settings.numbers if profile.number]
    modes = ", ".join(sorted({profile.mode.value for profile in settings.numbers}))
    _log.info(
        "answering calls",
        host=settings.host,
        port=settings.port,
        public_url=url,
        webhooks=webhooks,
        numbers=len(listed) or "every number",
        mode=modes,
        **({"speech": described(settings)} if settings.speaks else {}),
    )
    for note in settings.notes:
        _log.warning(note)
    if settings.insecure_dev:
        _log.warning("webhooks are not checked: whoever reaches this port can pose as Twilio")
    if not sys.stderr.isatty():
        return
    table = Table(title="At Twilio, for each number", title_justify="left", box=None, show_header=False)
    table.add_row("A call comes in", webhooks["voice"], "POST")
    table.add_row("Primary handler fails", webhooks["fallback"], "POST")
    table.add_row("Call status changes", webhooks["status"], "POST")
    table.add_row("Numbers", ", ".join(listed) or "every number that points here")
    table.add_row("Mode", f"{modes}; {described(settings)}" if settings.speaks else modes)
    out.print(table)
