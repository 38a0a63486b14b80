"""What only ffmpeg reads (AAC, M4A, WebM, Opus, AIFF, AMR …), through pydub, where ffmpeg is installed.

Never given a file that is not of a named container: what ffmpeg would guess includes playlists, and those
name other files and hosts.
"""

import io
import shutil
from typing import Final

import numpy as np
import numpy.typing as npt

from voicegw.prompts.errors import PromptNeedsFfmpeg, PromptTooLarge, PromptUnreadable
from voicegw.prompts.formats import MAX_PROMPT_SECONDS, Container

_PROGRAMS: Final = ("ffmpeg", "ffprobe")  # pydub asks both


def decode_by_ffmpeg(source: bytes, container: Container) -> tuple[npt.NDArray[np.int16], int]:
    """Mono 16-bit samples and their rate, at most a second over the limit of a prompt.

    Raises PromptNeedsFfmpeg where ffmpeg or ffprobe is missing, PromptUnreadable where they fail.
    """
    if not all(shutil.which(program) for program in _PROGRAMS):
        raise PromptNeedsFfmpeg(
            f"{container} audio is read by ffmpeg, which is not installed here: "
            "install ffmpeg, or give the agent MP3, WAV, FLAC or Ogg Vorbis"
        )
    # Imported here: pydub looks for ffmpeg as it is imported, and warns where it finds none.
    from pydub import AudioSegment  # noqa: PLC0415
    from pydub.exceptions import CouldntDecodeError  # noqa: PLC0415

    try:
        segment = AudioSegment.from_file(io.BytesIO(source), format=container.value, duration=MAX_PROMPT_SECONDS + 1)
    except (CouldntDecodeError, IndexError, KeyError, OSError, ValueError) as exc:
        raise PromptUnreadable(f"the audio looks like {container} but ffmpeg cannot decode it") from exc
    if segment.duration_seconds > MAX_PROMPT_SECONDS:
        raise PromptTooLarge(f"the audio is longer than {MAX_PROMPT_SECONDS} s")
    samples = np.array(segment.set_sample_width(2).get_array_of_samples(), np.int16)
    by_channel = samples.reshape(-1, segment.channels)
    return by_channel.mean(axis=1).astype(np.int16), segment.frame_rate
