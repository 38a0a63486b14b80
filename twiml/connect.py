"""`<Connect>`, `<Start>` and `<Stop>`, and the streams, relays and recordings they work on."""

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from twiml.dial import Parameter
from twiml.schema import Extras
from twiml.unknown import Unknown


@dataclass(frozen=True, slots=True)
class Stream:
    """The call's audio on a WebSocket at `url` (wss, no query); `children` are handed to the server."""

    TAG: ClassVar[str] = "Stream"
    children: tuple[Parameter | Unknown, ...] = ()
    _: KW_ONLY
    name: str | None = None
    connector_name: str | None = None
    url: str | None = None
    track: str | None = None
    status_callback: str | None = None
    status_callback_method: str | None = None
    audio_format: str | None = None
    sample_rate: int | None = None
    extras: Extras = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """The voices and models that a relay uses for one language `code`."""

    TAG: ClassVar[str] = "Language"
    code: str | None = None
    tts_provider: str | None = None
    voice: str | None = None
    transcription_provider: str | None = None
    speech_model: str | None = None
    hints: str | None = None
    asr_smart_format: bool | None = None
    tts_text_normalization: str | None = None
    tts_language_text_normalization: str | None = None
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class ConversationRelay:
    """Speech in and out as text on a WebSocket at `url` (wss). `speech_timeout` is milliseconds or "auto"."""

    TAG: ClassVar[str] = "ConversationRelay"
    children: tuple[Language | Parameter | Unknown, ...] = ()
    _: KW_ONLY
    url: str | None = None
    language: str | None = None
    tts_language: str | None = None
    transcription_language: str | None = None
    tts_provider: str | None = None
    voice: str | None = None
    transcription_provider: str | None = None
    speech_model: str | None = None
    profanity_filter: bool | None = None
    dtmf_detection: bool | None = None
    welcome_greeting: str | None = None
    partial_prompts: bool | None = None
    welcome_greeting_interruptible: str | None = None
    interruptible: str | None = None
    preemptible: bool | None = None
    hints: str | None = None
    intelligence_service: str | None = None
    report_input_during_agent_speech: str | None = None
    elevenlabs_text_normalization: str | None = None
    interrupt_sensitivity: str | None = None
    debug: str | None = None
    background_noise_reduction: str | None = None
    speech_timeout: int | str | None = None
    deepgram_smart_format: bool | None = None
    ignore_backchannel: bool | None = None
    events: str | None = None
    partial_prompt_on_hangup: bool | None = None
    eot_threshold: str | None = None
    eager_eot_threshold: str | None = None
    asr_smart_format: bool | None = None
    tts_text_normalization: str | None = None
    tts_language_text_normalization: str | None = None
    elevenlabs_language_text_normalization: str | None = None
    include_in_prompt: str | None = None
    customer_name: str | None = None
    application_reconnect: bool | None = None
    echo_prompt_filtering: str | None = None
    turn_detection: str | None = None
    conversation_configuration: str | None = None
    extras: Extras = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A recording of the call that runs beside its document."""

    TAG: ClassVar[str] = "Recording"
    recording_status_callback: str | None = None
    recording_status_callback_method: str | None = None
    recording_status_callback_event: str | None = None
    trim: str | None = None
    track: str | None = None
    channels: str | None = None
    recording_configuration_id: str | None = None
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class Connect:
    """Hand the call to a stream or relay until it ends; then `action`, else the next verb."""

    TAG: ClassVar[str] = "Connect"
    children: tuple[Stream | ConversationRelay | Unknown, ...] = ()
    _: KW_ONLY
    action: str | None = None
    method: str | None = None
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class Start:
    """Start a stream or recording beside the document, and go on at once."""

    TAG: ClassVar[str] = "Start"
    children: tuple[Stream | Recording | Unknown, ...] = ()
    _: KW_ONLY
    action: str | None = None
    method: str | None = None
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop what `<Start>` started, by its name."""

    TAG: ClassVar[str] = "Stop"
    children: tuple[Stream | Unknown, ...] = ()
    _: KW_ONLY
    extras: Extras = ()
