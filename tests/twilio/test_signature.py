"""Twilio's signature: published vectors, the SDK as oracle where it is right, and odd spellings."""

import base64
import hashlib
import hmac
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import MultiDict
from twilio.request_validator import RequestValidator

from voicegw.twilio.forms import parse_form
from voicegw.twilio.signature import SignatureVerifier, signed_target

TOKEN = "12345"
DOCUMENTED_PAIRS = (
    ("CallSid", "CA1234567890ABCDE"),
    ("Caller", "+14158675310"),
    ("Digits", "1234"),
    ("From", "+14158675310"),
    ("To", "+18005551212"),
)
DOCUMENTED_SHA1 = "L/OH5YylLD5NRKLltdqwSvS0BnU="
DOCUMENTED_SHA256 = "qMztBq0IANMH/q0K9sCfKQJLylezvRdRzRS647SAVow="
PATH, QUERY = b"/myapp.php", b"foo=1&bar=2"
KEY_ID = "webhooks_sharedkey_1"
SETTINGS = f"key={KEY_ID},algorithm=HMAC_SHA256"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
form_pairs = st.lists(st.tuples(texts, texts), max_size=12).map(tuple)


def verifier(public_url: str = "https://example.com", *tokens: str, **shared: str) -> SignatureVerifier:
    return SignatureVerifier(public_url, tokens or (TOKEN,), shared)


def signed_by(key: str, message: str, algorithm: str = "sha1") -> str:
    return base64.b64encode(hmac.digest(key.encode(), message.encode(), algorithm)).decode()


def test_published_vector_is_accepted_and_reproduced() -> None:
    assert verifier().verify(PATH, QUERY, DOCUMENTED_PAIRS, DOCUMENTED_SHA1)
    assert verifier().sign(PATH, QUERY, DOCUMENTED_PAIRS) == DOCUMENTED_SHA1


def test_path_and_query_may_be_text() -> None:
    assert verifier().verify("/myapp.php", "foo=1&bar=2", DOCUMENTED_PAIRS, DOCUMENTED_SHA1)


def test_order_of_parameters_does_not_matter() -> None:
    assert verifier().verify(PATH, QUERY, DOCUMENTED_PAIRS[::-1], DOCUMENTED_SHA1)


def test_get_is_signed_over_its_url_alone() -> None:
    signature = signed_by(TOKEN, "https://example.com/twilio/voice?CallSid=CA1&From=%2B1")
    assert verifier().verify_get(b"/twilio/voice", b"CallSid=CA1&From=%2B1", signature)
    assert not verifier().verify_get(b"/twilio/voice", b"CallSid=CA1&From=+1", signature)


def test_get_may_name_a_shared_key() -> None:
    signature = signed_by("secret", "https://example.com/x?a=1", "sha256")
    shared = verifier(**{KEY_ID: "secret"})
    assert shared.verify_get(b"/x", b"a=1", signature, SETTINGS)
    assert not shared.verify_get(b"/x", b"a=1", signature)


def test_what_is_signed_behind_the_url_s_base_is_path_query_and_fields() -> None:
    assert signed_target(b"/x", b"a=1", (("Digits", "12"),)) == b"/x?a=1Digits12"


def test_repeated_values_count_once_and_sorted_as_the_sdk_does() -> None:
    pairs = (("b", "2"), ("b", "1"), ("b", "2"), ("a", ""))
    signature = RequestValidator(TOKEN).compute_signature("https://example.com/x", MultiDict(pairs))
    assert signature == signed_by(TOKEN, "https://example.com/xab1b2")
    assert verifier().verify("/x", "", pairs, signature)


def test_blank_value_is_signed_by_its_name() -> None:
    signature = signed_by(TOKEN, "https://example.com/xFromCity")
    assert verifier().verify("/x", "", (("FromCity", ""),), signature)
    assert not verifier().verify("/x", "", (), signature)


@pytest.mark.parametrize(
    ("public_url", "signed_base"),
    [
        ("https://example.com", "https://example.com"),
        ("https://example.com", "https://example.com:443"),
        ("https://example.com/", "https://example.com"),
        ("https://example.com:8443", "https://example.com:8443"),
        ("https://example.com:8443", "https://example.com"),
        ("http://example.com", "http://example.com"),
        ("http://example.com", "http://example.com:80"),
        ("http://example.com:8080", "http://example.com:8080"),
        ("http://example.com:8080", "http://example.com"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]:443"),
        ("https://user:pw@example.com:8443", "https://example.com:8443"),
        ("https://user:p@ss@example.com", "https://example.com"),
        ("https://example.com#rc=2&rt=5000", "https://example.com"),
        ("https://example.com/phones/acme/", "https://example.com/phones/acme"),
        ("https://example.com/phones/ACMEX", "https://example.com/phones/ACMEX"),
        ("https://example.com:8443/phones#rc=2", "https://example.com/phones"),
        ("HTTPS://example.com", "https://example.com"),
        ("https://bücher.example", "https://bücher.example"),
    ],
)
def test_public_url_stands_for_what_twilio_signs(public_url: str, signed_base: str) -> None:
    pairs = (("CallSid", "CA1"),)
    signature = signed_by(TOKEN, f"{signed_base}/twilio/voice?step=1CallSidCA1")
    assert verifier(public_url).verify(b"/twilio/voice", b"step=1", pairs, signature)
    assert verifier(public_url).verify(
        b"/twilio/voice", b"step=1", pairs, verifier(public_url).sign("/twilio/voice", "step=1", pairs)
    )


def test_https_is_signed_without_its_port_and_http_with_it() -> None:
    assert verifier("https://example.com:8443").sign("/x") == signed_by(TOKEN, "https://example.com/x")
    assert verifier("http://example.com:8080").sign("/x") == signed_by(TOKEN, "http://example.com:8080/x")


@pytest.mark.parametrize(
    ("public_url", "signed"),
    [
        ("https://example.com/acme", "wss://example.com/acme/twilio/media"),
        ("https://example.com:8443", "wss://example.com:8443/twilio/media"),
        ("http://example.com:8080", "ws://example.com:8080/twilio/media"),
    ],
)
def test_an_upgrade_is_signed_with_the_websocket_form_of_the_url(public_url: str, signed: str) -> None:
    upgrades = SignatureVerifier(public_url, (TOKEN,), websocket=True)
    assert upgrades.verify_get("/twilio/media", "", signed_by(TOKEN, signed))
    assert not upgrades.verify_get("/twilio/media", "", signed_by(TOKEN, signed.replace("ws", "http", 1)))
    assert not verifier(public_url).verify_get("/twilio/media", "", signed_by(TOKEN, signed))


@pytest.mark.parametrize("foreign", ["http://example.com", "https://example.org", "https://example.com:444"])
def test_other_schemes_hosts_and_ports_are_refused(foreign: str) -> None:
    assert not verifier().verify("/x", "", (), signed_by(TOKEN, foreign + "/x"))


@pytest.mark.parametrize(
    "public_url",
    [
        "",
        "example.com",
        "//example.com",
        "ftp://example.com",
        "wss://example.com",
        "https://",
        "https://:443",
        "https://example.com?x=1",
        "https://example.com:port",
        "https://example.com:999999",
        "https://[2001:db8::1",
        "https://[::1]x",
        "https://exa mple.com",
    ],
)
def test_public_url_that_cannot_be_signed_is_refused_at_start(public_url: str) -> None:
    with pytest.raises(ValueError, match=r"^the public URL must be|IPv6"):
        SignatureVerifier(public_url, (TOKEN,))


@pytest.mark.parametrize(
    ("tokens", "shared"), [((), {}), (("",), {}), ((TOKEN, " "), {}), ((TOKEN,), {"k": ""}), ((), {"k": " "})]
)
def test_no_secret_or_an_empty_one_is_refused_at_start(tokens: tuple[str, ...], shared: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"^every webhook needs a secret"):
        SignatureVerifier("https://example.com", tokens, shared)


def test_both_tokens_are_accepted_while_they_rotate_and_the_first_signs() -> None:
    rotating = verifier("https://example.com", "new", "old")
    for token in ("new", "old"):
        assert rotating.verify("/x", "", (), signed_by(token, "https://example.com/x"))
        assert rotating.verify("/x", "", (), signed_by(token, "https://example.com:443/x"))
    assert not rotating.verify("/x", "", (), signed_by("older", "https://example.com/x"))
    assert rotating.sign("/x") == signed_by("new", "https://example.com/x")


def test_shared_key_signs_with_its_own_secret_and_algorithm() -> None:
    sharing = SignatureVerifier("https://example.com", ("other",), {KEY_ID: TOKEN})
    assert sharing.verify(PATH, QUERY, DOCUMENTED_PAIRS, DOCUMENTED_SHA256, SETTINGS)
    assert sharing.verify(PATH, QUERY, DOCUMENTED_PAIRS, DOCUMENTED_SHA1, f"key={KEY_ID},algorithm=HMAC_SHA1")
    assert sharing.verify(PATH, QUERY, DOCUMENTED_PAIRS, DOCUMENTED_SHA1, f"key={KEY_ID}")
    assert sharing.verify(PATH, QUERY, DOCUMENTED_PAIRS, DOCUMENTED_SHA256, f" algorithm=HMAC_SHA256 , key={KEY_ID} ")


def test_shared_key_may_be_all_there_is_and_then_every_request_must_name_it() -> None:
    sharing = SignatureVerifier("https://example.com", (), {KEY_ID: TOKEN})
    assert sharing.verify(PATH, QUERY, DOCUMENTED_PAIRS, DOCUMENTED_SHA256, SETTINGS)
    assert not sharing.verify(PATH, QUERY, DOCUMENTED_PAIRS, DOCUMENTED_SHA1)
    assert not sharing.verify(PATH, QUERY, DOCUMENTED_PAIRS, DOCUMENTED_SHA256)
    assert not sharing.verify(PATH, QUERY, DOCUMENTED_PAIRS, DOCUMENTED_SHA256, "algorithm=HMAC_SHA256")
    with pytest.raises(ValueError, match=r"^there is no auth token to sign with$"):
        sharing.sign(PATH)


def test_settings_without_a_key_mean_the_auth_token() -> None:
    assert verifier().verify(PATH, QUERY, DOCUMENTED_PAIRS, DOCUMENTED_SHA256, "algorithm=HMAC_SHA256")
    assert verifier().verify(PATH, QUERY, DOCUMENTED_PAIRS, DOCUMENTED_SHA1, "")


@pytest.mark.parametrize(
    "settings_header",
    [
        "key=unknown,algorithm=HMAC_SHA256",
        f"key={KEY_ID},algorithm=HMAC_MD5",
        f"key={KEY_ID},algorithm=none",
        f"key={KEY_ID},algorithm=HMAC_SHA1",
        "algorithm=HMAC_SHA512",
        "algorithm=HMAC_SHA256",
        "key=,algorithm=HMAC_SHA256",
        f"key=unknown,key={KEY_ID},algorithm=HMAC_SHA256",
        "\x00\ud800=,,=,key",
        "x" * 2_000_000,
    ],
)
def test_settings_that_do_not_name_our_key_and_algorithm_are_refused(settings_header: str) -> None:
    sharing = SignatureVerifier("https://example.com", ("other",), {KEY_ID: TOKEN})
    assert not sharing.verify(PATH, QUERY, DOCUMENTED_PAIRS, DOCUMENTED_SHA256, settings_header)


@pytest.mark.parametrize("key", ["unknown", "unknown=", "unknown=x"])
def test_a_request_that_names_a_key_is_not_judged_by_the_auth_token(key: str) -> None:
    settings = f"key={key},algorithm=HMAC_SHA256"
    assert not verifier().verify(PATH, QUERY, DOCUMENTED_PAIRS, DOCUMENTED_SHA256, settings)


def test_a_secret_may_hold_what_an_environment_may_hold() -> None:
    odd = SignatureVerifier("https://example.com", ("bytes that are no text: \udcff",))
    assert odd.verify(PATH, QUERY, DOCUMENTED_PAIRS, odd.sign(PATH, QUERY, DOCUMENTED_PAIRS))


def test_shared_secret_is_no_auth_token() -> None:
    sharing = SignatureVerifier("https://example.com", ("other",), {KEY_ID: TOKEN})
    assert not sharing.verify(PATH, QUERY, DOCUMENTED_PAIRS, DOCUMENTED_SHA1)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        " ",
        "=",
        "A" * 28,
        DOCUMENTED_SHA1 + "\n",
        " " + DOCUMENTED_SHA1,
        DOCUMENTED_SHA1.rstrip("="),
        DOCUMENTED_SHA1 + "=",
        DOCUMENTED_SHA1.replace("/", "_"),
        DOCUMENTED_SHA1[:10] + " " + DOCUMENTED_SHA1[10:],
        DOCUMENTED_SHA1[:-2] + "V=",  # the same digest with other spare bits
        DOCUMENTED_SHA1.lower(),
        DOCUMENTED_SHA256,
        "ÄÖÜ" + DOCUMENTED_SHA1[3:],
        "\ud800" * 28,
        "\x00" * 28,
        "A" * 1_048_576,
    ],
)
def test_any_other_spelling_of_the_signature_is_refused(header: str | None) -> None:
    assert not verifier().verify(PATH, QUERY, DOCUMENTED_PAIRS, header)


def test_the_other_spelling_used_above_does_decode_to_the_same_digest() -> None:
    assert base64.b64decode(DOCUMENTED_SHA1[:-2] + "V=") == base64.b64decode(DOCUMENTED_SHA1)


def test_lone_surrogates_and_broken_bytes_are_refused_without_raising() -> None:
    assert not verifier().verify("/\ud800", b"\xff\xfe", (("\udfff", "\ud800"),), DOCUMENTED_SHA1)
    assert not verifier().verify(b"\xff" * 10_000, "ü", (("a", "\x00" * 100_000),), DOCUMENTED_SHA1)


def test_a_fragment_in_a_request_is_not_dropped() -> None:
    """A genuine request never has one: accepting it would let one signature fit two targets."""
    assert not verifier().verify(PATH, QUERY + b"#x", DOCUMENTED_PAIRS, DOCUMENTED_SHA1)


def test_replay_keeps_its_target_whatever_the_signature_lets_change() -> None:
    named = signed_target(PATH, QUERY, DOCUMENTED_PAIRS)
    split_elsewhere = tuple(("Digit", "s1234") if name == "Digits" else (name, v) for name, v in DOCUMENTED_PAIRS)
    for replay in (DOCUMENTED_PAIRS[::-1], DOCUMENTED_PAIRS * 2, split_elsewhere):
        assert verifier().verify(PATH, QUERY, replay, DOCUMENTED_SHA1)
        assert signed_target(PATH, QUERY, replay) == named
    assert signed_target(PATH, QUERY + b"3", DOCUMENTED_PAIRS) != named


@settings(max_examples=150, deadline=None)
@given(form_pairs, st.sampled_from(["HMAC_SHA1", "HMAC_SHA256"]))
def test_what_the_sdk_signs_is_accepted_and_what_we_sign_the_sdk_accepts(
    pairs: tuple[tuple[str, str], ...], algorithm: str
) -> None:
    sdk, url = RequestValidator(TOKEN), "https://example.com/twilio/voice?step=1"
    signature = sdk.compute_signature(url, MultiDict(pairs), algorithm)
    assert verifier().verify("/twilio/voice", "step=1", pairs, signature, f"algorithm={algorithm}")
    assert sdk.validate(url, MultiDict(pairs), verifier().sign("/twilio/voice", "step=1", pairs))


@settings(max_examples=150, deadline=None)
@given(form_pairs)
def test_form_body_survives_the_wire(pairs: tuple[tuple[str, str], ...]) -> None:
    signature = verifier().sign("/twilio/voice", "", pairs)
    assert verifier().verify(b"/twilio/voice", b"", parse_form(urlencode(pairs).encode()), signature)


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(st.binary(max_size=40), st.text(max_size=40)),
    st.one_of(st.binary(max_size=40), st.text(max_size=40)),
    st.lists(st.tuples(st.text(max_size=10), st.text(max_size=10)), max_size=5),
    st.none() | st.text(max_size=60) | st.text("AB+/=", min_size=28, max_size=28),
    st.none() | st.text(max_size=60),
)
def test_nothing_made_up_is_accepted_or_raises(
    raw_path: bytes | str,
    raw_query: bytes | str,
    pairs: list[tuple[str, str]],
    signature: str | None,
    settings_header: str | None,
) -> None:
    sharing = SignatureVerifier("https://example.com", (TOKEN,), {KEY_ID: TOKEN})
    assert sharing.verify(raw_path, raw_query, pairs, signature, settings_header) is False


def test_digest_comparison_is_not_fooled_by_a_prefix() -> None:
    digest = hashlib.sha1(b"").digest()  # noqa: S324 (length alone matters here)
    for length in range(len(digest)):
        assert not verifier().verify("/x", "", (), base64.b64encode(digest[:length]).decode())
