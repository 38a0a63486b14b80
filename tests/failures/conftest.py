"""The room of failures: its parts stand beside the tests that use them."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

ROOM = pytest.StashKey[list[pytest.Item]]()
HERE = str(Path(__file__).parent)


def pytest_configure(config: pytest.Config) -> None:
    """The mark by which `table.py` finds the groups of cells."""
    config.addinivalue_line("markers", "failure(group): a group of cells, one row of docs/failures.md")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Remember all tests of this room, also those that are deselected next."""
    config.stash[ROOM] = [item for item in items if str(item.path).startswith(HERE)]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of calls fail here on purpose: their warnings are nobody's news."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@pytest.fixture
def room(request: pytest.FixtureRequest) -> list[pytest.Item]:
    """All tests of this room that were collected."""
    return request.config.stash[ROOM]
