"""A `CallPlan` → one TwiML document: how prompts, listening, dialling and hanging up look to Twilio. Pure.

Rules, from the vendor's `<Gather>`: one `<Gather>` holds a whole entry, because keys pressed between two are lost;
`actionOnEmptyResult` brings silence back to us too. Prompts stand inside a `<Gather>`, so that we are never deaf while
we talk; only those that nothing may interrupt stand outside.
"""

from dataclasses import dataclass, replace
from itertools import takewhile
from typing import assert_never
from urllib.parse import quote

import twiml
from voicegw.call.instructions import BargeIn, PlayAudio, Prompt
from voicegw.call.plan import BridgeRealtime, CallPlan, DialLeg, Finish, GoOn, HandOver, Hearing, Leg, Listen
from voicegw.twilio.gather_verbs import brief_gather, listening_gather
from voicegw.twilio.prompt_verbs import Setting, render_prompts, split_prompt, that_fit


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
    pieces = [piece for prompt in _without_endless_loops(plan) for piece in split_prompt(prompt)]
    fitting = that_fit(pieces, setting)
    rest = tuple(pieces[len(fitting) :])
    match plan.then:
        case Listen() as listen:
            return _render_listening(fitting, rest, listen, setting)
        case GoOn(hearing=hearing) | BridgeRealtime(hearing=hearing):  # a bridge is a stream's; what leads there is not
            document = _render_brief(fitting, rest, hearing, setting)
            return replace(document, complete=not document.unsaid)
        case DialLeg(leg=leg, hearing=hearing):
            protected, following = _part(fitting)
            if rest or len({prompt.barge_in for prompt in following}) > 1:
                return _render_brief(fitting, rest, hearing, setting)
            verbs = (*render_prompts(protected, setting), *_announce(following, hearing, setting))
            return Document(twiml.Response((*verbs, dial_verb(leg, setting))))
        case Finish() | HandOver() if rest:
            return Document(twiml.Response((*render_prompts(fitting, setting), _back(setting))), rest, complete=False)
        case Finish():
            # nothing that is heard now could matter: a goodbye stands outside <Gather>, so it is never cut off
            return Document(twiml.Response((*render_prompts(fitting, setting), twiml.Hangup())))
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
    gather = listening_gather(render_prompts(open_to_caller, setting), listen, setting.step_url)
    return Document(twiml.Response((*render_prompts(protected, setting), gather, _back(setting))))


def _render_brief(prompts: list[Prompt], rest: tuple[Prompt, ...], hearing: Hearing, setting: Setting) -> Document:
    """Say what one kind of barge-in allows, stay reachable for a second, and come back for the rest."""
    protected, following = _part(prompts)
    kind = following[0].barge_in if following else BargeIn.ANY
    group = list(takewhile(lambda prompt: prompt.barge_in is kind, following))
    unsaid = (*following[len(group) :], *rest)
    gather = brief_gather(render_prompts(group, setting), hearing, setting.step_url, during=kind)
    verbs = (*render_prompts(protected, setting), gather, _back(setting))
    return Document(twiml.Response(verbs), unsaid, complete=False)


def _part(prompts: list[Prompt]) -> tuple[list[Prompt], list[Prompt]]:
    """The prompts that nothing may interrupt, as far as they come first, and those that follow."""
    protected = list(takewhile(lambda prompt: prompt.barge_in is BargeIn.NONE, prompts))
    return protected, prompts[len(protected) :]


def _announce(prompts: list[Prompt], hearing: Hearing, setting: Setting) -> tuple[twiml.Verb, ...]:
    """What is said before dialling: keys and speech are kept for later, silence leads on to the `<Dial>`."""
    if not prompts:
        return ()
    children = render_prompts(prompts, setting)
    gather = brief_gather(children, hearing, setting.step_url, during=prompts[0].barge_in)
    return (replace(gather, action_on_empty_result=None),)


def dial_verb(leg: Leg, setting: Setting) -> twiml.Dial:
    """The one `<Dial>` for a leg, always with an action: whatever becomes of it, the call comes back to us."""
    whisper = setting.whisper_url or None if leg.confirm else None
    noun: twiml.Number | twiml.Sip
    if leg.kind == "phone":
        noun = twiml.Number(leg.address, send_digits=leg.send_digits or None, url=whisper)
    else:
        noun = twiml.Sip(_with_headers(leg), url=whisper)
    return twiml.Dial(
        (noun,),
        action=setting.step_url,
        method="POST",
        caller_id=leg.caller_id or None,
        timeout=leg.ring_seconds,
        time_limit=leg.time_limit_seconds,
        answer_on_bridge=True,
    )


def _with_headers(leg: Leg) -> str:
    """Twilio takes a SIP call's own headers as the URI's query: `sip:a@b?x-foo=bar`."""
    headers = "&".join(f"{quote(name)}={quote(value)}" for name, value in leg.sip_headers)
    return f"{leg.address}?{headers}" if headers else leg.address


def _hand_over(prompts: list[Prompt], document: str, setting: Setting) -> twiml.Response:
    """The agent's own document between what it said and our next step; one that is no TwiML is left out."""
    spoken = render_prompts(prompts, setting)
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
