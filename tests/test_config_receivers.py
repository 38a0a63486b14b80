"""`[[events]]` in the settings: what a receiver may be, and the fault of each that it may not be."""

from pathlib import Path

import pytest

from voicegw.config import EventReceiver, InvalidSettingsError, Settings, load_settings, needs_restart
from voicegw.config.receivers import EVENT_TYPES
from voicegw.events import payloads

ENOUGH = {
    "TWILIO_AUTH_TOKEN": "token",
    "VOICEGW_PUBLIC_URL": "https://gw.example.com",
    "VOICEFLOW_API_KEY": "VF.DM.key",
    "VOICEFLOW_PROJECT_ID": "project",
}
SECRET = "whsec_cmVwbGFjZSB0aGlzIHdpdGggYSByYW5kb20gc2VjcmV0"
GOOD = {"name": '"crm"', "url": '"https://crm.example.com/in"', "secret": f'"{SECRET}"'}


def load(directory: Path, *tables: dict[str, str]) -> Settings:
    text = "\n".join("[[events]]\n" + "\n".join(f"{name} = {value}" for name, value in t.items()) for t in tables)
    (directory / "voicegw.toml").write_text(text, encoding="utf-8")
    return load_settings(ENOUGH, directory)


def receiver(directory: Path, **changes: str) -> EventReceiver:
    (found,) = load(directory, {**GOOD, **changes}).events
    return found


def test_nobody_is_told_unless_asked_for(tmp_path: Path) -> None:
    assert load(tmp_path).events == ()


def test_receiver_gets_everything_unless_it_chooses(tmp_path: Path) -> None:
    found = receiver(tmp_path)
    assert (found.name, found.url, found.types) == ("crm", "https://crm.example.com/in", ("*",))
    assert found.secret.get_secret_value() == SECRET
    assert SECRET not in repr(found)


def test_types_to_choose_from_are_those_that_there_are() -> None:
    assert set(EVENT_TYPES) == set(payloads.EVENT_TYPES)


@pytest.mark.parametrize("types", ['["runtime.*"]', '["call.turn", "call.f*"]', '["*"]'])
def test_types_may_be_patterns(types: str, tmp_path: Path) -> None:
    assert receiver(tmp_path, types=types).types


@pytest.mark.parametrize(
    ("url", "in_clear"),
    [
        ("https://crm.example.com/in?key=1", False),
        ("https://10.0.0.5:8443", False),
        ("http://127.0.0.1:9000/in", False),
        ("http://localhost", False),
        ("http://[::1]:9000", False),
        ("http://10.0.0.5/in", True),
        ("http://crm:8080/in", True),
    ],
)
def test_address_is_https_or_inside_a_private_network_with_a_note(url: str, in_clear: bool, tmp_path: Path) -> None:
    settings = load(tmp_path, {**GOOD, "url": f'"{url}"'})
    assert settings.events[0].url == url
    assert settings.notes == (("events to crm travel in clear, by http.",) if in_clear else ())


def test_it_is_noted_that_without_a_call_log_no_event_is_sent(tmp_path: Path) -> None:
    settings = load(tmp_path, GOOD).model_copy(update={"call_log": False})
    assert settings.notes == ("events to crm are not sent without a call log.",)


HIDDEN = "********"
BROKEN = [
    ("name", '"My CRM"', '"My CRM"', "no receiver's name", "such as crm"),
    ("name", '""', "(not set)", "no receiver's name", "such as crm"),
    ("url", '"http://crm.example.com/in?key=1"', '"http://crm.example.com/in"', "in clear", "https://"),
    ("url", '"http://8.8.8.8/"', '"http://8.8.8.8/"', "in clear", "https://"),
    ("url", '"ftp://crm"', '"ftp://crm"', "no URL of the kind", "https://host/path"),
    ("url", '"https://[::1"', '"https://[::1"', "is no URL", "https://host/path"),
    ("url", '"https://crm.example.com:99999"', '"https://crm.example.com:99999"', "is no URL", "https://host/path"),
    ("url", '"https://crm.example.com/ä"', '"https://crm.example.com/ä"', "no URL of the kind", "https://host/path"),
    ("url", '"https://me:pw@crm.example.com"', '"https://…@crm.example.com"', "user or password", "before the @"),
    ("url", '"https://crm.example.com/#in"', '"https://crm.example.com/"', "fragment", "Remove"),
    ("secret", '"secret"', HIDDEN, "does not begin with whsec_", "openssl rand"),
    ("secret", '""', "(not set)", "does not begin with whsec_", "openssl rand"),
    ("secret", '"whsec_c2hvcnQ="', HIDDEN, "too short: 5 bytes", "openssl rand"),
    ("secret", f'"whsec_{"QUFB" * 30}"', HIDDEN, "too long: 90 bytes", "openssl rand"),
    ("secret", '"whsec_not base64!"', HIDDEN, "not whsec_ and base64", "openssl rand"),
    ("secret", '"whsec_ä"', HIDDEN, "not whsec_ and base64", "openssl rand"),
    ("secret", "3", HIDDEN, "not a text", "quotes"),
    ("types", "[]", "(not set)", "chooses no event", "Leave it out"),
    ("types", '["*", "call.turns"]', '"call.turns"', "matches no event", 'Did you mean "call.turn"?'),
    ("types", '["xyz"]', '"xyz"', "matches no event", "Events are runtime.call.start"),
    ("types", '"*"', '"*"', "not a list", "brackets"),
    ("sercet", '"whsec_x"', HIDDEN, "not a setting", 'Did you mean "secret"?'),
]


@pytest.mark.parametrize(("name", "value", "shown", "what", "mend"), BROKEN)
def test_fault_is_named(name: str, value: str, shown: str, what: str, mend: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSettingsError) as raised:
        load(tmp_path, {**GOOD, name: value})
    (fault,) = raised.value.faults
    assert fault.key.startswith(f"events[0].{name}")
    assert (fault.value, what in fault.wrong, mend in fault.mend) == (shown, True, True), fault


def test_no_two_receivers_have_one_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettingsError) as raised:
        load(tmp_path, GOOD, {**GOOD, "name": '"till"'}, GOOD)
    assert (
        str(raised.value.faults[0]) == 'events[2].name = "crm": is there twice. Give each receiver a name of its own.'
    )


def test_what_must_be_set_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettingsError) as raised:
        load(tmp_path, {"name": '"crm"'})
    assert {fault.key for fault in raised.value.faults} == {"events[0].url", "events[0].secret"}


def test_receivers_are_taken_on_at_a_restart(tmp_path: Path) -> None:
    assert needs_restart(load(tmp_path), load(tmp_path, GOOD)) == ("events",)
