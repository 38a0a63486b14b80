"""What a provider's error status means: a fault of the provider, or a refusal of one request.

Pure. Knows no vendor's client; what a body says is read for people only.
"""

import json
import re
from typing import Final

from voicegw.errors import SpeechError
from voicegw.speech.providers import RequestRefused

_OF_THE_REQUEST: Final = frozenset({400, 404, 413, 415, 422})
"""Deepgram: 400 a model, language or parameter that it has not, 413 too long a text. ElevenLabs: 400 and 404 a voice
or language, 422 a value out of bounds. OpenAI: 400 and 422 a value, 404 a name. Not 405: what we ask for with which
method is the same for all calls."""
_LASTING: Final = frozenset({401, 402, 403, 405})
_MOST_CHARACTERS: Final = 200
_WORD: Final = re.compile(r"\w+")


def refusal(provider: str, status: int | None, body: object, told: str) -> SpeechError:
    """The error for an answer of `status`; of one request, it says why, without a word of what the provider was `told`
    (texts, hints, the key): servers like to repeat what they cannot use."""
    refused = f"{provider} refused with status {status}"
    if status not in _OF_THE_REQUEST:
        return SpeechError(refused, retryable=status not in _LASTING)
    why = _clean(_words_in(body), told)
    return RequestRefused(f"{refused}: {why}" if why else refused)


def _words_in(body: object) -> str:
    """The sentence in one of the shapes that the vendors document, else a text as it is."""
    match body:
        case str():
            try:
                parsed = json.loads(body)
            except ValueError:
                return body
            return "" if isinstance(parsed, str) else _words_in(parsed)
        case {"err_msg": str(words)} | {"message": str(words)} | {"msg": str(words)} | {"status": str(words)}:
            return words
        case {"detail": inner} | {"error": inner} | [inner, *_]:
            return _words_in(inner)
        case _:
            return ""


def _clean(words: str, told: str) -> str:
    hidden = set(_WORD.findall(told.casefold()))
    shown = _WORD.sub(lambda word: "…" if word[0].casefold() in hidden else word[0], words)
    return " ".join("".join(c if c.isprintable() else " " for c in shown).split())[:_MOST_CHARACTERS]
