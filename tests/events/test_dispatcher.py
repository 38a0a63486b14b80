"""Letters reach their receivers: signed, at least once, under the same id however often, in order, in parallel."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine
from standardwebhooks import Webhook, WebhookVerificationError

from voicegw.config import EventReceiver
from voicegw.errors import CallLogError
from voicegw.events import dispatcher as dispatching
from voicegw.events.dispatcher import DELIVERED_KEPT_SECONDS, LEASE_SECONDS, EventDispatcher
from voicegw.events.letters import Letter
from voicegw.events.posting import HttpPoster
from voicegw.events.schedule import WAITS_SECONDS, Answer

MIDDLE_CHANCE = 0.5


@pytest.fixture
async def open_dispatcher(engine: AsyncEngine, wall: Any) -> Any:
    """Makes dispatchers whose clock is the test's; they are stopped after it."""
    made: list[EventDispatcher] = []

    def make(*receivers: EventReceiver, poster: Any = None, clock: Any = wall) -> EventDispatcher:
        poster = poster or HttpPoster()
        made.append(
            EventDispatcher(engine, receivers, wall=clock, chance=lambda: MIDDLE_CHANCE, poster=poster),
        )
        return made[-1]

    yield make
    for each in made:
        await each.stop(0)


class TestSignature:
    async def test_library_s_own_verifier_takes_what_is_sent(
        self, mail: Any, server: Any, receiver: EventReceiver, open_dispatcher: Any
    ) -> None:
        await mail.post("1")
        await open_dispatcher(receiver, clock=time.time).send_due(receiver)
        (sent,) = server.received
        verified = Webhook(receiver.secret.get_secret_value()).verify(sent.body, sent.headers)
        assert verified == {"n": 1}
        assert sent.headers["content-type"] == "application/json"

    @pytest.mark.parametrize("changed", ["body", "webhook-id", "webhook-timestamp", "secret"])
    async def test_anything_that_is_changed_is_refused(
        self, changed: str, mail: Any, server: Any, receiver: EventReceiver, open_dispatcher: Any
    ) -> None:
        await mail.post("1")
        await open_dispatcher(receiver, clock=time.time).send_due(receiver)
        (sent,) = server.received
        secret = receiver.secret.get_secret_value()
        body, headers = sent.body, dict(sent.headers)
        match changed:
            case "body":
                body = body.replace(b"1", b"2")
            case "secret":
                secret = secret[:-4] + "AAAA"
            case "webhook-timestamp":
                headers[changed] = str(int(headers[changed]) - 1)
            case _:
                headers[changed] += "x"
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, headers)

    async def test_each_attempt_names_its_own_time(
        self, mail: Any, server: Any, receiver: EventReceiver, open_dispatcher: Any, wall: Any
    ) -> None:
        server.answers(500)
        await mail.post("1")
        sender = open_dispatcher(receiver)
        await sender.send_due(receiver)
        wall.now += WAITS_SECONDS[0]
        await sender.send_due(receiver)
        first, second = (int(each.headers["webhook-timestamp"]) for each in server.received)
        assert second - first == WAITS_SECONDS[0]


class TestRetries:
    async def test_receiver_that_fails_for_a_while_gets_the_event_once_it_works_under_the_same_id(
        self, mail: Any, server: Any, receiver: EventReceiver, open_dispatcher: Any, wall: Any
    ) -> None:
        server.answers(500, 302, 404, 503)
        await mail.post("1")
        sender = open_dispatcher(receiver)
        for wait_seconds in WAITS_SECONDS[:4]:
            assert await sender.send_due(receiver) == 1
            assert await sender.send_due(receiver) == 0
            wall.now += wait_seconds
        assert await sender.send_due(receiver) == 1
        assert server.ids == ["msg_crm_CA1_1"] * 5
        assert await mail.states() == ["delivered"]
        assert sender.counts.by_outcome == {"delivered": 1, "failed": 4, "dead": 0}
        wall.now += 86400
        assert await sender.send_due(receiver) == 0

    async def test_receiver_that_never_works_is_given_up_after_21_hours(
        self, mail: Any, server: Any, receiver: EventReceiver, open_dispatcher: Any, wall: Any
    ) -> None:
        server.answers(*[500] * 100)
        await mail.post("1")
        sender = open_dispatcher(receiver)
        began_at = wall()
        while await mail.states() == ["waiting"]:
            await sender.send_due(receiver)
            (letter,) = await mail.all()
            wall.now = max(letter.due_at, wall.now)
        assert wall() - began_at == sum(WAITS_SECONDS) + LEASE_SECONDS  # the lease of the last attempt
        assert len(server.received) == len(WAITS_SECONDS) + 1
        assert (letter.last_error, sender.counts.dead) == ("answered 500", 1)

    async def test_receiver_that_is_gone_is_never_asked_again(
        self, mail: Any, server: Any, receiver: EventReceiver, open_dispatcher: Any, wall: Any
    ) -> None:
        server.answers(410)
        await mail.post("1")
        sender = open_dispatcher(receiver)
        await sender.send_due(receiver)
        wall.now += 10 * 86400
        assert await sender.send_due(receiver) == 0
        assert await mail.states() == ["dead"]

    async def test_redirect_is_not_followed(
        self, mail: Any, server: Any, receiver: EventReceiver, open_dispatcher: Any
    ) -> None:
        server.answers(307)
        await mail.post("1")
        await open_dispatcher(receiver).send_due(receiver)
        assert len(server.received) == 1
        assert "redirects are not followed" in (await mail.all())[0].last_error


class TestAtLeastOnce:
    async def test_killed_between_sending_and_marking_it_is_sent_again_under_the_same_id(
        self, mail: Any, server: Any, receiver: EventReceiver, open_dispatcher: Any, wall: Any, monkeypatch: Any
    ) -> None:
        async def killed(*_: object) -> None:
            raise asyncio.CancelledError

        await mail.post("1")
        with monkeypatch.context() as patched:
            patched.setattr(dispatching, "mark_delivered", killed)
            with pytest.raises(asyncio.CancelledError):
                await open_dispatcher(receiver).send_due(receiver)
        assert await mail.states() == ["waiting"]
        successor = open_dispatcher(receiver)
        assert await successor.send_due(receiver) == 0
        wall.now += LEASE_SECONDS
        assert await successor.send_due(receiver) == 1
        assert server.ids == ["msg_crm_CA1_1"] * 2
        assert await mail.states() == ["delivered"]

    async def test_two_dispatchers_on_one_database_send_nothing_twice(
        self, mail: Any, server: Any, receiver: EventReceiver, open_dispatcher: Any
    ) -> None:
        for number in range(20):
            await mail.post("1", "2", call_sid=f"CA{number}")

        async def send_all(sender: EventDispatcher) -> None:
            while (await mail.states()).count("delivered") < 40:
                await sender.send_due(receiver)

        await asyncio.gather(send_all(open_dispatcher(receiver)), send_all(open_dispatcher(receiver)))
        assert len(server.ids) == len(set(server.ids)) == 40

    async def test_events_of_a_call_arrive_in_order(
        self, mail: Any, server: Any, receiver: EventReceiver, open_dispatcher: Any, wall: Any
    ) -> None:
        server.answers(500)
        await mail.post("1", "2", "3")
        sender = open_dispatcher(receiver)
        await sender.send_due(receiver)
        assert await sender.send_due(receiver) == 0
        wall.now += WAITS_SECONDS[0]
        while await sender.send_due(receiver):
            pass
        assert server.ids == [f"msg_crm_CA1_{occasion}" for occasion in ("1", "1", "2", "3")]


class TestRunning:
    async def test_what_is_posted_is_sent_when_told_and_stopping_lets_it_finish(
        self, mail: Any, server: Any, receiver: EventReceiver, open_dispatcher: Any
    ) -> None:
        reached, may_answer = asyncio.Event(), asyncio.Event()

        async def answer(_request: web.Request) -> web.Response:
            reached.set()
            await may_answer.wait()
            return web.Response(status=204)

        server.answer = answer
        sender = open_dispatcher(receiver)
        sender.start()
        await mail.post("1")
        sender.wake()
        await asyncio.wait_for(reached.wait(), 10)
        stopping = asyncio.create_task(sender.stop(10))
        await asyncio.sleep(0)
        may_answer.set()
        await stopping
        assert await mail.states() == ["delivered"]
        await sender.stop(10)

    async def test_stop_cuts_off_what_takes_longer_than_the_grace(
        self, mail: Any, server: Any, receiver: EventReceiver, open_dispatcher: Any
    ) -> None:
        reached = asyncio.Event()

        async def answer(_request: web.Request) -> web.Response:
            reached.set()
            await asyncio.Event().wait()
            raise AssertionError

        server.answer = answer
        await mail.post("1")
        sender = open_dispatcher(receiver)
        sender.start()
        await asyncio.wait_for(reached.wait(), 10)
        await sender.stop(0.01)
        assert await mail.states() == ["waiting"]

    async def test_slow_receiver_holds_up_no_other(
        self, mail: Any, open_receiver: Callable[[], Awaitable[Any]], open_dispatcher: Any, receive_at: Any
    ) -> None:
        slow, quick = await open_receiver(), await open_receiver()
        reached, delivered = asyncio.Event(), asyncio.Event()

        async def hang(_request: web.Request) -> web.Response:
            reached.set()
            await asyncio.Event().wait()
            raise AssertionError

        async def take(_request: web.Request) -> web.Response:
            delivered.set()
            return web.Response(status=200)

        slow.answer, quick.answer = hang, take
        await mail.post("1", receiver="slow")
        sender = open_dispatcher(receive_at(slow.url, "slow"), receive_at(quick.url, "quick"))
        sender.start()
        await asyncio.wait_for(reached.wait(), 10)
        await mail.post("1", receiver="quick")
        sender.wake()
        await asyncio.wait_for(delivered.wait(), 10)

    async def test_without_receivers_nothing_runs(self, open_dispatcher: Any) -> None:
        sender = open_dispatcher()
        sender.start()
        await sender.stop(1)
        assert sender.counts.delivered == 0

    async def test_outage_of_the_database_is_outlived(
        self, mail: Any, server: Any, receiver: EventReceiver, open_dispatcher: Any, monkeypatch: Any
    ) -> None:
        failures = iter([CallLogError("locked"), RuntimeError("odd")])
        claim, delivered = dispatching.claim_letters, asyncio.Event()

        async def claim_or_fail(*arguments: Any, **named: Any) -> list[Letter]:
            if failure := next(failures, None):
                raise failure
            return await claim(*arguments, **named)

        async def take(_request: web.Request) -> web.Response:
            delivered.set()
            return web.Response(status=200)

        async def fail(*_: object) -> int:
            raise CallLogError("locked")

        monkeypatch.setattr(dispatching, "claim_letters", claim_or_fail)
        monkeypatch.setattr(dispatching, "prune_delivered", fail)
        monkeypatch.setattr(dispatching, "_OUTAGE_PAUSE_SECONDS", 0.001)
        server.answer = take
        await mail.post("1")
        sender = open_dispatcher(receiver)
        sender.start()
        await asyncio.wait_for(delivered.wait(), 10)

    async def test_housekeeping_prunes_and_counts(
        self, mail: Any, receiver: EventReceiver, open_dispatcher: Any, wall: Any
    ) -> None:
        await mail.post("1")
        sender = open_dispatcher(receiver)
        await sender.send_due(receiver)
        await mail.post("2", "3")
        wall.now += DELIVERED_KEPT_SECONDS + 1
        await sender.keep_house()
        assert await mail.states() == ["waiting", "waiting"]
        assert sender.counts.waiting == 2


class TestPosting:
    def letter(self) -> Letter:
        return Letter(
            id=1, message_id="msg_1", call_sid="CA1", receiver="crm", type="call.turn", body=json.dumps({"n": 1}),
            created_at=0, attempts=1, due_at=0, delivered_at=None, dead=False, last_error="",
        )  # fmt: skip

    async def post(self, receiver: EventReceiver, timeout_seconds: float = 10) -> Answer:
        poster = HttpPoster(timeout_seconds=timeout_seconds)
        try:
            return await poster.post(receiver, self.letter(), 1_743_563_467.9)
        finally:
            await poster.close()

    async def test_answer_s_body_is_not_read_to_its_end(self, server: Any, receiver: EventReceiver) -> None:
        cut_off = asyncio.Event()

        async def never_stop(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            try:
                while True:
                    await response.write(b"x" * 65536)
            except (ConnectionError, asyncio.CancelledError):
                cut_off.set()
                raise

        server.answer = never_stop
        assert await self.post(receiver) == Answer(status=200)
        await asyncio.wait_for(cut_off.wait(), 10)

    async def test_answer_that_never_comes_is_none(self, server: Any, receiver: EventReceiver) -> None:
        async def hang(_request: web.Request) -> web.Response:
            await asyncio.Event().wait()
            raise AssertionError

        server.answer = hang
        assert await self.post(receiver, 0.05) == Answer(status=None, reason="no answer in time")

    async def test_body_that_never_comes_does_not_matter(self, server: Any, receiver: EventReceiver) -> None:
        async def stall(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(status=202)
            await response.prepare(request)
            await asyncio.Event().wait()
            return response

        server.answer = stall
        assert await self.post(receiver, 0.2) == Answer(status=202)

    async def test_connection_that_breaks_is_told(self, server: Any, receiver: EventReceiver) -> None:
        async def break_off(request: web.Request) -> web.Response:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

        server.answer = break_off
        answer = await self.post(receiver)
        assert answer.status is None
        assert answer.reason.startswith("the connection broke (")

    async def test_nobody_there_is_told(self, receive_at: Any) -> None:
        answer = await self.post(receive_at("http://127.0.0.1:1/in"))
        assert answer.status is None
        assert answer.reason.startswith("no connection (")

    async def test_plain_text_in_place_of_tls_is_told(self, server: Any, receive_at: Any) -> None:
        answer = await self.post(receive_at(server.url.replace("http:", "https:")))
        assert answer.status is None
        assert "TLS" in answer.reason

    async def test_query_of_the_url_is_sent_as_it_is_written(self, server: Any, receive_at: Any) -> None:
        paths: list[str] = []

        async def answer(request: web.Request) -> web.Response:
            paths.append(request.raw_path)
            return web.Response(status=200)

        server.answer = answer
        await self.post(receive_at(f"{server.url}?code=a%2Fb%20c"))
        assert paths == ["/in?code=a%2Fb%20c"]
