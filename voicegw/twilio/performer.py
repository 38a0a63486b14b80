"""A `CallPlan` → one TwiML document: how prompts, listening, dialling and hanging up look to Twilio. Pure.

Rules, from the vendor's `<Gather>`: one `<Gather>` holds a whole entry, because keys pressed between two are lost;
its `timeout` is the gap between keys and starts when the nested prompts end or at the first key, so the wait for the
first key is a trailing `<Pause>`; `actionOnEmptyResult` brings silence back to us too. Prompts stand inside a
`<Gather>`, so that we are never deaf while we talk; only those that nothing may interrupt stand outside.
"""

import math
from dataclasses import dataclass, replace
from itertools import accumulate, takewhile
from typing import assert_never
from urllib.parse import quote

import twiml
from voicegw.call.instructions import BargeIn, PlayAudio, PlayRecording, Prompt, Say
from voicegw.call.plan import CallPlan, DialLeg, Finish, GoOn, HandOver, Hearing, Leg, Listen
from voicegw.call.profile import Endpointing

MAX_BODY_BYTES = 50_000
MAX_SAY_CHARACTERS = 3_000
_BRIEF_TIMEOUT = 1
_SSML_VOICES = ("Polly.", "Google.")
_SPEECH_TIMEOUT: dict[Endpointing, int | str] = {
    Endpointing.FAST: "auto",
    Endpointing.PATIENT: 2,
    Endpointing.DICTATION: 3,
}
_INPUT_DURING = {BargeIn.SPEECH: "speech", BargeIn.KEYS: "dtmf"}
# Twilio takes at most 500 hints, each of at most 100 characters
_MAX_HINTS = 500
_MAX_HINT_CHARACTERS = 100
# and they share a document with what is said
_MAX_HINTS_BYTES = 8_000
_NOT_IN_HINTS = str.maketrans(dict.fromkeys(',&<>"', " "))
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


@dataclass(frozen=True, slots=True)
class Document:
    """A TwiML document. Not `complete`: it leads back to us for the `unsaid` prompts and what the plan does then."""

    response: twiml.Response
    unsaid: tuple[Prompt, ...] = ()
    complete: bool = True

    @property
    def audible(self) -> bool:
        """Does the caller hear anything of it? A recording that cannot be had leaves nothing behind but its words."""
        verbs = self.response.verbs
        nested = [child for verb in verbs if isinstance(verb, twiml.Gather) for child in verb.children]
        return any(isinstance(sound, twiml.Say | twiml.Play) for sound in (*verbs, *nested))


def render_plan(plan: CallPlan, setting: Setting) -> Document:
    """The document for `plan`. Audio must have URLs by now: anything else is said by its words."""
    pieces = [piece for prompt in _without_endless_loops(plan) for piece in _split(prompt)]
    fitting = _that_fit(pieces, setting)
    rest = tuple(pieces[len(fitting) :])
    match plan.then:
        case Listen() as listen:
            return _render_listening(fitting, rest, listen, setting)
        case GoOn(hearing=hearing):
            document = _render_brief(fitting, rest, hearing, setting)
            return replace(document, complete=not document.unsaid)
        case DialLeg(leg=leg, hearing=hearing):
            protected, following = _part(fitting)
            if rest or len({prompt.barge_in for prompt in following}) > 1:
                return _render_brief(fitting, rest, hearing, setting)
            verbs = (*_render_prompts(protected, setting), *_announce(following, hearing, setting))
            return Document(twiml.Response((*verbs, *_dial(leg, setting))))
        case Finish() | HandOver() if rest:
            return Document(twiml.Response((*_render_prompts(fitting, setting), _back(setting))), rest, complete=False)
        case Finish():
            # nothing that is heard now could matter: a goodbye stands outside <Gather>, so it is never cut off
            return Document(twiml.Response((*_render_prompts(fitting, setting), twiml.Hangup())))
        case HandOver(document=foreign):
            return Document(_hand_over(fitting, foreign, setting))
        case _:
            assert_never(plan.then)


def _render_listening(prompts: list[Prompt], rest: tuple[Prompt, ...], listen: Listen, setting: Setting) -> Document:
    protected, open_to_caller = _part(prompts)
    kinds = {prompt.barge_in for prompt in open_to_caller}
    if rest or kinds - {BargeIn.ANY}:
        # Too much for one document, or prompts that not every input may interrupt: the rest follows, then we listen.
        return _render_brief(prompts, rest, listen.hearing, setting)
    gather = _listening_gather(_render_prompts(open_to_caller, setting), listen, setting)
    return Document(twiml.Response((*_render_prompts(protected, setting), gather, _back(setting))))


def _render_brief(prompts: list[Prompt], rest: tuple[Prompt, ...], hearing: Hearing, setting: Setting) -> Document:
    """Say what one kind of barge-in allows, stay reachable for a second, and come back for the rest."""
    protected, following = _part(prompts)
    kind = following[0].barge_in if following else BargeIn.ANY
    group = list(takewhile(lambda prompt: prompt.barge_in is kind, following))
    unsaid = (*following[len(group) :], *rest)
    gather = _gather(_render_prompts(group, setting), hearing, setting, timeout=_BRIEF_TIMEOUT, during=kind)
    verbs = (*_render_prompts(protected, setting), gather, _back(setting))
    return Document(twiml.Response(verbs), unsaid, complete=False)


def _part(prompts: list[Prompt]) -> tuple[list[Prompt], list[Prompt]]:
    """The prompts that nothing may interrupt, as far as they come first, and those that follow."""
    protected = list(takewhile(lambda prompt: prompt.barge_in is BargeIn.NONE, prompts))
    return protected, prompts[len(protected) :]


def _announce(prompts: list[Prompt], hearing: Hearing, setting: Setting) -> tuple[twiml.Verb, ...]:
    """What is said before dialling: keys and speech are kept for later, silence leads on to the `<Dial>`."""
    if not prompts:
        return ()
    children = _render_prompts(prompts, setting)
    gather = _gather(children, hearing, setting, timeout=_BRIEF_TIMEOUT, during=prompts[0].barge_in)
    return (replace(gather, action_on_empty_result=None),)


def _listening_gather(children: tuple[Spoken, ...], listen: Listen, setting: Setting) -> twiml.Gather:
    hearing = listen.hearing
    keypad = hearing.keypad
    silence = max(1, round(listen.silence_seconds))
    gap = math.ceil(keypad.gap_seconds)
    if not keypad.enabled or hearing.one_key or gap == 0:
        timeout, pause = silence, 0
    elif hearing.keys_kept:
        timeout, pause = gap, 0
    else:
        timeout, pause = gap, silence - gap
    if pause > 0:
        children = (*children, twiml.Pause(length=pause))
    return _gather(children, hearing, setting, timeout=timeout)


def _gather(
    children: tuple[Spoken, ...],
    hearing: Hearing,
    setting: Setting,
    *,
    timeout: int,
    during: BargeIn = BargeIn.ANY,
) -> twiml.Gather:
    keypad = hearing.keypad
    senses = [sense for sense, on in (("dtmf", keypad.enabled), ("speech", hearing.speech)) if on]
    heard = _INPUT_DURING.get(during) or " ".join(senses) or "dtmf"
    keys = "dtmf" in heard
    speech = "speech" in heard
    return twiml.Gather(
        children,
        input=heard,
        action=setting.step_url,
        method="POST",
        action_on_empty_result=True,
        timeout=timeout,
        finish_on_key=_finish_key(hearing) if keys else None,
        num_digits=_digits_left(hearing) if keys else None,
        language=hearing.language or None if speech else None,
        speech_timeout=_speech_timeout(hearing) if speech else None,
        speech_model=hearing.speech_model or None if speech else None,
        hints=_hints(hearing.hints) if speech else None,
        profanity_filter=False if speech and not hearing.profanity_filter else None,
    )


def _finish_key(hearing: Hearing) -> str:
    """Twilio knows one finish key: of two delimiters the second arrives as a digit, and `keypad_entry` cuts there."""
    if hearing.one_key or not hearing.keypad.delimiters:
        return ""
    return hearing.keypad.delimiters[0]


def _digits_left(hearing: Hearing) -> int:
    return 1 if hearing.one_key else max(1, hearing.keypad.max_digits - hearing.keys_kept)


def _speech_timeout(hearing: Hearing) -> int | str:
    """Twilio warns (13335) of "auto" beside an explicit model, so the shortest whole second stands in."""
    timeout = _SPEECH_TIMEOUT[hearing.endpointing]
    return 1 if timeout == "auto" and hearing.speech_model else timeout


def _hints(hints: tuple[str, ...]) -> str | None:
    plain = (" ".join(hint.translate(_NOT_IN_HINTS).split())[:_MAX_HINT_CHARACTERS].strip() for hint in hints)
    entries = [entry for entry in dict.fromkeys(plain) if entry][:_MAX_HINTS]
    sizes = accumulate(len(entry.encode("utf-8", "replace")) + 1 for entry in entries)
    return ",".join(entry for entry, size in zip(entries, sizes, strict=True) if size <= _MAX_HINTS_BYTES) or None


def _dial(leg: Leg, setting: Setting) -> tuple[twiml.Verb, ...]:
    whisper = setting.whisper_url or None if leg.confirm else None
    noun: twiml.Number | twiml.Sip
    if leg.kind == "phone":
        noun = twiml.Number(leg.address, send_digits=leg.send_digits or None, url=whisper)
    else:
        noun = twiml.Sip(_with_headers(leg), url=whisper)
    dial = twiml.Dial(
        (noun,),
        action=setting.step_url,
        method="POST",
        caller_id=leg.caller_id or None,
        timeout=leg.ring_seconds,
        time_limit=leg.time_limit_seconds,
        answer_on_bridge=True,
    )
    return (dial,)


def _with_headers(leg: Leg) -> str:
    """Twilio takes a SIP call's own headers as the URI's query: `sip:a@b?x-foo=bar`."""
    headers = "&".join(f"{quote(name)}={quote(value)}" for name, value in leg.sip_headers)
    return f"{leg.address}?{headers}" if headers else leg.address


def _hand_over(prompts: list[Prompt], document: str, setting: Setting) -> twiml.Response:
    """The agent's own document between what it said and our next step; one that is no TwiML is left out."""
    spoken = _render_prompts(prompts, setting)
    try:
        verbs = twiml.parse(document).verbs
    except twiml.TwimlError:
        verbs = ()
    return twiml.Response((*spoken, *verbs, _back(setting)))


def _back(setting: Setting) -> twiml.Redirect:
    return twiml.Redirect(setting.step_url, method="POST")


def _without_endless_loops(plan: CallPlan) -> tuple[Prompt, ...]:
    """A recording may repeat for ever only where we wait for the caller, and nothing else is to be heard after it."""
    last = len(plan.prompts) - 1 if isinstance(plan.then, Listen) else None
    return tuple(
        replace(prompt, loop=1) if isinstance(prompt, PlayAudio) and prompt.loop == 0 and place != last else prompt
        for place, prompt in enumerate(plan.prompts)
    )


def _split(prompt: Prompt) -> list[Prompt]:
    """Long speech in parts that a voice takes; its SSML, which cannot be cut anywhere, gives way to plain words."""
    if not isinstance(prompt, Say) or len(max(prompt.ssml or "", prompt.text, key=len)) <= MAX_SAY_CHARACTERS:
        return [prompt]
    return [replace(prompt, text=part, ssml=None) for part in twiml.split_text(prompt.text, MAX_SAY_CHARACTERS)]


def _that_fit(prompts: list[Prompt], setting: Setting) -> list[Prompt]:
    fitting: list[Prompt] = []
    size = 0
    for prompt in prompts:
        size += sum(twiml.measure(verb) for verb in _render_prompts([prompt], setting))
        if size > MAX_BODY_BYTES:
            break
        fitting.append(prompt)
    return fitting


def _render_prompts(prompts: list[Prompt], setting: Setting) -> tuple[Spoken, ...]:
    return tuple(verb for prompt in prompts if (verb := _render_prompt(prompt, setting)) is not None)


def _render_prompt(prompt: Prompt, setting: Setting) -> Spoken | None:
    match prompt:
        case Say():
            return _say(prompt, setting)
        case PlayAudio(source=source) if _is_playable(source):
            return twiml.Play(source, loop=None if prompt.loop == 1 else prompt.loop)
        case PlayAudio(instead=words) | PlayRecording(instead=words):
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
