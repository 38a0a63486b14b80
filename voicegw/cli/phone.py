"""One call from a telephone in software to any voice webhook: shown while it goes on, judged at its end."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from rich.text import Text

from voicegw.cli.caller_speech import caller_speech
from voicegw.cli.phone_screen import PhoneScreen
from voicegw.cli.showing import out
from voicegw.simulator import (
    Callee,
    Caller,
    CallReport,
    Carrier,
    CarrierRules,
    Evidence,
    HttpWeb,
    InteractiveCaller,
    Limits,
    Script,
    ScriptedCaller,
    check_invariants,
    find_barge_ins,
    find_responses,
    record_streams,
)

VOICE_PATH = "/twilio/voice"

DEFAULT_CALLER = "+14155550123"
DEFAULT_CALLED = "+15005550100"
DEFAULT_ACCOUNT_SID = "AC" + "0" * 32

# Someone who types at leisure presses keys between two documents, where no gateway can hear them.
_TYPED_LIMITS = Limits(unforgivable_losses=frozenset())
_HINT = "Type to speak; digits, * and # are keys (Enter sends both). Ctrl-C hangs up."


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What to call and as whom. `reached_at` is where the gateway of `voice_url` really listens, if that differs.

    `names` says what dialled addresses are called on the screen. `speaks`: the caller really speaks and hears where
    the gateway streams the call; `recording` is the WAV file to write of that.
    """

    voice_url: str
    auth_token: str
    account_sid: str = DEFAULT_ACCOUNT_SID
    caller: str = DEFAULT_CALLER
    called: str = DEFAULT_CALLED
    reached_at: str = ""
    callees: Mapping[str, Callee] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    rules: CarrierRules = field(default_factory=CarrierRules)
    speaks: bool = False
    recording: Path | None = None


async def play_script(call: Call, script: Script) -> CallReport:
    """Let the script call, and show it."""
    screen = PhoneScreen(_print, names=call.names, shows_caller=True)
    return await _place(call, ScriptedCaller(script.steps), screen, {**call.callees, **script.callees})


async def talk(call: Call, hints: tuple[str, ...] = ()) -> CallReport:
    """Let the person at the terminal call: what is typed is said, digits are keys."""
    from voicegw.cli.keyboard import Keyboard  # noqa: PLC0415 - there is no termios on Windows

    person = InteractiveCaller()
    with Keyboard(on_line=lambda line: _act(person, line), on_end=person.hang_up) as keyboard:
        for hint in (_HINT, *hints):
            keyboard.print(Text(hint, "dim"))
        screen = PhoneScreen(keyboard.print, names=call.names, shows_caller=True, tells_speech=True)
        return await _place(call, person, screen, call.callees)


def show_verdict(report: CallReport, *, typed: bool, evidence: Evidence | None = None) -> bool:
    """Say how the call went; True if all that must hold after every call does."""
    webhooks = report.webhooks
    slowest = max((exchange.seconds for exchange in webhooks), default=0.0)
    out.print(Text(f"{report.ended_at_seconds:.0f} s, webhooks: {len(webhooks)}, the slowest {slowest:.2f} s", "dim"))
    limits = _TYPED_LIMITS if typed else Limits(whole_script=True)
    violations = check_invariants(report, limits=limits, evidence=evidence or Evidence())
    for violation in violations:
        out.print(Text.assemble(("✗ ", "bold red"), str(violation)), soft_wrap=True)
    for line in _latencies(report):
        out.print(Text(line, "dim"))
    if not violations:
        out.print(Text.assemble(("✓ ", "bold green"), "no silence, no loss, nothing twice: every invariant held"))
    return not violations


def _latencies(report: CallReport) -> Iterator[str]:
    """How quick the gateway was on streams, at the caller's ear."""
    if answers := sorted(response.seconds for response in find_responses(report)):
        middle = answers[len(answers) // 2]
        yield f"answers: {len(answers)}, the median after {middle:.2f} s, the slowest after {answers[-1]:.2f} s"
    for barge_in in find_barge_ins(report):
        if barge_in.silent_after_seconds is not None:
            yield f"interrupted at {barge_in.at_seconds:.1f} s: silent after {barge_in.silent_after_seconds:.2f} s"


def _print(line: Text) -> None:
    out.print(line, soft_wrap=True)


async def _place(call: Call, caller: Caller, screen: PhoneScreen, callees: Mapping[str, Callee]) -> CallReport:
    parts = urlsplit(call.voice_url)
    reach = {f"{parts.scheme}://{parts.netloc}": call.reached_at} if call.reached_at else {}
    # A gateway without TLS on this machine is all right for a telephone in software.
    rules = replace(call.rules, stream=replace(call.rules.stream, plain_on_loopback=True))
    async with HttpWeb(reach=reach) as web, caller_speech(wanted=call.speaks) as speech:
        carrier = Carrier(web, auth_token=call.auth_token, account_sid=call.account_sid, rules=rules)
        report = await carrier.place_call(
            call.voice_url,
            caller,
            from_=call.caller,
            to=call.called,
            fallback_url=_beside(call.voice_url, "fallback"),
            status_callback=_beside(call.voice_url, "status"),
            callees=callees,
            speech=speech,
            on_event=screen.show,
        )
    if call.recording is not None and report.streams:
        call.recording.write_bytes(record_streams(report))
    return report


def _act(person: InteractiveCaller, line: str) -> None:
    match line.strip():
        case "":
            pass
        case "/hangup":
            person.hang_up()
        case keys if set(keys) <= set("0123456789*# "):
            person.press(keys.replace(" ", ""))
        case words:
            person.say(words)


def _beside(voice_url: str, name: str) -> str | None:
    """The gateway's other webhooks stand beside its voice webhook; those of another server are not known."""
    return voice_url.removesuffix("voice") + name if voice_url.endswith(VOICE_PATH) else None
