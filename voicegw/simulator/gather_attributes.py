"""PURE: the attributes of a `<Gather>` → settings for the state machine, with what the vendor would warn of."""

from twiml import Gather, Pause, Play, Say
from voicegw.simulator.gather import KEYS, MAX_SPEECH_SECONDS, GatherSettings
from voicegw.simulator.rules import CarrierRules
from voicegw.simulator.sounds import pause_seconds

CodedWarning = tuple[int, str]
"""The vendor's code, and what it says."""

BAD_FINISH_KEY = 13310
BAD_TIMEOUT = 13311
BAD_NUM_DIGITS = 13313
BAD_NESTED_VERB = 13320
BAD_SPEECH_TIMEOUT = 13335

DEFAULT_TIMEOUT_SECONDS = 5
MAX_HINTS = 500
MAX_HINT_CHARS = 100

_INPUTS = {"dtmf", "speech"}


def read_gather(verb: Gather, rules: CarrierRules) -> tuple[GatherSettings, tuple[CodedWarning, ...]]:
    """The settings a Gather runs with, and warnings (code, text) for attributes that the vendor would not take."""
    warnings = [*_nested_warnings(verb), *_hint_warnings(verb)]
    raw = dict(verb.extras)
    timeout: float = DEFAULT_TIMEOUT_SECONDS
    if "timeout" in raw or (verb.timeout is not None and verb.timeout < 0):
        warnings.append((BAD_TIMEOUT, f"Gather: invalid timeout {raw.get('timeout', verb.timeout)!r}"))
    elif verb.timeout is not None:
        timeout = verb.timeout
    num_digits = verb.num_digits
    if "numDigits" in raw or (num_digits is not None and num_digits < 1):
        warnings.append((BAD_NUM_DIGITS, f"Gather: invalid numDigits {raw.get('numDigits', num_digits)!r}"))
        num_digits = None
    finish_on_key = "#" if verb.finish_on_key is None else verb.finish_on_key
    if finish_on_key and (len(finish_on_key) > 1 or finish_on_key not in KEYS):
        # "Single char only"; an invalid one is a warning, and the default stays.
        warnings.append((BAD_FINISH_KEY, f"Gather: invalid finishOnKey {finish_on_key!r}"))
        finish_on_key = "#"
    speech_timeout, speech_warnings = _speech_timeout(verb, timeout, rules)
    kinds = set((verb.input or "dtmf").split())
    if kinds - _INPUTS:
        warnings.append((12200, f"Gather: unknown input {verb.input!r}"))
    settings = GatherSettings(
        takes_keys="dtmf" in kinds or not kinds & _INPUTS,
        takes_speech="speech" in kinds,
        timeout_seconds=timeout,
        speech_timeout_seconds=speech_timeout,
        max_speech_seconds=min(verb.max_speech_time or MAX_SPEECH_SECONDS, MAX_SPEECH_SECONDS),
        num_digits=num_digits,
        finish_on_key=finish_on_key,
        barge_in=verb.barge_in is not False,
        lone_finish_key=rules.lone_finish_key,
    )
    return settings, (*warnings, *speech_warnings)


def listening_window_seconds(verb: Gather, timeout_seconds: float) -> float:
    """How long a Gather listens after its last nested sound, if nothing comes: its trailing pauses and its time-out."""
    pauses = 0.0
    for child in reversed(verb.children):
        if isinstance(child, Pause):
            pauses += pause_seconds(child)
        elif isinstance(child, Say | Play):
            break
    return pauses + timeout_seconds


def _speech_timeout(verb: Gather, timeout: float, rules: CarrierRules) -> tuple[float, list[CodedWarning]]:
    value = verb.speech_timeout
    if value is None:
        # The vendor: "speechTimeout: = timeout"
        return timeout, []
    if isinstance(value, int) and value > 0:
        return value, []
    if value == "auto":
        # The vendor: "Not with explicit speechModel (13335/13327)"
        clash = verb.speech_model is not None
        text = f'Gather: speechTimeout "auto" beside speechModel {verb.speech_model!r}'
        return rules.auto_speech_pause_seconds, [(BAD_SPEECH_TIMEOUT, text)] if clash else []
    return timeout, [(BAD_SPEECH_TIMEOUT, f"Gather: invalid speechTimeout {value!r}")]


def _nested_warnings(verb: Gather) -> list[CodedWarning]:
    return [
        (BAD_NESTED_VERB, f"Gather: <{child.TAG if hasattr(child, 'TAG') else child.name}> cannot be nested")
        for child in verb.children
        if not isinstance(child, Say | Play | Pause)
    ] + [
        (BAD_NESTED_VERB, "Gather: <Play digits> cannot be nested")
        for child in verb.children
        if isinstance(child, Play) and child.digits
    ]


def _hint_warnings(verb: Gather) -> list[CodedWarning]:
    hints = [hint.strip() for hint in (verb.hints or "").split(",")]
    if len(hints) > MAX_HINTS or any(len(hint) > MAX_HINT_CHARS for hint in hints):
        return [(13334, f"Gather: hints are at most {MAX_HINTS} of {MAX_HINT_CHARS} characters each")]
    return []
