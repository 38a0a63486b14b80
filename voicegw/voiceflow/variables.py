"""The agent's variables that the gateway sets: who calls whom at launch, how the caller was heard at each turn.

Pure. Names are the operator's to change: `variable_names` maps ours to theirs, an empty name drops one.
"""

from voicegw.call.inputs import CallerInput, CallParties, Said
from voicegw.call.profile import NumberProfile


def plan_variables(parties: CallParties, call_sid: str, profile: NumberProfile) -> dict[str, object]:
    """The variables that go with `launch`, and again with the first action of a renewed session.

    All of ours are always there, empty where a fact is withheld: "Variables default to `0` if never set", and
    an agent must not read a stranger's number as 0. The operator's own `variables` win.
    """
    facts: dict[str, object] = {
        "caller_number": parties.caller_number,
        "called_number": parties.called_number,
        "call_sid": call_sid,
        "call_direction": parties.direction,
        "caller_name": parties.caller_name,
        "caller_country": parties.caller_country if parties.caller_number else "",
        "forwarded_from": parties.forwarded_from,
        "caller_verified": parties.caller_verified,
        "sip_headers": dict(parties.sip_headers),
    }
    if profile.timezone:
        facts["timezone"] = profile.timezone
    return {**_renamed(facts, profile), **profile.variables}


def plan_turn_variables(heard: CallerInput, heard_text: str, profile: NumberProfile) -> dict[str, object]:
    """The variables that go with one turn: `heard_text`, and `speech_confidence` (0.0–1.0) where there is one.

    `heard_text` is always set, empty where nothing was cut short: the agent would else keep the last one.
    """
    facts: dict[str, object] = {"heard_text": heard_text}
    if isinstance(heard, Said) and heard.confidence is not None:
        facts["speech_confidence"] = heard.confidence
    return _renamed(facts, profile)


def _renamed(facts: dict[str, object], profile: NumberProfile) -> dict[str, object]:
    names = {name: profile.variable_names.get(name, name) for name in facts}
    return {names[name]: value for name, value in facts.items() if names[name]}
