"""What one number is set to do: everything the conduct of a call depends on that is not the call itself.

Values only; `voicegw.config` reads them from the settings file and reports every fault. Names here are the names
users type under `[[numbers]]` and `[defaults]`.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0, le=86400)]
Delimiter = Literal["#", "*"]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Mode(StrEnum):
    """Who hears and speaks: the carrier (`gather`, `relay`) or the gateway (`stream`)."""

    GATHER = "gather"
    STREAM = "stream"
    RELAY = "relay"


class Endpointing(StrEnum):
    """How much quiet ends what the caller says."""

    FAST = "fast"
    PATIENT = "patient"
    DICTATION = "dictation"


class Keypad(_Settings):
    """How keys are gathered where the agent sent no `dtmf` trace."""

    enabled: bool = True
    delimiters: tuple[Delimiter, ...] = ("#",)
    gap_seconds: Annotated[float, Field(ge=0, le=10)] = 2
    max_digits: Annotated[int, Field(ge=1, le=64)] = 20


class Silence(_Settings):
    """What we do about a silent caller where the agent sent no `no-reply` trace; instants since the last prompt."""

    prompts_at_seconds: tuple[Seconds, ...] = (10, 25)
    goodbye_at_seconds: Seconds = 60


class Stream(_Settings):
    """How we hear and speak in stream mode. `barge_in_words` or `barge_in_seconds` of voice interrupt a prompt;
    `while_thinking`: what the caller says before the agent has answered is joined to the next turn, or drops the
    answer."""

    voice: str = ""
    barge_in_words: Annotated[int, Field(ge=1, le=10)] = 1
    barge_in_seconds: Annotated[float, Field(ge=0.2, le=10)] = 0.8
    while_thinking: Literal["join", "drop"] = "join"


class Destination(_Settings):
    """One place where a human may be reached: a phone number in E.164 or a SIP URI.

    Left out, `ring_seconds` and `time_limit_seconds` are those of `Forwarding`, and `caller_id` is as the agent asks.
    """

    to: str
    ring_seconds: Annotated[int, Field(ge=5, le=600)] | None = None
    confirm: bool = False
    caller_id: Literal["ours", "caller"] | None = None
    send_digits: str = ""
    sip_headers: dict[str, str] = Field(default_factory=dict)
    time_limit_seconds: Annotated[int, Field(ge=60, le=86400)] | None = None


class Forwarding(_Settings):
    """Where a call may be forwarded: aliases the operator owns, and prefixes or SIP hosts for raw addresses."""

    destinations: Mapping[str, tuple[Destination, ...]] = Field(default_factory=dict)
    allow: tuple[str, ...] = ()
    ring_seconds: Annotated[int, Field(ge=5, le=600)] = 20
    time_limit_seconds: Annotated[int, Field(ge=60, le=86400)] = 14400
    max_attempts: Annotated[int, Field(ge=1, le=10)] = 3
    max_per_destination_per_hour: Annotated[int, Field(ge=1)] = 60
    human: str = ""
    on_failure: Literal["event", "text", "nothing"] = "event"
    after_forward: Literal["hang-up", "agent"] = "hang-up"


class NumberProfile(_Settings):
    """One called number. An empty `number` stands for every number that is not listed."""

    number: str = ""
    mode: Mode = Mode.GATHER
    project_id: str = ""
    environment: str = ""
    language: str = "en-US"
    voice: str = ""
    timezone: str = ""
    voice_source: Literal["gateway", "agent"] = "gateway"
    user_id: Literal["call", "caller", "hash"] = "call"
    keys_as: Literal["dtmf", "text"] = "dtmf"
    while_collecting: Literal["any", "keys"] = "any"
    keypad: Keypad = Keypad()
    silence: Silence = Silence()
    stream: Stream = Stream()
    endpointing: Endpointing = Endpointing.PATIENT
    speech_model: str = ""
    hints: tuple[str, ...] = ()
    profanity_filter: bool = True
    barge_in: Literal["any", "speech", "keys", "none"] = "any"
    disclosure: str = ""
    greeting: str = ""
    read_buttons: bool = False
    escape_key: str = ""
    escape_words: tuple[str, ...] = ()
    allow_twiml: bool = False
    sensitive: bool = False
    recording: bool = False
    keys_in_log: bool = False
    variables: dict[str, str] = Field(default_factory=dict)
    variable_names: dict[str, str] = Field(default_factory=dict)
    phrases: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    max_call_seconds: Annotated[int, Field(ge=30, le=86400)] = 3600
    realtime_silence_seconds: Seconds = 30
    failures_before_fallback: Annotated[int, Field(ge=1, le=10)] = 3
    fallback: tuple[Destination, ...] = ()
    forwarding: Forwarding = Forwarding()
