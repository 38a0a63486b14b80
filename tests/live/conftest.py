"""Lets the tests of this room import the world beside them, on a clock that jumps, in gateways that leave nothing."""

import importlib.util
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from voicegw.simulator.virtual_time import VirtualTimeLoop

_NAME = "stream_world"
_spec = importlib.util.spec_from_file_location(_NAME, Path(__file__).with_name(f"{_NAME}.py"))
assert _spec is not None
assert _spec.loader is not None
sys.modules[_NAME] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(sys.modules[_NAME])

from stream_world import Agent, Site, StartSite, assert_nothing_left, dialogue  # noqa: E402


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, type[VirtualTimeLoop]]:
    """Tests of this room run on a clock that jumps."""
    return {"virtual-time": VirtualTimeLoop}


@pytest.fixture
async def start_site() -> AsyncIterator[StartSite]:
    """Starts gateway processes. In the end all are stopped, and nothing is left of any call."""
    sites: list[Site] = []

    async def start(*parts: Any, **named: Any) -> Site:
        sites.append(Site(*parts, **named))
        await sites[-1].gateway.start()
        return sites[-1]

    yield start
    for site in sites:
        await site.gateway.stop(grace_seconds=30)
    assert_nothing_left(*sites)


@pytest.fixture
async def site(start_site: StartSite) -> Site:
    """A gateway process whose agent holds the `dialogue`."""
    return await start_site(Agent(dialogue))
