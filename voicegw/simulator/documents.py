"""PURE: an answer to a webhook → the document that the carrier executes, by content type, size and well-formedness."""

from dataclasses import dataclass

from twiml import MAX_DOCUMENT_BYTES, Response, Say, TwimlError, parse
from voicegw.simulator.sounds import recording_seconds
from voicegw.simulator.web import WebAnswer

HTTP_FAILED = 11200
TOO_LARGE = 11750
EMPTY = 11770
BAD_CONTENT_TYPE = 12300

_TWIML_TYPES = frozenset({"text/xml", "application/xml", "text/html"})


class FatalTwimlError(Exception):
    """A document that cannot be had or run: the fallback URL is asked, or the caller hears the carrier's apology."""

    def __init__(self, code: int, message: str, url: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.url = url


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What controls the call now. `audio_seconds`: the answer was a recording, which is played before the hang-up."""

    url: str
    response: Response
    audio_seconds: float | None = None


def read_document(url: str, answer: WebAnswer, assumed_audio_seconds: float) -> Document:
    """Read an answer as the vendor does; raises FatalTwimlError.

    "text/xml|application/xml|text/html ⇒ TwiML; audio/* ⇒ played then hangup; text/plain ⇒ TwiML if valid else spoken
    aloud then hangup; else 12300."
    """
    kind = answer.header("content-type").partition(";")[0].strip().lower()
    if kind.startswith("audio/"):
        seconds = recording_seconds(kind, answer.body) or assumed_audio_seconds
        return Document(url=url, response=Response(), audio_seconds=seconds)
    if not answer.body.strip():
        raise FatalTwimlError(EMPTY, "the answer is empty", url)
    if kind not in _TWIML_TYPES and kind != "text/plain":
        raise FatalTwimlError(BAD_CONTENT_TYPE, f"content type {kind!r} is not one for TwiML", url)
    if len(answer.body) > MAX_DOCUMENT_BYTES:
        raise FatalTwimlError(TOO_LARGE, f"{len(answer.body)} bytes, more than {MAX_DOCUMENT_BYTES}", url)
    try:
        return Document(url=url, response=parse(answer.body))
    except TwimlError as exc:
        if kind == "text/plain":
            words = answer.body.decode("utf-8", "replace")
            return Document(url=url, response=Response((Say((words,)),)))
        raise FatalTwimlError(exc.code, str(exc), url) from exc
