"""Audio bytes of any kind → an 8 kHz mono mulaw WAV, within limits of bytes and seconds.

Blocking and CPU-bound: `prepare.py` keeps it off the event loop. Decoding stops at the limit, so that a
small file cannot unpack into a large one (10 min of silence: 120 kB of FLAC, 106 MB decoded). Resampling to 8 kHz is
soxr's alone: audioop has no low-pass filter and folds the high notes back into speech.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, assert_never

import miniaudio
import numpy as np
import numpy.typing as npt
import soxr

from voicegw.audio.mulaw import MULAW_RATE_HZ, decode_mulaw, encode_mulaw
from voicegw.audio.wav import FORMAT_MULAW, WavError, parse_wav, render_mulaw_wav
from voicegw.prompts.errors import PromptFormatUnknown, PromptTooLarge, PromptUnreadable
from voicegw.prompts.ffmpeg import decode_by_ffmpeg
from voicegw.prompts.formats import (
    MAX_PROMPT_SECONDS,
    MAX_RATE_HZ,
    MAX_SOURCE_BYTES,
    MIN_RATE_HZ,
    Container,
    RawMulaw,
    RawPcm16,
    recognise_format,
)

Samples = npt.NDArray[np.int16]

_CHUNK_FRAMES: Final = 65_536
_HEADER_READERS: Final[dict[Container, Callable[[bytes], miniaudio.SoundFileInfo]]] = {
    Container.WAV: miniaudio.wav_get_info,
    Container.MP3: miniaudio.mp3_get_info,
    Container.FLAC: miniaudio.flac_get_info,
    Container.VORBIS: miniaudio.vorbis_get_info,
}


@dataclass(frozen=True, slots=True)
class _Pcm:
    """Mono 16-bit samples at their own rate."""

    samples: Samples
    rate_hz: int


def decode_prompt(source: bytes, encoding: str = "") -> bytes:
    """Turns audio into an 8 kHz mono mulaw WAV; 8 kHz mulaw that comes in goes out byte for byte.

    `encoding` is the declared MIME type; it decides only where the bytes have no header. Reads MP3, WAV, FLAC
    and Ogg Vorbis itself, the rest where ffmpeg is installed. Raises a leaf of PromptError.
    """
    if len(source) > MAX_SOURCE_BYTES:
        raise PromptTooLarge(f"the audio has {len(source)} bytes; the limit is {MAX_SOURCE_BYTES}")
    if not source:
        raise PromptUnreadable("the audio is empty")
    match recognise_format(source, encoding):
        case RawMulaw(rate_hz):
            mulaw = _mulaw_at_8_khz(source, rate_hz)
        case RawPcm16(rate_hz):
            whole = source[: len(source) // 2 * 2]  # half a sample at the end is a cut, not noise
            mulaw = _to_mulaw(_Pcm(np.frombuffer(whole, "<i2"), rate_hz))
        case Container.WAV:
            mulaw = _wav_to_mulaw(source)
        case (Container.MP3 | Container.FLAC | Container.VORBIS) as container:
            mulaw = _to_mulaw(_decode_by_miniaudio(source, container))
        case None:
            raise PromptFormatUnknown(
                f"these bytes, declared as {encoding[:80] or 'nothing'!r}, are no audio that we know: "
                "give MP3, WAV, FLAC or Ogg Vorbis"
            )
        case Container() as container:
            mulaw = _to_mulaw(_Pcm(*decode_by_ffmpeg(source, container)))
        case unreachable:
            assert_never(unreachable)
    return render_mulaw_wav(mulaw)


def _wav_to_mulaw(source: bytes) -> bytes:
    try:
        header = parse_wav(source)
    except WavError as exc:
        raise PromptUnreadable(str(exc)) from exc
    if header.format_tag == FORMAT_MULAW and header.channels == 1:
        return _mulaw_at_8_khz(source[header.data_offset : header.data_offset + header.data_bytes], header.rate_hz)
    return _to_mulaw(_decode_by_miniaudio(source, Container.WAV))


def _mulaw_at_8_khz(mulaw: bytes, rate_hz: int) -> bytes:
    if rate_hz != MULAW_RATE_HZ:
        return _to_mulaw(_Pcm(np.frombuffer(decode_mulaw(mulaw), "<i2"), rate_hz))
    _check_length(len(mulaw), rate_hz)
    return mulaw


def _to_mulaw(pcm: _Pcm) -> bytes:
    _check_length(len(pcm.samples), pcm.rate_hz)
    if pcm.rate_hz == MULAW_RATE_HZ:
        return encode_mulaw(pcm.samples.tobytes())
    # In floating point: given integers, soxr adds dither, and silence would not stay silent.
    at_8_khz = soxr.resample(pcm.samples.astype(np.float32), pcm.rate_hz, MULAW_RATE_HZ)
    _check_length(len(at_8_khz), MULAW_RATE_HZ)  # a few samples at a high rate are none at ours
    return encode_mulaw(np.rint(at_8_khz).clip(-32_768, 32_767).astype(np.int16).tobytes())


def _check_length(frames: int, rate_hz: int) -> None:
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise PromptUnreadable(
            f"the audio claims {rate_hz} samples a second; {MIN_RATE_HZ} to {MAX_RATE_HZ} can be read"
        )
    if not frames:
        raise PromptUnreadable("the audio holds no sound")
    if frames > MAX_PROMPT_SECONDS * rate_hz:
        raise PromptTooLarge(f"the audio is longer than {MAX_PROMPT_SECONDS} s")


def _decode_by_miniaudio(source: bytes, container: Container) -> _Pcm:
    """Decodes in chunks at the file's own rate, mixed down to mono, and stops once it is over the limit."""
    try:
        rate_hz = _HEADER_READERS[container](source).sample_rate
        _check_length(1, rate_hz)
        stream = miniaudio.stream_memory(source, nchannels=1, sample_rate=rate_hz, frames_to_read=_CHUNK_FRAMES)
        chunks, frames = [], 0
        for chunk in stream:
            chunks.append(np.frombuffer(chunk, np.int16))
            frames += len(chunk)
            _check_length(frames, rate_hz)
    except (miniaudio.MiniaudioError, ZeroDivisionError) as exc:
        raise PromptUnreadable(f"the audio looks like {container} but cannot be decoded: {exc}") from exc
    return _Pcm(np.concatenate(chunks) if chunks else np.empty(0, np.int16), rate_hz)
