"""For a gateway without speech of its own: no call is ever on a stream."""

from voicegw.call.moves import Line
from voicegw.call.state import CallState


class NoStreams:
    """Implements `turns.ports.Streams`."""

    closing = False

    def prepare(self, state: CallState, version: int, line: Line) -> None:
        """Nobody will come: what follows the stream sees to the call."""

    async def leave(self, call_sid: str) -> bool:  # noqa: ARG002
        """No call is here."""
        return False

    def notice_order(self, call_sid: str) -> bool:  # noqa: ARG002
        """No call is here."""
        return False

    async def close(self) -> None:
        """Nothing is open."""
