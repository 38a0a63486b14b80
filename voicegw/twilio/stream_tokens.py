"""Tokens that let one media stream of one call in: made for a document, brought back by the stream's `start`. Pure.

A token is bound to its call and stream and is good for a minute. That it is used once only is the store's business:
a stream that was claimed is not claimed again.
"""

import hmac
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

GOOD_FOR_SECONDS: Final = 60
_LONGEST: Final = 200


class StreamTokens:
    """Makes and checks tokens. Any of `secrets` may have signed one; new ones are signed with the first."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self.trust(secrets)

    def trust(self, secrets: Sequence[bytes]) -> None:
        """Take on other secrets (a rotation)."""
        # Not the secret itself: a token must never help anybody to sign a webhook.
        self._keys = [hmac.digest(secret, b"media stream", sha256) for secret in secrets]

    def issue(self, call_sid: str, number: int, now: float) -> str:
        """A token for stream `number` of the call; `now` in epoch seconds."""
        until = int(now) + GOOD_FOR_SECONDS
        return f"{number}.{until}.{_sign(self._keys[0], call_sid, number, until)}"

    def verify(self, token: str, call_sid: str, now: float) -> int | None:
        """The number of the call's stream that this token lets in; None if it lets none in."""
        parts = token.split(".") if len(token) <= _LONGEST and token.isascii() else []
        if len(parts) != 3 or not (_is_count(parts[0]) and _is_count(parts[1])):
            return None
        number, until = int(parts[0]), int(parts[1])
        if not any(hmac.compare_digest(_sign(key, call_sid, number, until), parts[2]) for key in self._keys):
            return None
        return number if now < until else None


def _sign(key: bytes, call_sid: str, number: int, until: int) -> str:
    return hmac.new(key, f"{call_sid}.{number}.{until}".encode(), sha256).hexdigest()


def _is_count(text: str) -> bool:
    return text.isdecimal() and len(text) <= 12
