"""How callers on a stream speak and understand: a protocol for real voices and recognisers, and a hum without them."""

from typing import Protocol

from voicegw.simulator.stream.sound import hum

SPEAKING_WORDS_PER_SECOND = 2.5
SHORTEST_WORDS_SECONDS = 0.4


class CallerSpeech(Protocol):
    """Mulaw at 8 kHz both ways. In real time neither may hold up the loop: the call goes on meanwhile."""

    async def speak(self, text: str) -> bytes:
        """The text as a caller says it."""
        ...

    async def understand(self, audio: bytes) -> str:
        """The words in what was heard."""
        ...


class Humming:
    """A caller whose words are a hum of the right length, and who understands nothing."""

    async def speak(self, text: str) -> bytes:
        """See `CallerSpeech`."""
        return hum(speaking_seconds(text))

    async def understand(self, _audio: bytes) -> str:
        """See `CallerSpeech`."""
        return ""


def speaking_seconds(text: str) -> float:
    """How long it takes to say this at a usual pace."""
    return max(SHORTEST_WORDS_SECONDS, len(text.split()) / SPEAKING_WORDS_PER_SECOND)
