"""Who is told what happens on calls, as typed settings: one `[[events]]` table for each receiver, every value judged.

Knows no event's content and sends nothing (`voicegw.events` does).
"""

import base64
import binascii
import re
from fnmatch import fnmatchcase
from typing import Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr, field_validator

from voicegw.config.faults import did_you_mean, wrong
from voicegw.config.hosts import is_loopback, is_private

EVENT_TYPES: Final = ("runtime.call.start", "runtime.call.end", "call.turn", "call.forwarded", "call.failed")
"""Everything that is told, in the words that `types` chooses from."""

_PREFIX: Final = "whsec_"
_MAKE_ONE = 'Make one: echo "whsec_$(openssl rand -base64 32)".'
# "between 24 bytes (192 bits) and 64 bytes (512 bits)" (Standard Webhooks, Signature scheme).
_MIN_SECRET_BYTES, _MAX_SECRET_BYTES = 24, 64


class EventReceiver(BaseModel):
    """One receiver of events: where they are posted, the secret that signs them, and which types it wants."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    name: str
    url: str
    secret: SecretStr
    types: tuple[str, ...] = ("*",)

    @property
    def in_clear(self) -> bool:
        """Whether events travel over a network without TLS."""
        parts = urlsplit(self.url)
        return parts.scheme == "http" and not is_loopback(parts.hostname or "")

    @field_validator("name")
    @classmethod
    def _is_name(cls, name: str) -> str:
        if re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", name) is None:
            raise wrong("is no receiver's name", "Use at most 40 of a-z 0-9 - _, such as crm.")
        return name

    @field_validator("url")
    @classmethod
    def _may_be_told(cls, url: str) -> str:
        shown = re.split(r"[?#]", url, maxsplit=1)[0]  # a query may hold a key
        try:
            parts = urlsplit(url)
            parts.port  # noqa: B018  (reading it is what judges it)
        except ValueError as error:
            raise wrong("is no URL", "Write https://host/path.", value=shown) from error
        if parts.scheme not in {"https", "http"} or not parts.hostname or re.search(r"[^!-~]", url):
            raise wrong("is no URL of the kind needed", "Write https://host/path.", value=shown)
        if "@" in parts.netloc:
            raise wrong("holds a user or password", "Remove what stands before the @.", value=shown)
        if "#" in url:
            raise wrong("has a fragment", "Remove everything from the # on.", value=shown)
        if parts.scheme == "http" and not is_private(parts.hostname):
            raise wrong(
                "would send callers' words in clear",
                "Use https://; http:// only inside a private network.",
                value=shown,
            )
        return url

    @field_validator("secret")
    @classmethod
    def _signs(cls, secret: SecretStr) -> SecretStr:
        prefix, found, encoded = secret.get_secret_value().partition(_PREFIX)
        if prefix or not found:
            raise wrong("does not begin with whsec_", _MAKE_ONE)
        try:
            key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except (binascii.Error, ValueError) as error:
            raise wrong("is not whsec_ and base64", _MAKE_ONE) from error
        if not _MIN_SECRET_BYTES <= len(key) <= _MAX_SECRET_BYTES:
            size = "short" if len(key) < _MIN_SECRET_BYTES else "long"
            raise wrong(f"is too {size}: {len(key)} bytes, not 24 to 64", _MAKE_ONE)
        return secret

    @field_validator("types")
    @classmethod
    def _choose_something(cls, types: tuple[str, ...]) -> tuple[str, ...]:
        known = ", ".join(EVENT_TYPES)
        if not types:
            raise wrong("chooses no event", f'Leave it out for all, or choose of {known}; "call.*" takes several.')
        for position, pattern in enumerate(types):
            if not any(fnmatchcase(kind, pattern) for kind in EVENT_TYPES):
                mend = did_you_mean(pattern, EVENT_TYPES) or f"Events are {known}."
                raise wrong("matches no event", mend, at=(position,), value=pattern)
        return types


def different_names(receivers: tuple[EventReceiver, ...]) -> tuple[EventReceiver, ...]:
    """The receivers, none of which has another's name: by its name the outbox knows whom an event is for."""
    names = [receiver.name for receiver in receivers]
    for position, name in enumerate(names):
        if name in names[:position]:
            raise wrong("is there twice", "Give each receiver a name of its own.", at=(position, "name"), value=name)
    return receivers
