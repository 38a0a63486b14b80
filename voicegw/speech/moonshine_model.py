"""Moonshine tiny on plain onnxruntime: samples in, English words out. Knows no call and no event loop.

The weights are those of the wheel moonshine-voice 0.1.0, the last that holds them; its native library is not loaded.
Encoder once, then the merged decoder a token at a time, greedily, with its memory (`past_key_values`) handed back.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from voicegw.errors import SpeechError
from voicegw.speech.model_files import run_model
from voicegw.speech.waveform import MODEL_RATE_HZ, Waveform

_START_TOKEN: Final = 1
_END_TOKEN: Final = 2
_TOKENS_A_SECOND: Final = 6.5
_LAYERS: Final = 6
_EMPTY_MEMORY: Final = np.zeros((1, 8, 0, 36), np.float32)
_MEMORIES: Final = [
    f"{layer}.{side}.{part}" for layer in range(_LAYERS) for side in ("decoder", "encoder") for part in ("key", "value")
]
_GROWING: Final = [name for name in _MEMORIES if ".decoder." in name]
# Audio that stops in a word makes the model go on by itself ("472 915 2000"); a breath of silence stops it.
_SILENCE_AFTER: Final = 3 * MODEL_RATE_HZ // 10

# What it writes where nobody speaks, as it learnt from films: to a noise "You", where a person's word has its stop or
# comma, and to music notes and credits.
_TO_NOISE: Final = "You"
_TO_MUSIC: Final = ("♪", "©")

_Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Recognised:
    """The words of a piece of audio; `confidence` is the mean probability of its tokens, 0.0-1.0."""

    text: str
    confidence: float


class MoonshineModel:
    """One set of weights for all calls; `recognise` may run in several threads at once."""

    def __init__(self) -> None:
        folder = _weights_folder()
        self._encoder = run_model(folder / "encoder_model.ort")
        self._decoder = run_model(folder / "decoder_model_merged.ort")
        self._tokens = read_tokenizer((folder / "tokenizer.bin").read_bytes())

    def recognise(self, samples: Waveform) -> Recognised:
        """What is said in samples of 16 kHz; takes 5 to 13 % of their time, so at most 15 s are sensible."""
        samples = np.pad(samples, (0, _SILENCE_AFTER))
        audio = samples[np.newaxis]
        mask = np.ones(audio.shape, np.int64)
        (hidden,) = self._encoder.run(None, {"input_values": audio, "attention_mask": mask})
        tokens, probabilities = self._decode(hidden, mask, math.ceil(len(samples) / MODEL_RATE_HZ * _TOKENS_A_SECOND))
        confidence = float(np.mean(probabilities)) if probabilities else 0.0
        return Recognised(spoken(join_tokens([self._tokens[token] for token in tokens])), confidence)

    def _decode(self, hidden: _Floats, mask: npt.NDArray[np.int64], most_tokens: int) -> tuple[list[int], list[float]]:
        # The decoder thins the mask out itself: it wants the one of the samples, not one of the encoder's frames.
        inputs: dict[str, object] = {"encoder_attention_mask": mask, "encoder_hidden_states": hidden}
        inputs |= {f"past_key_values.{name}": _EMPTY_MEMORY for name in _MEMORIES}
        tokens: list[int] = []
        probabilities: list[float] = []
        token, remembered = _START_TOKEN, _MEMORIES
        for step in range(most_tokens):
            inputs["input_ids"] = np.array([[token]], np.int64)
            inputs["use_cache_branch"] = np.array([step > 0])
            wanted = ["logits", *(f"present.{name}" for name in remembered)]
            logits, *memories = self._decoder.run(wanted, inputs)
            inputs |= {f"past_key_values.{name}": memory for name, memory in zip(remembered, memories, strict=True)}
            remembered = _GROWING  # what was made of the encoder's part stays as the first step left it
            scores: _Floats = logits[0, -1]
            token = int(scores.argmax())
            if token == _END_TOKEN:
                break
            tokens.append(token)
            probabilities.append(float(1.0 / np.exp(scores - scores[token]).sum()))
        return tokens, probabilities


def read_tokenizer(packed: bytes) -> list[bytes]:
    """The tokens of `tokenizer.bin` by their number: a length (two bytes from 128 up), then UTF-8, for each."""
    tokens: list[bytes] = []
    at = 0
    while at < len(packed):
        length = packed[at]
        at += 1
        if length >= 128:
            length += packed[at] * 128 - 128
            at += 1
        tokens.append(packed[at : at + length])
        at += length
    return tokens


def join_tokens(tokens: Sequence[bytes]) -> str:
    """Tokens → text: `▁` is a space, `<0x41>` a byte, any other `<…>` a control token without words."""
    text = bytearray()
    for token in tokens:
        if token.startswith(b"<") and token.endswith(b">") and len(token) > 2:
            if token.startswith(b"<0x"):
                text += bytes.fromhex(token[3:-1].decode())
            continue
        text += token
    return text.decode("utf-8", "replace").replace("▁", " ").strip()


def spoken(text: str) -> str:
    """The text as far as anybody can have said it: nothing, where the model wrote of a noise or of music."""
    return "" if text == _TO_NOISE or text.startswith(_TO_MUSIC) else text


def _weights_folder() -> Path:
    """Where the wheel has its weights; found without running any of its code."""
    found = find_spec("moonshine_voice")
    mend = "pip install 'voicegw[offline]'"
    if found is None or found.origin is None:
        raise SpeechError(f"offline speech to text needs the package moonshine-voice: {mend}")
    folder = Path(found.origin).parent / "assets" / "tiny-en"
    if not (folder / "tokenizer.bin").is_file():
        raise SpeechError(f"the installed moonshine-voice has no weights; version 0.1.0 is the last that has: {mend}")
    return folder
