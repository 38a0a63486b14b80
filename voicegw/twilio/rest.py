"""Points a Twilio number at this gateway through the REST API, and back at what it pointed to before.

What was there is written to a file before anything is changed, so a crash in between loses nothing. Only the
three voice webhooks are touched, never messaging. Blocking: for the command line, not for the event loop.
"""

import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http import HttpClient
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from voicegw.errors import CarrierError
from voicegw.twilio.rest_errors import message_in, refused

_REQUEST_SECONDS: Final = 10.0
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_PUNCTUATION: Final = str.maketrans("", "", " -.()")
_ADDRESSES: Final = {
    # our name for the webhook: (attribute of its URL, attribute of its method) in the vendor's SDK
    "voice": ("voice_url", "voice_method"),
    "fallback": ("voice_fallback_url", "voice_fallback_method"),
    "status": ("status_callback", "status_callback_method"),
}


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where Twilio asks, and how; an empty URL means nowhere."""

    url: str
    method: str = "POST"

    def __str__(self) -> str:
        return f"{self.method} {self.url}" if self.url else "nothing"


@dataclass(frozen=True, slots=True)
class Change:
    """One webhook of a number: `setting` is `voice`, `fallback` or `status`."""

    setting: str
    old: Webhook
    new: Webhook


@dataclass(frozen=True, slots=True)
class NumberChanges:
    """What was changed on a number, or would be where `dry_run`; `warnings` are sentences for the operator."""

    number: str
    changes: tuple[Change, ...]
    warnings: tuple[str, ...]
    dry_run: bool


@dataclass(frozen=True, slots=True)
class _Remembered:
    """A connected number: what it asked before us, and what we set (to see whether someone changed it since)."""

    before: Mapping[str, Webhook]
    ours: Mapping[str, Webhook]


class NumberConnector:
    """Connects and disconnects the numbers of one Twilio account.

    `memory_path` is the JSON file (mode 0600) that keeps what numbers pointed to; `http_client` is the SDK's
    own seam. Everything raises CarrierError with a message that says what to mend.
    """

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        memory_path: Path,
        *,
        http_client: HttpClient | None = None,
    ) -> None:
        if not account_sid or not auth_token:
            raise CarrierError("no Twilio credentials: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN")
        self._client = Client(
            account_sid, auth_token, http_client=http_client or TwilioHttpClient(timeout=_REQUEST_SECONDS)
        )
        self._memory_path = memory_path

    def connect(
        self, number: str, voice_url: str, status_url: str, fallback_url: str, *, dry_run: bool = False
    ) -> NumberChanges:
        """Points the number's three voice webhooks at these URLs; idempotent.

        What a webhook was before is remembered once: a second connect, even to another gateway of ours, does
        not overwrite it, unless someone else has changed the webhook in between.
        """
        resource = self._find(number)
        current = _webhooks_of(resource)
        wanted = {
            "voice": Webhook(voice_url),
            "fallback": Webhook(fallback_url),
            "status": Webhook(status_url),
        }
        changes = _changes(current, wanted)
        if changes and not dry_run:
            memory = self._read_memory()
            known = memory.get(resource.phone_number)
            before = {
                setting: known.before[setting] if known and webhook == known.ours[setting] else webhook
                for setting, webhook in current.items()
            }
            self._write_memory({**memory, resource.phone_number: _Remembered(before, wanted)})
            _update(resource, changes)
        return NumberChanges(resource.phone_number, changes, _warnings(resource), dry_run)

    def disconnect(self, number: str, *, dry_run: bool = False) -> NumberChanges:
        """Points the number back at what it asked before; a webhook that someone changed since is left alone."""
        resource = self._find(number)
        memory = self._read_memory()
        known = memory.pop(resource.phone_number, None)
        if known is None:
            raise CarrierError(
                f"{resource.phone_number} was not connected from here: {self._memory_path} "
                "does not say what it pointed to"
            )
        current = _webhooks_of(resource)
        foreign = [setting for setting, webhook in current.items() if webhook != known.ours[setting]]
        wanted = {setting: hook for setting, hook in known.before.items() if setting not in foreign}
        changes = _changes(current, wanted)
        if not dry_run:
            _update(resource, changes)
            self._write_memory(memory)
        warnings = tuple(
            f"the {setting} webhook was changed since it was connected and stays {current[setting]}"
            for setting in foreign
            if current[setting] != known.before[setting]
        )
        return NumberChanges(resource.phone_number, changes, warnings, dry_run)

    def _find(self, number: str) -> Any:
        """The account's IncomingPhoneNumber with exactly this number."""
        e164 = number.translate(_PUNCTUATION)
        if not _E164.fullmatch(e164):
            raise CarrierError(f"{number!r} is not a phone number in international form, such as +15005550006")
        with _translated_errors():
            # The filter takes parts of numbers too, so what it finds need not be what was asked for.
            found = self._client.incoming_phone_numbers.list(phone_number=e164, limit=50)
        for resource in found:
            if resource.phone_number == e164:
                return resource
        raise CarrierError(f"{e164} is not a number of the account {self._client.account_sid}")

    def _read_memory(self) -> dict[str, _Remembered]:
        try:
            stored = json.loads(self._memory_path.read_text(encoding="utf-8"))
            return {number: _remembered_from(entry) for number, entry in stored.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as exc:
            raise CarrierError(
                f"{self._memory_path} cannot be read ({exc!r}): mend it, or move it away if what the "
                "numbers pointed to before need not be restored"
            ) from exc

    def _write_memory(self, memory: Mapping[str, _Remembered]) -> None:
        """Replaces the file in one step; `mkstemp` makes it 0600, for old URLs may hold passwords."""
        content = json.dumps({number: asdict(entry) for number, entry in memory.items()}, indent=2)
        try:
            self._memory_path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self._memory_path.parent, prefix=self._memory_path.name)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    file.write(content + "\n")
                    file.flush()
                    os.fsync(file.fileno())
                Path(name).replace(self._memory_path)
            except OSError:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as exc:
            raise CarrierError(f"{self._memory_path} cannot be written: {exc}") from exc


def _remembered_from(entry: Mapping[str, Mapping[str, Mapping[str, str]]]) -> _Remembered:
    def webhooks(part: str) -> dict[str, Webhook]:
        return {setting: Webhook(**entry[part][setting]) for setting in _ADDRESSES}

    return _Remembered(before=webhooks("before"), ours=webhooks("ours"))


def _webhooks_of(resource: Any) -> dict[str, Webhook]:
    return {
        setting: Webhook(getattr(resource, url) or "", getattr(resource, method) or "POST")
        for setting, (url, method) in _ADDRESSES.items()
    }


def _changes(current: Mapping[str, Webhook], wanted: Mapping[str, Webhook]) -> tuple[Change, ...]:
    return tuple(
        Change(setting, current[setting], webhook) for setting, webhook in wanted.items() if current[setting] != webhook
    )


def _update(resource: Any, changes: tuple[Change, ...]) -> None:
    """Sends the changed webhooks alone; an empty URL is sent as such, for the SDK leaves out what is None."""
    fields: dict[str, str] = {}
    for change in changes:
        url, method = _ADDRESSES[change.setting]
        fields |= {url: change.new.url, method: change.new.method}
    if fields:
        with _translated_errors():
            resource.update(**fields)


def _warnings(resource: Any) -> tuple[str, ...]:
    """What keeps calls away: "voice_url will not be used if a voice_application_sid or a trunk_sid is set"."""
    warnings = [
        f"calls do not come here while the number has a {what} ({sid}): remove it in the Twilio console"
        for what, sid in (
            ("SIP trunk", resource.trunk_sid),
            ("TwiML application", resource.voice_application_sid),
        )
        if sid
    ]
    if (resource.capabilities or {}).get("voice") is False:
        warnings.append("the number cannot take calls: it has no voice capability")
    return tuple(warnings)


@contextmanager
def _translated_errors() -> Iterator[None]:
    """The SDK's exceptions in our words; its own are coloured for terminals and name URLs, not mends."""
    try:
        yield
    except TwilioRestException as exc:
        raise refused(exc.status, exc.msg) from exc
    except TwilioException as exc:
        # A list that fails is a plain exception whose last argument is the HTTP response.
        response = exc.args[-1] if exc.args else None
        if isinstance(response, Response):
            raise refused(response.status_code, message_in(response.text)) from exc
        raise CarrierError(f"Twilio's SDK gave up: {exc}") from exc
    except OSError as exc:  # what the SDK's HTTP library raises for DNS, TCP, TLS and time-outs
        raise CarrierError(f"Twilio cannot be reached: {type(exc).__name__}", retryable=True) from exc
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise CarrierError("Twilio's answer is not in the form that its REST API promises") from exc
