"""Bearer tokens for the API: made, verified, listed, revoked. Kept as SHA-256 only; knows no HTTP.

A token has 256 random bits, so a plain hash is as good as a slow one: there is nothing to guess.
"""

import hmac
import re
import secrets
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.calllog.database import CallLogRowRefused, reading, writing
from voicegw.calllog.schema import tokens
from voicegw.errors import CallLogError, VoicegwError

PREFIX = "vgw_"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
USE_NOTED_EVERY_SECONDS = 3600.0
_SHAPE = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")


class Scope(StrEnum):
    """What a token opens: reading the call log, giving orders to live calls, the metrics."""

    CALLS_READ = "calls:read"
    CALLS_WRITE = "calls:write"
    METRICS = "metrics"


class TokenError(VoicegwError):
    """A token that cannot be made, or that is not there."""

    code = "token-error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What whoever shows a token may do; `name` is the token's."""

    name: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenInfo:
    """A token as lists show it; the token itself is nowhere. Epoch seconds; `used_at` is exact to an hour."""

    name: str
    scopes: tuple[str, ...]
    created_at: float
    used_at: float | None
    revoked_at: float | None


class Tokens:
    """The tokens in the call log's database. `wall` gives epoch seconds. Every method raises `CallLogError`."""

    def __init__(self, engine: AsyncEngine, wall: Callable[[], float]) -> None:
        self._engine = engine
        self._wall = wall

    async def add(self, name: str, scopes: Collection[Scope]) -> str:
        """Make a token and return it: this is the only time that it can be seen. Raises `TokenError` where the name is
        taken by a token that is not revoked, or the name or the scopes cannot be used."""
        if NAME.fullmatch(name) is None:
            raise TokenError(f"{name!r} cannot name a token: use up to 64 letters, digits, dots, dashes, underscores")
        if not scopes:
            raise TokenError(f"a token opens nothing without a scope: give {', '.join(Scope)}")
        token = PREFIX + secrets.token_urlsafe(32)
        row = {
            "name": name,
            "digest": _digest(token),
            "scopes": " ".join(sorted(set(scopes))),
            "created_at": self._wall(),
        }
        try:
            async with writing(self._engine) as connection:
                await connection.execute(delete(tokens).where(tokens.c.name == name, tokens.c.revoked_at.is_not(None)))
                await connection.execute(insert(tokens).values(row))
        except CallLogRowRefused:
            raise TokenError(f"there is a token called {name} already: revoke it, or choose another name") from None
        return token

    async def all(self) -> tuple[TokenInfo, ...]:
        """Every token, also the revoked ones, by name."""
        async with reading(self._engine) as connection:
            rows = await connection.execute(select(tokens).order_by(tokens.c.name))
            return tuple(_info(row) for row in rows)

    async def revoke(self, name: str) -> None:
        """The token opens nothing any more, from now on. Raises `TokenError` where there is none of that name."""
        gone = update(tokens).where(tokens.c.name == name, tokens.c.revoked_at.is_(None))
        async with writing(self._engine) as connection:
            if (await connection.execute(gone.values(revoked_at=self._wall()))).rowcount != 1:
                raise TokenError(f"there is no token called {name} to revoke; see: voicegw token list")

    async def verify(self, token: str) -> Grant | None:
        """What `token` opens; None where it opens nothing. What has not the shape of a token costs no query, and a
        token that is not known no write."""
        if _SHAPE.fullmatch(token) is None:
            return None
        digest = _digest(token)
        async with reading(self._engine) as connection:
            row = (await connection.execute(select(tokens).where(tokens.c.digest == digest))).one_or_none()
        if row is None or row.revoked_at is not None or not hmac.compare_digest(row.digest, digest):
            return None
        with suppress(CallLogError):  # when it was used last is a convenience
            await self._note_use(row)
        return Grant(name=row.name, scopes=frozenset(row.scopes.split()))

    async def _note_use(self, row: Row[tuple[object, ...]]) -> None:
        now = self._wall()
        if row.used_at is not None and now - row.used_at < USE_NOTED_EVERY_SECONDS:
            return
        async with writing(self._engine) as connection:
            await connection.execute(update(tokens).where(tokens.c.id == row.id).values(used_at=now))


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _info(row: Row[tuple[object, ...]]) -> TokenInfo:
    return TokenInfo(
        name=row.name,
        scopes=tuple(row.scopes.split()),
        created_at=row.created_at,
        used_at=row.used_at,
        revoked_at=row.revoked_at,
    )
