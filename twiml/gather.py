"""`<Gather>`: listen for keys and speech while a prompt plays."""

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from twiml.schema import Extras
from twiml.unknown import Unknown
from twiml.verbs import Pause, Play, Say


@dataclass(frozen=True, slots=True)
class Gather:
    """Play `children` and listen; what was heard goes to `action`.

    `timeout` seconds run from the end of the prompt, and anew from each key; `speech_timeout` is seconds or "auto";
    `finish_on_key` is one key, or "" for none.
    """

    TAG: ClassVar[str] = "Gather"
    children: tuple[Say | Play | Pause | Unknown, ...] = ()
    _: KW_ONLY
    input: str | None = None
    action: str | None = None
    method: str | None = None
    timeout: int | None = None
    speech_timeout: int | str | None = None
    max_speech_time: int | None = None
    profanity_filter: bool | None = None
    finish_on_key: str | None = None
    num_digits: int | None = None
    partial_result_callback: str | None = None
    partial_result_callback_method: str | None = None
    language: str | None = None
    hints: str | None = None
    barge_in: bool | None = None
    debug: bool | None = None
    action_on_empty_result: bool | None = None
    speech_model: str | None = None
    enhanced: bool | None = None
    extras: Extras = ()
