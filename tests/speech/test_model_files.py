"""The weights in the package are those that were shipped, or say that they are not."""

import builtins
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from voicegw.errors import SpeechError
from voicegw.speech import model_files, moonshine_model
from voicegw.speech.model_files import SILERO_VAD, SMART_TURN, read_model, run_model


@pytest.mark.parametrize("name", [SILERO_VAD, SMART_TURN])
def test_models_are_those_that_were_shipped(name: str) -> None:
    assert len(read_model(name)) > 1_000_000


def test_licences_travel_with_the_models() -> None:
    names = {file.name for file in resources.files("voicegw.speech.models").iterdir()}
    assert {"LICENSE.silero_vad", "LICENSE.smart-turn", SILERO_VAD, SMART_TURN} <= names


def test_changed_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(model_files._SHA256, SILERO_VAD, "0" * 64)
    with pytest.raises(SpeechError, match="not the one this version was made with"):
        read_model(SILERO_VAD)


def test_missing_model_is_named() -> None:
    with pytest.raises(SpeechError, match=r"nothing\.onnx is missing"):
        read_model("nothing.onnx")


def test_without_the_runtime_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **others: Any) -> Any:
        if name == "onnxruntime":
            raise ImportError(name)
        return real(name, *rest, **others)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(SpeechError, match=r"pip install 'voicegw\[offline\]'"):
        run_model(b"")


def test_without_moonshine_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moonshine_model, "find_spec", lambda _: None)
    with pytest.raises(SpeechError, match=r"pip install 'voicegw\[offline\]'"):
        moonshine_model.MoonshineModel()


def test_moonshine_without_weights_names_the_version_that_has_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Spec:
        origin = str(tmp_path / "__init__.py")

    monkeypatch.setattr(moonshine_model, "find_spec", lambda _: Spec)
    with pytest.raises(SpeechError, match=r"0\.1\.0 is the last"):
        moonshine_model.MoonshineModel()
