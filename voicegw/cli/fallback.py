"""What callers hear while the gateway is down: two static TwiML documents for a web server that is not the gateway.

Static files cannot count ("Twilio immediately requests the fallback URL", the same one at each failure), so it is not
a count that leads to a human but the caller: the first document says "one moment", waits, and goes back to the
gateway, again and again until it answers; whoever speaks or presses a key in the pause gets the second.
"""

from collections.abc import Mapping

import twiml
from voicegw.call.phrases import PhraseName, phrase
from voicegw.call.profile import Destination, NumberProfile

FALLBACK_NAME = "fallback.xml"
HUMAN_NAME = "human.xml"

_PAUSE_SECONDS = 8


def fallback_documents(profile: NumberProfile, public_url: str) -> Mapping[str, str]:
    """The documents by file name, in the number's voice and language; `fallback.xml` is what Twilio asks first.

    The human is the number's human destination, else its first fallback destination; without any, a goodbye.
    """
    wait = twiml.Gather(
        (_say(profile, PhraseName.RECOVERING),),
        input="dtmf speech",
        num_digits=1,
        timeout=_PAUSE_SECONDS,
        speech_timeout="auto",
        language=profile.language,
        action=HUMAN_NAME,  # relative: beside this document, wherever that is
        method="GET",
    )
    back = twiml.Redirect(f"{public_url}/twilio/fallback", method="POST")
    goodbye = (_say(profile, PhraseName.FAILURE_FINAL), twiml.Hangup())
    place = _human(profile)
    human = (_say(profile, PhraseName.FORWARD_CONNECTING), _dial(profile, place), *goodbye) if place else goodbye
    return {
        FALLBACK_NAME: twiml.render(twiml.Response((wait, back))),
        HUMAN_NAME: twiml.render(twiml.Response(human)),
    }


def _human(profile: NumberProfile) -> Destination | None:
    places = profile.forwarding.destinations.get(profile.forwarding.human, ())
    return next(iter((*places, *profile.fallback)), None)


def _dial(profile: NumberProfile, place: Destination) -> twiml.Dial:
    """The human, asked by nobody whether they accept: that question needs the gateway."""
    noun: twiml.Number | twiml.Sip
    noun = (
        twiml.Sip(place.to)
        if place.to.startswith("sip")
        else twiml.Number(place.to, send_digits=place.send_digits or None)
    )
    return twiml.Dial((noun,), timeout=place.ring_seconds or profile.forwarding.ring_seconds)


def _say(profile: NumberProfile, name: PhraseName) -> twiml.Say:
    text = phrase(name, profile.language, profile.phrases)
    return twiml.Say((text,), voice=profile.voice or None, language=profile.language)
