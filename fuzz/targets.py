"""What is fuzzed, and what must hold for any bytes: accept, or refuse with the documented exception, within a second.

Plain functions of bytes that raise on a fault: run.py feeds them with what atheris invents, tests/fuzz with the
corpus. Nothing here knows atheris, so a finding is replayed without it.
"""

import time
from collections.abc import Callable

import call_targets
import sound_targets

MOST_CPU_SECONDS = 1.0


class TooSlow(AssertionError):  # noqa: N818 (says what happened)
    """One input took more processor time than a caller may wait."""


def check_in_time(check: Callable[[bytes], None], data: bytes) -> None:
    """Check one input. Raises whatever the code under test should not have raised, or `TooSlow`."""
    begun_at = time.process_time()
    check(data)
    seconds = time.process_time() - begun_at
    if seconds > MOST_CPU_SECONDS:
        raise TooSlow(f"{seconds:.2f} s of processor time for {len(data)} bytes")


TARGETS: dict[str, Callable[[bytes], None]] = {
    "sse": call_targets.check_event_stream,
    "traces": call_targets.check_traces,
    "form": call_targets.check_form,
    "signature": call_targets.check_signature,
    "destination": call_targets.check_destination,
    "twiml": call_targets.check_twiml,
    "media": sound_targets.check_media,
    "realtime": sound_targets.check_realtime,
    "prompt": sound_targets.check_prompt,
    "sound": sound_targets.check_sound,
}
