"""What only ffmpeg reads (AAC, M4A, WebM, Opus, AIFF, AMR …), where ffmpeg is installed.

Never given a file that is not of a named container, nor a way to anything but that file: what ffmpeg would guess
includes playlists, and those name other files and hosts. What comes out is bounded before it is in our memory: 70 kB
of silence in eight channels would be 700 MB.
"""

import shutil
import subprocess
from typing import Final

import numpy as np
import numpy.typing as npt

from voicegw.prompts.errors import PromptNeedsFfmpeg, PromptTooLarge, PromptUnreadable
from voicegw.prompts.formats import MAX_PROMPT_SECONDS, Container

_RATE_HZ: Final = 48_000
_MAX_SECONDS: Final = 10.0


def decode_by_ffmpeg(source: bytes, container: Container) -> tuple[npt.NDArray[np.int16], int]:
    """Mono 16-bit samples and their rate.

    Raises PromptNeedsFfmpeg where ffmpeg is missing, PromptUnreadable where it fails or takes longer than 10 s,
    PromptTooLarge over the limit of a prompt.
    """
    program = shutil.which("ffmpeg")
    if program is None:
        raise PromptNeedsFfmpeg(
            f"{container} audio is read by ffmpeg, which is not installed here: "
            "install ffmpeg, or give the agent MP3, WAV, FLAC or Ogg Vorbis"
        )
    try:
        done = subprocess.run(  # noqa: S603 (nothing of the agent's is in the command line)
            [program, *_command(container)], input=source, capture_output=True, timeout=_MAX_SECONDS, check=False
        )
    except (subprocess.TimeoutExpired, OSError) as exc:
        raise PromptUnreadable(f"the audio looks like {container} but ffmpeg did not finish") from exc
    samples = np.frombuffer(done.stdout[: len(done.stdout) // 2 * 2], "<i2")
    if done.returncode != 0 or not len(samples):
        raise PromptUnreadable(f"the audio looks like {container} but ffmpeg cannot decode it")
    if len(samples) > MAX_PROMPT_SECONDS * _RATE_HZ:
        raise PromptTooLarge(f"the audio is longer than {MAX_PROMPT_SECONDS} s")
    return samples, _RATE_HZ


def _command(container: Container) -> list[str]:
    """Options stand before what they are for. `cache:` lets ffmpeg seek in what comes through a pipe."""
    quiet = ["-nostdin", "-hide_banner", "-loglevel", "error", "-threads", "1"]
    inward = [
        "-protocol_whitelist",
        "cache,pipe",
        "-read_ahead_limit",
        "-1",
        "-f",
        container.value,
        "-i",
        "cache:pipe:0",
    ]
    bounded = ["-vn", "-ac", "1", "-ar", str(_RATE_HZ), "-t", str(MAX_PROMPT_SECONDS + 1)]
    return [*quiet, *inward, *bounded, "-f", "s16le", "pipe:1"]
