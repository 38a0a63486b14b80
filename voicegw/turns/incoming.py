"""A call as it comes in, whether it is one that we are dialling ourselves, and the error for calls unknown."""

from dataclasses import dataclass

from voicegw.call.forwarding import returning_name
from voicegw.call.inputs import CallParties
from voicegw.call.moves import Line
from voicegw.turns.ports import CallStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A call whose phone rings; `since`: when its webhook came in (monotonic seconds; None: now)."""

    call_sid: str
    parties: CallParties
    line: Line
    user_id: str
    ringing: bool = True
    since: float | None = None


class UnknownCall(LookupError):  # noqa: N818 (says what happened)
    """No such call is remembered: it never began here, or it was over long ago."""


async def is_our_own_leg(store: CallStore, parties: CallParties) -> bool:
    """Is this new call a leg that we are just dialling, sent back to us by whom we dialled? Raises `StoreError`."""
    name = returning_name(parties)
    if not name:
        return False
    if not await store.claim_name(name, "asking"):
        return True
    await store.release_name(name, "asking")
    return False
