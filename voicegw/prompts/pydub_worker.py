"""A process of its own that decodes one recording with pydub and ffmpeg, and cannot take more than it is given.

Standard input: the file. Arguments: its container, the most seconds of it. Standard output: the rate in Hz (4 bytes,
little endian), then mono 16-bit samples. Exits with 1 if it cannot. ffmpeg inherits the limits: 70 kB may hold 700 MB.
"""

import io
import resource
import struct
import sys
from typing import Final

RATE: Final = struct.Struct("<I")
_MAX_MEMORY_BYTES: Final = 768 << 20
_MAX_CPU_SECONDS: Final = 8


def main(container: str, max_seconds: int) -> int:
    """Decode standard input to standard output; returns the exit status."""
    resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_MAX_CPU_SECONDS, _MAX_CPU_SECONDS))
    from pydub import AudioSegment  # noqa: PLC0415 (within the limits)
    from pydub.exceptions import CouldntDecodeError  # noqa: PLC0415

    try:
        source = io.BytesIO(sys.stdin.buffer.read())
        segment = AudioSegment.from_file(source, format=container, duration=max_seconds)
        samples = segment.set_sample_width(2).set_channels(1).raw_data
    except (CouldntDecodeError, IndexError, KeyError, MemoryError, OSError, ValueError):
        return 1
    sys.stdout.buffer.write(RATE.pack(segment.frame_rate) + samples)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
