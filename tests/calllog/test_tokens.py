"""Tokens on both databases: shown once, kept as a hash, revoked at once; a stranger costs no write."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.calllog.schema import tokens as table
from voicegw.calllog.tokens import Grant, Scope, TokenError, Tokens


class Clock:
    """Stands still until told."""

    def __init__(self) -> None:
        self.now = 1_795_420_800.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(engine: AsyncEngine, clock: Clock) -> Tokens:
    return Tokens(engine, clock)


def statements_of(engine: AsyncEngine) -> list[str]:
    seen: list[str] = []
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *told: seen.append(told[2].split()[0]))
    return seen


async def test_a_token_opens_what_it_was_made_for(tokens: Tokens) -> None:
    token = await tokens.add("grafana", [Scope.METRICS, Scope.CALLS_READ, Scope.METRICS])
    assert token.startswith("vgw_")
    assert len(token) == 47
    assert await tokens.verify(token) == Grant(name="grafana", scopes=frozenset({"metrics", "calls:read"}))


async def test_the_token_itself_is_nowhere_in_the_database(tokens: Tokens, engine: AsyncEngine, log_url: str) -> None:
    token = await tokens.add("grafana", [Scope.METRICS])
    async with engine.connect() as connection:
        (row,) = await connection.execute(select(table))
    assert token not in repr(row)
    assert token[4:] not in repr(row)
    if log_url.startswith("sqlite"):
        await engine.dispose()
        path = Path(log_url.removeprefix("sqlite:///"))
        assert not [part for part in path.parent.glob(f"{path.name}*") if token[4:].encode() in part.read_bytes()]


async def test_no_two_tokens_are_alike(tokens: Tokens) -> None:
    assert await tokens.add("one", [Scope.METRICS]) != await tokens.add("two", [Scope.METRICS])


async def test_a_name_is_taken_until_it_is_revoked(tokens: Tokens) -> None:
    old = await tokens.add("ops", [Scope.CALLS_WRITE])
    with pytest.raises(TokenError, match="already"):
        await tokens.add("ops", [Scope.METRICS])
    await tokens.revoke("ops")
    assert await tokens.verify(old) is None
    new = await tokens.add("ops", [Scope.METRICS])
    assert await tokens.verify(old) is None
    assert await tokens.verify(new) == Grant(name="ops", scopes=frozenset({"metrics"}))


async def test_what_is_not_there_cannot_be_revoked(tokens: Tokens) -> None:
    with pytest.raises(TokenError, match="no token called"):
        await tokens.revoke("ops")
    await tokens.add("ops", [Scope.METRICS])
    await tokens.revoke("ops")
    with pytest.raises(TokenError, match="no token called"):
        await tokens.revoke("ops")


@pytest.mark.parametrize("name", ["", " ", "two words", "x" * 65, "-x", "naïve", "a\nb"])
async def test_a_name_that_cannot_be_typed_is_refused(tokens: Tokens, name: str) -> None:
    with pytest.raises(TokenError, match="cannot name"):
        await tokens.add(name, [Scope.METRICS])


async def test_a_token_without_a_scope_is_refused(tokens: Tokens) -> None:
    with pytest.raises(TokenError, match="calls:read"):
        await tokens.add("ops", [])


async def test_the_list_shows_all_and_when_they_were_used(tokens: Tokens, clock: Clock) -> None:
    token = await tokens.add("used", [Scope.METRICS, Scope.CALLS_READ])
    await tokens.add("gone", [Scope.METRICS])
    began = clock.now
    clock.now += 60
    await tokens.verify(token)
    clock.now += 60
    await tokens.verify(token)
    await tokens.revoke("gone")
    gone, used = await tokens.all()
    assert (used.name, used.scopes, used.created_at) == ("used", ("calls:read", "metrics"), began)
    assert (used.used_at, used.revoked_at) == (began + 60, None)
    assert (gone.used_at, gone.revoked_at) == (None, began + 120)


async def test_use_is_noted_once_an_hour(tokens: Tokens, clock: Clock, engine: AsyncEngine) -> None:
    token = await tokens.add("ops", [Scope.METRICS])
    seen = statements_of(engine)
    for _ in range(10):
        await tokens.verify(token)
        clock.now += 600
    assert seen.count("UPDATE") == 2


@pytest.mark.parametrize("stranger", ["vgw_" + "x" * 43, "vgw_" + "A" * 43])
async def test_a_stranger_costs_a_query_and_no_write(tokens: Tokens, engine: AsyncEngine, stranger: str) -> None:
    await tokens.add("ops", [Scope.METRICS])
    seen = statements_of(engine)
    assert await tokens.verify(stranger) is None
    assert set(seen) <= {"SELECT", "BEGIN", "PRAGMA"}
    assert seen.count("SELECT") == 1


@given(stranger=st.text(max_size=60) | st.from_regex(r"\Avgw_[A-Za-z0-9_-]{0,42}\Z"))
@settings(max_examples=100, deadline=None)
def test_what_has_not_the_shape_of_a_token_costs_nothing(stranger: str) -> None:
    class NoDatabase:
        def __getattr__(self, name: str) -> None:
            raise AssertionError(name)

    verifying = Tokens(NoDatabase(), lambda: 0.0).verify(stranger)  # type: ignore[arg-type]
    with pytest.raises(StopIteration) as done:
        verifying.send(None)
    assert done.value.value is None


async def test_a_token_works_where_its_use_cannot_be_noted(
    tokens: Tokens, clock: Clock, open_log: object, log_url: str, engine: AsyncEngine
) -> None:
    token = await tokens.add("ops", [Scope.METRICS])
    other = open_log(log_url, busy_timeout_seconds=0.05, command_timeout_seconds=0.2)  # type: ignore[operator]
    async with engine.execution_options(writes=True).begin() as connection:
        await connection.execute(table.update().values(name="ops"))
        assert await Tokens(other, clock).verify(token) is not None
