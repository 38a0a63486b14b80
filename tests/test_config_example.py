"""The example settings file: complete, true to the defaults, and loadable with every line switched on."""

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from voicegw.call.profile import Destination, Forwarding, Keypad, NumberProfile, Silence, Stream
from voicegw.config import EventReceiver, InvalidSettingsError, Realtime, Settings, Twilio, Voiceflow, load_settings

EXAMPLE = Path(__file__).parent.parent / "voicegw.example.toml"
SWITCHED_ON = re.sub(r"(?m)^#(?=[a-z\[])", "", EXAMPLE.read_text(encoding="utf-8"))
TABLES = tomllib.loads(SWITCHED_ON)
DEFAULTS = TABLES["defaults"]
PLACES = DEFAULTS["forwarding"]["destinations"]["front desk"]
# Settings without a useful default stand in the file as examples.
EXAMPLES = {"public_url", "host", "twilio", "voiceflow", "realtime", "numbers", "account_sid", "auth_tokens", "api_key"}
EXAMPLES |= {
    "project_id",
    "number",
    "environment",
    "forwarding",
    "keypad",
    "silence",
    "stream",
    "destinations",
    "human",
    "events",
}


def written(model: type[BaseModel]) -> dict[str, object]:
    """What the example sets for a model, wherever in the file it stands."""
    tables: dict[type[BaseModel], dict[str, object]] = {
        Settings: TABLES,
        Twilio: TABLES["twilio"],
        Voiceflow: TABLES["voiceflow"],
        Realtime: TABLES["realtime"],
        EventReceiver: TABLES["events"][0],
        NumberProfile: {**TABLES["numbers"][1], **DEFAULTS},
        Keypad: DEFAULTS["keypad"],
        Silence: DEFAULTS["silence"],
        Stream: DEFAULTS["stream"],
        Forwarding: DEFAULTS["forwarding"],
        Destination: {**PLACES[1], **PLACES[0]},
    }
    return tables[model]


def plain(value: object) -> object:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value


def test_every_line_switched_on_loads_without_a_fault(tmp_path: Path) -> None:
    (tmp_path / "voicegw.toml").write_text(SWITCHED_ON, encoding="utf-8")
    settings = load_settings({}, tmp_path)
    assert [profile.number for profile in settings.numbers] == ["+14155550100", "+493055501234"]


def test_copied_as_it_is_the_file_sets_nothing() -> None:
    assert tomllib.loads(EXAMPLE.read_text(encoding="utf-8")) == {}


@pytest.mark.parametrize(
    "model",
    [
        *(Settings, Twilio, Voiceflow, Realtime, EventReceiver),
        *(NumberProfile, Keypad, Silence, Stream, Forwarding, Destination),
    ],
)
def test_every_setting_is_in_the_file_with_its_default(model: type[BaseModel]) -> None:
    names = set(model.model_fields) - {"insecure_dev"}
    assert names <= set(written(model)), names - set(written(model))
    for name, setting in model.model_fields.items():
        if name in names - EXAMPLES and setting.default is not None and not setting.is_required():
            default = plain(setting.get_default(call_default_factory=True))
            assert written(model)[name] == default or model is Destination, name


LINES = SWITCHED_ON.splitlines()
ODD_VALUES = [
    *("3", "-1", "1e400", "nan", "true", '""', "[]", "{}", "[[]]", "[{}]", "{ a = 1 }", "1979-05-27", "07:32:00"),
    *('"\\u0000"', '"\\U0001F4DE"', '"' + "9" * 5000 + '"', '["", ""]', "[1, [2]]", '{ "" = "" }', "9" * 400),
]


@given(
    swaps=st.dictionaries(
        st.sampled_from([index for index, line in enumerate(LINES) if re.match(r"[a-z_]+ = ", line)]),
        st.sampled_from(ODD_VALUES),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_anywhere_is_taken_or_named_as_a_fault(tmp_path: Path, swaps: dict[int, str]) -> None:
    lines = [
        f"{line.partition('=')[0]}= {swaps[index]}" if index in swaps else line for index, line in enumerate(LINES)
    ]
    (tmp_path / "voicegw.toml").write_text("\n".join(lines), encoding="utf-8")
    try:
        loaded = load_settings({}, tmp_path)
    except InvalidSettingsError as error:
        assert error.faults
        assert all(fault.key and fault.value and fault.wrong and fault.mend for fault in error.faults)
    else:
        assert loaded.numbers
