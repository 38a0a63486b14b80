"""Typed readers of forms: what Twilio really sends, and the traps in it."""

import pytest

from voicegw.call.inputs import CallParties, ForwardOutcome
from voicegw.twilio.forms import (
    FormError,
    GatherForm,
    parse_call_form,
    parse_dial_form,
    parse_fallback_form,
    parse_form,
    parse_gather_form,
)

CALL_SID = "CA" + "0123456789abcdef" * 2
ACCOUNT_SID = "AC" + "0123456789abcdef" * 2
RINGING = {
    "AccountSid": ACCOUNT_SID,
    "ApiVersion": "2010-04-01",
    "CallSid": CALL_SID,
    "CallStatus": "ringing",
    "Called": "+15005550006",
    "Caller": "+14155550123",
    "CallerCountry": "US",
    "CallerName": "JANE DOE",
    "Direction": "inbound",
    "ForwardedFrom": "+15005550009",
    "From": "+14155550123",
    "FromCity": "",
    "FromCountry": "US",
    "StirVerstat": "TN-Validation-Passed-A",
    "To": "+15005550006",
    "SomethingNew": "kept",
}


def ringing(**changed: str) -> tuple[tuple[str, str], ...]:
    return tuple({**RINGING, **changed}.items())


# ---- the call


def test_first_webhook_says_who_calls_whom() -> None:
    form = parse_call_form(ringing(ParentCallSid="CA1"))
    assert (form.call_sid, form.account_sid, form.call_status) == (CALL_SID, ACCOUNT_SID, "ringing")
    assert form.parent_call_sid == "CA1"
    assert form.stir_verstat == "TN-Validation-Passed-A"
    assert (form.caller, form.called) == ("+14155550123", "+15005550006")
    assert form.parties() == CallParties(
        caller_number="+14155550123",
        called_number="+15005550006",
        caller_raw="+14155550123",
        caller_name="JANE DOE",
        caller_country="US",
        forwarded_from="+15005550009",
        caller_verified=True,
        direction="inbound",
        sip_headers={},
    )


def test_call_that_says_nothing_but_its_id_is_read() -> None:
    form = parse_call_form((("CallSid", CALL_SID),))
    assert form.parties() == CallParties(caller_number="", called_number="", direction="")


def test_legacy_names_stand_in_where_the_present_ones_are_missing() -> None:
    form = parse_call_form((("CallSid", CALL_SID), ("Caller", "+14155550123"), ("Called", "+15005550006")))
    assert (form.caller_number, form.called) == ("+14155550123", "+15005550006")
    assert parse_call_form(ringing(FromCountry="")).caller_country == "US"


@pytest.mark.parametrize(
    "caller",
    [
        "",
        "anonymous",
        "Anonymous",
        "Restricted",
        "unknown",
        "unavailable",
        "+266696687",
        "+7378742833",
        "+2562533",
        "+86282452253",
        "+8656696",
        "266696687",
        "4155550123",
        "+0155550123",
        "+141555",
        "+1234567890123456",
        "+1415555０１２３",
        "+14155550123\n",
        "client:jane",
        "sip:+14155550123@pbx.example.com",
        "sip:anonymous@anonymous.invalid",
    ],
)
def test_withheld_or_unusable_caller_has_no_number_no_country_and_is_not_verified(caller: str) -> None:
    form = parse_call_form(ringing(From=caller, Caller=caller, FromCountry="LS", CallerCountry="LS"))
    assert (form.caller_number, form.caller_country, form.caller_verified) == ("", "", False)
    assert form.caller == caller


@pytest.mark.parametrize("caller", ["+14155550123", "+4930123456", "+266223123456", "+2902345"])
def test_real_number_is_kept(caller: str) -> None:
    assert parse_call_form(ringing(From=caller)).caller_number == caller


@pytest.mark.parametrize(
    ("verstat", "verified"),
    [
        ("TN-Validation-Passed-A", True),
        ("TN-Validation-Passed-A-Diverted", False),
        ("TN-Validation-Passed-A-Passthrough", False),
        ("TN-Validation-Passed-B", False),
        ("TN-Validation-Passed-C", False),
        ("TN-Validation-Failed-A", False),
        ("TN-Validation-Failed", False),
        ("No-TN-Validation", False),
        ("NULL", False),
        ("", False),
    ],
)
def test_only_level_a_vouches_for_the_caller(verstat: str, verified: bool) -> None:
    assert parse_call_form(ringing(StirVerstat=verstat)).caller_verified is verified


def test_sip_headers_are_kept_by_their_own_names() -> None:
    form = parse_call_form(
        (*ringing(), ("SipHeader_X-Customer", "42"), ("SipHeader_User-to-User", "ab"), ("SipHeader_X-Customer", "43"))
    )
    assert form.sip_headers == {"X-Customer": "42", "User-to-User": "ab"}


@pytest.mark.parametrize(
    "call_sid", ["", "CA1", CALL_SID.upper(), CALL_SID + "0", CALL_SID + "\n", "AC" + CALL_SID[2:], "CA" + "٣" * 32]
)
def test_call_without_a_proper_id_is_refused_and_its_id_not_repeated(call_sid: str) -> None:
    with pytest.raises(FormError) as refused:
        parse_call_form(ringing(CallSid=call_sid))
    assert refused.value.code == "form-invalid"
    assert not refused.value.retryable
    assert not call_sid or call_sid not in str(refused.value)


@pytest.mark.parametrize("name", ["CallSid", "AccountSid", "From", "To"])
def test_two_values_for_what_identifies_the_call_are_refused(name: str) -> None:
    with pytest.raises(FormError, match=name):
        parse_call_form((*ringing(), (name, RINGING[name] + "0")))


def test_the_same_value_twice_is_no_contradiction() -> None:
    assert parse_call_form(ringing() * 2) == parse_call_form(ringing())


def test_first_value_counts_elsewhere() -> None:
    assert parse_call_form((*ringing(), ("CallStatus", "completed"))).call_status == "ringing"
    assert parse_gather_form((("Digits", "1"), ("Digits", "2"))).digits == "1"


# ---- what was heard


def test_keys_are_read_with_the_key_that_ended_them() -> None:
    pairs = parse_form(b"Digits=12*3&FinishedOnKey=%23&msg=Gather+End")
    assert parse_gather_form(pairs) == GatherForm("12*3", "#", "", None, "")


def test_entry_ended_by_time_or_length_has_a_blank_finish_key() -> None:
    assert parse_gather_form(parse_form(b"Digits=1234&FinishedOnKey=")).finished_on_key == ""
    assert parse_gather_form(parse_form(b"Digits=1234")).finished_on_key is None


def test_speech_is_read_with_confidence_and_language() -> None:
    pairs = parse_form(b"SpeechResult=I%27d+like+to+book.&Confidence=0.93&Language=en-US")
    assert parse_gather_form(pairs) == GatherForm("", None, "I'd like to book.", 0.93, "en-US")


@pytest.mark.parametrize("body", [b"", b"Digits=&SpeechResult=", b"SpeechResult=&Confidence=0.0", b"msg=Gather+End"])
def test_silence_reads_as_neither_keys_nor_speech(body: bytes) -> None:
    form = parse_gather_form(parse_form(body))
    assert (form.digits, form.speech) == ("", "")


@pytest.mark.parametrize("digits", ["hangup", "12x", " 1", "1\n", "١٢"])
def test_what_is_no_key_is_not_taken_for_keys(digits: str) -> None:
    assert parse_gather_form((("Digits", digits),)).digits == ""


@pytest.mark.parametrize("key", ["##", "x", "\n"])
def test_what_is_no_finish_key_is_as_if_not_said(key: str) -> None:
    assert parse_gather_form((("Digits", "1"), ("FinishedOnKey", key))).finished_on_key is None


@pytest.mark.parametrize(
    ("text", "confidence"),
    [("0", 0.0), ("1.0", 1.0), ("", None), ("high", None), ("nan", None), ("inf", None), ("-0.1", None), ("1.1", None)],
)
def test_confidence_lies_between_nought_and_one_or_is_unknown(text: str, confidence: float | None) -> None:
    assert parse_gather_form((("Confidence", text),)).confidence == confidence


# ---- how it went on


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("completed", ForwardOutcome.COMPLETED),
        ("answered", ForwardOutcome.COMPLETED),
        ("busy", ForwardOutcome.BUSY),
        ("no-answer", ForwardOutcome.NO_ANSWER),
        ("failed", ForwardOutcome.FAILED),
        ("canceled", ForwardOutcome.CANCELED),
        ("declined", ForwardOutcome.FAILED),
        ("something-new", ForwardOutcome.FAILED),
        ("", ForwardOutcome.FAILED),
    ],
)
def test_dial_outcome_is_told_in_our_words(status: str, outcome: ForwardOutcome) -> None:
    assert parse_dial_form((("DialCallStatus", status),)).outcome is outcome


@pytest.mark.parametrize(("text", "bridged"), [("true", True), ("False", False), ("", None), ("maybe", None)])
def test_bridge_is_true_false_or_not_told(text: str, bridged: bool | None) -> None:
    assert parse_dial_form((("DialBridged", text),)).bridged is bridged


def test_dial_keeps_duration_leg_and_sip_code() -> None:
    form = parse_dial_form(
        parse_form(b"DialCallStatus=busy&DialCallSid=CA9&DialCallDuration=7&DialSipResponseCode=486")
    )
    assert (form.seconds, form.call_sid, form.sip_response_code) == (7, "CA9", 486)


@pytest.mark.parametrize("text", ["", "-1", "1.5", "1e3", "٣", "9" * 5000, " 1"])
def test_number_that_is_none_is_unknown(text: str) -> None:
    assert parse_dial_form((("DialCallDuration", text),)).seconds is None


def test_fallback_says_what_failed() -> None:
    form = parse_fallback_form(parse_form(b"ErrorCode=11200&ErrorUrl=https%3A%2F%2Fexample.com%2Fx"))
    assert (form.error_code, form.error_url) == (11200, "https://example.com/x")
    assert parse_fallback_form(()).error_code is None
