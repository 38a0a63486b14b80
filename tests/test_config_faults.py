"""Broken settings: each fault names the key as the operator writes it, the value (never a secret) and the mend."""

from pathlib import Path

import pytest

from voicegw.config import Fault, InvalidSettingsError, load_settings

GOOD = {
    "VOICEGW_PUBLIC_URL": "https://gw.example.com",
    "TWILIO_AUTH_TOKEN": "0123456789abcdef0123456789abcdef",
    "VOICEFLOW_API_KEY": "VF.DM.key",
    "VOICEFLOW_PROJECT_ID": "project",
}
HIDDEN = "********"
UNSET = "(not set)"


def faults_of(directory: Path, toml: str = "", **environ: str) -> tuple[Fault, ...]:
    (directory / "voicegw.toml").write_text(toml, encoding="utf-8")
    with pytest.raises(InvalidSettingsError) as caught:
        load_settings({**GOOD, **environ}, directory)
    return caught.value.faults


# variable, value set, value shown, what is wrong, the mend
BROKEN_ENVIRONMENT = [
    ("VOICEGW_PORT", "eighty", '"eighty"', "not a whole number", "digits"),
    ("VOICEGW_PORT", "65536", '"65536"', "out of range", "65535"),
    ("VOICEGW_PORT", "-1", '"-1"', "out of range", "greater than or equal to 0"),
    ("VOICEGW_PORT", "tcp://10.0.0.1:8080", '"tcp://10.0.0.1:8080"', "not a whole number", "digits"),
    ("VOICEGW_HOST", "0.0.0.0:80 ;", '"0.0.0.0:80 ;"', "no address to listen on", "127.0.0.1"),
    ("VOICEGW_MODE", "relay", '"relay"', "does not have yet", '"gather"'),
    ("VOICEGW_MODE", "relay", '"relay"', "does not have yet", '"gather"'),
    ("VOICEGW_MODE", "gathr", '"gathr"', "not one of the choices", 'Did you mean "gather"?'),
    ("VOICEGW_PUBLIC_URL", "http://gw.example.com", '"http://gw.example.com"', "not https", "https://"),
    ("VOICEGW_PUBLIC_URL", "gw.example.com", '"gw.example.com"', "no URL", "https://host"),
    ("VOICEGW_PUBLIC_URL", "wss://gw.example.com", '"wss://gw.example.com"', "no URL", "https://host"),
    ("VOICEGW_PUBLIC_URL", "https://", '"https://"', "no URL", "https://host"),
    ("VOICEGW_PUBLIC_URL", "https://[::1", '"https://[::1"', "no URL", "https://host"),
    ("VOICEGW_PUBLIC_URL", "https://gw.example.com:99999", '"https://gw.example.com:99999"', "no URL", "a port"),
    ("VOICEGW_PUBLIC_URL", "https://gw.example.com/ä", '"https://gw.example.com/ä"', "no URL", "https://host"),
    ("VOICEGW_PUBLIC_URL", "https://g.example/?a=1", '"https://g.example/?a=1"', "query or a fragment", "Remove"),
    ("VOICEGW_PUBLIC_URL", "https://g.example/#a", '"https://g.example/#a"', "query or a fragment", "Remove"),
    ("VOICEGW_PUBLIC_URL", "https://me:pw@g.example", '"https://…@g.example"', "user or password", "before the @"),
    ("VOICEGW_DATABASE_URL", "mysql://me:pw@db/x", HIDDEN, "no database we know", "sqlite:///"),
    ("VOICEGW_DATABASE_URL", "voicegw.db", HIDDEN, "no database we know", "sqlite:///"),
    ("VOICEGW_REDIS_URL", "redis://:pw@cache", HIDDEN, "not part of this version", "Unset it"),
    ("VOICEGW_FORWARD_ALLOW", "+1,49", '"49"', "allows nothing", "+4930"),
    ("VOICEGW_STT", "Deepgram", '"Deepgram"', "no provider's name", "deepgram"),
    ("VOICEGW_TTS", "elevenlabs:", '"elevenlabs:"', "no provider's name", "deepgram:nova-3"),
    ("VOICEGW_TTS", "a,a", '["a", "a"]', "names a provider twice", "once"),
    ("VOICEGW_REALTIME_URL", "https://rt.example.com", '"https://rt.example.com"', "no URL", "wss://host"),
    ("VOICEGW_REALTIME_PROTOCOL", "grpc", '"grpc"', "not one of the choices", "'raw' or 'openai'"),
    ("TWILIO_ACCOUNT_SID", "SK123", '"SK123"', "no account SID", "32 hexadecimal digits"),
    ("TWILIO_AUTH_TOKEN", "", UNSET, "anyone could pose as Twilio", "--insecure-dev"),
    ("TWILIO_AUTH_TOKEN", ", ,", UNSET, "anyone could pose as Twilio", "--insecure-dev"),
    ("TWILIO_AUTH_TOKEN", "two words", HIDDEN, "spaces", "Copy it again"),
    ("TWILIO_SHARED_KEYS", "secret", HIDDEN, "not one id=secret", "KEYID=secret"),
    ("TWILIO_SHARED_KEYS", "k=secret,k=other", HIDDEN, "not one id=secret", "KEYID=secret"),
    ("TWILIO_SHARED_KEYS", "=secret", HIDDEN, "cannot name a key", "KEYID=secret"),
    ("TWILIO_SHARED_KEYS", "k=", HIDDEN, "is empty", "Copy it again"),
    ("TWILIO_SHARED_KEY", "k=secret", HIDDEN, "not a setting", 'Did you mean "TWILIO_SHARED_KEYS"?'),
    ("VOICEFLOW_API_KEY", "", UNSET, "not set", "API keys"),
    ("VOICEFLOW_API_KEY", "VF.DM.\u200bkey", HIDDEN, "outside ASCII", "Copy it again"),
    ("VOICEFLOW_PROJECT_ID", "", UNSET, "not set", "Metadata"),
    ("VOICEFLOW_PROJECT_ID", "a/b", '"a/b"', "no Voiceflow name has", "Copy it"),
    ("VOICEFLOW_ENVIRONMENT", "my main", '"my main"', "no Voiceflow name has", "Copy it"),
    ("VOICEFLOW_BASE_URL", "http://agent.example.com", '"http://agent.example.com"', "in clear", "https://"),
    ("VOICEFLOW_BASE_URL", "http://8.8.8.8", '"http://8.8.8.8"', "in clear", "https://"),
    ("VOICEFLOW_BASE_URL", "ftp://agent", '"ftp://agent"', "no URL", "https://host"),
    ("VOICEGW_FORWARD_ALOW", "+1", HIDDEN, "not a setting", 'Did you mean "VOICEGW_FORWARD_ALLOW"?'),
    ("TWILIO_ACCOUNT_SIDS", "AC1", HIDDEN, "not a setting", 'Did you mean "TWILIO_ACCOUNT_SID"?'),
    ("VOICEGW_CONFIG", "elsewhere.toml", None, "names no file", "Check the path"),
]

# lines of the file, key, value shown, what is wrong, the mend
BROKEN_FILE = [
    ("prot = 80", "prot", "80", "not a setting", 'Did you mean "port"?'),
    ("Port = 80", "Port", "80", "not a setting", 'Did you mean "port"?'),
    ('hosst = "x"', "hosst", '"x"', "not a setting", 'Did you mean "host"?'),
    ('databse_url = "postgresql://a:b@c/d"', "databse_url", HIDDEN, "not a setting", '"database_url"'),
    ('mode = "gather"', "mode", '"gather"', "not a setting of this table", "[defaults]"),
    ('auth_tokens = ["x"]', "auth_tokens", HIDDEN, "not a setting of this table", "[twilio]"),
    ("port = 80.5", "port", "80.5", "not a whole number", "without a fraction"),
    ("max_live_calls = 0", "max_live_calls", "0", "out of range", "greater than or equal to 1"),
    ("insecure_dev = true", "insecure_dev", "true", "stands in a file", "--insecure-dev"),
    ("live_store_path = 7", "live_store_path", "7", "not a path", "quotes"),
    ("realtime = 3", "realtime", "3", "not a table", "name = value"),
    ("defaults = 3", "defaults", "3", "not a table", "[defaults]"),
    ("numbers = 3", "numbers", "3", "not a list of tables", "[[numbers]]"),
    ("numbers = [1]", "numbers", "[1]", "not a list of tables", "[[numbers]]"),
    ('[twilio]\nauth_token = "x"', "twilio.auth_token", HIDDEN, "not a setting", '"auth_tokens"'),
    ('[twilio]\nshared_keys = ["x"]', "twilio.shared_keys", HIDDEN, "one id=secret", "[twilio.shared_keys]"),
    ("[twilio]\nshared_keys = 3", "twilio.shared_keys", HIDDEN, "not a table", "name = value"),
    ('[twilio.shared_keys]\nk = ""', "twilio.shared_keys", HIDDEN, "is empty", "Copy it again"),
    ('[twilio.shared_keys]\n"a b" = "x"', "twilio.shared_keys", HIDDEN, "cannot name a key", "KEYID=secret"),
    ("[twilio.shared_keys]\nk = 3", "twilio.shared_keys.k", HIDDEN, "not a text", "quotes"),
    ('[voiceflow]\nstreaming = "maybe"',
     "voiceflow.streaming", '"maybe"', "neither true nor false", "true or false"),
    ('[defaults]\nnumber = "+14155550100"', "defaults.number", '"+14155550100"', "no default", "[[numbers]]"),
    ('[defaults]\nproject_id = "x"', "defaults.project_id", '"x"', "no default", "[voiceflow]"),
    ('[defaults]\nlanguage = "german"', "defaults.language", '"german"', "no language tag", "de-DE"),
    ('[defaults]\nlanguage = "en_US"', "defaults.language", '"en_US"', "no language tag", "en-US"),
    ('[defaults]\nvoice = "Joanna"', "defaults.voice", '"Joanna"', "no voice", "Polly.Joanna"),
    ('[defaults]\ntimezone = "Berlin"', "defaults.timezone", '"Berlin"', "no time zone", "Europe/Berlin"),
    ('[defaults]\ntimezone = "x"', "defaults.timezone", '"x"', "no time zone", "IANA"),
    ('[defaults]\nuser_id = "cal"', "defaults.user_id", '"cal"', "not one of the choices", 'Did you mean "call"?'),
    ('[defaults]\nendpointing = "slow"', "defaults.endpointing", '"slow"', "not one of", "'patient'"),
    ("[defaults]\nread_buttons = 3", "defaults.read_buttons", "3", "neither true nor false", "true or false"),
    ('[defaults]\nhints = "a"', "defaults.hints", '"a"', "not a list", "brackets"),
    ('[defaults]\nspeech_model = "a b"', "defaults.speech_model", '"a b"', "no speech model", "phone_call"),
    ("[defaults]\nmax_call_seconds = 1", "defaults.max_call_seconds", "1", "out of range", "30"),
    ('[defaults]\nescape_key = "A"', "defaults.escape_key", '"A"', "no key", "0-9"),
    ('[defaults]\nescape_key = "0"', "defaults.forwarding.human", UNSET, "not set", "escape_key"),
    ('[defaults]\nescape_words = ["help"]', "defaults.forwarding.human", UNSET, "not set", "escape_words"),
    ('[defaults.variables]\n"a b" = "1"', 'defaults.variables."a b"', '"a b"', "no variable's name", "letters"),
    ('[defaults.variable_names]\ncall_sid = "a-b"',
     "defaults.variable_names.call_sid", '"a-b"', "no variable's", "_"),
    ('[defaults.phrases]\nfiler = "Hm."', "defaults.phrases.filer", '"Hm."', "no phrase", 'Did you mean "filler"?'),
    ('[defaults.phrases]\nxyz = "Hm."', "defaults.phrases.xyz", '"Hm."', "no phrase", "filler, still_there"),
    ('[defaults.phrases]\npress_for = ["{digit}", "For {nmae}"]',
     "defaults.phrases.press_for", '["{digit}", "For {nmae}"]', "unknown field {nmae}", "Use {digit}, {name}."),
    ('[defaults.phrases]\nbusy = "Hello {caller}."',
     "defaults.phrases.busy", '"Hello {caller}."', "unknown field {caller}", "this phrase has none"),
    ('[defaults.phrases]\nconfirm_announce = "From {the caller}."',
     "defaults.phrases.confirm_announce", '"From {the caller}."', "unknown field {the caller}", "Use {caller}."),
    ("[defaults]\nrecording = true", "defaults.recording", "true", "not told", 'disclosure = "default"'),
    (
        '[defaults]\ndisclosure = "default"\nsensitive = true\nrecording = true',
        "defaults.recording",
        "true",
        "`sensitive` hides",
        "one of the two",
    ),
    ("recordings_path = 7", "recordings_path", "7", "not a path", "quotes"),
    ("[defaults]\ndisclosure = true", "defaults.disclosure", "true", "not a text", "quotes"),
    ("[defaults.keypad]\ngap_seconds = 11", "defaults.keypad.gap_seconds", "11", "out of range", "10"),
    ('[defaults.keypad]\ngap_seconds = "x"', "defaults.keypad.gap_seconds", '"x"', "not a number", "digits"),
    ("[defaults.keypad]\nmax_digits = 65", "defaults.keypad.max_digits", "65", "out of range", "64"),
    ('[defaults.keypad]\ndelimiters = ["0"]', "defaults.keypad.delimiters[0]", '"0"', "not one of", "'#' or '*'"),
    ('[defaults.keypad]\ndelimiters = ["#", "#"]',
     "defaults.keypad.delimiters", '["#", "#"]', "twice", '["#", "*"]'),
    ("[defaults.silence]\nprompts_at_seconds = [9, 5]",
     "defaults.silence.prompts_at_seconds", "[9, 5]", "ascend", "later"),
    ("[defaults.silence]\ngoodbye_at_seconds = 20", "defaults.silence.goodbye_at_seconds", "20", "before", "later"),
    ("[[defaults.keypad]]\nenabled = true", "defaults.keypad", "(a list of tables)", "not a table", "name = value"),
    ("[defaults]\nkeypad = true", "defaults.keypad", "true", "not a table", "name = value"),
    ('[[defaults.fallback]]\nto = "911"',
     "defaults.fallback[0].to", '"911"', "neither a number nor", "country code"),
    ('[[defaults.fallback]]\nto = "+4912"',
     "defaults.fallback[0].to", '"+4912"', "no valid number", "count the digits"),
    ('[[defaults.fallback]]\nto = "+49 30 110"',
     "defaults.fallback[0].to", '"+49 30 110"', "emergency", "another line"),
    ('[[defaults.fallback]]\nto = "+19005551234"',
     "defaults.fallback[0].to", '"+19005551234"', "premium", "another line"),
    ('[[defaults.fallback]]\nto = "+881612345678"',
     "defaults.fallback[0].to", '"+881612345678"', "satellite", "another"),
    ('[[defaults.fallback]]\nto = "sip:a@b?c=d"',
     "defaults.fallback[0].to", '"sip:a@b?c=d"', "no SIP address", "sip_headers"),
    ("[[defaults.fallback]]\nconfirm = true", "defaults.fallback[0].to", UNSET, "missing", "Set it"),
    ('[[defaults.fallback]]\nto = "+493012345678"\nring_seconds = 4',
     "defaults.fallback[0].ring_seconds", "4", "range", "5"),
    ('[[defaults.fallback]]\nto = "+493012345678"\nsend_digits = "1,2"',
     "defaults.fallback[0].send_digits", '"1,2"', "keys", "A-D"),
    ('[[defaults.fallback]]\nto = "sip:a@b.example"\nsend_digits = "1"',
     "defaults.fallback[0].send_digits", '"1"', "SIP", "sip:204@"),
    ('[[defaults.fallback]]\nto = "sip:a@b.example"\nsip_headers = {Route = "x"}',
     "defaults.fallback[0].sip_headers.Route", '"x"', "no header that the carrier", "X-Queue"),
    ('[[defaults.fallback]]\nto = "sip:a@b.example"\nsip_headers = {X-A = "ä"}',
     "defaults.fallback[0].sip_headers.X-A", '"ä"', "no SIP header can hold", "ASCII"),
    (f'[[defaults.fallback]]\nto = "sip:a@b.example"\nsip_headers = {{X-A = "{"a" * 1030}"}}',
     "defaults.fallback[0].sip_headers", "(a table)", "1024", "Shorten"),
    ('[[defaults.fallback]]\nto = "+493012345678"\nsip_headers = {X-A = "x"}',
     "defaults.fallback[0].sip_headers", "(a table)", "only to SIP", "Remove"),
    ('[defaults.forwarding]\nhuman = "sales"',
     "defaults.forwarding.human", '"sales"', "names no alias", "destinations"),
    ('[defaults.forwarding]\nhuman = "slaes"\ndestinations = {sales = [{to = "+493012345678"}]}',
     "defaults.forwarding.human", '"slaes"', "names no alias", 'Did you mean "sales"?'),
    ("[defaults.forwarding.destinations]\nsales = []",
     "defaults.forwarding.destinations.sales", UNSET, "no destination", "to ="),
    ('[defaults.forwarding.destinations]\n"911" = [{to = "+493012345678"}]',
     "defaults.forwarding.destinations.911", '"911"', "looks like a number", "such as sales"),
    ('[defaults.forwarding.destinations]\n"front  desk" = [{to = "+493012345678"}]\n'
     '"Front Desk" = [{to = "+493012345678"}]',
     'defaults.forwarding.destinations."Front Desk"', '"Front Desk"', "there twice", "rename"),
    ('[defaults.forwarding.destinations]\nsales = [{too = "x", to = "+493012345678"}]',
     "defaults.forwarding.destinations.sales[0].too", '"x"', "not a setting", 'Did you mean "to"?'),
    ("[defaults.forwarding]\ndestinations = 3",
     "defaults.forwarding.destinations", "3", "not a table", "name = value"),
    ("[defaults.forwarding]\nmax_attempts = 0", "defaults.forwarding.max_attempts", "0", "out of range", "1"),
    ("[defaults.forwarding]\nmax_atempts = 1",
     "defaults.forwarding.max_atempts", "1", "not a setting", '"max_attempts"'),
    ("[defaults.forwarding]\nlanguage = 1",
     "defaults.forwarding.language", "1", "of this table", "[defaults] or [[numbers]]"),
    ("[defaults.forwarding]\nzzz = 1",
     "defaults.forwarding.zzz", "1", "not a setting", "here stand destinations, allow"),
    ('[[numbers]]\nlanguage = "en-US"', "numbers[0].number", UNSET, "not set", 'number = "+…"'),
    ("[[numbers]]\nnumber = 4930", "numbers[0].number", "4930", "not a text", "quotes"),
    ('[[numbers]]\nnumber = "030 1234"', "numbers[0].number", '"030 1234"', "no number in E.164", "country code"),
    ('[[numbers]]\nnumber = "client:bob"',
     "numbers[0].number", '"client:bob"', "no number in E.164", "sip:user@host"),
    ('[[numbers]]\nnumber = "+14155550100"\n[[numbers]]\nnumber = "+1 (415) 555-0100"',
     "numbers[1].number", '"+1 (415) 555-0100"', "listed twice", "Remove"),
    ('[[numbers]]\nnumber = "sip:A@b.example"\n[[numbers]]\nnumber = "sip:a@B.example:5060"',
     "numbers[1].number", '"sip:a@B.example:5060"', "listed twice", "Remove"),
    ('[[numbers]]\nnumber = "+14155550100"\n[numbers.keypad]\ngap_seconds = -1',
     "numbers[0].keypad.gap_seconds", "-1", "out of range", "0"),
    ('[[numbers]]\nnumber = "+14155550100"\n[[numbers.fallback]]\nto = "+14155550100"',
     "numbers[0].fallback[0].to", '"+14155550100"', "itself answers", "a human answers"),
    ('[[defaults.fallback]]\nto = "+1 415 555 0100"\n[[numbers]]\nnumber = "+14155550100"\n'
     '[[numbers]]\nnumber = "+14155550101"',
     "defaults.fallback[0].to", '"+1 415 555 0100"', "itself answers", "a human answers"),
]  # fmt: skip


def test_matrix_is_as_long_as_promised() -> None:
    assert len(BROKEN_ENVIRONMENT) + len(BROKEN_FILE) >= 60


@pytest.mark.parametrize(("name", "value", "shown", "wrong", "mend"), BROKEN_ENVIRONMENT)
def test_broken_variable_is_named_with_its_mend(
    name: str, value: str, shown: str | None, wrong: str, mend: str, tmp_path: Path
) -> None:
    (fault,) = faults_of(tmp_path, **{name: value})
    assert fault.key == name
    assert shown is None or fault.value == shown
    assert wrong in fault.wrong
    assert mend in fault.mend


@pytest.mark.parametrize(("toml", "key", "shown", "wrong", "mend"), BROKEN_FILE)
def test_broken_file_is_named_with_its_mend(
    toml: str, key: str, shown: str | None, wrong: str, mend: str, tmp_path: Path
) -> None:
    (fault,) = faults_of(tmp_path, toml)
    assert fault.key == key
    assert shown is None or fault.value == shown
    assert wrong in fault.wrong
    assert mend in fault.mend
