"""Twenty calls with something unique in every field, and exceptions thrown in: where each of them turns up afterwards.

Hidden is: card numbers and keys on every call, and all that is said on sensitive ones. What is said openly may stand in
the columns that docs/privacy.md names, and nowhere else.
"""

import json
import random
import re
import sqlite3
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import pytest

from voicegw.call.profile import NumberProfile
from voicegw.simulator import HangsUp, Presses, Says, Step

OPEN_NUMBER, SENSITIVE_NUMBER = "+15005550100", "+15005550101"
SYLLABLES = ("qua", "vyx", "zor", "jib", "wex", "kyp", "fju", "gryx")
SECRETS_OF_THE_HOUSE = {
    "auth token": "tok7canary0auth5token",
    "API key": "VF.DM.65canary91.apikey",
    "event secret": "whsec_Y2FuYXJ5IHNlY3JldCBvZiB0aGUgcmVjZWl2ZXIh",
}
Way = Literal["open", "prompts", "number"]
Mishap = Literal["", "crash", "refusal", "lost session", "broken", "interrupts", "sink", "store"]
MISHAPS: tuple[Mishap, ...] = ("", "crash", "refusal", "lost session", "broken", "interrupts", "sink", "store")


@dataclass(slots=True)
class Canary:
    """One caller, with everything about them that nobody else has; `told` is what the agent heard of it so far."""

    index: int
    way: Way
    mishap: Mishap
    number: str
    session_key: str
    name: str
    email: str
    address: str
    card: str
    code: str
    pin: str
    told: list[str] = field(default_factory=list)

    @property
    def steps(self) -> tuple[Step, ...]:
        groups = " ".join(self.card[start : start + 4] for start in range(0, 16, 4))
        waits = {"when": "prompt", "after_seconds": 0.4} if self.mishap == "interrupts" else {}
        said = [Says(text, **waits) for text in (self.name, self.email, self.address, f"it is {groups}")]
        keyed = [Presses(f"{self.pin}#", **waits), *(Presses(key) for key in self.code)]
        return (*said, *keyed, Says("thank you"), HangsUp(after_seconds=12.0))

    def hidden(self) -> dict[str, str]:
        """What must not be written anywhere."""
        always = {"card": self.card, "code": self.code, "pin": self.pin, "session key": self.session_key}
        return always if self.way == "open" else {**always, **self.open()}

    def open(self) -> dict[str, str]:
        return {"name": self.name, "email": self.email, "address": self.address}


def make_canary(index: int) -> Canary:
    chance = random.Random(index)
    word = lambda: "".join(chance.sample(SYLLABLES, 3)).capitalize()  # noqa: E731
    first, last, street = word(), word(), word()
    body = "4" + "".join(chance.choices("0123456789", k=14))
    check = next(digit for digit in "0123456789" if passes_luhn(body + digit))
    ways: tuple[Way, ...] = ("open", "prompts", "number")
    return Canary(
        index=index,
        way=ways[index % 3],
        mishap=MISHAPS[index % len(MISHAPS)],
        number=f"+1415{chance.randrange(2_000_000, 9_999_999)}",
        session_key=f"session-{chance.getrandbits(64):016x}-key",
        name=f"{first} {last}",
        email=f"{first}.{street}@{last}.example",
        address=f"{chance.randrange(100, 999)} {street} Lane",
        card=body + check,
        code="".join(chance.choices("123456789", k=4)),
        pin="".join(chance.choices("0123456789", k=7)),
    )


def passes_luhn(digits: str) -> bool:
    return sum(sum(divmod(int(d) * (1 + place % 2), 10)) for place, d in enumerate(reversed(digits))) % 10 == 0


class NosyAgent:
    """Repeats all it is told in every way there is, asks for the next thing, and fails as it is told to."""

    def __init__(self, canaries: list[Canary]) -> None:
        self._to_come = iter(canaries)
        self._by_user: dict[str, Canary] = {}
        self._by_key: dict[str, Canary] = {}
        self.failed: set[int] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = json.loads((await receive())["body"])
        if scope["path"].endswith("/session"):
            user = body["userID"]  # of the call, and calls come one after the other
            canary = self._by_user[user] = self._by_user.get(user) or next(self._to_come)
            self._by_key[canary.session_key] = canary
            await self._send(send, 200, json.dumps({"sessionKey": canary.session_key}).encode())
            return
        canary = self._by_key[dict(scope["headers"])[b"authorization"].decode()]
        await self._answer(canary, body["action"], send)

    async def _answer(self, canary: Canary, action: Mapping[str, Any], send: Any) -> None:
        payload = action.get("payload")
        canary.told.append("end" if action["type"] == "end" else str(payload))
        if len(canary.told) in (4, 7) and canary.index not in self.failed:
            self.failed.add(canary.index)
            every = "; ".join(canary.told)
            if canary.mishap == "refusal":
                await self._send(send, 500, json.dumps({"message": f"cannot take {every} ({spaced(every)})"}).encode())
                return
            if canary.mishap == "lost session":
                await self._send(send, 401, every.encode())
                return
        traces = list(self._traces(canary, action))
        events = "".join(f"event: trace\ndata: {json.dumps(trace)}\n\n" for trace in traces)
        ending = "" if canary.mishap == "broken" and len(canary.told) == 6 else "event: end\ndata: {}\n\n"
        await self._send(send, 200, f"\n{events}{ending}".encode())

    def _traces(self, canary: Canary, action: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        said = canary.told[-1] if action["type"] in ("text", "dtmf") else ""
        if canary.way == "prompts":
            yield {"type": "sensitive", "payload": "", "defaultPath": 0, "paths": [{"event": {"type": "done"}}]}
        collects_one = len(canary.told) > 5
        keypad = {"enabled": True, "timeoutInSeconds": 2, "delimiter": ["#"], "maxDigits": 1 if collects_one else 20}
        yield {"type": "dtmf", "payload": keypad}
        if not said:
            yield {"type": "text", "payload": {"message": "Hello. Who are you?"}}
            return
        keyed = "".join(told for told in canary.told if told.isdecimal())
        yield {"type": "debug", "payload": {"message": f"got {said}", "ref": keyed}}
        yield {"type": "own-trace", "payload": {"value": said, "spaced": spaced(said), "all": canary.told}}
        yield {"type": "visual", "payload": {"image": f"https://img.example/{quote(said)}?code={keyed}"}}
        yield {"type": "choice", "payload": {"buttons": [{"name": said, "request": {"type": f"path-{quote(said)}"}}]}}
        pauses = "<break time='200ms'/>".join(keyed)
        digits = f'<say-as interpret-as="digits">{keyed}</say-as>, {pauses}'
        yield {
            "type": "speak",
            "payload": {"type": "message", "message": f"You said {said}. {spaced(keyed)}. {digits}"},
        }
        if canary.mishap == "crash" and len(canary.told) in (3, 6):
            yield {"type": "text", "payload": {"message": f"boom {said}"}}
        yield {"type": "text", "payload": {"message": "What else?"}}

    async def _send(self, send: Any, status: int, body: bytes) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})


def spaced(text: str) -> str:
    return " ".join(text)


@cache
def forms(secret: str) -> dict[str, bytes]:
    """How a secret may be written."""
    written = {
        "plain": secret,
        "spaced": " ".join(secret),
        "dashed": "-".join(secret),
        "reversed": secret[::-1],
        "URL-encoded": quote(secret),
        "every character URL-encoded": "".join(f"%{ord(c):02X}" for c in secret),
        "in JSON": json.dumps(secret)[1:-1],
        "key by key": '","'.join(secret),
        "in hexadecimal": secret.encode().hex(),
    }
    found = {name: text.encode() for name, text in written.items()}
    for shift in range(3):  # base64 of a text depends on where in it the secret begins
        whole = b64encode(b" " * shift + secret.encode())
        found[f"base64 {shift}"] = whole[(0, 2, 3)[shift] : -4]
    if secret.isdecimal() and len(secret) <= 4:  # few digits stand in many a number by chance
        return {name: form for name, form in found.items() if len(form) >= 7}
    return found


def hits(canaries: Mapping[str, str], places: Mapping[str, bytes]) -> list[str]:
    return [
        f"{what} ({form}) in {place}: …{text[max(0, text.find(found) - 60) : text.find(found) + 60]!r}"
        for what, secret in canaries.items()
        for form, found in forms(secret).items()
        for place, text in places.items()
        if found in text
    ]


def documented_columns() -> set[str]:
    """The columns in which docs/privacy.md lets the words and numbers of callers stand."""
    page = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text(encoding="utf-8")
    section = page.split("### Where words and numbers stand in clear", 1)[1].split("\n## ", 1)[0]
    return set(re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|", section, re.MULTILINE))


def columns_that_hold(canaries: Mapping[str, str], database: Path) -> set[str]:
    """Every column of every table in which one of them stands."""
    columns: dict[str, list[bytes]] = {}
    with closing(sqlite3.connect(database)) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            cursor = connection.execute(f'SELECT * FROM "{table}"')  # noqa: S608 (names from the database itself)
            names = [f"{table}.{column[0]}" for column in cursor.description]
            for row in cursor:
                for name, value in zip(names, row, strict=True):
                    columns.setdefault(name, []).append(value if isinstance(value, bytes) else str(value).encode())
    places = {name: b"\n".join(values) for name, values in columns.items()}
    return {name for name, text in places.items() if hits(canaries, {name: text})}


def keys_in(database: Path) -> set[str]:
    """What the keys that were pressed begin with, in every record that has some: they came key by key too."""
    with closing(sqlite3.connect(database)) as connection:
        documents = [json.loads(entries) for (entries,) in connection.execute("SELECT entries FROM records")]
    records = [entry["record"] for document in documents for entry in document]
    pressed = [record["keys"] for record in records if record["kind"] == "keys-pressed"]
    sent = [record["action"]["payload"] for record in records if record.get("action", {}).get("type") == "dtmf"]
    assert pressed
    assert sent
    return {keys[:1] for keys in (*pressed, *sent) if keys}


def test_secrets_turn_up_nowhere_and_words_only_where_they_may(
    house: Any, played_call: Callable[..., Any], exceptions: None, capfd: pytest.CaptureFixture[str]
) -> None:
    canaries = [make_canary(index) for index in range(20)]
    calls = [
        played_call(
            caller_number=canary.number,
            called_number=SENSITIVE_NUMBER if canary.way == "number" else OPEN_NUMBER,
            steps=canary.steps,
            form={"CallerName": f"Cnam{canary.index}Vexqua", "SipHeader_X-Ref": f"sipref{canary.index}zork"},
        )
        for canary in canaries
    ]
    settings = {
        "public_url": "https://gateway.example",
        "twilio": {"account_sid": "AC" + "a" * 32, "auth_tokens": [SECRETS_OF_THE_HOUSE["auth token"]]},
        "voiceflow": {"api_key": SECRETS_OF_THE_HOUSE["API key"], "project_id": "project"},
        "events": [{"name": "crm", "url": "https://127.0.0.1:9/", "secret": SECRETS_OF_THE_HOUSE["event secret"]}],
        "numbers": [NumberProfile(number=OPEN_NUMBER), NumberProfile(number=SENSITIVE_NUMBER, sensitive=True)],
    }
    agent = NosyAgent(canaries)
    traces = house.play(settings, agent, calls)
    said = {f"{what} of {c.index}": secret for c in canaries if c.way == "open" for what, secret in c.open().items()}
    hidden = {f"{what} of {c.index}": secret for c in canaries for what, secret in c.hidden().items()}
    numbers = {f"number of {c.index}": c.number[1:] for c in canaries}
    names = {f"name shown for {c.index}": f"Cnam{c.index}Vexqua" for c in canaries}
    stopped = dict(traces.places("stopped"))
    # the calls were what they should be
    assert [(c.index, c.mishap, c.told) for c in canaries if c.pin not in "".join(c.told)] == []
    assert columns_that_hold(said, house.folder / "calls.db") >= {"records.entries", "calls.transcript"}
    log = stopped["log"].decode()
    for event in ("turn crashed", "turn failed", "a sink of the journal fails", "Task exception was never retrieved"):
        assert event in log
    assert all(json.loads(line) for line in log.splitlines())
    # what is hidden is nowhere
    out, err = capfd.readouterr()
    assert not hits({**SECRETS_OF_THE_HOUSE, **hidden}, {**stopped, "stdout": out.encode(), "stderr": err.encode()})
    with_log = {name: text for name, text in traces.places("calls over").items() if name.startswith("calls.db")}
    assert with_log["calls.db-wal"]
    assert not hits({**SECRETS_OF_THE_HOUSE, **hidden}, with_log)
    assert keys_in(house.folder / "calls.db") == {"•", "["}  # dots, or "[hidden]"
    # only in the columns that are documented: what was said openly, and numbers
    spoken = {**said, **numbers, **names}
    assert columns_that_hold(spoken, house.folder / "calls.db") <= documented_columns()
    elsewhere = {name: text for name, text in stopped.items() if not name.startswith(("calls.db", "events"))}
    assert not hits(spoken, elsewhere)
    # in the live store only as long as is documented
    keys = {f"session key of {c.index}": c.session_key for c in canaries}
    an_hour_later = {name: text for name, text in traces.places("an hour later").items() if name.startswith("live.db")}
    assert an_hour_later
    assert not hits({**SECRETS_OF_THE_HOUSE, **keys}, an_hour_later)
    forgotten = {name: text for name, text in traces.places("forgotten").items() if name.startswith("live.db")}
    assert forgotten
    assert not hits({**hidden, **spoken}, forgotten)
