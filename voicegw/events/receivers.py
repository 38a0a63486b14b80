"""Who is told of events (`Receiver`), what it wants, and the id by which it knows a message that comes twice."""

import hashlib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Protocol

from pydantic import SecretStr

from voicegw.events.payloads import Event


class Receiver(Protocol):
    """One receiver as the operator set it. `types` are names of events or patterns; `secret` is `whsec_…`."""

    @property
    def name(self) -> str: ...

    @property
    def url(self) -> str: ...

    @property
    def secret(self) -> SecretStr: ...

    @property
    def types(self) -> Sequence[str]: ...


def wants(receiver: Receiver, event_type: str) -> bool:
    """Whether the receiver asked for events of this type."""
    return any(fnmatchcase(event_type, pattern) for pattern in receiver.types)


def message_id(receiver: Receiver, event: Event) -> str:
    """The same for the same event and receiver, whichever process makes it and however often."""
    identity = "\0".join((receiver.name, event.call_sid, event.type, event.occasion))
    return f"msg_{hashlib.sha256(identity.encode('utf-8', 'backslashreplace')).hexdigest()[:32]}"
