"""The weights that travel in this package, checked before they are used, and how every model here is run.

onnxruntime is imported when a model is loaded, not before: gate and gather mode do without it.
"""

import hashlib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

from voicegw.errors import SpeechError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

SILERO_VAD: Final = "silero_vad.onnx"
SMART_TURN: Final = "smart-turn-v3.2-cpu.onnx"

_SHA256: Final = {
    SILERO_VAD: "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3",
    SMART_TURN: "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
}
_LOGS_FATAL_ONLY: Final = 4


def read_model(name: str) -> bytes:
    """The weights of one of the models named above; SpeechError where they are not what was shipped."""
    try:
        model = resources.files("voicegw.speech.models").joinpath(name).read_bytes()
    except OSError as exc:
        raise SpeechError(f"the model {name} is missing from the package: install voicegw anew") from exc
    found = hashlib.sha256(model).hexdigest()
    if found != _SHA256[name]:
        raise SpeechError(
            f"the model {name} is not the one this version was made with (SHA-256 {found[:12]}…, "
            f"expected {_SHA256[name][:12]}…): install voicegw anew"
        )
    return model


def run_model(model: bytes | Path) -> "InferenceSession":
    """A session on one core: several threads for one small model cost more than they bring, and starve other calls."""
    try:
        import onnxruntime  # noqa: PLC0415 (an extra, and heavy)
    except ImportError as exc:
        raise SpeechError("onnxruntime is not installed: pip install 'voicegw[offline]'") from exc
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _LOGS_FATAL_ONLY
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
