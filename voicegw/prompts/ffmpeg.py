"""What only ffmpeg reads (AAC, M4A, WebM, Opus, AIFF, AMR …), through pydub, where ffmpeg is installed.

Never given a file that is not of a named container: what ffmpeg would guess includes playlists, and those name other
files and hosts. It runs in a process of its own (`pydub_worker`), with bounded memory and time.
"""

import shutil
import subprocess
import sys
from typing import Final

import numpy as np
import numpy.typing as npt

from voicegw.prompts.errors import PromptNeedsFfmpeg, PromptTooLarge, PromptUnreadable
from voicegw.prompts.formats import MAX_PROMPT_SECONDS, Container
from voicegw.prompts.pydub_worker import RATE

_PROGRAMS: Final = ("ffmpeg", "ffprobe")  # pydub asks both
_MAX_SECONDS: Final = 10.0


def decode_by_ffmpeg(source: bytes, container: Container) -> tuple[npt.NDArray[np.int16], int]:
    """Mono 16-bit samples and their rate.

    Raises PromptNeedsFfmpeg where ffmpeg or ffprobe is missing, PromptUnreadable where they fail or take over 10 s,
    PromptTooLarge over the limit of a prompt.
    """
    if not all(shutil.which(program) for program in _PROGRAMS):
        raise PromptNeedsFfmpeg(
            f"{container} audio is read by ffmpeg, which is not installed here: "
            "install ffmpeg, or give the agent MP3, WAV, FLAC or Ogg Vorbis"
        )
    try:
        done = subprocess.run(  # noqa: S603 (the command line holds nothing of the agent's)
            [sys.executable, "-m", "voicegw.prompts.pydub_worker", container.value, str(MAX_PROMPT_SECONDS + 1)],
            input=source,
            capture_output=True,
            timeout=_MAX_SECONDS,
            check=False,
        )
    except (subprocess.TimeoutExpired, OSError) as exc:
        raise PromptUnreadable(f"the audio looks like {container} but ffmpeg did not finish") from exc
    if done.returncode != 0 or len(done.stdout) <= RATE.size:
        raise PromptUnreadable(f"the audio looks like {container} but ffmpeg cannot decode it")
    (rate_hz,) = RATE.unpack_from(done.stdout)
    samples = np.frombuffer(done.stdout, "<i2", offset=RATE.size)
    if len(samples) > MAX_PROMPT_SECONDS * rate_hz:
        raise PromptTooLarge(f"the audio is longer than {MAX_PROMPT_SECONDS} s")
    return samples, rate_hz
