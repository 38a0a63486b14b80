"""How much of a prompt a caller heard who interrupted it, where the carrier speaks and does not tell.

An estimate from the clock: words at the usual pace of a synthetic voice, less the time the caller's own input took.
"""

from voicegw.call.inputs import CallerInput, Pressed, Said
from voicegw.call.moves import Line, endpointing_now
from voicegw.call.profile import Endpointing
from voicegw.call.revising import revise
from voicegw.call.state import CallState

WORDS_PER_SECOND = 2.6
_SECONDS_PER_KEY = 0.5
SPEECH_END_SECONDS = {Endpointing.FAST: 0.7, Endpointing.PATIENT: 2.0, Endpointing.DICTATION: 3.0}


def words_before_cut(state: CallState, line: Line, heard: CallerInput, now: float) -> str | None:
    """What was out of our last words when `heard`, which reached us at `now` (epoch seconds), cut them off; None where
    nothing was cut off."""
    if not isinstance(heard, Said | Pressed) or not state.spoken.text:
        return None
    endpointing = endpointing_now(state, line.profile)
    text = estimate_heard(state.spoken.text, now - state.spoken.at, heard, endpointing)
    return None if text == state.spoken.text else text


def note_heard(state: CallState, heard: CallerInput, before_cut: str | None, now: float) -> CallState:
    """The state once `heard` has reached us at `now` (epoch seconds): the caller waits from here on, and the agent will
    be told how much of our last words was heard."""
    if not isinstance(heard, Said | Pressed):
        return state
    if not state.spoken.text:
        return revise(state, waiting_since=now)
    return revise(state, waiting_since=now, heard_text=before_cut or "")


def estimate_heard(text: str, seconds: float, heard: CallerInput, endpointing: Endpointing) -> str:
    """The words of `text` that were out `seconds` after it was handed to the carrier, when `heard` reached us."""
    match heard:
        case Said():
            own = len(heard.text.split()) / WORDS_PER_SECOND + SPEECH_END_SECONDS[endpointing]
        case Pressed():
            own = len(heard.keys) * _SECONDS_PER_KEY
        case _:
            return text
    words = text.split()
    spoken = max(0, int((seconds - own) * WORDS_PER_SECOND))
    return text if spoken >= len(words) else " ".join(words[:spoken])
