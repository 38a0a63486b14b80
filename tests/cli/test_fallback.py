"""The static documents for when the gateway is down, carried out by the simulated carrier."""

import asyncio
from collections.abc import Mapping

import pytest

import twiml
from voicegw.call.profile import Destination, Forwarding, NumberProfile
from voicegw.cli.fallback import fallback_documents
from voicegw.simulator import (
    CallReport,
    Carrier,
    Hears,
    Says,
    ScriptedCaller,
    StaysSilent,
    WebAnswer,
    human,
    run_virtual,
)
from voicegw.simulator.caller import Presses, Step
from voicegw.simulator.web import WebError, WebRequest

GATEWAY, ELSEWHERE = "https://gw.example", "https://static.example/phone"
HUMAN = "+14155550142"
WITH_HUMAN = NumberProfile(
    forwarding=Forwarding(destinations={"desk": (Destination(to=HUMAN, ring_seconds=15),)}, human="desk")
)


class Web:
    """A gateway that is down for a while, and a web server with the two documents."""

    def __init__(self, documents: Mapping[str, str], down_seconds: float) -> None:
        self._documents = documents
        self._down_seconds = down_seconds

    async def send(self, request: WebRequest) -> WebAnswer:
        if request.url.startswith(ELSEWHERE):
            body = self._documents[request.url.partition("?")[0].rpartition("/")[2]]
        elif asyncio.get_running_loop().time() - 1000 < self._down_seconds:
            raise WebError(11205, "connection refused", reached=False)
        else:
            body = twiml.render(twiml.Response((twiml.Say(("Here I am again.",)), twiml.Hangup())))
        return WebAnswer(status=200, headers=(("Content-Type", "text/xml"),), body=body.encode())


def call(profile: NumberProfile, steps: list[Step], *, down_seconds: float) -> CallReport:
    web = Web(fallback_documents(profile, GATEWAY), down_seconds)
    carrier = Carrier(web, auth_token="x", seed=1)
    return run_virtual(
        carrier.place_call(
            f"{GATEWAY}/twilio/voice",
            ScriptedCaller(steps),
            fallback_url=f"{ELSEWHERE}/fallback.xml",
            callees={HUMAN: human()},
        )
    )


def test_a_silent_caller_waits_until_the_gateway_is_back() -> None:
    report = call(WITH_HUMAN, [StaysSilent()], down_seconds=40)
    assert report.spoken[0].startswith("One moment, please.")
    assert report.spoken[-1] == "Here I am again."
    assert not [sound for sound in report.heard if sound.kind == "error_prompt"]
    assert 4 <= len(report.spoken) <= 7


@pytest.mark.parametrize("act", [Says("hello?"), Presses("5")])
def test_who_speaks_or_presses_a_key_is_connected_to_the_human(act: Step) -> None:
    report = call(WITH_HUMAN, [Hears("One moment"), act, StaysSilent()], down_seconds=10_000)
    assert [(leg.address, leg.status) for leg in report.dialled] == [(HUMAN, "completed")]


def test_without_a_human_the_caller_is_told_to_call_later() -> None:
    report = call(NumberProfile(language="de-DE"), [Hears("Moment"), Says("Hallo?")], down_seconds=10_000)
    assert "später" in report.spoken[-1]
    assert report.end_reason == "hangup"


def test_a_human_behind_sip_is_dialled_by_sip() -> None:
    profile = NumberProfile(fallback=(Destination(to="sip:desk@pbx.example.com"),))
    assert "<Sip>sip:desk@pbx.example.com</Sip>" in fallback_documents(profile, GATEWAY)["human.xml"]


@pytest.mark.parametrize("profile", [WITH_HUMAN, NumberProfile()])
def test_the_documents_keep_the_vendors_rules(profile: NumberProfile) -> None:
    for document in fallback_documents(profile, GATEWAY).values():
        assert twiml.check(twiml.parse(document)) == ()
