"""`voicegw calls …` on a log that a gateway has written: lists, one call, a tail, waits, what one caller has in it."""

import asyncio
import json
import re
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import typer
from click.testing import Result
from rich.console import Console
from typer.testing import CliRunner

from voicegw.call.entries import Entry
from voicegw.call.records import (
    ActionSent,
    AnswerBegan,
    CallEnded,
    CallerSpoke,
    CallRang,
    Failed,
    KeysPressed,
    PromptBegan,
    Record,
    StepAnswered,
    TraceReceived,
    TurnBegan,
    TurnEnded,
    WebhookReceived,
    WordsReady,
)
from voicegw.calllog.database import open_engine
from voicegw.calllog.following import CallFollower
from voicegw.calllog.revisions import upgrade
from voicegw.calllog.writer import CallLogWriter
from voicegw.cli.calls import parse_since
from voicegw.cli.root import app

CALLER, OTHER = "+14155550123", "+14155550199"
OURS, OUR_OTHER = "+15005550100", "+15005550101"
STARTED_AT = 1_795_420_800.0  # 2026-11-23 08:00 UTC
EVIL = "\x1b]0;owned\x07\x1b[31m[bold]red[/bold] [/]\r\nforged line\u202e"

runner = CliRunner()


def call(
    sid: str,
    *,
    minutes: float = 0,
    caller: str = CALLER,
    called: str = OURS,
    ends: bool = True,
    fails: bool = False,
    says: str = "opening hours",
) -> list[Entry]:
    """A call of two turns."""
    failure: list[tuple[float, int, Record]] = [
        (8.2, 2, Failed(part="agent", code="agent-refused", reason="the agent refused the turn (500)")),
        (8.2, 2, TurnEnded(failure="agent-refused")),
        (8.3, 2, PromptBegan(text="Sorry, something went wrong.", by_gateway=True)),
    ]
    answer: list[tuple[float, int, Record]] = [
        (9.0, 2, WordsReady()),
        (9.1, 2, TurnEnded()),
        (9.2, 2, PromptBegan(text="We are open.")),
    ]
    told: list[tuple[float, int, Record]] = [
        (0.0, 0, CallRang(caller_number=caller, called_number=called)),
        (0.0, 0, WebhookReceived(name="voice")),
        (0.0, 1, TurnBegan(heard="started")),
        (0.1, 1, ActionSent(action={"type": "launch"})),
        (0.3, 1, AnswerBegan()),
        (0.3, 1, TraceReceived(type="speak")),
        (0.4, 1, WordsReady()),
        (0.5, 1, TurnEnded()),
        (0.5, 1, PromptBegan(text="Hello. How can I help?")),
        (0.5, 1, StepAnswered(name="voice", seconds=0.5, answer="<Response><Say>Hello.</Say></Response>")),
        (6.5, 1, KeysPressed(keys="••••", ended_by="#")),
        (7.0, 1, WebhookReceived(name="1/1")),
        (7.0, 1, CallerSpoke(text=says, quiet_seconds=2.0)),
        (7.1, 2, TurnBegan(heard="said")),
        (7.2, 2, ActionSent(action={"type": "text", "payload": says})),
        *(failure if fails else answer),
        (9.5, 2, StepAnswered(name="1/1", seconds=2.5, answer="<Response/>")),
        *([(20.0, 2, CallEnded(reason="hangup"))] if ends else []),
    ]
    began = STARTED_AT + 60 * minutes
    return [
        Entry(call_sid=sid, at=began + offset, offset=offset, turn=turn, record=record) for offset, turn, record in told
    ]


THREE = [
    call("CA1aaa"),
    call("CA1bbb", minutes=1, caller=OTHER, fails=True, says="book a visit"),
    call("CA2ccc", minutes=2, called=OUR_OTHER, ends=False),
]


async def write(url: str, entries: Sequence[Entry]) -> None:
    engine = open_engine(url)
    writer = CallLogWriter(engine, batch_seconds=0)
    await writer.start()
    for entry in entries:
        writer.receive(entry)
    await writer.stop(30)
    await engine.dispose()


@pytest.fixture
def log_url(tmp_path: Path, clean_environment: None, wide_output: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """Settings that name a database which is not there yet."""
    (tmp_path / "voicegw.toml").write_text('[voiceflow]\napi_key = "VF.DM.x"\nproject_id = "x"\n', encoding="utf-8")
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    monkeypatch.setenv("VOICEGW_DATABASE_URL", url)
    monkeypatch.chdir(tmp_path)
    return url


@pytest.fixture
def log(log_url: str) -> str:
    """A log with three calls: one well, one failed, one live."""
    asyncio.run(upgrade(log_url))
    for entries in THREE:
        asyncio.run(write(log_url, entries))
    return log_url


def run(*arguments: str, **options: str) -> Result:
    return runner.invoke(app, ["calls", *arguments], catch_exceptions=False, **options)  # type: ignore[arg-type]


def sids(*arguments: str) -> list[str]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return [json.loads(line)["call_sid"] for line in result.stdout.splitlines()]


# Lists


def test_the_list_is_a_table_newest_first(log: str) -> None:
    lines = run().stdout.splitlines()
    assert lines[0].split()[:4] == ["began", "(UTC)", "call", "from"]
    assert [line.split()[:3] for line in lines[1:]] == [
        ["11-23", f"08:0{minute}:00", sid] for minute, sid in ((2, "CA2ccc"), (1, "CA1bbb"), (0, "CA1aaa"))
    ]
    assert "live" in lines[1]
    assert "agent-refused" in lines[2]
    assert "0:20" in lines[3]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ((), ["CA2ccc", "CA1bbb", "CA1aaa"]),
        (("--limit", "2"), ["CA2ccc", "CA1bbb"]),
        (("--live",), ["CA2ccc"]),
        (("--failed",), ["CA1bbb"]),
        (("--caller", "+1 415 555 0199"), ["CA1bbb"]),
        (("--number", OUR_OTHER), ["CA2ccc"]),
        (("--since", "2026-11-23T08:01"), ["CA2ccc", "CA1bbb"]),
        (("--search", "visit book"), ["CA1bbb"]),
        (("--search", "sourdough"), []),
        (("--failed", "--live"), []),
    ],
)
def test_what_is_asked_for_is_listed(log: str, options: tuple[str, ...], found: list[str]) -> None:
    assert sids(*options) == found


def test_long_lists_are_read_page_by_page(log_url: str) -> None:
    asyncio.run(upgrade(log_url))
    asyncio.run(write(log_url, [entry for n in range(600) for entry in call(f"CA{n:04}", minutes=n)[:2]]))
    assert sids("--limit", "550") == [f"CA{n:04}" for n in range(599, 49, -1)]


def test_where_nothing_is_found_it_says_so(log: str) -> None:
    result = run("--search", "sourdough")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "No such calls.\n")


def test_an_empty_log_has_no_calls_yet(log_url: str) -> None:
    asyncio.run(upgrade(log_url))
    assert run().stderr == "No calls yet.\n"
    shown = run("show", "last")
    assert (shown.exit_code, shown.stderr) == (1, "✗ there is no call in the log yet\n")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("30m", 10_000 - 1800),
        ("2h", 10_000 - 7200),
        ("7 d", 10_000 - 7 * 86400),
        ("2026-11-23", STARTED_AT - 8 * 3600),
        ("2026-11-23T09:00:00+01:00", STARTED_AT),
    ],
)
def test_since_when(text: str, at: float) -> None:
    assert parse_since(text, 10_000) == at


@pytest.mark.parametrize("text", ["yesterday", "2 fortnights", "-1h", "2026-13-01"])
def test_what_is_no_time_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="write 30m, 2h, 7d or 2026-11-23"):
        parse_since(text, 10_000)


# One call


def test_a_call_is_shown_with_its_verdict_its_words_and_where_the_seconds_went(log: str) -> None:
    shown = run("show", "CA1b").stdout
    told = [
        r"CA1bbb  \+14155550199 → \+15005550100  2026-11-23 08:01:00 UTC  0:20",
        r"✗ Voiceflow answered turn 2 with an error \(500\): the caller heard “Sorry, something went wrong”\.",
        r"agent-refused, turn 2, 0:08",
        r"Voiceflow's status page",
        r"0\.0 +it rings: \+14155550199 calls \+15005550100",
        r"turn 1 ",
        r"→ launch",
        r"← speak",
        r"agent +Hello\. How can I help\?",
        r"turn 2 +░+▌+▞+ 4\.5 s  ░2\.0",
        r"caller +keys ••••#",
        r"caller +book a visit",
        r"→ text “book a visit”",
        r"! +Voiceflow answered turn 2 with an error",
        r"gateway +Sorry, something went wrong\.",
        r"the call is over: the caller hung up",
    ]
    assert re.search(".*".join(told), shown, re.DOTALL), shown
    assert "<Say>" not in shown
    assert shown.count("answered turn 2 with an error") == 2


def test_documents_are_shown_on_demand(log: str) -> None:
    shown = run("show", "CA1a", "--twiml").stdout
    assert re.search(r"twiml +<Response>\n +<Say>Hello\.</Say>\n +</Response>", re.sub(r" +\n", "\n", shown)), shown
    assert "✓ Nothing went wrong in 2 turns" in shown


def test_the_last_call_is_the_newest(log: str) -> None:
    shown = run("show", "last").stdout
    assert "CA2ccc" in shown
    assert "live" in shown.splitlines()[0]
    assert "The call goes on; nothing has gone wrong so far, in 2 turns." in shown


def test_as_json_it_has_findings_waterfall_and_entries(log: str) -> None:
    document = json.loads(run("show", "CA1b", "--json").stdout)
    assert document["call_sid"] == "CA1bbb"
    [finding] = document["findings"]
    assert (finding["code"], finding["where"]) == ("agent-refused", "turn 2, 0:08")
    assert [turn["turn"] for turn in document["waterfall"]] == [1, 2]
    assert document["waterfall"][0]["parts"]["agent: to first byte"] == 200
    assert [entry["record"]["kind"] for entry in document["entries"]][:2] == ["call-rang", "webhook-received"]


def test_an_ambiguous_beginning_names_the_calls(log: str) -> None:
    result = run("show", "CA1")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[1:] == ["  CA1bbb", "  CA1aaa"]


def test_an_unknown_call_is_said_to_be_unknown(log: str) -> None:
    result = run("show", "CA9%_")
    assert (result.exit_code, result.stderr) == (1, "✗ no call in the log begins with CA9%_\n")


def test_nothing_that_callers_and_agents_write_reaches_the_terminal_raw(
    log_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = call("CA1" + EVIL, says=EVIL, caller=CALLER + EVIL)
    hostile: list[Record] = [
        PromptBegan(text=EVIL, source=EVIL),
        PromptBegan(source=EVIL),
        TraceReceived(type=EVIL, summary=EVIL),
        ActionSent(action={"type": EVIL, "payload": {"name": EVIL}}),
        Failed(part="agent", code=EVIL, reason=EVIL),
        StepAnswered(name=EVIL, seconds=1, answer=f"<Response>{EVIL}</Response>"),
        CallEnded(reason=EVIL),
    ]
    entries[-1:-1] = [
        Entry(call_sid=entries[0].call_sid, at=STARTED_AT, offset=10.0, turn=2, record=record) for record in hostile
    ]
    asyncio.run(upgrade(log_url))
    asyncio.run(write(log_url, entries))
    monkeypatch.setattr("voicegw.cli.calls.out", Console(highlight=False, width=200, color_system=None))
    for arguments in ((), ("show", "last", "--twiml"), ("--json",), ("show", "last", "--json")):
        shown = run(*arguments).stdout
        assert "[bold]red[/bold] [/]" in shown  # no markup either
        assert not set(shown) & {"\x1b", "\x07", "\r", "\u202e"}, arguments
        assert not any(line.startswith("forged line") for line in shown.splitlines())


# The log that is not there


def test_without_a_log_it_says_what_to_run_and_makes_no_file(log_url: str, tmp_path: Path) -> None:
    for arguments in ((), ("show", "last"), ("tail",), ("waits",), ("export", "--caller", CALLER)):
        result = run(*arguments)
        assert result.exit_code == 1
        assert "has no tables yet. Run: voicegw db upgrade" in result.stderr
    assert not (tmp_path / "calls.db").exists()


def test_an_older_log_has_to_be_upgraded_first(log: str, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "calls.db") as database:
        database.execute("DROP TABLE alembic_version")
    result = run()
    assert result.exit_code == 1
    assert "Run: voicegw db upgrade" in result.stderr


def test_a_log_that_a_gateway_is_writing_to_is_read_without_waiting(log: str, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "calls.db", isolation_level=None) as gateway:
        gateway.execute("BEGIN IMMEDIATE")
        gateway.execute("UPDATE calls SET turns = 99")
        assert sids() == ["CA2ccc", "CA1bbb", "CA1aaa"]
        assert run("show", "CA1a").exit_code == 0
        gateway.execute("ROLLBACK")


# Waits


def test_waits_are_told_by_number_and_day(log: str) -> None:
    days = str(int((time.time() - STARTED_AT) // 86400) + 2) if time.time() > STARTED_AT else "1"
    table = run("waits", "--days", days).stdout
    assert re.search(r"2026-11-23 +\+15005550100 +in all +\d+ +[\d.]+ s +[\d.]+ s", table), table
    assert re.search(r"agent: to first byte +\d+ +0\.20 s +0\.20 s", table), table
    lines = [json.loads(line) for line in run("waits", "--number", OURS, "--days", days, "--json").stdout.splitlines()]
    assert [(line["called_number"], line["day"]) for line in lines] == [(OURS, "2026-11-23")]
    assert lines[0]["parts"]["agent: to first byte"]["p50_ms"] == 200


def test_where_nobody_waited_it_says_so(log: str) -> None:
    assert run("waits", "--number", "+15005550999").stderr == "Nobody waited in that time.\n"


# Following


async def test_a_follower_sees_what_is_written_from_now_on_once_and_in_order(log: str) -> None:
    engine = open_engine(log)
    everything, one_number = CallFollower(engine), CallFollower(engine, OUR_OTHER)
    assert await everything.news() == await one_number.news() == ()
    await write(log, call("CA3ddd", minutes=3))
    await write(log, call("CA4eee", minutes=4, called=OUR_OTHER)[:4])
    seen = await everything.news()
    assert [entry.call_sid for entry in seen] == ["CA3ddd"] * (len(seen) - 4) + ["CA4eee"] * 4
    assert {entry.call_sid for entry in await one_number.news()} == {"CA4eee"}
    assert await everything.news() == ()
    await engine.dispose()


async def test_a_follower_passes_over_what_it_cannot_read(log: str, tmp_path: Path) -> None:
    engine = open_engine(log)
    follower = CallFollower(engine)
    await follower.news()
    with sqlite3.connect(tmp_path / "calls.db") as database:
        database.execute("INSERT INTO records (call_sid, schema, count, entries) VALUES ('CA1aaa', 1, 1, 'no JSON')")
    database.close()
    assert await follower.news() == ()
    await engine.dispose()


def test_a_tail_prints_a_line_for_each_thing_until_it_is_interrupted(log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([call("CA3ddd", minutes=3), []])

    async def news(_follower: CallFollower) -> tuple[Entry, ...]:
        try:
            return tuple(next(looks))
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(CallFollower, "news", news)
    monkeypatch.setattr("voicegw.cli.calls.FOLLOW_EVERY_SECONDS", 0.0)
    result = run("tail")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "08:03:00 CA3ddd         it rings: +14155550123 calls +15005550100"
    assert "08:03:00 CA3ddd agent   Hello. How can I help?" in lines
    assert "08:03:06 CA3ddd caller  keys ••••#" in lines


# One caller


def test_everything_of_one_caller_is_exported_as_lines_of_json(log: str) -> None:
    result = run("export", "--caller", "+1 (415) 555-0123")
    assert result.exit_code == 0
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["call"]["call_sid"] for line in lines if "call" in line] == ["CA1aaa", "CA2ccc"]
    assert OTHER not in result.stdout
    assert {kind for line in lines for kind in line} == {"call", "turn", "entries"}


def test_a_caller_is_forgotten_when_it_is_confirmed(log: str) -> None:
    declined = run("forget", "--caller", CALLER, input="n\n")
    assert (declined.exit_code, len(sids())) == (1, 3)
    assert f"Delete 2 calls of {CALLER} for good?" in declined.stderr
    confirmed = run("forget", "--caller", CALLER, input="y\n")
    assert confirmed.exit_code == 0
    assert "Gone: 2 calls, with " in confirmed.stdout
    assert sids() == ["CA1bbb"]


def test_a_caller_is_forgotten_without_a_question_if_so_wished(log: str, tmp_path: Path) -> None:
    assert run("forget", "--caller", OTHER, "--yes").stdout.startswith("Gone: 1 call, with ")
    assert sids() == ["CA2ccc", "CA1aaa"]
    assert all(OTHER.encode() not in file.read_bytes() for file in tmp_path.glob("calls.db*"))


@pytest.mark.parametrize("command", ["export", "forget"])
def test_what_is_no_number_is_refused(log: str, command: str) -> None:
    result = run(command, "--caller", "mother", input="y\n")
    assert result.exit_code == 2
    assert "for good?" not in result.stderr
    assert "is no number of a caller" in re.sub(r"[\s│]+", " ", result.stderr)


def test_in_80_columns_the_list_cuts_nothing(log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicegw.cli.calls.out", Console(highlight=False, width=80, color_system=None))
    shown = run().stdout
    assert "…" not in shown
    assert "completed agent-refused" in " ".join(shown.split()), shown
