"""What `voicegw check` looks at besides the settings: the agent, the way through the public URL, the clock, Twilio."""

import asyncio
import json
import secrets
from collections.abc import Mapping
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

from voicegw.call.profile import NumberProfile
from voicegw.cli.findings import Finding, bad, good, skipped
from voicegw.cli.numbers import connector_for, webhook_urls
from voicegw.cli.web_probe import Probe, WebProber
from voicegw.config import Settings
from voicegw.errors import AgentNotConfigured, AgentUnreachable, CarrierError
from voicegw.voiceflow.client import AgentSettings, VoiceflowClient
from voicegw.voiceflow.transport import AiohttpTransport

MAX_CLOCK_SECONDS = 30.0
_TWILIO_SECONDS = 25.0
_FORM = "application/x-www-form-urlencoded"


async def check_agents(settings: Settings) -> list[Finding]:
    """Start a session with every agent that a number names."""
    agents = {_agent_of(settings, profile) for profile in settings.numbers}
    async with AiohttpTransport() as transport:
        return list(await asyncio.gather(*(_check_agent(settings, *agent, transport) for agent in sorted(agents))))


async def check_public_url(settings: Settings, web: WebProber) -> list[Finding]:
    """Reach this gateway through its public URL, then webhooks with and without signature."""
    url = settings.public_url
    probe = await web.get(f"{url}/healthz")
    if probe.failure:
        return [bad("public URL", f"{url}: {probe.failure}", probe.mend), skipped("signature", "nobody answers there")]
    if probe.status != 200 or not _is_healthy(probe.body):
        mend = "Start voicegw serve; let the proxy pass every path on, unchanged, and VOICEGW_PUBLIC_URL name it."
        found = bad("public URL", f"{url}/healthz answers {probe.status}, and not as voicegw does", mend)
        return [found, skipped("signature", "something else answers there")]
    return [good("public URL", f"{url} reaches a gateway"), *await _check_signature(settings, web)]


async def check_clock(settings: Settings, web: WebProber) -> list[Finding]:
    """Compare this machine's clock with the Date headers of the agent's server and of the public URL."""
    probes = await asyncio.gather(web.get(settings.voiceflow.base_url), web.get(f"{settings.public_url}/healthz"))
    return [judge_clock({"the agent's": probes[0], "the public URL's": probes[1]})]


def judge_clock(probes: Mapping[str, Probe]) -> Finding:
    """PURE: the verdict on our clock from what others' clocks said."""
    offsets = {whose: probe.clock_seconds for whose, probe in probes.items() if probe.clock_seconds is not None}
    if not offsets:
        return skipped("clock", "nobody told the time")
    whose = max(offsets, key=lambda name: abs(offsets[name]))
    seconds = offsets[whose]
    if abs(seconds) > MAX_CLOCK_SECONDS:
        relation = "behind" if seconds > 0 else "ahead of"
        return bad("clock", f"{abs(seconds):.0f} s {relation} {whose}", "Set it by NTP (timedatectl set-ntp true).")
    return good("clock", f"within {max(1.0, abs(seconds)):.0f} s of {' and '.join(offsets)}")


async def check_numbers(settings: Settings) -> list[Finding]:
    """Ask Twilio what the listed numbers are set to."""
    listed = [profile.number for profile in settings.numbers if profile.number.startswith("+")]
    if not (settings.twilio.account_sid and settings.twilio.auth_tokens):
        return [skipped("Twilio", "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN are needed to look at its settings")]
    if not listed:
        return [skipped("Twilio", "the settings file lists no number whose webhooks could be looked at")]
    try:
        async with asyncio.timeout(_TWILIO_SECONDS):
            return await asyncio.to_thread(_look_at_numbers, settings, listed)
    except TimeoutError:
        return [
            bad("Twilio", f"no answer within {_TWILIO_SECONDS:.0f} seconds", "Check the way out to api.twilio.com.")
        ]


def check_destinations(settings: Settings) -> list[Finding]:
    """PURE: where calls may go. What cannot be dialled is a fault of the settings already; this says what there is."""
    findings = []
    for profile in settings.numbers:
        subject, number = "forwarding", profile.number or "every number"
        places = sum(len(places) for places in profile.forwarding.destinations.values())
        if places or profile.forwarding.allow:
            aliases = f"{places} places under {len(profile.forwarding.destinations)} names"
            allowed = ", ".join(profile.forwarding.allow) or "nothing else"
            findings.append(good(subject, f"{number}: {aliases} may be dialled, and {allowed}"))
        else:
            findings.append(skipped(subject, f"{number}: nothing is allowed; every forward is refused"))
        if not (profile.fallback or profile.forwarding.human):
            findings.append(skipped(subject, f"{number}: no human to go to when the agent is dead (fallback)"))
    return findings


def _agent_of(settings: Settings, profile: NumberProfile) -> tuple[str, str]:
    agent = settings.voiceflow
    return profile.project_id or agent.project_id, profile.environment or agent.environment


async def _check_agent(settings: Settings, project: str, environment: str, transport: AiohttpTransport) -> Finding:
    agent = settings.voiceflow
    client = VoiceflowClient(
        AgentSettings(
            api_key=agent.key_for(project),
            project_id=project,
            environment=environment or None,
            base_url=agent.base_url,
        ),
        transport,
    )
    name = f"project {project}, {f'environment {environment}' if environment else 'traffic split'}"
    result = await client.probe()
    match result.error:
        case None:
            return good("agent", f"{name}: a session in {result.seconds * 1000:.0f} ms")
        case AgentUnreachable() as error:
            mend = f"Check VOICEFLOW_BASE_URL ({agent.base_url}) and the way out to it."
            return bad("agent", f"{name}: {error.message}", mend)
        case AgentNotConfigured() as error:
            mend = "Check VOICEFLOW_API_KEY, VOICEFLOW_PROJECT_ID and VOICEFLOW_ENVIRONMENT; publish that environment."
            return bad("agent", f"{name}: {error.message}", mend)
        case error:
            return bad("agent", f"{name}: {error.message}", "Look at Voiceflow's status page, then try again.")


async def _check_signature(settings: Settings, web: WebProber) -> list[Finding]:
    """Webhooks about a call that never was: signed ones must be taken, an unsigned one must not."""
    tokens = [token.get_secret_value() for token in settings.twilio.auth_tokens]
    if not tokens:
        return [skipped("signature", "no TWILIO_AUTH_TOKEN to sign with")]
    _, url, _ = webhook_urls(settings)
    form = {
        "CallSid": f"CA{secrets.token_hex(16)}",
        "AccountSid": settings.twilio.account_sid or "AC" + "0" * 32,
        "CallStatus": "completed",
        "From": "",
        "To": "",
    }
    body = urlencode(form).encode()
    unsigned = await web.post(url, {"Content-Type": _FORM}, body)
    if unsigned.status == 200:
        return [bad("signature", "a webhook without signature is taken", "Run the gateway without --insecure-dev.")]
    for token in tokens:
        signature = RequestValidator(token).compute_signature(url, form)
        signed = await web.post(url, {"Content-Type": _FORM, "X-Twilio-Signature": signature}, body)
        if signed.status != 200:
            answer = signed.failure or f"status {signed.status}"
            mend = "Give gateway and check the same TWILIO_AUTH_TOKEN, TWILIO_ACCOUNT_SID and VOICEGW_PUBLIC_URL."
            return [bad("signature", f"a signed webhook is not taken ({answer})", mend)]
    if unsigned.status != 403:
        mend = "Let the proxy pass requests and answers on unchanged."
        return [bad("signature", f"a webhook without signature gets {unsigned.status}, not 403", mend)]
    return [good("signature", "signed webhooks are taken, others refused")]


def _look_at_numbers(settings: Settings, listed: list[str]) -> list[Finding]:
    """Blocking. What connecting each number would change is what is wrong with it."""
    voice, status, fallback = webhook_urls(settings)
    findings = []
    for number in listed:
        try:
            told = connector_for(settings).connect(number, voice, status, fallback, dry_run=True)
        except CarrierError as error:
            findings.append(bad("Twilio", error.message, "Mend that, or remove the number from the settings."))
            continue
        # Another fallback is a choice (the static one, for when this gateway is down); none at all is not.
        wrong = [change for change in told.changes if change.setting != "fallback" or not change.old.url]
        mend = f"Run: voicegw twilio connect {number}"
        findings += [bad("Twilio", f"{number}: the {each.setting} webhook is {each.old}", mend) for each in wrong]
        findings += [
            bad("Twilio", f"{number}: {warning}", "Change it in the Twilio console.") for warning in told.warnings
        ]
        if not wrong and not told.warnings:
            findings.append(good("Twilio", f"{number}: voice, status and fallback webhooks are set"))
    return findings


def _is_healthy(body: bytes) -> bool:
    try:
        return bool(json.loads(body)["status"] == "ok")
    except (ValueError, KeyError, TypeError):
        return False
