"""Every error the gateway raises on purpose: one tree, each with a stable code and a verdict on retrying.

    VoicegwError
    ├── SettingsError            the settings cannot be used
    │   └── InvalidSettingsError all that is wrong with them, each fault with its mend
    ├── AgentError               something between us and the agent
    │   ├── AgentUnreachable     nobody took the request: it surely never reached the agent
    │   ├── AgentRefused         the agent answered with an error status
    │   ├── AgentBusy            the agent's rate limit (429)
    │   ├── SessionExpired       the session key is no longer taken (401 on a turn)
    │   ├── AgentCircuitOpen     it failed too often of late: not asked at all for a moment
    │   ├── AgentNotConfigured   lasting: wrong key, project or environment, out of credit
    │   ├── AgentBroke           the connection or the answer broke; the turn may have run
    │   └── AgentTalkedTooMuch   an answer went over its caps
    ├── StoreError               live-call state cannot be read or written
    │   ├── StaleVersion         someone else wrote this call first
    │   └── StoreClosed          this process is stopping
    ├── CallLogError             the call log's database cannot be used
    ├── CarrierError             the carrier's API refused or failed
    ├── OrderRefused             a live call cannot take what somebody outside asks of it
    ├── TokenError               a token for the API that cannot be made or revoked (calllog/tokens.py)
    ├── FormError                a webhook's form that no carrier sends (twilio/forms.py)
    ├── MediaMessageError        a frame that no Media Stream carries (twilio/media_fields.py)
    ├── SpeechError              a voice, a recogniser or a model that cannot do its work
    ├── RealtimeError            a speech-to-speech server that cannot be had, or an encoding we cannot give it
    └── PromptError              audio that cannot be played: too large, unreadable, unknown, or in need of ffmpeg
                                 (prompts/errors.py)

Foreign exceptions are translated once, in the file that talks to the foreigner.
"""
# ruff: noqa: N818 (the branches are called errors; a leaf says what happened)

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

NOT_SET = "(not set)"


class VoicegwError(Exception):
    """The gateway's own error; `message` is for people and never holds a secret.

    `brief` is the message without what somebody else said, for logs that no one redacts.
    `code` is stable and kebab-case. `retryable` says whether doing the same again is safe and may
    help: the class gives the usual verdict, whoever raises may know better.
    """

    code: ClassVar[str] = "voicegw"
    retryable: bool = False

    def __init__(self, message: str, *, brief: str = "", retryable: bool | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.brief = brief or message
        if retryable is not None:
            self.retryable = retryable


class SettingsError(VoicegwError):
    """The settings cannot be used as they are."""

    code = "settings-error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong: `key` as the operator writes it (file or environment), `value` masked where it is secret."""

    key: str
    value: str
    wrong: str
    mend: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.wrong}. {self.mend}"

    @property
    def subject(self) -> str:
        """The setting with its value; the key alone where nothing is set."""
        return self.key if self.value == NOT_SET else f"{self.key} = {self.value}"


class InvalidSettingsError(SettingsError):
    """The settings cannot be used; `faults` names everything that is wrong with them, not only the first."""

    code = "settings-invalid"

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        count = f"{len(self.faults)} faults" if len(self.faults) > 1 else "a fault"
        super().__init__("\n".join((f"The settings have {count}:", *(f"  {fault}" for fault in self.faults))))


class AgentError(VoicegwError):
    """Something went wrong between the gateway and the agent."""

    code = "agent-error"


class AgentUnreachable(AgentError):
    """No connection came about (name, TCP, TLS), so the request surely never reached the agent."""

    code = "agent-unreachable"
    retryable = True


class AgentRefused(AgentError):
    """The agent answered with the error status `status`; the turn may have run."""

    code = "agent-refused"

    def __init__(self, message: str, *, status: int, brief: str = "", retryable: bool | None = None) -> None:
        super().__init__(message, brief=brief, retryable=retryable)
        self.status = status


class AgentBusy(AgentError):
    """The agent's rate limit was hit; it asks for `retry_after_seconds` of patience, if it said so."""

    code = "agent-busy"
    retryable = True

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class SessionExpired(AgentError):
    """The agent no longer takes this session key: a new session must come before the input is sent again."""

    code = "agent-session-expired"


class AgentCircuitOpen(AgentError):
    """The agent has failed again and again: nothing was sent, and nothing is until it has rested."""

    code = "agent-circuit-open"


class AgentNotConfigured(AgentError):
    """The agent cannot work until someone mends its key, project, environment, address or credit."""

    code = "agent-not-configured"


class AgentBroke(AgentError):
    """The connection or the answer broke; `answer_begun` says whether any of the answer had arrived."""

    code = "agent-broke"

    def __init__(self, message: str, *, answer_begun: bool, retryable: bool | None = None) -> None:
        super().__init__(message, retryable=retryable)
        self.answer_begun = answer_begun


class AgentTalkedTooMuch(AgentError):
    """One answer went over its caps of bytes, traces or time and was cut off."""

    code = "agent-talked-too-much"


class StoreError(VoicegwError):
    """Live-call state could not be read or written."""

    code = "store-error"
    retryable = True


class StaleVersion(StoreError):
    """The call was changed by someone else since it was read: read it again, then decide again."""

    code = "store-stale-version"
    retryable = False


class StoreClosed(StoreError):
    """This process is stopping, and its store is closed: what comes now is for the next one."""

    code = "store-closed"
    retryable = False


class CallLogError(VoicegwError):
    """The call log's database cannot be reached, read or written, or has another version's tables."""

    code = "call-log-error"
    retryable = True


class CarrierError(VoicegwError):
    """The carrier's API refused or could not be reached."""

    code = "carrier-error"


class OrderRefused(VoicegwError):
    """A call cannot take an order now; `reason` is a stable code (`call-over`, `forward-refused`, …)."""

    code = "order-refused"

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class SpeechError(VoicegwError):
    """A voice, a recogniser or a model could not do its work; `retryable` where another attempt may go well."""

    code = "speech-error"


class RealtimeError(VoicegwError):
    """A speech-to-speech server cannot be had, or an encoding was asked for that we cannot give."""

    code = "realtime-unavailable"
