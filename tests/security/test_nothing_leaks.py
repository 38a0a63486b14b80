"""A call with something unique in every field, at the most talkative log level: nothing of it is in the log."""

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import structlog

from voicegw.call.profile import Forwarding, NumberProfile
from voicegw.cli.logs import configure_logs
from voicegw.voiceflow.planner import Planner

CALL = "CA" + "1" * 32
VOICE, STATUS, FALLBACK = (f"https://gateway.example/twilio/{name}" for name in ("voice", "status", "fallback"))

CALLER = "+14155559173"
FIELDS = {
    "From": CALLER,
    "To": "+15005550006",
    "CallerName": "canary-caller-name",
    "ForwardedFrom": "+14155559174",
    "FromCity": "canary-city",
    "StirVerstat": "canary-verstat",
    "SipHeader_X-Account": "canary-sip-header",
    "ApiVersion": "canary\x1b[31mversion",
}
SAID, KEYED = "my card is canary-said", "5105105105105100"


class Talkative:
    """Puts something unique in every field, refuses in the caller's own words, and forwards where it may not."""

    def __init__(self) -> None:
        self.turns = 0

    def __call__(self, action: Mapping[str, Any]) -> list[Any] | tuple[int, bytes]:
        self.turns += 1
        payload = action.get("payload")
        match self.turns:
            case 1:
                return [
                    {"type": "text", "payload": {"message": "canary-agent-words"}},
                    {"type": "debug", "payload": {"message": "canary-debug", "level": "info"}},
                    {"type": "canary-custom", "payload": {"secret": "canary-custom-payload"}},
                    {"type": "choice", "payload": {"buttons": [{"name": "canary-button", "request": {"type": 5}}]}},
                    {"type": "dtmf", "payload": {"maxDigits": "canary-malformed", "delimiter": 7}},
                    {"type": "knowledgeBase", "payload": {"chunks": ["canary-knowledge"]}},
                    {"type": "reasoning", "payload": {"text": "canary-reasoning"}},
                    {"type": "speak", "payload": {"type": "audio", "message": "m", "src": "data:audio/mp3;base64,!"}},
                ]
            case 2:
                return 500, json.dumps({"message": f"cannot handle {payload}\n\x1b[31m with the-session-key"}).encode()
            case 3:
                return 429, str(payload).encode()
            case 4:
                return 401, str(payload).encode()
            case 5:
                return [{"type": "call-forward", "payload": {"addressType": "phone", "address": "+14155559175"}}]
            case _:
                return [{"type": "text", "payload": {"message": "go on"}}]


CANARIES = (
    "canary",
    "4155559173",
    "4155559174",
    "4155559175",
    "5105105105105100",
    "the-session-key",
    "the-agents-key",
    "the-carriers-token",
)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Standard error as `voicegw serve` would write it."""
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    root, before = logging.getLogger(), logging.getLogger().handlers[:]
    configure_logs(level=logging.DEBUG)
    yield written
    root.handlers[:] = before
    structlog.reset_defaults()


async def talk(site: Any, leads_to: Callable[[str], str]) -> None:
    document = await site.webhook(VOICE, CALL, **FIELDS)
    for heard in (
        {"SpeechResult": SAID, "Confidence": "0.9"},
        {"Digits": KEYED, "FinishedOnKey": "#"},
        {"SpeechResult": SAID},
        {"SpeechResult": SAID},
        {"SpeechResult": SAID},
        {"Digits": "9"},
    ):
        document = await site.webhook(leads_to(document), CALL, **FIELDS, **heard)
    await site.webhook(FALLBACK, CALL, **FIELDS, ErrorCode="11200", ErrorUrl="https://x/?canary")
    await site.webhook(STATUS, CALL, **FIELDS, CallStatus="completed")


@pytest.mark.parametrize("user_id", ["call", "caller", "hash"])
def test_no_field_of_a_call_is_in_the_log(
    play: Any, leads_to: Callable[[str], str], log: io.StringIO, user_id: Any
) -> None:
    agent = Talkative()
    profile = NumberProfile(user_id=user_id, forwarding=Forwarding(allow=("+49",)), read_buttons=True)
    play(lambda site: talk(site, leads_to), agent, profile)
    assert agent.turns > 6
    lines = log.getvalue().splitlines()
    assert any("turn failed" in line for line in lines)
    for canary in CANARIES:
        assert [line for line in lines if canary in line] == []
    assert all(json.loads(line)["event"] for line in lines)
    assert "\x1b" not in log.getvalue()


def test_a_crash_of_ours_tells_where_but_not_what_was_said(
    play: Any, leads_to: Callable[[str], str], log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(_self: Planner, trace: object) -> None:
        spoken_locally = f"{trace} {SAID}"
        raise KeyError(len(spoken_locally))

    monkeypatch.setattr(Planner, "receive", crash)

    async def ring(site: Any) -> None:
        await site.webhook(VOICE, CALL, **FIELDS)

    play(ring, Talkative())
    assert "turn crashed" in log.getvalue()
    for canary in CANARIES:
        assert canary not in log.getvalue()
