"""TwiML as typed values: verbs and nouns, a writer, a reader, the vendor's limits. Knows nothing of the gateway.

>>> render(Response((Say(("Hello",), voice="Polly.Joanna"), Hangup())))
'<?xml version="1.0" encoding="UTF-8"?><Response><Say voice="Polly.Joanna">Hello</Say><Hangup/></Response>'
"""

from twiml.connect import Connect, ConversationRelay, Language, Recording, Start, Stop, Stream
from twiml.dial import Client, Conference, Dial, Identity, Number, Parameter, Queue, Sip
from twiml.document import Element, Noun, Response, Verb
from twiml.errors import TwimlError
from twiml.gather import Gather
from twiml.limits import Fault, check
from twiml.reader import MAX_DOCUMENT_BYTES, parse, parse_ssml
from twiml.ssml import Break, Content, Emphasis, Lang, P, Phoneme, Prosody, S, SayAs, Ssml, Sub, W, words_of
from twiml.text import clean_text, split_text
from twiml.unknown import Unknown
from twiml.verbs import Enqueue, Hangup, Leave, Pause, Play, Record, Redirect, Refer, Reject, Say, Task
from twiml.writer import measure, render

__all__ = [
    "MAX_DOCUMENT_BYTES",
    "Break",
    "Client",
    "Conference",
    "Connect",
    "Content",
    "ConversationRelay",
    "Dial",
    "Element",
    "Emphasis",
    "Enqueue",
    "Fault",
    "Gather",
    "Hangup",
    "Identity",
    "Lang",
    "Language",
    "Leave",
    "Noun",
    "Number",
    "P",
    "Parameter",
    "Pause",
    "Phoneme",
    "Play",
    "Prosody",
    "Queue",
    "Record",
    "Recording",
    "Redirect",
    "Refer",
    "Reject",
    "Response",
    "S",
    "Say",
    "SayAs",
    "Sip",
    "Ssml",
    "Start",
    "Stop",
    "Stream",
    "Sub",
    "Task",
    "TwimlError",
    "Unknown",
    "Verb",
    "W",
    "check",
    "clean_text",
    "measure",
    "parse",
    "parse_ssml",
    "render",
    "split_text",
    "words_of",
]
