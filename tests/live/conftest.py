"""Lets the tests of this room import the world beside them, and run on a clock that jumps."""

import importlib.util
import sys
from pathlib import Path

import pytest

from voicegw.simulator.virtual_time import VirtualTimeLoop

_NAME = "stream_world"
_spec = importlib.util.spec_from_file_location(_NAME, Path(__file__).with_name(f"{_NAME}.py"))
assert _spec is not None
assert _spec.loader is not None
sys.modules[_NAME] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(sys.modules[_NAME])


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, type[VirtualTimeLoop]]:
    """Tests of this room run on a clock that jumps."""
    return {"virtual-time": VirtualTimeLoop}
