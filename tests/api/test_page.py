"""The page about the API is true: its paths, parameters, scopes and problems are those that there are."""

import json
import re
from pathlib import Path
from typing import Any

from voicegw.calllog.tokens import Scope

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
SOURCES = "".join(path.read_text() for path in (Path(__file__).parents[2] / "voicegw" / "api").glob("*.py"))
SID = "CA0123456789abcdef0123456789abcdef"


async def description(site: Any) -> Any:
    return (await site.get("/api/openapi.json")).json()


async def test_every_path_is_explained(site: Any) -> None:
    for path in (await description(site))["paths"]:
        name = path.removeprefix("/calls/{sid}/") if path not in ("/calls", "/calls/{sid}", "/waits") else f"GET {path}"
        assert re.search(rf"`(GET /calls/{{sid}}/)?{re.escape(name)}`", PAGE), path


async def test_every_filter_is_explained(site: Any) -> None:
    rows = PAGE.split("`GET /calls` takes", 1)[1].split("Follow `next`", 1)[0]
    parameters = (await description(site))["paths"]["/calls"]["get"]["parameters"]
    assert {parameter["name"] for parameter in parameters} == set(
        re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in rows.splitlines() if line.startswith("| `")))
    )


def test_every_scope_is_explained() -> None:
    assert {scope for scope in Scope if f"| `{scope}` |" in PAGE} == set(Scope)


def test_every_problem_is_explained() -> None:
    raised = set(re.findall(r"(?:ProblemError|answer_with)\(\s*\d+, \"([a-z-]+)\"", SOURCES))
    assert len(raised) > 8
    explained = set(re.findall(r"`([a-z-]+)`", PAGE.split("| status |", 1)[1]))
    assert raised - explained == set()


async def test_the_examples_are_answered(site: Any) -> None:
    """With the call that they name, each as it stands on the page."""
    await site.ring(SID)
    await site.written()
    asked = 0
    for line in re.findall(r"(?m)^curl .*", PAGE):
        found = re.search(r"(?:\"?\$API|\$CALL)([^\s\"]*)", line)
        assert found is not None
        path = found[1] if "$API" in line else f"/calls/{SID}{found[1]}"
        body = re.search(r"--json '([^']*)'", line)
        more = {"json": json.loads(body[1])} if body else {}
        answer = await site.ask("POST" if "-X POST" in line else "GET", f"/api{path}", **more)
        assert answer.status_code in (200, 202), (line, answer.text)
        asked += 1
    assert asked == 8
