"""A whole TwiML document: the verbs in the order in which the carrier runs them."""

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from twiml.connect import Connect, ConversationRelay, Language, Recording, Start, Stop, Stream
from twiml.dial import Client, Conference, Dial, Identity, Number, Parameter, Queue, Sip
from twiml.gather import Gather
from twiml.schema import Extras
from twiml.ssml import Ssml
from twiml.unknown import Unknown
from twiml.verbs import (
    Enqueue,
    Hangup,
    Leave,
    Pause,
    Play,
    Record,
    Redirect,
    Refer,
    Reject,
    Say,
    Task,
)

Verb = (
    Say
    | Play
    | Pause
    | Gather
    | Dial
    | Connect
    | Start
    | Stop
    | Record
    | Enqueue
    | Redirect
    | Hangup
    | Reject
    | Refer
    | Leave
    | Unknown
)


@dataclass(frozen=True, slots=True)
class Response:
    """A TwiML document; after its last verb the carrier hangs up."""

    TAG: ClassVar[str] = "Response"
    verbs: tuple[Verb, ...] = ()
    _: KW_ONLY
    extras: Extras = ()


Noun = (
    Number
    | Sip
    | Client
    | Identity
    | Queue
    | Conference
    | Stream
    | ConversationRelay
    | Language
    | Recording
    | Parameter
    | Task
)
Element = Response | Verb | Noun | Ssml
