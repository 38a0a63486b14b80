"""The gateway's settings as typed, immutable values, and the rules for those that are not one number's own.

Reads no file and no environment (`config.load` does); what one number is set to do is `call.profile`.
"""

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from voicegw.call.addresses import line_of
from voicegw.call.profile import Mode, NumberProfile
from voicegw.config.faults import wrong
from voicegw.config.hosts import is_loopback, is_private
from voicegw.config.receivers import EventReceiver, different_names

DEFAULT_BASE_URL = "https://general-runtime.voiceflow.com"
# It stands in "X-Twilio-Webhooks-Signature-Settings: key=<id>,algorithm=HMAC_SHA256" (Twilio).
_KEY_ID = re.compile(r"[^\s,=]+")
_SHARED_KEYS_MEND = (
    'Write KEYID=secret, with commas in between; in the file KEYID = "secret" under [twilio.shared_keys].'
)
_PROVIDER = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}(:[^\s:,]{1,100})?")  # with its model or voice behind a colon
_DATABASES = re.compile(r"(?:sqlite(?:\+\w+)?:///|postgres(?:ql)?(?:\+\w+)?://[^/\s]+/)\S+|sqlite://")


class _Table(BaseModel):
    # Defaults are judged as well: what must be set has an empty one.
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class Twilio(_Table):
    """The carrier's account. Any of `auth_tokens` and of `shared_keys`, secrets by key id, may sign a webhook."""

    account_sid: str = ""
    auth_tokens: tuple[SecretStr, ...] = ()
    shared_keys: dict[str, SecretStr] = Field(default_factory=dict)

    @field_validator("account_sid")
    @classmethod
    def _is_account_sid(cls, sid: str) -> str:
        if sid and re.fullmatch(r"AC[0-9a-fA-F]{32}", sid) is None:
            raise wrong("is no account SID", "Copy it from the console: AC and 32 hexadecimal digits.")
        return sid

    @field_validator("auth_tokens")
    @classmethod
    def _are_secrets(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        return tuple(_secret(secret) for secret in secrets)

    @field_validator("shared_keys", mode="before")
    @classmethod
    def _by_key(cls, keys: object) -> object:
        """The table, also from texts "id=secret" as the environment has them: a secret may hold further "="."""
        if not isinstance(keys, list):
            return keys
        table = dict(str(key).split("=", 1) for key in keys if "=" in str(key))
        if len(table) < len(keys):
            raise wrong("is not one id=secret for each key", _SHARED_KEYS_MEND)
        return table

    @field_validator("shared_keys")
    @classmethod
    def _are_keys(cls, keys: dict[str, SecretStr]) -> dict[str, SecretStr]:
        if not all(_KEY_ID.fullmatch(key_id) for key_id in keys):
            raise wrong("has an id that cannot name a key", _SHARED_KEYS_MEND)
        return {key_id: _secret(secret) for key_id, secret in keys.items()}


class Voiceflow(_Table):
    """The agent's side. `project_keys` holds the keys of projects other than `project_id`, by project."""

    api_key: SecretStr = SecretStr("")
    project_id: str = ""
    environment: str = ""
    base_url: str = DEFAULT_BASE_URL
    streaming: bool = True
    project_keys: dict[str, SecretStr] = Field(default_factory=dict)

    def key_for(self, project_id: str) -> SecretStr:
        """The API key of a project: its own, else the common one ("project API key", Voiceflow)."""
        return self.project_keys.get(project_id, self.api_key)

    @field_validator("api_key")
    @classmethod
    def _is_set(cls, key: SecretStr) -> SecretStr:
        if not key.get_secret_value():
            raise wrong("is not set", "Copy the project's API key from Voiceflow: Settings, API keys (VF.DM.…).")
        return _secret(key)

    @field_validator("project_keys")
    @classmethod
    def _are_secrets(cls, keys: dict[str, SecretStr]) -> dict[str, SecretStr]:
        return {project: _secret(key) for project, key in keys.items()}

    @field_validator("project_id", "environment")
    @classmethod
    def _fits_a_path(cls, name: str) -> str:
        if name and re.fullmatch(r"[A-Za-z0-9._-]+", name) is None:
            raise wrong("has characters that no Voiceflow name has", "Copy it from the project's settings.")
        return name

    @field_validator("base_url")
    @classmethod
    def _is_base_url(cls, url: str) -> str:
        parts = _split(url, ("https", "http"))
        if parts.scheme == "http" and not is_private(parts.hostname or ""):
            raise wrong("would send the API key in clear", "Use https://; http:// only inside a private network.")
        return url.rstrip("/")


class Realtime(_Table):
    """The speech-to-speech server; `instructions` and `voice` are for one that speaks `openai`."""

    url: str = ""
    protocol: Literal["raw", "openai"] = "raw"
    api_key: SecretStr = SecretStr("")
    instructions: str = ""
    voice: str = ""

    @field_validator("url")
    @classmethod
    def _is_websocket(cls, url: str) -> str:
        return _split(url, ("wss", "ws")).geturl() if url else url


class Settings(_Table):
    """Everything the gateway is set to do. Immutable: loading again gives new settings, live calls keep theirs.

    A profile without a number serves every number that is not listed. `live_store_path` is the SQLite file of the
    live calls. Secrets are masked when shown.
    """

    insecure_dev: bool = False
    twilio: Twilio = Twilio()
    host: str = ""
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    public_url: str = ""
    max_live_calls: Annotated[int, Field(ge=1, le=10000)] = 100
    call_log: bool = True
    call_log_days: Annotated[int, Field(ge=0, le=36500)] = 90
    database_url: SecretStr = SecretStr("sqlite:///voicegw.db")
    live_store_path: Path = Path("voicegw-live.db")
    recordings_path: Path = Path("voicegw-recordings")
    phrase_cache_path: Path = Path("voicegw-phrases")
    phrase_cache_megabytes: Annotated[int, Field(ge=0, le=100_000)] = 200
    redis_url: SecretStr = SecretStr("")
    open_metrics: bool = False
    voiceflow: Voiceflow
    stt: tuple[str, ...] = ()
    tts: tuple[str, ...] = ()
    realtime: Realtime = Realtime()
    events: tuple[EventReceiver, ...] = ()
    numbers: tuple[NumberProfile, ...] = (NumberProfile(),)

    @property
    def own_numbers(self) -> frozenset[str]:
        """Every number and SIP address that these settings serve by name."""
        return frozenset(profile.number for profile in self.numbers if profile.number)

    @property
    def speaks(self) -> bool:
        """Is there a number in whose calls we hear and speak ourselves, or a realtime server that callers go to?"""
        return bool(self.realtime.url) or any(profile.mode is Mode.STREAM for profile in self.numbers)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the operator should be told at start: settings that have no effect yet, or that let others listen."""
        waiting = {} if self.speaks else {"stt": self.stt, "tts": self.tts}
        return (
            *(f"{name} takes effect only in stream mode." for name, value in waiting.items() if value),
            *(f"events to {each.name} travel in clear, by http." for each in self.events if each.in_clear),
            *(f"events to {each.name} are not sent without a call log." for each in self.events if not self.call_log),
        )

    def profile_for(self, called_number: str) -> NumberProfile | None:
        """What a called number (E.164 or SIP) is set to do; None: it is not in service."""
        line = line_of(called_number)
        return next((profile for profile in self.numbers if profile.number in {line, ""}), None)

    @field_validator("twilio")
    @classmethod
    def _webhooks_are_signed(cls, twilio: Twilio, info: ValidationInfo) -> Twilio:
        if not (twilio.auth_tokens or twilio.shared_keys or info.data.get("insecure_dev")):
            raise wrong(
                "is not set, so anyone could pose as Twilio",
                "Copy it from the Twilio console; to try without, run with --insecure-dev on 127.0.0.1.",
                at=("auth_tokens",),
                value="",
            )
        return twilio

    @field_validator("host")
    @classmethod
    def _is_safe_to_bind(cls, host: str, info: ValidationInfo) -> str:
        twilio = info.data.get("twilio")
        signed = twilio is not None and bool(twilio.auth_tokens or twilio.shared_keys)
        if not host:  # without a secret to check signatures by, only this machine may reach us
            return "0.0.0.0" if signed else "127.0.0.1"  # noqa: S104
        if re.fullmatch(r"[A-Za-z0-9.:_-]+", host) is None:
            raise wrong("is no address to listen on", "Use an IP address or a host name, such as 127.0.0.1.")
        if info.data.get("insecure_dev") and not signed and not is_loopback(host):
            raise wrong(
                "is open to others while webhooks are not checked", "Listen on 127.0.0.1, or set TWILIO_AUTH_TOKEN."
            )
        return host

    @field_validator("public_url")
    @classmethod
    def _is_public_url(cls, url: str, info: ValidationInfo) -> str:
        insecure = bool(info.data.get("insecure_dev"))
        if not url:
            if insecure:
                return f"http://{info.data.get('host', '127.0.0.1')}:{info.data.get('port', 8080)}"
            raise wrong("is not set", "Set the https address at which Twilio reaches the gateway; it signs that URL.")
        parts = _split(url, ("https", "http"))
        if parts.scheme == "http" and not (insecure or is_loopback(parts.hostname or "")):
            raise wrong("is not https", "Use https://; callers' words travel over it.")
        return url.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _is_database(cls, url: SecretStr) -> SecretStr:
        if _DATABASES.fullmatch(url.get_secret_value()) is None:
            raise wrong(
                "is no database we know", "Use sqlite:///path/to/file.db or postgresql://user:password@host/name."
            )
        return url

    @field_validator("redis_url")
    @classmethod
    def _no_redis_yet(cls, url: SecretStr) -> SecretStr:
        if url.get_secret_value():
            raise wrong("is not part of this version", "Unset it: live calls are kept in SQLite.")
        return url

    @field_validator("events")
    @classmethod
    def _have_names(cls, receivers: tuple[EventReceiver, ...]) -> tuple[EventReceiver, ...]:
        return different_names(receivers)

    @field_validator("stt", "tts")
    @classmethod
    def _are_providers(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for position, name in enumerate(names):
            if _PROVIDER.fullmatch(name) is None:
                raise wrong(
                    "is no provider's name",
                    "Use names such as deepgram, offline, with a model or voice as in deepgram:nova-3.",
                    at=(position,),
                    value=name,
                )
        if len(set(names)) < len(names):
            raise wrong("names a provider twice", "Name each provider once, in the order of failover.")
        return names


_RESTART = (
    *("insecure_dev", "host", "port", "public_url", "database_url", "live_store_path", "redis_url", "stt", "tts"),
    *("recordings_path", "phrase_cache_path", "phrase_cache_megabytes", "events", "call_log", "open_metrics"),
)


def needs_restart(old: Settings, new: Settings) -> tuple[str, ...]:
    """The settings that differ and that a running gateway cannot take on by reloading."""
    changed = [name for name in _RESTART if getattr(old, name) != getattr(new, name)]
    if old.voiceflow.base_url != new.voiceflow.base_url:  # the agent's connections are opened once, at start
        changed.append("voiceflow.base_url")
    if old.realtime != new.realtime:
        changed.append("realtime")
    return tuple(changed)


def _secret(secret: SecretStr) -> SecretStr:
    if re.fullmatch(r"[!-~]+", secret.get_secret_value()) is None:
        raise wrong(
            "is empty, or has spaces or characters outside ASCII", "Copy it again, without quotes or line ends."
        )
    return secret


def _split(url: str, schemes: tuple[str, ...]) -> SplitResult:
    """The parts of an absolute URL without user, query and fragment."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (reading it is what judges it)
    except ValueError as error:
        raise wrong("is no URL", f"Write {schemes[0]}://host, optionally with a port and a path.") from error
    if parts.scheme not in schemes or not parts.hostname or re.search(r"[^!-~]", url):
        raise wrong("is no URL of the kind needed", f"Write {schemes[0]}://host, optionally with a port and a path.")
    if parts.username is not None or parts.password is not None:
        raise wrong("holds a user or password", "Remove what stands before the @.")
    if "?" in url or "#" in url:
        raise wrong("has a query or a fragment", "Remove everything from the ? or # on.")
    return parts
