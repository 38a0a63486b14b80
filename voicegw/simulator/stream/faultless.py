"""PURE: what must hold on every stream of a call; `stream_violations` answers what does not, as rule, text and time.

Every message is one that the vendor takes; nothing is sent too far ahead of the ear; no sound breaks off for want of
audio; nothing of what was cleared is heard behind the `clear`; the last words are heard before the gateway closes; and
nothing is sent to a stream that has stopped.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from voicegw.simulator.stream.records import Streamed
from voicegw.simulator.stream.sound import FRAME_SECONDS
from voicegw.simulator.timeline import Heard

BLIP_SECONDS = 0.12
BLIP_WITHIN_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLimits:
    """`lead_seconds`: how far ahead of the ear audio may be sent; more makes every interruption a matter of `clear`,
    and all of it is lost with the connection."""

    lead_seconds: float = 2.0


def stream_violations(
    stream: Streamed, heard: Sequence[Heard], limits: StreamLimits
) -> Iterator[tuple[str, str, float | None]]:
    """All that is wrong with one stream; `heard` is what the caller heard in the call, in order."""
    for breach in stream.breaches:
        yield "stream-message", f"{breach.code}: {breach.text}", breach.at_seconds
    if stream.largest_lead_seconds > limits.lead_seconds:
        text = f"{stream.largest_lead_seconds:.2f} s of audio were sent ahead, more than {limits.lead_seconds:g}"
        yield "stream-lead", text, stream.began_at_seconds
    for underrun in stream.underruns:
        yield "stream-underrun", f"a sound broke off for {underrun.seconds:.3f} s", underrun.at_seconds
    yield from _blips(stream, heard)
    if stream.ended_by == "gateway" and stream.unheard_seconds > FRAME_SECONDS:
        text = f"the gateway closed with {stream.unheard_seconds:.2f} s unheard"
        yield "stream-cut", text, stream.ends_at_seconds
    if stream.messages_after_stop:
        text = f"{stream.messages_after_stop} messages came long after `stop`"
        yield "stream-after-stop", text, stream.ends_at_seconds


def _blips(stream: Streamed, heard: Sequence[Heard]) -> Iterator[tuple[str, str, float | None]]:
    """A scrap behind a `clear` is the rest of what was cut: "audio produced after you send clear will play"."""
    for clear in filter(lambda clear: clear.discarded, stream.clears):
        for sound in heard:
            after = sound.at_seconds - clear.at_seconds
            scrap = sound.kind == "stream" and not sound.cut and sound.seconds < BLIP_SECONDS
            if scrap and FRAME_SECONDS < after < BLIP_WITHIN_SECONDS:
                yield "stream-blip", f"{sound.seconds:.2f} s were heard after a clear", sound.at_seconds
