"""A profile → how much of a turn each part of the gateway takes: own time by file, built-ins with their caller."""

import pstats
from collections import defaultdict
from pathlib import Path

from bench.rounds import show_table

# The first name that stands in a file's path decides.
_PARTS = {
    "twilio/signature": "signature",
    "twilio/forms": "form",
    "twilio/requests": "request",
    "twilio/webhooks": "request",
    "twilio/performer": "render",
    "twilio/answers": "render",
    "twilio/served_audio": "render",
    "/twiml/": "render",
    "call/state": "state load and save",
    "call/speakable": "planner",
    "call/markdown": "planner",
    "call/ssml": "planner",
    "voicegw/call/": "call (pure)",
    "dataclasses": "replacing state",
    "phonenumbers": "telephone numbers",
    "pydantic": "state load and save",
    "json/": "agent client",
    "urllib": "form",
    "turns/progress": "turn's progress as JSON",
    "voicegw/turns/": "turns",
    "voicegw/store/": "store",
    "voiceflow/planner": "planner",
    "voicegw/voiceflow/": "agent client",
    "aiohttp": "aiohttp",
    "yarl": "aiohttp",
    "multidict": "aiohttp",
    "uvicorn": "uvicorn",
    "starlette": "FastAPI, Starlette",
    "fastapi": "FastAPI, Starlette",
    "structlog": "logs",
    "logging": "logs",
    "asyncio/runners": "event loop, sockets",
    "asyncio": "asyncio",
    "concurrent/futures": "executor",
    "threading.py": "executor",
    "contextlib": "contextlib",
    "uvloop": "uvloop",
}


def show_parts(profile: Path, turns: int, least_percent: float = 0.5) -> None:
    """Print each part's share, and the functions that cost most by themselves."""
    stats = pstats.Stats(str(profile)).stats  # type: ignore[attr-defined]
    parts: defaultdict[str, float] = defaultdict(float)
    functions: defaultdict[str, float] = defaultdict(float)
    for (file, line, name), (_, _, own_seconds, _, callers) in stats.items():
        if file != "~":
            parts[_part_of(file)] += own_seconds
            functions[f"{_short(file)}:{line} {name}"] += own_seconds
            continue
        functions[name] += own_seconds
        for (caller, _, _), (_, _, seconds, _) in callers.items():
            parts[_part_of(caller if caller != "~" else name)] += seconds
    total = sum(parts.values())
    rows = [
        (name, f"{seconds / total * 100:.1f}", f"{seconds / turns * 1e6:.0f}")
        for name, seconds in _greatest(parts)
        if seconds / total * 100 >= least_percent
    ]
    show_table(("part", "%", "us/turn profiled"), rows)
    print()
    show_table(
        ("function", "us/turn profiled"),
        [(name[:90], f"{seconds / turns * 1e6:.0f}") for name, seconds in _greatest(functions)[:40]],
    )


def _greatest(seconds: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(seconds.items(), key=lambda entry: -entry[1])


def _part_of(file: str) -> str:
    return next((part for name, part in _PARTS.items() if name in file), "other")


def _short(file: str) -> str:
    return "/".join(file.rsplit("/", 3)[-2:])
