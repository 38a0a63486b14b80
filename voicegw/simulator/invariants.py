"""PURE: what must hold after every call, whatever went wrong in it. `check_invariants` answers what does not.

I1 no silence longer than the caller bears   I2 the gateway never ends a call unexplained   I3 the carrier's own apology
is never heard   I4 nothing happens twice    I5 nothing is left behind                      I6 one record of the call
I7 no secret outside its place               and: no webhook is slow, no key is lost, no script fails, streams are
faultless (`stream.faultless`).
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from voicegw.simulator.report import CallReport
from voicegw.simulator.silence import find_silences
from voicegw.simulator.stream.faultless import StreamLimits, stream_violations
from voicegw.simulator.timeline import CallerPressed, CallerSpoke, LostBecause


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is borne. `owed_silence_seconds` counts from when the gateway was given the caller's input.

    `listening_silence_seconds` is for the wait before the first reprompt, `reprompt_silence_seconds` for later ones;
    on a stream, where nobody sees the end of the listening, what may be owed comes on top.
    `unforgivable_losses`: the reasons for which a lost key is a violation. A caller who types at random loses keys
    between documents, which a gateway in gather mode cannot prevent. The finish key behind an entry that was over by
    its length is never a loss. `rescued_faults_allowed`: a fatal error that the
    fallback URL caught is not one (I3 as the caller hears it). `whole_script`: the gateway must not end the call before
    the script has.
    """

    owed_silence_seconds: float = 4.0
    listening_silence_seconds: float = 10.0
    reprompt_silence_seconds: float = 36.0
    explained_within_seconds: float = 10.0
    webhook_seconds: float = 12.0
    dials: int = 3
    unforgivable_losses: frozenset[LostBecause] = frozenset(
        {LostBecause.OUTSIDE_GATHER, LostBecause.BETWEEN_DOCUMENTS, LostBecause.GATHER_ENDED}
    )
    rescued_faults_allowed: bool = False
    whole_script: bool = False
    stream: StreamLimits = field(default_factory=StreamLimits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the call's report cannot know; None for what was not looked at.

    `agent_actions`: the actions the agent received, as JSON objects, in order. `residue`: how many of each thing are
    left of the call. `call_records`: the call's rows, each with a `status` and a `reason`. `secrets` must not be found
    in `writings` (logs, files … by name), nor in what was sent to the carrier.
    """

    agent_actions: Sequence[Mapping[str, object]] | None = None
    residue: Mapping[str, int] | None = None
    call_records: Sequence[Mapping[str, object]] | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    writings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One thing that should not have happened, and when."""

    rule: str
    text: str
    at_seconds: float | None = None

    def __str__(self) -> str:
        when = "" if self.at_seconds is None else f" at {self.at_seconds:.2f} s"
        return f"{self.rule}{when}: {self.text}"


FINAL_STATUSES = frozenset({"completed", "busy", "no-answer", "failed", "canceled"})

DEFAULT_LIMITS = Limits()
NO_EVIDENCE = Evidence()


def check_invariants(
    report: CallReport, *, limits: Limits = DEFAULT_LIMITS, evidence: Evidence = NO_EVIDENCE
) -> tuple[Violation, ...]:
    """All that is wrong with a finished call; empty if nothing is."""
    return (
        *_silences(report, limits),
        *_explanation(report, limits),
        *_faults(report, limits),
        *_repetitions(report, limits),
        *_agent_actions(report, evidence),
        *_left_behind(evidence),
        *_secrets(report, evidence),
        *_service(report, limits),
        *_streams(report, limits),
    )


def _silences(report: CallReport, limits: Limits) -> Iterator[Violation]:
    for silence in find_silences(report):
        if silence.owed_seconds > limits.owed_silence_seconds:
            text = f"{silence.owed_seconds:.2f} s of silence while the gateway owed a sound"
            yield Violation(rule="I1", text=text, at_seconds=silence.at_seconds)
        listening = limits.reprompt_silence_seconds if silence.reprompted else limits.listening_silence_seconds
        listening += limits.owed_silence_seconds if silence.streamed else 0.0
        if silence.listening_seconds > listening:
            text = f"{silence.listening_seconds:.2f} s of listening without a reprompt"
            yield Violation(rule="I1", text=text, at_seconds=silence.at_seconds)


def _explanation(report: CallReport, limits: Limits) -> Iterator[Violation]:
    """I2: speech, a recording, or the end of a talk with a human; a Reject has its busy tone."""
    if not report.ended_by_gateway or report.end_reason == "rejected":
        return
    earliest = report.ended_at_seconds - limits.explained_within_seconds
    if not any(
        sound.kind in ("speech", "audio", "human", "stream") and not sound.cut and sound.ends_at_seconds >= earliest
        for sound in report.heard
    ):
        text = f"the gateway ended the call ({report.end_reason}) without a word"
        yield Violation(rule="I2", text=text, at_seconds=report.ended_at_seconds)


def _faults(report: CallReport, limits: Limits) -> Iterator[Violation]:
    for sound in report.heard:
        if sound.kind == "error_prompt":
            yield Violation(rule="I3", text="the carrier's error prompt was heard", at_seconds=sound.at_seconds)
    for fault in report.faults:
        if not (fault.rescued and limits.rescued_faults_allowed):
            yield Violation(rule="I3", text=f"{fault.code}: {fault.text}", at_seconds=fault.at_seconds)


def _repetitions(report: CallReport, limits: Limits) -> Iterator[Violation]:
    """I4, as the carrier sees it: no document that dials is run twice, and there are only so many attempts."""
    dialled: dict[tuple[str, str], float] = {}
    for attempt in report.dialled:
        key = attempt.document_url, attempt.address
        if key in dialled:
            text = f"{attempt.address} was dialled again by {attempt.document_url}"
            yield Violation(rule="I4", text=text, at_seconds=attempt.at_seconds)
        dialled[key] = attempt.at_seconds
    if len(report.dialled) > limits.dials:
        yield Violation(rule="I4", text=f"{len(report.dialled)} parties were dialled, more than {limits.dials}")


def _agent_actions(report: CallReport, evidence: Evidence) -> Iterator[Violation]:
    """I4, as the agent sees it: each input at most once. What the caller did not do may be the gateway's own doing."""
    if evidence.agent_actions is None:
        return
    kinds = Counter(str(action.get("type")) for action in evidence.agent_actions)
    for kind in ("launch", "end"):
        if kinds[kind] > 1:
            yield Violation(rule="I4", text=f"the agent got {kinds[kind]} {kind!r} actions")
    payloads = [(str(a.get("type")), str(a.get("payload", ""))) for a in evidence.agent_actions]
    said = Counter(_normal(gather.speech) for gather in report.listened if gather.speech)
    said.update(_normal(words.text) for words in report.speech if _on_a_stream(report, words))
    told = Counter(_normal(text) for kind, text in payloads if kind == "text")
    for text, times in told.items():
        if text in said and times > said[text]:
            yield Violation(rule="I4", text=f"the agent got {text!r} {times} times, said {said[text]} times")
    pressed = "".join(key.key for key in report.keys)
    entered = "".join(text for kind, text in payloads if kind == "dtmf")
    if not _is_subsequence(entered, pressed):
        yield Violation(rule="I4", text=f"the agent got the keys {entered!r}, pressed were {pressed!r}")


def _left_behind(evidence: Evidence) -> Iterator[Violation]:
    for what, count in (evidence.residue or {}).items():
        if count:
            yield Violation(rule="I5", text=f"{count} × {what} left after the call")
    if evidence.call_records is None:
        return
    if len(evidence.call_records) != 1:
        yield Violation(rule="I6", text=f"{len(evidence.call_records)} call records instead of one")
    for row in evidence.call_records:
        if row.get("status") not in FINAL_STATUSES or not row.get("reason"):
            text = f"the call record has status {row.get('status')!r} and reason {row.get('reason')!r}"
            yield Violation(rule="I6", text=text)


def _secrets(report: CallReport, evidence: Evidence) -> Iterator[Violation]:
    sent = {f"the answer of {exchange.url}": exchange.body for exchange in report.exchanges}
    sent |= {f"the URL {exchange.url}": exchange.url for exchange in report.exchanges}
    for place, text in (*sent.items(), *evidence.writings.items()):
        for name, secret in evidence.secrets.items():
            if secret in text:
                yield Violation(rule="I7", text=f"{name} is found in {place.replace(secret, '***')}")


def _service(report: CallReport, limits: Limits) -> Iterator[Violation]:
    for exchange in report.exchanges:
        if exchange.seconds > limits.webhook_seconds:
            text = f"{exchange.url} took {exchange.seconds:.2f} s"
            yield Violation(rule="slow-webhook", text=text, at_seconds=exchange.at_seconds)
    for key in report.lost_digits:
        if key.lost_because in limits.unforgivable_losses and not _is_spare(report, key):
            text = f"key {key.key} was lost: {key.lost_because}"
            yield Violation(rule="lost-digit", text=text, at_seconds=key.at_seconds)
    if report.script_failure:
        yield Violation(rule="script", text=report.script_failure)
    if limits.whole_script and report.left_undone:
        yield Violation(rule="script", text=report.left_undone)


def _streams(report: CallReport, limits: Limits) -> Iterator[Violation]:
    for stream in report.streams:
        for rule, text, at_seconds in stream_violations(stream, report.heard, limits.stream):
            yield Violation(rule=rule, text=text, at_seconds=at_seconds)


def _on_a_stream(report: CallReport, words: CallerSpoke) -> bool:
    return any(stream.at_seconds <= words.at_seconds <= stream.ends_at_seconds for stream in report.streams)


def _is_spare(report: CallReport, lost: CallerPressed) -> bool:
    """Whether the key is only the end of an entry that was over already: `1234#`, where four digits were asked for."""
    ended = [gather for gather in report.listened if gather.ends_at_seconds <= lost.at_seconds]
    if not ended or lost.key != ended[-1].spare_key:
        return False
    return not any(ended[-1].ends_at_seconds < key.at_seconds < lost.at_seconds for key in report.keys)


def _normal(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def _is_subsequence(part: str, whole: str) -> bool:
    rest = iter(whole)
    return all(character in rest for character in part)
