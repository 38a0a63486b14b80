"""How the caller is listened to, as Twilio's `<Gather>`: senses, keys, time-outs, recognition. Pure.

Its `timeout` is the gap between keys, and starts when the nested prompts end or at the first key; so the wait for the
first key is a trailing `<Pause>` inside it.
"""

import math
from itertools import accumulate

import twiml
from voicegw.call.instructions import BargeIn
from voicegw.call.plan import Hearing, Listen
from voicegw.call.profile import Endpointing
from voicegw.twilio.prompt_verbs import Spoken

BRIEF_TIMEOUT = 1
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


def listening_gather(children: tuple[Spoken, ...], listen: Listen, step_url: str) -> twiml.Gather:
    """Wait for the caller, at most as long as `listen` says; what is heard, or silence, goes to `step_url`."""
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
    return _gather(children, hearing, step_url, timeout=timeout)


def brief_gather(
    children: tuple[Spoken, ...], hearing: Hearing, step_url: str, *, during: BargeIn = BargeIn.ANY
) -> twiml.Gather:
    """Stay reachable for a second after `children`, which `during` may interrupt."""
    return _gather(children, hearing, step_url, timeout=BRIEF_TIMEOUT, during=during)


def _gather(
    children: tuple[Spoken, ...],
    hearing: Hearing,
    step_url: str,
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
        action=step_url,
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
