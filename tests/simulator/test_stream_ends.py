"""How streams begin, fail and end, what the carrier does next, and what the network does to them."""

import asyncio
from typing import Any

import pytest

from voicegw.simulator import AsgiWeb, Carrier, CarrierRules, HangsUp, Presses, ScriptedCaller, StreamRules, Waits
from voicegw.simulator.stream.sound import tone
from voicegw.simulator.virtual_time import run_virtual

ORIGIN = "https://gateway.example"
STREAM = '<Connect><Stream url="wss://gateway.example/media/x"/></Connect>'
NEXT = "<Say>What comes next.</Say>"


def stays(seconds: float) -> list[Any]:
    return [Waits(seconds), HangsUp()]


async def closes_at_once(server: Any) -> None:
    await server.accept()
    await server.until("media")
    await server.close()


async def speaks_on(server: Any) -> None:
    await server.accept()
    await server.until("start")
    await server.play(tone(10, 440))
    await server.until_the_end()


def test_the_next_verb_runs_when_the_gateway_closes(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM + NEXT}
    gateway.talk = closes_at_once
    report = place()
    assert report.spoken == ("What comes next.",)
    assert (report.streams[0].ended_by, report.streams[0].close_code) == ("gateway", 1000)
    # "Server close ⇒ no `stop`"
    assert gateway.server.events("stop") == []


def test_the_action_is_asked_when_the_gateway_closes(gateway: Any, place: Any) -> None:
    connect = STREAM.replace("<Connect>", '<Connect action="/after">')
    gateway.pages = {"/voice": connect + NEXT, "/after": "<Say>Asked.</Say>"}
    gateway.talk = closes_at_once
    assert place().spoken == ("Asked.",)
    assert gateway.requests("/after")[0].params["CallStatus"] == "in-progress"


def test_nothing_behind_the_stream_ends_the_call(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM}
    gateway.talk = closes_at_once
    assert place().end_reason == "document-ended"


def test_what_was_not_heard_yet_is_lost_when_the_gateway_closes(gateway: Any, place: Any) -> None:
    async def talk(server: Any) -> None:
        await server.accept()
        await server.until("start")
        await server.play(tone(3, 440))
        await server.until("dtmf")
        await server.close()

    gateway.pages = {"/voice": STREAM + NEXT}
    gateway.talk = talk
    report = place([Presses("1", when="now", after_seconds=1.0)])
    # The frame that was in the ear has begun.
    assert report.streams[0].unheard_seconds == pytest.approx(2.0, abs=0.021)
    assert len(report.streams[0].heard) == 8000


def test_a_caller_who_hangs_up_brings_stop_and_a_close(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM, "/status": gateway.page("")}
    report = place(stays(0.5), status_callback=f"{ORIGIN}/status")
    last = gateway.server.received[-1][1]
    assert last["event"] == "stop"
    assert last["stop"] == {"accountSid": "AC" + "0" * 32, "callSid": report.call_sid}
    assert gateway.server.ended_with == 1000
    assert report.streams[0].ended_by == "caller"
    assert gateway.params("/status")["CallStatus"] == "completed"


def test_the_action_of_a_stream_that_the_caller_left_is_still_told(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM.replace("<Connect>", '<Connect action="/after">'), "/after": NEXT}
    assert place(stays(0.5)).spoken == ()
    assert gateway.params("/after")["CallStatus"] == "completed"


def test_a_caller_may_vanish_without_a_stop(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM}
    place(stays(0.5), rules=CarrierRules(stream=StreamRules(says_stop=False)))
    assert gateway.server.events("stop") == []
    assert gateway.server.ended_with == 1006


def test_an_update_stops_the_stream_and_goes_on_elsewhere(gateway: Any) -> None:
    gateway.pages = {"/voice": STREAM + NEXT, "/elsewhere": "<Say>Elsewhere.</Say>"}

    async def call() -> Any:
        async with AsgiWeb({ORIGIN: gateway}) as web:
            carrier = Carrier(web, auth_token="auth token")
            placed = asyncio.create_task(carrier.place_call(f"{ORIGIN}/voice", ScriptedCaller([])))
            await asyncio.sleep(0.5)
            carrier.redirect_call(carrier.live_calls[0], f"{ORIGIN}/elsewhere")
            return await placed

    report = run_virtual(call())
    assert report.spoken == ("Elsewhere.",)
    assert report.streams[0].ended_by == "update"
    assert gateway.server.received[-1][1]["event"] == "stop"
    assert gateway.server.ended_with == 1000


def test_the_gateway_may_answer_a_stop_with_a_close(gateway: Any, place: Any) -> None:
    async def talk(server: Any) -> None:
        await server.accept()
        await server.until("stop")
        await server.close()

    gateway.pages = {"/voice": STREAM}
    gateway.talk = talk
    assert place(stays(0.5)).streams[0].messages_after_stop == 0


def test_what_comes_long_after_the_stop_is_counted(gateway: Any, place: Any) -> None:
    async def talk(server: Any) -> None:
        await server.accept()
        await server.until("stop")
        for _ in range(4):
            await server.play(tone(0.1, 440))
            await asyncio.sleep(0.1)

    gateway.pages = {"/voice": STREAM}
    gateway.talk = talk
    assert place(stays(0.5)).streams[0].messages_after_stop == 1


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        ('<Stream url="ws://gateway.example/media"/>', 31922),
        ('<Stream url="https://gateway.example/media"/>', 31922),
        ('<Stream url="/media"/>', 31922),
        ("<Stream/>", 31922),
        ('<Stream url="wss:///media"/>', 31923),
        ('<Stream url="wss://gateway.example:99999/media"/>', 31923),
        ('<Stream url="wss://gateway.example/media#fragment"/>', 31923),
        ('<Stream connectorName="mine"/>', 31940),
        ('<Stream url="wss://nobody.example/media"/>', 31904),
    ],
)
def test_a_stream_that_cannot_be_opened_leads_to_the_next_verb(
    gateway: Any, place: Any, stream: str, code: int
) -> None:
    gateway.pages = {"/voice": f"<Connect>{stream}</Connect>{NEXT}"}
    report = place()
    assert [warning.code for warning in report.warnings] == [code]
    assert report.spoken == ("What comes next.",)
    assert (report.streams[0].ended_by, report.streams[0].began_at_seconds) == ("refused", None)
    assert gateway.servers == []


def test_a_refused_upgrade_is_told_and_called_back(gateway: Any, place: Any) -> None:
    async def refuses(server: Any) -> None:
        await server.send({"type": "websocket.close", "code": 1008})

    stream = '<Stream name="s" url="wss://gateway.example/m" statusCallback="https://gateway.example/told"/>'
    gateway.pages = {
        "/voice": f'<Connect action="/after">{stream}</Connect>',
        "/after": NEXT,
        "/told": gateway.page(""),
    }
    gateway.talk = refuses
    report = place()
    assert [warning.code for warning in report.warnings] == [31920]
    assert report.spoken == ("What comes next.",)
    told = gateway.params("/told")
    assert (told["StreamEvent"], told["StreamName"]) == ("stream-error", "s")
    assert told["StreamError"] == "HTTP status 403 instead of 101"


@pytest.mark.parametrize(("status", "code"), [(404, 31920), (101, 0)])
def test_the_status_of_the_upgrade_decides(gateway: Any, place: Any, status: int, code: int) -> None:
    async def answers(server: Any) -> None:
        if status == 101:
            await server.accept()
            return
        await server.send({"type": "websocket.http.response.start", "status": status, "headers": []})
        await server.send({"type": "websocket.http.response.body", "body": b"no"})

    gateway.pages = {"/voice": STREAM + NEXT}
    gateway.talk = answers
    report = place()
    # An application that returns without a close leaves a connection that breaks.
    assert [warning.code for warning in report.warnings] == [code or 31903]
    assert report.spoken == ("What comes next.",)


def test_an_upgrade_that_is_not_answered_times_out(gateway: Any, place: Any) -> None:
    async def hangs(server: Any) -> None:
        await server.until_the_end()

    gateway.pages = {"/voice": STREAM + NEXT}
    gateway.talk = hangs
    report = place()
    assert [(warning.code, warning.at_seconds) for warning in report.warnings] == [(31901, 5.0)]
    assert gateway.server.ended_with == 1006


def test_an_application_that_breaks_before_the_upgrade_is_a_500(gateway: Any, place: Any) -> None:
    async def breaks(server: Any) -> None:
        raise RuntimeError("no")

    gateway.pages = {"/voice": STREAM + NEXT}
    gateway.talk = breaks
    assert [warning.text for warning in place().warnings] == ["HTTP status 500 instead of 101"]


def test_an_application_that_breaks_later_closes_with_1011(gateway: Any, place: Any) -> None:
    async def breaks(server: Any) -> None:
        await server.accept()
        await server.until("media")
        raise RuntimeError("no")

    gateway.pages = {"/voice": STREAM + NEXT}
    gateway.talk = breaks
    assert place().streams[0].close_code == 1011


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:1", "gateway.example"])
def test_without_tls_a_stream_is_opened_on_loopback_only_and_only_if_the_rules_say_so(
    gateway: Any, place: Any, host: str
) -> None:
    gateway.pages = {"/voice": STREAM.replace("wss://gateway.example", f"ws://{host}") + NEXT}
    report = place(rules=CarrierRules(stream=StreamRules(plain_on_loopback=True)))
    # Nobody is there in this world.
    assert [warning.code for warning in report.warnings] == [31922 if host == "gateway.example" else 31904]


def test_a_query_is_cut_off_without_a_word_to_the_gateway(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM.replace("media/x", "media/x?token=1")}
    report = place(stays(0.1))
    assert gateway.server.url == "wss://gateway.example/media/x"
    assert gateway.server.signed
    assert [warning.code for warning in report.warnings] == [31920]


def test_a_query_may_fail_the_handshake(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM.replace("media/x", "media/x?token=1") + NEXT}
    report = place(rules=CarrierRules(stream=StreamRules(fails_on_query=True)))
    assert gateway.servers == []
    assert report.spoken == ("What comes next.",)


def test_a_parameter_that_is_too_long_or_has_no_name_does_not_get_through(gateway: Any, place: Any) -> None:
    parameters = (
        f'<Parameter name="a" value="{"x" * 499}"/><Parameter name="b" value="{"x" * 498}"/><Parameter value="c"/>'
    )
    gateway.pages = {"/voice": STREAM.replace("/></", f">{parameters}</Stream></")}
    report = place(stays(0.1))
    (start,) = gateway.server.events("start")
    assert list(start["start"]["customParameters"]) == ["b"]
    assert [warning.code for warning in report.warnings] == [12200, 12200]


def test_a_two_way_stream_has_the_inbound_track_only_and_an_absolute_callback(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM.replace("<Stream", '<Stream track="both_tracks" statusCallback="/told"')}
    assert [warning.code for warning in place(stays(0.1)).warnings] == [12200, 12200]


def test_status_callbacks_tell_of_begin_and_end(gateway: Any, place: Any) -> None:
    callback = 'statusCallback="https://gateway.example/told" statusCallbackMethod="GET"'
    gateway.pages = {"/voice": STREAM.replace("<Stream", f"<Stream {callback}"), "/told": gateway.page("")}
    report = place(stays(0.1))
    told = [exchange for exchange in report.exchanges if exchange.purpose == "stream-status"]
    assert [exchange.param("StreamEvent") for exchange in told] == ["stream-started", "stream-stopped"]
    assert told[0].method == "GET"
    assert told[0].param("StreamName") == report.streams[0].stream_sid
    assert "T" in str(told[0].param("Timestamp"))
    assert len(report.webhooks) == 1


@pytest.mark.parametrize("messages", range(12))
def test_the_socket_may_die_at_any_message(gateway: Any, place: Any, messages: int) -> None:
    gateway.pages = {"/voice": STREAM + NEXT}
    gateway.talk = speaks_on
    report = place(rules=CarrierRules(stream=StreamRules(dies_after_messages=messages)))
    # One message of the gateway's is among them, once it has been told of the start.
    assert len(gateway.server.received) == messages - (messages > 2)
    assert gateway.server.ended_with == 1006
    assert report.streams[0].ended_by == "rules"
    assert report.spoken[-1] == "What comes next."


def test_the_process_that_serves_the_sockets_may_die(gateway: Any) -> None:
    gateway.pages = {"/voice": STREAM + NEXT}

    async def call() -> Any:
        async with AsgiWeb({ORIGIN: gateway}) as web:
            placed = asyncio.create_task(Carrier(web, auth_token="t").place_call(f"{ORIGIN}/voice", ScriptedCaller([])))
            await asyncio.sleep(0.5)
            assert web.open_sockets == 1
            web.kill_sockets()
            report = await placed
            return report, web.open_sockets

    report, left = run_virtual(call())
    assert report.streams[0].ended_by == "broken"
    assert [warning.code for warning in report.warnings] == [31903]
    assert report.spoken == ("What comes next.",)
    assert left == 0


def test_the_callers_audio_may_cease(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM}
    place(
        [Presses("1", when="now", after_seconds=0.8), *stays(0.2)],
        rules=CarrierRules(stream=StreamRules(media_stops_after_seconds=0.5)),
    )
    assert len(gateway.server.events("media")) == 25
    assert len(gateway.server.events("dtmf")) == 1


def test_lost_frames_show_in_the_timestamps_only(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM}
    place(stays(10), rules=CarrierRules(stream=StreamRules(loss=0.2)))
    frames = gateway.server.events("media")
    assert 350 < len(frames) < 450
    assert [frame["media"]["chunk"] for frame in frames] == [str(number + 1) for number in range(len(frames))]
    assert len({frame["media"]["timestamp"] for frame in frames}) == len(frames)
    assert int(frames[-1]["media"]["timestamp"]) > 9000


def test_jitter_delays_each_message_and_keeps_the_order(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM}
    place(stays(5), rules=CarrierRules(stream=StreamRules(latency_seconds=0.05, jitter_seconds=0.08)))
    numbers = [int(fields["sequenceNumber"]) for _, fields in gateway.server.received[1:]]
    assert numbers == sorted(numbers)
    media = gateway.server.events("media")
    began = gateway.server.received[0][0]
    lateness = [
        at - began - int(fields["media"]["timestamp"]) / 1000
        for at, fields in gateway.server.received
        if fields["event"] == "media"
    ]
    assert len(media) > 200
    assert max(lateness) - min(lateness) > 0.05


def test_bursts_hold_everything_and_bring_it_at_once(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM}
    place(stays(3), rules=CarrierRules(stream=StreamRules(burst_every_seconds=1.0, burst_seconds=0.3)))
    instants = gateway.server.instants("media")
    assert [at for at in instants if 0.71 < at < 0.99] == []
    # From 0.70 s, which is the beginning of the standstill or a hair before it, to 1.00 s.
    assert instants.count(1.0) in (15, 16)


def test_latency_delays_what_is_heard_and_the_close(gateway: Any, place: Any) -> None:
    async def talk(server: Any) -> None:
        await server.accept()
        await server.until("start")
        await server.play(tone(0.1, 440))
        await server.mark("m")
        await server.until("mark")
        await server.close()

    gateway.pages = {"/voice": STREAM + NEXT}
    gateway.talk = talk
    report = place(rules=CarrierRules(stream=StreamRules(latency_seconds=0.1)))
    assert [sound.at_seconds for sound in report.heard if sound.kind == "stream"] == [pytest.approx(0.2)]
    assert report.streams[0].seconds == pytest.approx(0.5)
