"""Runs the verbs that only make a sound: `<Say>`, `<Play>`, `<Pause>`."""

import asyncio

from twiml import Pause, Play, Say
from voicegw.simulator.call_context import CallContext
from voicegw.simulator.documents import BAD_CONTENT_TYPE, HTTP_FAILED, Document, FatalTwimlError
from voicegw.simulator.sounds import (
    PLAYABLE_TYPES,
    pause_seconds,
    recording_seconds,
    speech_seconds,
    spoken_text,
    tone_seconds,
)
from voicegw.simulator.timeline import Exchange
from voicegw.simulator.web import WebError, WebRequest

EMPTY_SAY = 13520
MAX_LOOPS = 1000
"""`loop`: "0 = until hangup or 1000"."""


async def run_sound(context: CallContext, document: Document, verb: Say | Play | Pause) -> None:
    """Let the verb be heard to its end; cancelled, it stops at once. Raises FatalTwimlError if audio cannot be had."""
    match verb:
        case Pause():
            await asyncio.sleep(pause_seconds(verb))
        case Say():
            text = spoken_text(verb.content)
            if not text:
                context.journal.warn(EMPTY_SAY, "Say: no text", document.url)
                return
            seconds = speech_seconds(verb.content, context.rules.words_per_second)
            for _ in range(_loops(verb.loop)):
                await context.line.play("speech", text, seconds)
        case Play():
            await _play(context, document, verb)


async def _play(context: CallContext, document: Document, verb: Play) -> None:
    if verb.digits:
        await context.line.play("tone", verb.digits, tone_seconds(verb.digits))
    if not verb.url:
        return
    url = context.absolute(document, verb.url)
    try:
        seconds = await _length_seconds(context, url)
    except FatalTwimlError as exc:
        if context.rules.failed_audio == "fatal":
            raise
        context.journal.warn(exc.code, exc.message, url)
        return
    for _ in range(_loops(verb.loop)):
        await context.line.play("audio", url, seconds)


async def _length_seconds(context: CallContext, url: str) -> float:
    """Fetch a recording, "standard params are NOT sent to Play URLs", and answer how long it is."""
    rules, journal = context.rules, context.journal
    if rules.fetches_audio == "none" or (rules.fetches_audio == "own" and not context.is_own(url)):
        return rules.assumed_audio_seconds
    began_at = journal.now_seconds()
    status, kind, code, error, body = None, "", None, "", b""
    try:
        answer = await context.web.send(WebRequest(method="GET", url=url, headers=(("Accept", "audio/*"),)))
        status, kind, body = answer.status, answer.header("content-type"), answer.body
        if status != 200:
            code, error = HTTP_FAILED, f"HTTP status {status}"
        elif kind.partition(";")[0].strip().lower() not in PLAYABLE_TYPES:
            code, error = BAD_CONTENT_TYPE, f"content type {kind!r} cannot be played"
    except WebError as exc:
        code, error = exc.code, str(exc)
    journal.keep(
        Exchange(
            at_seconds=began_at,
            seconds=round(journal.now_seconds() - began_at, 6),
            purpose="audio",
            method="GET",
            url=url,
            status=status,
            content_type=kind,
            body=f"({len(body)} bytes)",
            error_code=code,
            error=error,
        )
    )
    if code is not None:
        raise FatalTwimlError(code, f"Play: {error}", url)
    return recording_seconds(kind, body) or rules.assumed_audio_seconds


def _loops(loop: int | None) -> int:
    return 1 if loop is None or loop < 0 else min(loop or MAX_LOOPS, MAX_LOOPS)
