"""Runs `<Gather>` on a line: plays what is nested, feeds the state machine, wakes it on time."""

import asyncio
from collections.abc import Awaitable, Callable

from twiml import Gather, Pause, Play, Say
from voicegw.simulator.call_context import CallContext, Next
from voicegw.simulator.documents import Document
from voicegw.simulator.gather import GatherMachine, GatherResult, GatherSettings
from voicegw.simulator.gather_attributes import listening_window_seconds, read_gather
from voicegw.simulator.timeline import Listened, ListeningBegan, LostBecause

PlayVerb = Callable[[Say | Play | Pause], Awaitable[None]]


class GatherListener:
    """Gives the line's input to the machine, and wakes the verb when something has changed."""

    def __init__(self, machine: GatherMachine, clock: Callable[[], float]) -> None:
        self._machine = machine
        self._clock = clock
        self._changed = asyncio.Event()

    def receive_key(self, key: str) -> LostBecause | None:
        """See `line.Listener`."""
        lost_because = self._machine.receive_key(key, self._clock())
        self._changed.set()
        return lost_because

    def receive_speech_started(self) -> LostBecause | None:
        """See `line.Listener`."""
        lost_because = self._machine.receive_speech_started(self._clock())
        self._changed.set()
        return lost_because

    def receive_speech_ended(self, text: str, confidence: float | None) -> None:
        """See `line.Listener`."""
        self._machine.receive_speech_ended(text, confidence, self._clock())
        self._changed.set()

    def receive_prompts_ended(self) -> None:
        """The nested verbs are over."""
        self._machine.receive_prompts_ended(self._clock())
        self._changed.set()

    async def wait(self, until_seconds: float | None) -> None:
        """Wait for a change, at most until that time of the clock; then tell the machine the time."""
        now = self._clock()
        try:
            async with asyncio.timeout(None if until_seconds is None else max(0.0, until_seconds - now)):
                await self._changed.wait()
            now = self._clock()
        except TimeoutError:
            # The journal's clock is rounded, and may for ever stand a hair before the time that was waited for.
            now = max(self._clock(), until_seconds or 0.0)
        self._changed.clear()
        self._machine.receive_timer(now)


async def run_gather(context: CallContext, document: Document, verb: Gather, play_verb: PlayVerb) -> Next:
    """Listen as the verb says, and lead to its action, or without input to the next verb."""
    settings, warnings = read_gather(verb, context.rules)
    for code, text in warnings:
        context.journal.warn(code, text, document.url)
    journal, line = context.journal, context.line
    machine = GatherMachine(settings)
    listener = GatherListener(machine, journal.now_seconds)
    began_at = journal.now_seconds()
    window = listening_window_seconds(verb, settings.timeout_seconds)
    takes = {"takes_keys": settings.takes_keys, "takes_speech": settings.takes_speech}
    journal.tell(ListeningBegan(at_seconds=began_at, **takes))
    line.prompting = any(isinstance(child, Say | Play) for child in verb.children)
    prompts = asyncio.create_task(_prompt(context, verb, listener, play_verb))
    result = GatherResult()
    try:
        with line.listening(listener), line.inviting(window, **takes):
            result = await _until_result(machine, listener, prompts)
    finally:
        line.prompting = False
        await _stop(prompts)
        journal.keep(
            Listened(
                at_seconds=began_at,
                seconds=round(journal.now_seconds() - began_at, 6),
                window_seconds=window,
                digits=result.digits,
                finished_on_key=result.finished_on_key,
                spare_key=settings.finish_on_key if len(result.digits) == settings.num_digits else "",
                speech=result.speech or "",
                document_url=document.url,
            )
        )
    if result.empty and not verb.action_on_empty_result:
        return None
    extra = _result_params(result, settings, verb.language or "en-US", context.rules.empty_result_has_fields)
    return context.action(document, verb.action, verb.method, "gather", extra)


async def _until_result(
    machine: GatherMachine, listener: GatherListener, prompts: "asyncio.Task[None]"
) -> GatherResult:
    while machine.result is None:
        await listener.wait(machine.next_timer())
        if not machine.prompting and not prompts.done():
            await _stop(prompts)
        elif prompts.done() and not prompts.cancelled():
            # A prompt that could not be had is fatal for the document.
            prompts.result()
    return machine.result


async def _prompt(context: CallContext, verb: Gather, listener: GatherListener, play_verb: PlayVerb) -> None:
    """Play the nested verbs: "Say Play Pause only (13320)"; the pauses after the last sound are the caller's time."""
    children = [child for child in verb.children if isinstance(child, Say | Play | Pause)]
    sounding = [index for index, child in enumerate(children) if not isinstance(child, Pause)]
    last_sound = max(sounding, default=-1)
    line = context.line
    try:
        for index, child in enumerate(children):
            if not (isinstance(child, Play) and child.digits):
                await play_verb(child)
            if index == last_sound:
                line.prompting = False
                line.changed()
    finally:
        line.prompting = False
        listener.receive_prompts_ended()
        line.changed()


async def _stop(prompts: "asyncio.Task[None]") -> None:
    """Cancel the nested verbs and wait until they are silent. Failures were raised before, or matter no more."""
    prompts.cancel()
    await asyncio.wait([prompts])
    if not prompts.cancelled():
        prompts.exception()


def _result_params(
    result: GatherResult, settings: GatherSettings, language: str, empty_has_fields: bool
) -> dict[str, str]:
    """The action's parameters. "Undocumented but really sent: msg=Gather End, FinishedOnKey"."""
    if result.speech:
        params = {"SpeechResult": result.speech, "Language": language, "msg": "Gather End"}
        if result.confidence is not None:
            # The vendor: "may be missing—never require"
            params["Confidence"] = f"{result.confidence:.8f}"
        return params
    params = {"msg": "Gather End"}
    if settings.takes_keys and (result.digits or result.finished_on_key or empty_has_fields):
        params |= {"Digits": result.digits, "FinishedOnKey": result.finished_on_key}
    if settings.takes_speech and not result.digits and not result.finished_on_key and empty_has_fields:
        params["SpeechResult"] = ""
    return params
