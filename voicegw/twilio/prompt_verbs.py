"""Prompts as Twilio's `<Say>` and `<Play>`: in the number's voice, in parts that it takes, as many as fit. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

import twiml
from voicegw.call.instructions import PlayAudio, PlayChunk, PlayRecording, Prompt, Say

MAX_BODY_BYTES = 50_000
MAX_SAY_CHARACTERS = 3_000
_SSML_VOICES = ("Polly.", "Google.")
_MAX_URL_CHARACTERS = 4_000

Spoken = twiml.Say | twiml.Play | twiml.Pause


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Where a document stands: the URL of the step that comes next, the number's `voice` and the language it speaks,
    and the `language` of the call now.

    `whisper_url` is asked before a forwarded call is connected, where the destination wants to confirm.
    """

    step_url: str
    voice: str = ""
    own_language: str = ""
    language: str = ""
    whisper_url: str = ""


def split_prompt(prompt: Prompt) -> list[Prompt]:
    """Long speech in parts that a voice takes; its SSML, which cannot be cut anywhere, gives way to plain words."""
    if not isinstance(prompt, Say) or len(max(prompt.ssml or "", prompt.text, key=len)) <= MAX_SAY_CHARACTERS:
        return [prompt]
    return [replace(prompt, text=part, ssml=None) for part in twiml.split_text(prompt.text, MAX_SAY_CHARACTERS)]


def that_fit(prompts: Sequence[Prompt], setting: Setting) -> list[Prompt]:
    """The first of `prompts` that one document holds."""
    if sum(_most_bytes(prompt, setting) for prompt in prompts) <= MAX_BODY_BYTES:
        return list(prompts)
    fitting: list[Prompt] = []
    size = 0
    for prompt in prompts:
        size += sum(twiml.measure(verb) for verb in render_prompts([prompt], setting))
        if size > MAX_BODY_BYTES:
            break
        fitting.append(prompt)
    return fitting


def _most_bytes(prompt: Prompt, setting: Setting) -> float:
    """More than plain words can take in a document: a character at most six bytes (`&quot;`), a tag under a hundred."""
    if not isinstance(prompt, Say) or prompt.ssml:
        return math.inf
    characters = len(prompt.text) + len(prompt.language or setting.language) + len(setting.voice)
    return 6 * characters + 100


def render_prompts(prompts: Sequence[Prompt], setting: Setting) -> tuple[Spoken, ...]:
    """The verbs for `prompts`; one with nothing to say or play has none."""
    return tuple(verb for prompt in prompts if (verb := _render_prompt(prompt, setting)) is not None)


def _render_prompt(prompt: Prompt, setting: Setting) -> Spoken | None:
    match prompt:
        case Say():
            return _say(prompt, setting)
        case PlayAudio(source=source) if _is_playable(source):
            return twiml.Play(source, loop=None if prompt.loop == 1 else prompt.loop)
        case PlayAudio(instead=words) | PlayRecording(instead=words) | PlayChunk(instead=words):
            return _say(Say(text=words), setting) if words else None
        case _:
            assert_never(prompt)


def _is_playable(source: str) -> bool:
    return source.startswith(("https://", "http://")) and len(source) <= _MAX_URL_CHARACTERS


def _say(prompt: Say, setting: Setting) -> twiml.Say | None:
    if not twiml.clean_text(prompt.text).strip() and not prompt.ssml:
        return None
    language = prompt.language or setting.language
    # A voice that does not speak the language makes <Say> fail: the carrier then picks one that does.
    voice = setting.voice if language == setting.own_language else ""
    return twiml.Say(_content(prompt, voice), voice=voice or None, language=language or None)


def _content(prompt: Say, voice: str) -> tuple[str | twiml.Ssml, ...]:
    if prompt.ssml and voice.startswith(_SSML_VOICES):
        try:
            return twiml.parse_ssml(prompt.ssml)
        except twiml.TwimlError:
            return (prompt.text,)
    return (prompt.text,)
