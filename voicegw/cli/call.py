"""`voicegw call`: a telephone in software, for any gateway's voice webhook."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from voicegw.cli.caller_speech import require_caller_speech
from voicegw.cli.phone import DEFAULT_ACCOUNT_SID, DEFAULT_CALLED, DEFAULT_CALLER, Call, play_script, show_verdict, talk
from voicegw.cli.serving import run
from voicegw.cli.showing import err, is_interactive, show_error
from voicegw.simulator import CallReport, CarrierRules, Script, ScriptFileError, load_script

DEFAULT_URL = "http://127.0.0.1:8080/twilio/voice"
USUAL_PACE = CarrierRules().words_per_second
_REFUSED = 403


UrlArgument = Annotated[str, typer.Argument(metavar="URL", help="The gateway's voice webhook.")]
ScriptOption = Annotated[
    Path | None, typer.Option("--script", "-s", metavar="FILE", help="Let this YAML file call, not a person.")
]
CallerOption = Annotated[str, typer.Option("--from", help=f"Who calls. [dim]default: {DEFAULT_CALLER}[/dim]")]
CalledOption = Annotated[str, typer.Option("--to", help=f"Which number. [dim]default: {DEFAULT_CALLED}[/dim]")]
AuthTokenOption = Annotated[
    str,
    typer.Option(
        envvar="TWILIO_AUTH_TOKEN",
        help="Signs the webhooks, as Twilio does. Set it in the environment: an argument is in every process list.",
    ),
]
AccountSidOption = Annotated[str, typer.Option(envvar="TWILIO_ACCOUNT_SID", help="The account that calls.")]
PublicUrlOption = Annotated[
    str, typer.Option(help="The gateway's own VOICEGW_PUBLIC_URL, where URL is the way behind its proxy.")
]
PaceOption = Annotated[float, typer.Option(min=0.5, max=50, help="How fast the simulated voice speaks.")]


StreamOption = Annotated[
    bool,
    typer.Option(
        "--stream", help="Really speak and listen where the gateway streams the call [dim](extra: offline)[/dim]."
    ),
]
RecordOption = Annotated[
    Path | None,
    typer.Option("--record", metavar="WAV", help="Write what a streamed call sounded like: heard left, said right."),
]


def call(  # noqa: PLR0913 (each is an option)
    url: UrlArgument = DEFAULT_URL,
    *,
    script: ScriptOption = None,
    caller: CallerOption = "",
    called: CalledOption = "",
    auth_token: AuthTokenOption = "",
    account_sid: AccountSidOption = "",
    public_url: PublicUrlOption = "",
    words_per_second: PaceOption = USUAL_PACE,
    stream: StreamOption = False,
    record: RecordOption = None,
) -> None:
    """Call a gateway from this terminal, as Twilio would.

    Nothing but HTTP: signed webhooks go to the gateway, and what it answers is carried out. Type to speak; digits,
    * and # are keys; Ctrl-C hangs up. At the end it says whether all that a caller can expect was so; if not, the
    exit status is 1. A gateway that streams its calls hears keys and recordings, and with --stream what is typed.

    A script says what the caller does:

    [dim]steps:[/dim]
    [dim]  - hears: how can I help[/dim]
    [dim]  - presses: "1234#"[/dim]
    [dim]  - hangs_up[/dim]

    [dim]Examples[/dim]

    [cyan]voicegw call https://voice.example.com/twilio/voice --script tests/pin.yaml[/cyan]

    [cyan]voicegw call --public-url https://voice.example.com[/cyan]  on the machine itself, past the proxy

    [cyan]voicegw call --stream --record call.wav[/cyan]  talk to a gateway in stream mode
    """
    played = _read(script) if script else None
    _check_means(has_script=played is not None, speaks=stream)
    asked = replace(
        _call_to(url, public_url),
        auth_token=auth_token.partition(",")[0].strip(),
        account_sid=account_sid or DEFAULT_ACCOUNT_SID,
        caller=caller or (played and played.from_) or DEFAULT_CALLER,
        called=called or (played and played.to) or DEFAULT_CALLED,
        rules=CarrierRules(words_per_second=words_per_second),
        speaks=stream,
        recording=record,
    )
    report = run(play_script(asked, played) if played else talk(asked))
    if not show_verdict(report, typed=played is None):
        _explain(report)
        raise typer.Exit(1)


def _check_means(*, has_script: bool, speaks: bool) -> None:
    if speaks:
        require_caller_speech()
    if not has_script and not is_interactive():
        raise typer.BadParameter("there is no terminal to type in: give a --script FILE", param_hint="--script")


def _read(path: Path) -> Script:
    try:
        return load_script(path.read_text(encoding="utf-8"), folder=path.parent)
    except (OSError, UnicodeDecodeError) as exc:
        raise typer.BadParameter(f"{path} cannot be read: {exc}", param_hint="--script") from exc
    except ScriptFileError as error:
        show_error("\n".join((f"{path} is no script:", *error.faults)))
        raise typer.Exit(2) from error


def _call_to(url: str, public_url: str) -> Call:
    """The call to place: signed for the public URL where one is given, and then sent to where `url` says."""
    parts = urlsplit(url)
    if re.fullmatch(r"https?", parts.scheme) is None or not parts.hostname:
        raise typer.BadParameter(f"{url} is no http(s) address such as {DEFAULT_URL}", param_hint="URL")
    if not public_url:
        return Call(voice_url=url, auth_token="")
    public = public_url.rstrip("/")
    return Call(voice_url=public + parts.path, reached_at=f"{parts.scheme}://{parts.netloc}", auth_token="")


def _explain(report: CallReport) -> None:
    """Where the very first webhook failed, the reason is in the set-up: say what to look at."""
    first = report.webhooks[0] if report.webhooks else None
    if first is None:
        return
    if first.status == _REFUSED:
        err.print(
            "The gateway refused the signature. Give its TWILIO_AUTH_TOKEN and TWILIO_ACCOUNT_SID, and --public-url "
            "where it knows itself by another address than the one you call.",
            soft_wrap=True,
        )
    elif first.status is None:
        err.print("Nobody answered there. Is the gateway running? Start it with: voicegw serve", soft_wrap=True)
