"""PURE but for its protocol: speech in which the text can be read back exactly, for both sides of a call under test.

Each byte of the text is a symbol of 50 ms: a sync that nothing else sounds like, two nibbles, and a loud tone. It
costs next to nothing, survives being cut anywhere (whole symbols count), and a level detector takes it for a voice.
"""

import re

from voicegw.simulator.stream.sound import RATE_HZ, silence

SYMBOL_SECONDS = 0.05
TAIL_SECONDS = 0.04

_SYNC = b"\x00\x80\x00"
_HIGH, _LOW = 0x20, 0xA0  # the mulaw codes of loud samples, negative and positive
_TONE = b"\x10\x10\x90\x90"  # 2 kHz
_SYMBOL = re.compile(_SYNC + rb"([\x20-\x2f])([\xa0-\xaf])")


def encode_text(text: str) -> bytes:
    """The text as mulaw that can be heard, with a moment of silence behind it."""
    symbols = (_SYNC + bytes((_HIGH | byte >> 4, _LOW | byte & 15)) for byte in text.encode())
    length = round(SYMBOL_SECONDS * RATE_HZ)
    return b"".join((symbol + _TONE * length)[:length] for symbol in symbols) + silence(TAIL_SECONDS)


def decode_text(audio: bytes) -> str:
    """The text in this mulaw: all symbols whose beginning is there."""
    text = bytes((high[0] & 15) << 4 | low[0] & 15 for high, low in _SYMBOL.findall(audio))
    return text.decode(errors="replace")


class Telegraph:
    """Serves `CallerSpeech` with text that is carried in its audio."""

    async def speak(self, text: str) -> bytes:
        """See `CallerSpeech`."""
        return encode_text(text)

    async def understand(self, audio: bytes) -> str:
        """See `CallerSpeech`."""
        return decode_text(audio)
