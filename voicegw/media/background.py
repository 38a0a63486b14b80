"""What sounds under a call, as a session needs it: mixed under what is said, alone where nothing is.

The port only; `audio.mixing` implements it. Sounds have names, so that one takes the place of another.
"""

from typing import Protocol


class Background(Protocol):
    """Asked for every piece that is sent, in order: how much is asked for is how far time has gone."""

    @property
    def is_sounding(self) -> bool:
        """Is there anything to hear, fades included?"""

    def plays(self, name: str) -> bool:
        """Does a sound of this name play, and is not being faded out?"""

    def mix(self, voice: bytes) -> bytes:
        """What is said (mulaw, 8 kHz), as long as it is, with what sounds under it."""

    def fill(self, count: int, *, is_ducked: bool = False) -> bytes:
        """`count` samples in which we are silent; ducked where the caller speaks."""
