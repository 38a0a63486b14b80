"""What can ail a call: each ailment's stable code, what happened in words, and what to do about it.

Pure values: `call.failure_signs` leads from a failure to its ailment, `call.diagnosis` finds them in a call.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from voicegw.call.addresses import RefusalReason
from voicegw.call.inputs import ForwardOutcome


@dataclass(frozen=True, slots=True)
class Ailment:
    """`code` is stable and kebab-case; `says` is a sentence without its end, with `{turn}` (as in "turn 3") and other
    fields where it has them. Not `serious`: callers hardly notice."""

    code: str
    says: str
    advice: str
    serious: bool = True


_CHECK = "Then run `voicegw check`."

KEY_REFUSED = Ailment(
    "key-refused",
    "The key was refused by Voiceflow ({status})",
    f"Copy the project's API key again into VOICEFLOW_API_KEY. {_CHECK}",
)
AGENT_NOT_FOUND = Ailment(
    "agent-not-found",
    "Voiceflow knows no such project or environment ({status})",
    f"Check VOICEFLOW_PROJECT_ID and VOICEFLOW_ENVIRONMENT, and that the agent is published there. {_CHECK}",
)
AGENT_MOVED = Ailment(
    "agent-moved", "Voiceflow is at another address ({status})", f"Check VOICEFLOW_BASE_URL. {_CHECK}"
)
OUT_OF_CREDIT = Ailment(
    "out-of-credit",
    "The Voiceflow account is out of credit",
    "Add credit in Voiceflow; the gateway notices by itself. Set `fallback`, so that callers reach a human meanwhile.",
)
AGENT_DOWN = Ailment(
    "agent-not-configured",
    "The agent cannot work until someone mends its settings",
    f"See when it began in the gateway's log (`agent is down`). {_CHECK}",
)
AGENT_SLOW = Ailment(
    "agent-slow",
    "{slowness}",
    "Look in Voiceflow what {turn} waited for (a tool, a model, a knowledge base) and let the agent say a word first.",
)
SLOW_ANSWER = Ailment(
    "slow-answer",
    "{slowness}",
    "Look in Voiceflow what {turn} waited for; words before a slow tool pass the time better than fillers.",
    serious=False,
)
AGENT_SILENT = Ailment(
    "agent-silent",
    "The agent answered {turn} with nothing to hear",
    "Look at that path in Voiceflow: it ends without a message. `calls show` lists the traces it did send.",
)
UNREADABLE = Ailment(
    "agent-unreadable",
    "The agent's answer to {turn} could not be read",
    "Something on the way (a proxy, an error page) writes into the answer: check VOICEFLOW_BASE_URL, ask who runs it.",
)
ENDLESS = Ailment(
    "agent-endless",
    "The agent's answer to {turn} would not end and was cut off",
    "Look for a loop at that path in Voiceflow; one answer holds minutes of speech, not more.",
)
CALLER_SILENT = Ailment(
    "caller-silent",
    "{silence}",
    "If it happens often: a bad line, or callers whose speech is not recognised; check `language` and `hints`.",
)
CALLER_LEFT = Ailment(
    "caller-left",
    "The caller hung up while {turn} was waited for, after {seconds} s",
    "See what {turn} waited for; words before a slow tool keep callers on the line.",
    serious=False,
)
ANSWER_UNUSABLE = Ailment(
    "answer-unusable",
    "Twilio could not use an answer of the gateway, or did not get it in time{detail}",
    "Look the error up in Twilio's console, and whether VOICEGW_PUBLIC_URL is reachable from outside.",
)
STORE_FAILED = Ailment(
    "store-failed",
    "The gateway's own store failed{detail}",
    "Check disk space and permissions of the live store's file (`live_store_path`).",
)
RECORDING_FAILED = Ailment(
    "recording-failed",
    "The recording of the call could not be kept{detail}",
    "Check space and permissions of the folder of recordings (`recordings_path`); the caller noticed nothing.",
    serious=False,
)
PROMPT_FAILED = Ailment(
    "prompt-unplayable",
    "A recording of {turn} could not be played{detail}",
    "Give the agent a WAV or MP3 that is not too long; its words were spoken instead, where it had some.",
)
TURN_LOST = Ailment(
    "gateway-restarted",
    "The gateway's process died or was stopped during {turn}",
    "See why it went (memory, deployment); on SIGTERM a gateway finishes its turns first.",
)
GATEWAY_FAILED = Ailment(
    "gateway-failed",
    "The gateway itself failed in {turn} ({code})",
    "That is a bug of ours: the traceback stands in the gateway's log; please report it.",
)
REAPED = Ailment(
    "end-not-told",
    "Nobody told the gateway that the call was over",
    "Set the number's status callback in Twilio to /twilio/status of this gateway.",
    serious=False,
)
TOO_LONG = Ailment(
    "call-too-long",
    "The call reached its longest duration",
    "Raise `max_call_seconds` if calls may be longer.",
    serious=False,
)
NOT_IN_SERVICE = Ailment(
    "number-not-in-service", "The called number is not set up here", "Add it under [[numbers]] in voicegw.toml."
)
NO_ROOM = Ailment(
    "no-room",
    "As many calls were live as the gateway takes",
    "Raise `max_live_calls`, or run a second gateway.",
)

GAVE_UP = Ailment(
    "call-given-up",
    "The agent failed so often in this call that the gateway said goodbye",
    "Set `fallback` for the number, so that such callers reach a human instead.",
)

OF_FAILURES: Mapping[str, Ailment] = MappingProxyType(
    {
        "agent-unreachable": Ailment(
            "agent-unreachable",
            "Voiceflow could not be reached",
            f"Check the network, DNS and firewall between the gateway and VOICEFLOW_BASE_URL. {_CHECK}",
        ),
        "agent-refused": Ailment(
            "agent-refused",
            "Voiceflow answered {turn} with an error{detail}",
            "Look at Voiceflow's status page and at the agent's own log around that time.",
        ),
        "agent-busy": Ailment(
            "agent-busy",
            "Voiceflow's rate limit was hit in {turn} (429)",
            "Spread the load, or have the limit raised by Voiceflow.",
        ),
        "agent-session-expired": Ailment(
            "session-expired",
            "Voiceflow no longer knew the caller's session in {turn} (401)",
            "Raise the agent's session time-out in Voiceflow if callers think longer than that.",
        ),
        "agent-circuit-open": Ailment(
            "agent-resting",
            "The agent had failed so often that it was not asked in {turn}",
            "See what failed in the calls before: `voicegw calls --failed`.",
        ),
        "agent-broke": Ailment(
            "agent-broke",
            "The agent's answer to {turn} broke off{detail}",
            "If it happens often, look at proxies and time-outs between the gateway and Voiceflow.",
        ),
        "agent-talked-too-much": ENDLESS,
        "agent-slow": AGENT_SLOW,
        "agent-not-configured": AGENT_DOWN,
        "out-of-credit": OUT_OF_CREDIT,
        "turn-lost": TURN_LOST,
        "turn-cancelled": TURN_LOST,
        "turn-crashed": GATEWAY_FAILED,
    }
)
"""By the code with which a turn failed (`voicegw.errors`, and the runner's own codes)."""

OF_ENDS: Mapping[str, Ailment] = MappingProxyType(
    {
        "agent-failed": GAVE_UP,
        "max-duration": TOO_LONG,
        "no-room": NO_ROOM,
        "not-in-service": NOT_IN_SERVICE,
        "reaped": REAPED,
    }
)
"""By the reason with which a call ended."""

_POLICY = "See `forwarding` under the number: aliases in `destinations`, prefixes and SIP hosts in `allow`."
OF_FORWARDS: Mapping[str, Ailment] = MappingProxyType(
    {
        ForwardOutcome.BUSY: Ailment(
            "forward-busy", "{address} was busy", "Give the alias more destinations: they are tried in order."
        ),
        ForwardOutcome.NO_ANSWER: Ailment(
            "forward-no-answer",
            "Nobody answered at {address}",
            "Give the alias more destinations, or raise `ring_seconds`.",
        ),
        ForwardOutcome.DECLINED: Ailment(
            "forward-declined",
            "Whoever answered at {address} did not accept the call: a voicemail box, most likely",
            "Give the alias a further destination where someone is there.",
        ),
        ForwardOutcome.FAILED: Ailment(
            "forward-failed",
            "{address} could not be reached",
            "Check the number or SIP address, and Twilio's geographic permissions for voice.",
        ),
        ForwardOutcome.CANCELED: Ailment(
            "forward-abandoned",
            "The caller hung up while {address} was ringing",
            "Callers wait that long only once: shorten `ring_seconds`.",
            serious=False,
        ),
        ForwardOutcome.REFUSED: Ailment(
            "forward-refused", "The settings do not let the agent forward to {address}{detail}", _POLICY
        ),
    }
)
"""By how an attempt to reach a human ended."""

_HOURLY = "its limit of calls in an hour is reached"
WHY_REFUSED: Mapping[str, str] = MappingProxyType(
    {
        RefusalReason.UNKNOWN_DESTINATION: "there is no such destination",
        RefusalReason.NO_DESTINATION: "no destination was named",
        RefusalReason.INVALID_NUMBER: "that is no phone number",
        RefusalReason.INVALID_SIP_ADDRESS: "that is no SIP address",
        RefusalReason.INVALID_EXTENSION: "that extension cannot be dialled",
        RefusalReason.NOT_ALLOWED: "it is not on the allow-list",
        RefusalReason.EMERGENCY: "emergency numbers are never dialled",
        RefusalReason.PREMIUM_RATE: "premium-rate numbers are never dialled",
        RefusalReason.SPECIAL_RATE: "special-rate numbers are never dialled",
        RefusalReason.SATELLITE: "satellite numbers are never dialled",
        RefusalReason.OWN_NUMBER: "it is a number of the gateway itself",
        RefusalReason.TOO_MANY_ATTEMPTS: "too many attempts in one call",
        RefusalReason.HOURLY_LIMIT: _HOURLY,
    }
)
