"""What the API tells of calls: lists and their pages, one call, its records, waits."""

import asyncio
import threading
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from voicegw.api import rendering
from voicegw.api.rendering import read_cursor, write_cursor
from voicegw.call.entries import Entry, dump_entries
from voicegw.call.records import CallEnded, RecordingBegan
from voicegw.calllog import results
from voicegw.errors import CallLogError

OTHER_SID = "CA" + "2" * 32


async def talk(site: Any, sid: str, words: str = "opening hours") -> None:
    """A call of two turns that the caller ends."""
    await site.webhook(await site.ring(sid), sid, SpeechResult=words, Confidence="0.9")
    await site.webhook("/twilio/status", sid, CallStatus="completed")
    await site.gateway.conversations._desk.ender.close(5)
    await site.written()


async def test_calls_are_listed_newest_first(site: Any) -> None:
    await talk(site, site.sid)
    await talk(site, OTHER_SID)
    answer = await site.get("/api/calls")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    found = answer.json()
    assert [call["sid"] for call in found["calls"]] == [OTHER_SID, site.sid]
    assert found["next"] is None
    newest = found["calls"][0]
    assert (newest["outcome"], newest["turns"], newest["caller"]) == ("completed", 2, "+14155550123")
    assert newest["started_at"].endswith("Z")


async def test_pages_lead_to_the_end_without_gap_or_double(site: Any) -> None:
    sids = [f"CA{number:032d}" for number in range(5)]
    for sid in sids:
        await site.ring(sid)
    await site.written()
    found: list[str] = []
    cursor = None
    for _ in range(3):
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await site.get("/api/calls", params=query)).json()
        found += [call["sid"] for call in page["calls"]]
        cursor = page["next"]
    assert found == sids[::-1]
    assert cursor is None


@pytest.mark.parametrize(
    ("query", "finds"),
    [
        ({"caller": "+1 (415) 555-0123"}, True),
        ({"caller": "+14155550199"}, False),
        ({"called": "+15005550006"}, True),
        ({"outcome": "completed"}, True),
        ({"outcome": "live"}, False),
        ({"from": "2020-01-01"}, True),
        ({"from": "2199-01-01T00:00:00Z"}, False),
        ({"to": "2020-01-01T00:00:00+02:00"}, False),
        ({"q": "hours OPENING"}, True),
        ({"q": "hours closing"}, False),
        ({"q": '"'}, False),
        ({"q": "opening", "outcome": "failed"}, False),
    ],
)
async def test_filters_are_joined(site: Any, query: dict[str, str], finds: bool) -> None:
    await talk(site, site.sid)
    answer = await site.get("/api/calls", params=query)
    assert answer.status_code == 200
    assert bool(answer.json()["calls"]) is finds


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("limit=0", "query.limit"),
        ("limit=201", "query.limit"),
        ("from=1700000000", "query.from"),
        ("from=2026-02-30", "query.from"),
        ("outcome=nice", "query.outcome"),
        ("cursor=abc", "query.cursor"),
        ("q=" + "x" * 201, "query.q"),
    ],
)
async def test_a_bad_parameter_is_named(site: Any, query: str, where: str) -> None:
    answer = await site.get(f"/api/calls?{query}")
    assert answer.status_code == 422
    assert [error["where"] for error in answer.json()["errors"]] == [where]


async def test_a_misspelt_parameter_is_no_filter(site: Any) -> None:
    answer = await site.get("/api/calls?caler=%2B1415")
    assert answer.status_code == 422
    assert "'caler'" in answer.json()["detail"]


async def test_one_call_tells_everything(site: Any) -> None:
    await talk(site, site.sid)
    call = (await site.get(f"/api/calls/{site.sid}")).json()
    assert call["call"]["sid"] == site.sid
    assert call["verdict"].startswith("Nothing went wrong in 2 turns")
    assert call["findings"] == []
    assert "opening hours" in call["transcript"]
    assert [turn["heard"] for turn in call["turns"]] == ["started", "said"]
    assert "agent: to first byte" in [part["name"] for part in call["turns"][1]["waterfall"]]
    kinds = [entry["record"]["kind"] for entry in call["records"]]
    assert kinds[0] == "call-rang"
    assert {"caller-spoke", "action-sent", "step-answered", "call-ended"} <= set(kinds)
    assert call["recordings"] == []


def test_a_recorded_call_names_its_files() -> None:
    told = (RecordingBegan(file="kept/CA1-1.flac"), CallEnded(reason="hangup"), RecordingBegan(file="kept/CA1-2.flac"))
    entries = [Entry(call_sid="CA1", at=0.0, offset=0.0, turn=0, record=record) for record in told]
    summary = results.CallSummary(
        **{"id": 1, "call_sid": "CA1", "started_at": 0.0, "caller_number": "", "called_number": "", "caller_name": ""},
        **{"mode": "stream", "outcome": "completed", "ended_reason": "hangup", "ended_at": 9.0, "seconds": 9.0},
        **{"turns": 0, "failures": 0, "last_failure": "", "forwards": 0},
    )
    detail = rendering.render_detail(results.CallDetail(summary=summary, transcript="", turns=()), entries, twiml=False)
    assert detail.recordings == ["kept/CA1-1.flac", "kept/CA1-2.flac"]


async def test_what_the_carrier_was_told_comes_on_demand(site: Any) -> None:
    await talk(site, site.sid)

    async def documents(path: str) -> list[str | None]:
        records = (await site.get(path)).json()["records"]
        return [entry["record"].get("answer") for entry in records if entry["record"]["kind"] == "step-answered"]

    for path in (f"/api/calls/{site.sid}", f"/api/calls/{site.sid}/records"):
        assert set(await documents(path)) == {None}
        assert all("<Response>" in str(document) for document in await documents(f"{path}?twiml=1"))


async def test_waits_are_told_by_number_and_day(site: Any) -> None:
    await talk(site, site.sid)
    (day,) = (await site.get("/api/waits")).json()["waits"]
    assert day["called"] == "+15005550006"
    assert day["total"]["count"] == 2
    assert day["parts"]["gateway"]["p95_milliseconds"] >= day["parts"]["gateway"]["p50_milliseconds"]
    assert (await site.get("/api/waits?to=2020-01-01")).json() == {"waits": []}
    for days_later, shown in ((6, [day]), (7, [])):  # without `from`, a week
        last_day = date.fromisoformat(day["day"]) + timedelta(days=days_later)
        assert (await site.get(f"/api/waits?to={last_day}")).json() == {"waits": shown}
    assert (await site.get("/api/waits?called=%2B15005550007")).json() == {"waits": []}
    assert (await site.get("/api/waits?from=20260101")).status_code == 422


@pytest.mark.parametrize("path", ["/api/calls/CA9", "/api/calls/CA9/records"])
async def test_an_unknown_call_is_not_found(site: Any, path: str) -> None:
    answer = await site.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:voicegw:problem:call-unknown",
        "title": "Not Found",
        "status": 404,
        "detail": "The call log has no such call.",
        "errors": [],
    }


@pytest.mark.parametrize("path", ["calls", "calls?q=x", "calls/CA1", "calls/CA1/records", "waits"])
async def test_a_call_log_that_is_down_is_said_to_be(site: Any, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise CallLogError("call log sqlite:///secret-path: disk I/O error")

    for method in ("list_calls", "search", "get_call", "get_entries", "waits"):
        monkeypatch.setattr(site.operations.reader, method, broken)
    answer = await site.get(f"/api/{path}")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "secret-path" not in answer.text


async def test_without_its_tables_not_even_tokens_are_known(site: Any) -> None:
    async with site.operations.engine.begin() as connection:
        await connection.execute(text("DROP TABLE tokens"))
    answer = await site.get("/api/calls")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:voicegw:problem:call-log-error")


async def test_a_bug_of_ours_is_an_error_of_ours(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("a caller's words")

    monkeypatch.setattr(site.operations.reader, "list_calls", broken)
    answer = await site.get("/api/calls")
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:voicegw:problem:internal-error")
    assert "words" not in answer.text


async def test_many_may_ask_at_once(site: Any) -> None:
    await talk(site, site.sid)
    answers = await asyncio.gather(*(site.get(f"/api/calls/{site.sid}") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}


@pytest.mark.parametrize("after", [0, 1, 4001, 2**63 - 1])
def test_a_cursor_leads_back_to_its_place(after: int) -> None:
    assert read_cursor(write_cursor(after)) == after


@pytest.mark.parametrize("what", ["", "/records"])
async def test_a_call_is_written_out_beside_the_event_loop(
    site: Any, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """That of an hour takes a second, in which other calls are live."""
    threads: list[int] = []

    def watched(entries: list[Entry]) -> bytes:
        threads.append(threading.get_ident())
        return dump_entries(entries)

    monkeypatch.setattr(rendering, "dump_entries", watched)
    await talk(site, site.sid)
    assert (await site.get(f"/api/calls/{site.sid}{what}")).status_code == 200
    assert threads
    assert threading.get_ident() not in threads
