"""How faults are reported: all at once, each where it stands, without secrets; what keeps the gateway from starting."""

from pathlib import Path

import pytest

from voicegw.config import Fault, InvalidSettingsError, load_settings
from voicegw.errors import SettingsError

GOOD = {
    "VOICEGW_PUBLIC_URL": "https://gw.example.com",
    "TWILIO_AUTH_TOKEN": "0123456789abcdef0123456789abcdef",
    "VOICEFLOW_API_KEY": "VF.DM.key",
    "VOICEFLOW_PROJECT_ID": "project",
}
UNSET = "(not set)"


def faults_of(directory: Path, toml: str = "", *, insecure_dev: bool = False, **environ: str) -> tuple[Fault, ...]:
    (directory / "voicegw.toml").write_text(toml, encoding="utf-8")
    with pytest.raises(InvalidSettingsError) as caught:
        load_settings({**GOOD, **environ}, directory, insecure_dev=insecure_dev)
    return caught.value.faults


def test_every_fault_is_reported_at_once(tmp_path: Path) -> None:
    toml = "\n".join(
        (
            'prot = 80\n[defaults]\nlanguage = "german"\nvoice = "x"',
            '[[defaults.fallback]]\nto = "911"\n[[defaults.fallback]]\nring_seconds = 1',
            '[[numbers]]\nnumber = "x"\nmode = "relay"\n[[numbers]]\nnumber = "+14155550100"\nuser_id = "me"',
        )
    )
    environ = {"VOICEGW_PORT": "x", "VOICEFLOW_API_KEY": "", "TWILIO_AUTH_TOKEN": "", "VOICEGW_STTT": "x"}
    assert {fault.key for fault in faults_of(tmp_path, toml, **environ)} == {
        *environ.keys(),
        *("prot", "defaults.language", "defaults.voice", "numbers[0].number", "numbers[0].mode", "numbers[1].user_id"),
        *("defaults.fallback[0].to", "defaults.fallback[1].to", "defaults.fallback[1].ring_seconds"),
    }


def test_inherited_fault_is_reported_once_where_it_stands(tmp_path: Path) -> None:
    numbers = "".join(f'[[numbers]]\nnumber = "+1415555010{digit}"\n' for digit in range(3))
    (fault,) = faults_of(tmp_path, f'[defaults]\nlanguage = "x"\n{numbers}')
    assert fault.key == "defaults.language"


def test_number_that_lacks_what_its_defaults_ask_for_is_named_itself(tmp_path: Path) -> None:
    toml = """
        [defaults]
        escape_key = "0"
        [[numbers]]
        number = "+14155550100"
        fallback = [{to = "+493012345678"}]
        [[numbers]]
        number = "+14155550101"
    """
    (fault,) = faults_of(tmp_path, toml)
    assert fault.key == "numbers[1].forwarding.human"


def test_text_of_the_error_lists_faults_and_no_secret(tmp_path: Path) -> None:
    toml = """
        [twilio]
        auth_tokns = ["hidden-1"]
        shared_keys = {key = "hidden-2 "}
        [voiceflow]
        apikey = "hidden-3"
        project_keys = {other = "hidden-4 "}
        [realtime]
        api_kye = "hidden-5"
    """
    environ = {
        "TWILIO_AUTH_TOKEN": "hidden 6",
        "VOICEFLOW_API_KEY": "hidden 7",
        "VOICEGW_DATABASE_URL": "oracle://me:hidden-8@db/x",
        "VOICEGW_PUBLIC_URL": "https://me:hidden-9@gw.example.com",
        "VOICEGW_REALTIME_API_KYE": "hidden-10",
    }
    (tmp_path / "voicegw.toml").write_text(toml, encoding="utf-8")
    with pytest.raises(SettingsError, match="The settings have 10 faults:") as caught:
        load_settings({**GOOD, **environ}, tmp_path)
    assert caught.value.code == "settings-invalid"
    assert "hidden" not in str(caught.value)
    assert str(caught.value).count("\n  ") == 10


def test_fault_reads_as_a_line(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, "max_live_calls = 0")
    assert str(fault) == "max_live_calls = 0: is out of range. It should be greater than or equal to 1."


def test_fault_of_what_is_not_set_says_so_once(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, '[[numbers]]\nlanguage = "en-US"')
    assert str(fault).startswith("numbers[0].number: is not set.")


@pytest.mark.parametrize(
    "name",
    [
        *("_env_file", "_build_sources", "_secrets_dir", "_cli_parse_args", "model_config", "model_extra", "others"),
        *("settings_customise_sources", "self", "__class__", "environ", "working_dir", ""),
    ],
)
def test_no_name_in_the_file_means_anything_to_the_library(name: str, tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, f'"{name}" = ["{tmp_path}"]')
    assert fault.key == (name or '""')
    assert fault.wrong == "is not a setting"


def test_long_value_is_cut(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, f'[defaults]\nlanguage = "{"x" * 500}"')
    assert len(fault.value) < 100


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"port = 80\nhost = \n", "line 2"),
        (b"port = 80\nport = 81\n", "line 2"),
        (b"[defaults\n", "line 1"),
        (b'host = "\xff"\n', "UTF-8"),
    ],
)
def test_file_that_is_not_toml_says_where(content: bytes, wrong: str, tmp_path: Path) -> None:
    (tmp_path / "voicegw.toml").write_bytes(content)
    with pytest.raises(InvalidSettingsError) as caught:
        load_settings(GOOD, tmp_path)
    (fault,) = caught.value.faults
    assert fault.key == "voicegw.toml"
    assert wrong in fault.wrong


def test_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "voicegw.toml").mkdir()
    with pytest.raises(InvalidSettingsError) as caught:
        load_settings(GOOD, tmp_path)
    assert "cannot be read" in caught.value.faults[0].wrong


@pytest.mark.parametrize("host", ["::", "192.168.1.5", "gateway.example.com"])
def test_insecure_gateway_never_listens_to_others(host: str, tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, insecure_dev=True, TWILIO_AUTH_TOKEN="", VOICEGW_HOST=host)
    assert fault.key == "VOICEGW_HOST"
    assert "127.0.0.1" in fault.mend


def test_public_address_and_token_are_missing_in_an_empty_environment(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettingsError) as caught:
        load_settings({}, tmp_path)
    assert {fault.key for fault in caught.value.faults} == set(GOOD)
    assert {fault.value for fault in caught.value.faults} == {UNSET}
