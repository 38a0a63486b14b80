"""What may stand as a label of a metric: short lists of words of our own, and `other` for everything else.

Each distinct value is a series that Prometheus keeps for ever, and what agents, carriers and callers send has no end.
Nothing a caller says, and no number but our own, passes here.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType

from voicegw import errors
from voicegw.call.addresses import RefusalReason, line_of
from voicegw.call.inputs import ForwardOutcome
from voicegw.call.orders import OPERATOR_ENDED
from voicegw.call.profile import Mode
from voicegw.call.waterfall import (
    AGENT_FIRST_BYTE,
    AGENT_FIRST_SENTENCE,
    AGENT_WITHOUT_WORDS,
    CARRIER_END_OF_SPEECH,
    CARRIER_TO_THE_EAR,
    GATEWAY,
    GATEWAY_ANSWER,
    GATEWAY_END_OF_SPEECH,
)

OTHER = "other"
NONE = "none"


def _codes_below(error: type[errors.VoicegwError]) -> set[str]:
    return {error.code}.union(*(_codes_below(child) for child in error.__subclasses__()))


TURN_FAILURES = frozenset(
    _codes_below(errors.AgentError)
    | {"agent-slow", "out-of-credit", "turn-cancelled", "turn-crashed", "turn-lost", "turn-unreadable"}
)
"""The codes with which a turn fails: those of the agent's errors, and the runner's own."""
STORE_FAILURES = frozenset({errors.StoreError.code, errors.StaleVersion.code, "recording-failed"})
# "11205 connect fail, 11206 protocol, 11210 bad host, 11215 redirects, 11220/35/37 TLS, 12100 document parse failure"
# (Twilio's error dictionary): the ones that an answer of ours, or the way to us, can cause.
_CARRIER_ERRORS = (11100, 11200, 11205, 11206, 11210, 11215, 11220, 11235, 11237, 11750, 11770, 12100, 12200, 12300)
CARRIER_FAILURES = frozenset(f"carrier-{number}" for number in _CARRIER_ERRORS)
# What adapters hang into the tree of errors: telemetry imports no adapter, so their codes are named here.
_CODES_OF_ADAPTERS = {
    "form-invalid",
    "prompt-error",
    "prompt-too-large",
    "prompt-unreadable",
    "prompt-format-unknown",
    "prompt-needs-ffmpeg",
    "prompt-source-refused",
    "prompt-unreachable",
    "prompt-too-slow",
    "prompt-crashed",
    "stream-crashed",
}
FAILURE_CODES = frozenset(
    _codes_below(errors.VoicegwError) | _CODES_OF_ADAPTERS | TURN_FAILURES | STORE_FAILURES | CARRIER_FAILURES
)
"""Every code with which something of ours fails, and the carrier's codes that are ours to mend."""

REASONS = frozenset(
    {
        "hangup",
        "agent-ended",
        OPERATOR_ENDED,
        "caller-silent",
        "max-duration",
        "forward-completed",
        "agent-failed",
        "reaped",
        "no-room",
        "not-in-service",
        "bridge-left",
    }
)
"""The reasons with which calls end."""
FORWARD_OUTCOMES = frozenset(outcome.value for outcome in ForwardOutcome)
REFUSAL_REASONS = frozenset(reason.value for reason in RefusalReason)
MODES = frozenset(mode.value for mode in Mode)
ACTIONS = frozenset({"launch", "text", "dtmf", "no-reply", "event", "intent", "end"})
"""The types of action that the gateway makes; a request of the agent's own, sent back to it, has any name."""
DELIVERY_OUTCOMES = ("delivered", "failed", "dead")
BREAKER_STATES = ("closed", "half-open", "open", "down")

PARTS: Mapping[str, str] = MappingProxyType(
    {
        CARRIER_END_OF_SPEECH: "carrier-end-of-speech",
        GATEWAY: "gateway",
        AGENT_FIRST_BYTE: "agent-first-byte",
        AGENT_FIRST_SENTENCE: "agent-first-sentence",
        AGENT_WITHOUT_WORDS: "agent-without-words",
        GATEWAY_ANSWER: "gateway-answer",
        GATEWAY_END_OF_SPEECH: "gateway-end-of-speech",
        CARRIER_TO_THE_EAR: "carrier-to-the-ear",
    }
)
"""The parts of a turn's wait (`call.waterfall`), as they are called in a label."""


def known(value: str, among: Collection[str]) -> str:
    """`value` where it is one of ours, else `other`; `none` where there is none."""
    if not value:
        return NONE
    return value if value in among else OTHER


def number_label(called_number: str, own_numbers: Collection[str]) -> str:
    """The called number where the settings list it, else `other`: any number may ring where a profile has none."""
    return known(called_number if called_number in own_numbers else line_of(called_number), own_numbers)


WEBHOOKS = ("voice", "step", "status", "fallback", "rescue")


def webhook_label(name: str) -> str:
    """A webhook's name; the steps of all calls are one, and so are the rescues of lost answers."""
    if name == "0/0":  # the step that answers the first webhook
        return "voice"
    first = name.partition("/")[0]
    return "step" if first.isdecimal() else known(first, WEBHOOKS)


def status_label(status: int) -> str:
    """The class of an HTTP status, as `2xx`."""
    return f"{status // 100}xx" if 100 <= status <= 599 else OTHER
