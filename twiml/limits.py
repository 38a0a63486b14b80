"""The carrier's limits as checks: what it would log, or silently do, when it ran a document.

Codes and bounds are the vendor's (twilio.com/docs/voice/twiml and /docs/api/errors). Faults name attributes and
never quote them: digits, numbers and addresses with tokens in them are nobody's log.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from twiml.connect import Connect, ConversationRelay, Stop, Stream
from twiml.dial import Client, Dial, Number, Parameter, Queue, Sip
from twiml.document import Element, Response
from twiml.errors import TOO_LARGE
from twiml.gather import Gather
from twiml.reader import MAX_DOCUMENT_BYTES
from twiml.schema import schema_of
from twiml.unknown import Unknown
from twiml.verbs import Enqueue, Hangup, Leave, Pause, Play, Record, Redirect, Refer, Reject, Say
from twiml.writer import measure

_TONES = re.compile(r"[0-9A-D*#wW]*")
_KEYS = re.compile(r"[0-9*#]*")
_MAX_HINTS = 500
_MAX_HINT_CHARS = 100
_MAX_NUMBERS = 10
_MAX_CALL_REASON_CHARS = 50
_DIAL_TIMEOUT_SECONDS = range(5, 601)
_MAX_QUEUE_NAME_CHARS = 64
_SIP_URI_CHARS = 255
_SIP_HEADERS_CHARS = 1024
_PARAMETER_CHARS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong with a document: the carrier's `code` (None: none is known), where, and what."""

    code: int | None
    where: str
    message: str


_Found = Iterator[tuple[int | None, str]]


def check(response: Response) -> tuple[Fault, ...]:
    """Find all that breaks the carrier's limits, in document order, the document's own faults first."""
    return tuple(
        Fault(code=code, where=where, message=message) for where, found in _inspect(response) for code, message in found
    )


def _inspect(response: Response) -> Iterator[tuple[str, _Found]]:
    yield Response.TAG, _document(response)
    for where, element, inside in _walk(response, Response.TAG, None):
        yield where, _known(element, inside)
        yield where, _element(element, inside)


def _walk(element: Any, where: str, inside: Any) -> Iterator[tuple[str, Any, Any]]:
    """Each element with the way to it and the element that it is in."""
    yield where, element, inside
    if isinstance(element, Unknown):
        return
    kind: type = type(element)
    if (field := schema_of(kind).children_field) is not None:
        for child in getattr(element, field):
            if not isinstance(child, str):
                name = child.name if isinstance(child, Unknown) else child.TAG
                yield from _walk(child, f"{where}/{name}", element)


def _document(response: Response) -> _Found:
    if (size_bytes := measure(response)) > MAX_DOCUMENT_BYTES:
        yield TOO_LARGE, f"{size_bytes} bytes, more than {MAX_DOCUMENT_BYTES}"
    last = next((place for place, verb in enumerate(response.verbs, start=1) if _ends_document(verb)), None)
    if last is not None and last < len(response.verbs):
        yield None, f"verb {last} ends the document: {len(response.verbs) - last} after it are never reached"


def _ends_document(verb: Element) -> bool:
    """True if the carrier never comes back for the next verb."""
    match verb:
        case Redirect() | Hangup() | Reject() | Leave():
            return True
        case Dial() | Connect() | Enqueue() | Refer():
            return verb.action is not None
        case _:
            return False


def _known(element: Any, inside: Element | None) -> _Found:
    # 13320: "the only valid nested elements of the Gather verb are Say, Play and Pause"
    if isinstance(inside, Gather):
        if not isinstance(element, Say | Play | Pause):
            yield 13320, "only Say, Play and Pause may stand in Gather"
        elif isinstance(element, Play) and element.digits is not None:
            yield 13320, "Play with digits may not stand in Gather"
    elif isinstance(element, Unknown):
        yield 12200, "the element is not known here"
    if not isinstance(element, Unknown):
        for name, _ in element.extras:
            yield 12200, f"the attribute {name}, or its value, is not known here"


def _element(element: Element, inside: Element | None) -> _Found:
    match element:
        case Say():
            yield from _at_least(0, 13510, "loop", element.loop)
        case Play():
            yield from _at_least(0, 13410, "loop", element.loop)
            yield from _tones(13430, "digits", element.digits)
        case Pause():
            yield from _at_least(1, 13910, "length", element.length)
        case Gather():
            yield from _gather(element)
        case Record():
            yield from _record(element)
        case Enqueue():
            yield from _shorter(_MAX_QUEUE_NAME_CHARS + 1, 14205, "the name", element.name)
        case Dial():
            yield from _dial(element)
        case Number():
            yield from _tones(13222, "sendDigits", element.send_digits)
        case Queue():
            yield from _shorter(_MAX_QUEUE_NAME_CHARS + 1, 14213, "the name", element.name)
        case Sip():
            yield from _sip(element)
        case Stream():
            # Stop names a stream that runs; a connector knows its own address.
            if not isinstance(inside, Stop) and element.connector_name is None:
                yield from _stream(element.url or "")
        case ConversationRelay():
            yield from _websocket(element.url or "", not_wss=64101, malformed=64101)
        case Parameter():
            yield from _shorter(_PARAMETER_CHARS, None, "name and value", (element.name or "") + (element.value or ""))
        case _:
            pass


def _gather(gather: Gather) -> _Found:
    if gather.finish_on_key is not None and not (
        len(gather.finish_on_key) <= 1 and _KEYS.fullmatch(gather.finish_on_key)
    ):
        yield 13310, "finishOnKey is neither one key, 0-9 # *, nor empty"
    yield from _at_least(1, 13313, "timeout", gather.timeout)
    yield from _at_least(1, 13314, "numDigits", gather.num_digits)
    match gather.speech_timeout:
        case "auto":
            if gather.speech_model is not None:
                yield 13335, "speechTimeout auto may not stand with a speechModel"
        case str():
            yield 13327, "speechTimeout is neither a number of seconds nor auto"
        case seconds:
            yield from _at_least(1, 13327, "speechTimeout", seconds)
    hints = (gather.hints or "").split(",")
    if len(hints) > _MAX_HINTS:
        yield 13330, f"{len(hints)} hints, more than {_MAX_HINTS}"
    for hint in hints:
        yield from _shorter(_MAX_HINT_CHARS + 1, 13330, "a hint", hint.strip())


def _record(record: Record) -> _Found:
    yield from _at_least(0, 13611, "timeout", record.timeout)
    yield from _at_least(1, 13612, "maxLength", record.max_length)
    # "unlike Gather, you may specify more than one character"
    if record.finish_on_key is not None and not _KEYS.fullmatch(record.finish_on_key):
        yield 13613, "finishOnKey has other keys than 0-9 # *"


def _dial(dial: Dial) -> _Found:
    if dial.timeout is not None and dial.timeout not in _DIAL_TIMEOUT_SECONDS:
        yield 13212, f"timeout {dial.timeout} is not from 5 to 600"
    yield from _at_least(1, 13216, "timeLimit", dial.time_limit)
    yield from _shorter(_MAX_CALL_REASON_CHARS + 1, None, "callReason", dial.call_reason or "")
    called = sum(isinstance(noun, Number | Sip | Client) for noun in dial.children)
    if called > _MAX_NUMBERS:
        yield 13250, f"{called} parties called at once, more than {_MAX_NUMBERS}"


def _sip(sip: Sip) -> _Found:
    address, _, headers = sip.uri.partition("?")
    if not address.lower().startswith(("sip:", "sips:")):
        yield 13243, "the URI does not begin with sip: or sips:"
    yield from _shorter(_SIP_URI_CHARS, 13243, "the URI", address)
    yield from _shorter(_SIP_HEADERS_CHARS, 13253, "the headers", headers)


def _stream(url: str) -> _Found:
    yield from _websocket(url, not_wss=31922, malformed=31923)
    if "?" in url:
        # In the field the query is cut off before connecting, and a token in it is lost.
        yield 31920, "the url has a query: values go into a Parameter"


def _websocket(url: str, *, not_wss: int, malformed: int) -> _Found:
    try:
        parts = urlsplit(url)
    except ValueError:
        yield malformed, "the url is malformed"
        return
    if parts.scheme != "wss":
        yield not_wss, "the url does not begin with wss:"
    elif not parts.hostname:
        yield malformed, "the url has no host"


def _at_least(least: int, code: int, name: str, value: int | None) -> _Found:
    if value is not None and value < least:
        yield code, f"{name} {value} is less than {least}"


def _shorter(chars: int, code: int | None, name: str, value: str) -> _Found:
    if len(value) >= chars:
        yield code, f"{name}: {len(value)} characters, more than {chars - 1}"


def _tones(code: int, name: str, value: str | None) -> _Found:
    if value is not None and not _TONES.fullmatch(value):
        yield code, f"{name} has other tones than 0-9 A-D * # w W"
