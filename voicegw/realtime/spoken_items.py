"""What the model has said since it was last interrupted, item by item: so that what was not heard can be cut off. Pure.

Lengths are counted in bytes of 8 kHz mulaw. Of an item that was interrupted nothing more is played: a server that has
just been told goes on sending for a moment.
"""

from dataclasses import dataclass

from voicegw.audio.mulaw import MULAW_RATE_HZ


@dataclass(slots=True)
class _Part:
    item_id: str
    content_index: int
    size: int


class SpokenItems:
    """The parts of items that were handed to the caller, in order."""

    def __init__(self) -> None:
        self._parts: list[_Part] = []
        self._interrupted: list[_Part] = []
        self._void_item = ""

    def add(self, item_id: str, content_index: int, size: int) -> bool:
        """More of an item. False if it was interrupted, and this must not be heard."""
        if item_id == self._void_item:
            return False
        last = self._parts[-1] if self._parts else None
        if last is not None and (last.item_id, last.content_index) == (item_id, content_index):
            last.size += size
        else:
            self._parts.append(_Part(item_id, content_index, size))
        return True

    def interrupt(self) -> None:
        """The caller interrupts; how much of what was said they had heard is told by `cut`."""
        if self._parts:
            self._interrupted, self._parts = self._parts, []
            self._void_item = self._interrupted[-1].item_id

    def cut(self, heard_seconds: float) -> list[tuple[str, int, float]]:
        """Item, part and seconds heard of it, for each part that was not heard to its end. Nobody else has to have
        noticed the interruption before."""
        if not self._interrupted:
            self.interrupt()
        cut: list[tuple[str, int, float]] = []
        heard = heard_seconds
        for part in self._interrupted:
            seconds = part.size / MULAW_RATE_HZ
            if heard < seconds:
                cut.append((part.item_id, part.content_index, max(0.0, heard)))
            heard -= seconds
        self._interrupted = []
        return cut
