"""When our own memory is gone: the number's fallback destinations, one after the other, with nothing remembered.

The place in the list travels in the signed URL, so that it works while the store does not.
"""

import twiml
from voicegw.call.forwarding import Route, fallback_route
from voicegw.call.inputs import CallParties
from voicegw.call.moves import Line
from voicegw.call.phrases import PhraseName, phrase
from voicegw.twilio.performer import dial_verb
from voicegw.twilio.prompt_verbs import Setting

HUMAN_PATH = "/twilio/human/"


def call_a_human(line: Line, parties: CallParties, public_url: str, place: int) -> bytes:
    """Dial the fallback destination at `place` (from 0), or say goodbye where there is none left."""
    profile = line.profile
    route = fallback_route(profile, parties=parties, own_numbers=line.own_numbers)
    legs = route.destinations if isinstance(route, Route) else ()
    verbs: tuple[twiml.Verb, ...]
    if place < len(legs):
        setting = Setting(step_url=f"{public_url}{HUMAN_PATH}{place + 1}")
        verbs = (_say(PhraseName.FORWARD_CONNECTING, line), dial_verb(legs[place], setting))
    else:
        verbs = (_say(PhraseName.FAILURE_FINAL, line), twiml.Hangup())
    return twiml.render(twiml.Response(verbs)).encode()


def _say(name: PhraseName, line: Line) -> twiml.Say:
    profile = line.profile
    text = phrase(name, profile.language, profile.phrases)
    return twiml.Say((text,), voice=profile.voice or None, language=profile.language)
