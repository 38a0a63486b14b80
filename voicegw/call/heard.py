"""How much of a prompt a caller heard who interrupted it, where the carrier speaks and does not tell.

An estimate from the clock: words at the usual pace of a synthetic voice, less the time the caller's own input took.
"""

from voicegw.call.inputs import CallerInput, Pressed, Said
from voicegw.call.profile import Endpointing

WORDS_PER_SECOND = 2.6
_SECONDS_PER_KEY = 0.5
_SPEECH_END_SECONDS = {Endpointing.FAST: 0.7, Endpointing.PATIENT: 2.0, Endpointing.DICTATION: 3.0}


def estimate_heard(text: str, seconds: float, heard: CallerInput, endpointing: Endpointing) -> str:
    """The words of `text` that were out `seconds` after it was handed to the carrier, when `heard` reached us."""
    match heard:
        case Said():
            own = len(heard.text.split()) / WORDS_PER_SECOND + _SPEECH_END_SECONDS[endpointing]
        case Pressed():
            own = len(heard.keys) * _SECONDS_PER_KEY
        case _:
            return text
    words = text.split()
    spoken = max(0, int((seconds - own) * WORDS_PER_SECOND))
    return text if spoken >= len(words) else " ".join(words[:spoken])
