"""The guard's rules without a network: which URLs have one meaning, and which addresses are public."""

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from voicegw.prompts.errors import PromptSourceRefused
from voicegw.prompts.public_sources import SourceRules, is_public, parse_source_url

ANYTHING_GOES = SourceRules(allow_http=True)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://cdn.example.com/a.mp3", "https://cdn.example.com/a.mp3"),
        ("  HTTPS://CDN.Example.Com:443/A.mp3#t=1 ", "https://cdn.example.com/A.mp3"),
        ("https://cdn.example.com", "https://cdn.example.com/"),
        ("https://cdn.example.com?a=1", "https://cdn.example.com/?a=1"),
        (
            "https://my_bucket.s3.example.com/a%2Fb?X-Sig=%2B%2f+",
            "https://my_bucket.s3.example.com/a%2Fb?X-Sig=%2B%2f+",
        ),
        ("https://xn--bcher-kva.example/ä b", "https://xn--bcher-kva.example/%C3%A4%20b"),
        ("http://cdn.example.com:80/a", "http://cdn.example.com/a"),
        ("https://8.8.8.8/a", "https://8.8.8.8/a"),
        ("https://[2606:4700:0::1111]/a", "https://[2606:4700::1111]/a"),
    ],
)
def test_good_url_has_one_spelling(url: str, text: str) -> None:
    assert parse_source_url(url, ANYTHING_GOES).text == text


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.from_regex(r"https?://[^/?#]{1,20}[/?#].{0,20}"), st.from_regex(r"https://[!-~]{1,30}")))
def test_url_that_is_taken_means_the_same_to_the_http_client(url: str) -> None:
    try:
        taken = parse_source_url(url, ANYTHING_GOES)
    except PromptSourceRefused:
        return
    understood = URL(taken.text, encoded=True)
    assert (understood.scheme, understood.host, understood.port) == (taken.scheme, taken.host, taken.port)
    assert (understood.user, understood.password, understood.fragment) == (None, None, "")
    assert taken.text.isascii()
    assert taken.text.isprintable()
    assert parse_source_url(taken.text, ANYTHING_GOES) == taken


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://cdn.example.com/" + "a" * 8_200, "characters long; the limit is 8192"),
        ("https://cdn.example.com/a\\b", "backslash"),
        ("https://cdn.example.com/a\nb", "control character"),
        ("cdn.example.com/a.mp3", "begins with https://"),
        ("http://cdn.example.com/a.mp3", "use https://"),
        ("https://me:secret@cdn.example.com/a.mp3", "user or password"),
        ("https://bücher.example/a.mp3", "write its name as xn--"),
        ("https://cdn.example.com%00/a.mp3", "cannot be read"),
        ("https://cdn.example.com:8443/a.mp3", "names port 8443"),
        ("https://[::zz]/a.mp3", "cannot be read"),
        ("https://[1::2::3]/a.mp3", "no IPv6 address"),
        ("https://localhost/a.mp3", "name of the local network"),
        ("https://cdn/a.mp3", "name of the local network"),
        ("https://0x7f.1/a.mp3", "neither a name nor a plain address"),
        ("https://" + "a." * 200 + "com/", "neither a name nor a plain address"),
    ],
)
def test_refusal_says_what_is_wrong_and_repeats_no_secret(url: str, words: str) -> None:
    with pytest.raises(PromptSourceRefused, match=words) as refused:
        parse_source_url(url, SourceRules())
    assert "secret" not in refused.value.message
    assert not refused.value.retryable


def test_what_people_see_of_a_url_holds_no_signature_and_is_short() -> None:
    shown = parse_source_url("https://cdn.example.com/" + "a" * 500 + "?signature=secret", SourceRules()).shown
    assert shown == ("https://cdn.example.com/" + "a" * 500)[:120]


def test_only_listed_hosts_and_ports_where_the_settings_list_them() -> None:
    rules = SourceRules(hosts=("cdn.example.com", "*.Audio.example"), extra_ports=frozenset({8443}))
    for good in ("https://cdn.example.com/a", "https://eu.audio.example/a", "https://a.b.audio.example:8443/a"):
        assert parse_source_url(good, rules).host in good
    for host in ("example.com", "a.cdn.example.com", "audio.example", "evilaudio.example", "8.8.8.8", "[2606:4700::1]"):
        with pytest.raises(PromptSourceRefused, match="not among the hosts that the settings allow"):
            parse_source_url(f"https://{host}/a", rules)


@pytest.mark.parametrize("text", ["8.8.8.8", "93.184.215.14", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001::1"])
def test_public_address_is_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text",
    """
    0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.100.100.200 100.127.255.255 127.0.0.1 127.255.255.255
    168.63.129.16 169.254.169.254 172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.192 192.0.0.255 192.0.2.7 192.31.196.1
    192.52.193.1 192.88.99.1 192.168.0.0 192.168.255.255 192.175.48.1 198.18.0.0 198.19.255.255 198.51.100.7 203.0.113.7
    224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 ::ffff:8.8.8.8 ::ffff:127.0.0.1
    ::ffff:0:8.8.8.8 64:ff9b::8.8.8.8 64:ff9b::7f00:1 64:ff9b:1::1 100::1 1fff::1 2001::1 2001:0:7f00:1:: 2001:10::1
    2001:20::1 2001:1ff::1 2001:db8::1 2002:808:808:: 2002:7f00:1:: 2620:4f:8000::1 3fff::1 4000::1 5f00::1 fc00::1
    fd00:ec2::254 fe80::1 fe80::1%lo 2606:4700::1%lo fec0::1 ff02::1 ff0e::1
    """.split(),  # noqa: SIM905 (ninety strings would hide the blocks they come from)
)
def test_any_other_address_is_not(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@settings(max_examples=300)
@given(st.ip_addresses())
def test_our_list_is_no_weaker_than_pythons(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if is_public(address):
        assert address.is_global
        assert not (address.is_multicast or address.is_private or address.is_reserved or address.is_loopback)
