"""What an agent sent of a recording, piece by piece → its bytes. Pure."""

import base64
import binascii


def join_pieces(pieces: tuple[str, ...]) -> bytes:
    """The pieces as bytes: base64 as far as anyone has seen, though the agent's documentation does not say so."""
    return b"".join(_decode(piece) for piece in pieces)


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text.encode("latin-1", "replace")
