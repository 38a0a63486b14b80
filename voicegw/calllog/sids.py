"""Which calls of the log have a SID that begins so: people type the first characters, or paste all of them."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.calllog.database import reading
from voicegw.calllog.pages import storable
from voicegw.calllog.schema import calls

_MOST = 5


async def find_sids(engine: AsyncEngine, beginning: str) -> tuple[str, ...]:
    """At most five SIDs that begin so, newest first; the one that is just so stands alone. Raises `CallLogError`."""
    sid = storable(beginning)
    matching = calls.c.call_sid.startswith(sid, autoescape=True)
    async with reading(engine) as connection:
        newest = select(calls.c.call_sid).where(matching).order_by(calls.c.id.desc()).limit(_MOST)
        whole = select(calls.c.call_sid).where(calls.c.call_sid == sid)
        found = (await connection.execute(whole)).scalars().all() or (await connection.execute(newest)).scalars().all()
    return tuple(found)
