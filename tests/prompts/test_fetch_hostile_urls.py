"""Hundreds of URLs that mean our own network: asked for directly, by redirect, and by names that move."""

import re
from typing import Any

import aiohttp
import pytest

from voicegw.prompts.errors import PromptSourceRefused
from voicegw.prompts.guarded_fetch import GuardedFetcher

# Hosts that mean our own network to some resolver, parser or person; every name but the public one resolves to it.
OWN_HOSTS = """
127.0.0.1 127.1 127.0.1 2130706433 0x7f000001 0x7f.0.0.1 0x7f.1 0X7F.1 0177.0.0.1 0177.1 017700000001
127.0.0.1. 127.0.0.1.. 127.00.0.1 0127.0.0.1 127.0.0.01 127.0x0.0.1 0x7f.0x0.0x0.0x1 6425673729 0 0.0.0.0 00
0x0 127.255.255.254 １２７.０.０.１ ①②⑦.⓪.⓪.① 127。0。0。1 127．0．0．1 127｡0｡0｡1 ١٢٧.٠.٠.١ %31%32%37.0.0.1 127.0.0.1%00
127.0.0.1%2epublic.example 127.0.0.1%00.public.example 127.0.0.1%2f 127.0.0.1%09 10.0.0.1 10.255.255.255
172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 100.100.100.200 169.254.169.254 169.254.170.2 2852039166
0xa9fea9fe 0251.0376.0251.0376 192.0.0.192 192.0.0.8 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1
239.255.255.250 240.0.0.1 255.255.255.255 0.1.2.3 168.63.129.16 192.88.99.1 [::1] [::] [0:0:0:0:0:0:0:1]
[::ffff:127.0.0.1] [::ffff:7f00:1] [::FFFF:a9fe:a9fe] [::127.0.0.1] [64:ff9b::127.0.0.1] [64:ff9b::a9fe:a9fe]
[64:ff9b:1::7f00:1] [2002:7f00:1::] [fe80::1] [fe80::1%25lo] [fe80::1%lo] [fec0::1] [fc00::1] [fd00:ec2::254]
[ff02::1] [ff0e::1] [2001:0:7f00:1::] [2001:db8::1] [100::1] [3fff::1] [::ffff:0:127.0.0.1] [5f00::1]
[4000::1] ::1 [::1 ::1] [[::1]] [::1].public.example [v1.127.0.0.1] [127.0.0.1] [] localhost LOCALHOST
localhost. localhost.localdomain ip6-localhost a.localhost metadata metadata.google.internal
host.docker.internal kubernetes.default.svc kubernetes.default.svc.cluster.local router.lan printer.local
nas.home.arpa wiki.intranet hidden.onion ⓛocalhost ｌocalhost loc\u00adalhost localho\u017ft loca\u200blhost
localhost%00 localhost%2e public.example. public..example .public.example -public.example public-.example
pub%6cic.example public.example%2e
"""
MORE_HOSTS = ["a" * 64 + ".example", "a." * 130 + "example", "public.example,127.0.0.1", "public.example;127.0.0.1"]
USERS = ["user@", "user:secret@", "public.example@", "public.example:80@", "@", "public.example%40", "public.example&@"]
ODD_PORTS = ":22 :0 :00 :080 :65536 :99999 :-1 :+80 :８０ : :80:80 :8o :80. :%38%30"
OTHER_SCHEMES = [
    "file:///etc/passwd", "file://127.0.0.1/etc/passwd", "ftp://{host}/", "gopher://{host}/_x", "dict://{host}/",
    "ws://{host}/", "unix:///run/docker.sock", "http+unix://%2Frun%2Fdocker.sock/", "jar:http://{host}!/", "ldap://{host}/",
    "data:audio/wav;base64,UklGRg==", "javascript:alert(1)", "blob:http://{host}/", "httpſ://{host}/", "http:/{host}/",
    "http:{host}/", "//{host}/", "///{host}/", "http:///{host}/", "http:\\\\{host}/", "http:/\\{host}/", "http://", "http://?",
    "http://#", "http:// {host}/", "h ttp://{host}/", "://{host}/", "{host}", "", " ", "/", "\\\\{host}\\share",
    "http://public.example\\@{host}/", "http://{host}\\@public.example/", "http://public.example\\.{host}/",
]  # fmt: skip
CONTROLS = [
    "http://{host}/\r\nX: 1", "\x00http://{host}/", "ht\ttp://{host}/", "http://{host}\x00.public.example/",
    "http://public.example\r\n.{host}/", "http://public.example/\ud800", "http://public\u2028.example/",
]  # fmt: skip


def hostile_urls(port: int) -> list[str]:
    host = f"127.0.0.1:{port}"
    own_hosts = OWN_HOSTS.split() + MORE_HOSTS
    return [
        *(f"http://{own}:{port}/secret" for own in own_hosts),
        *(f"http://{own}/secret" for own in own_hosts),
        *(f"http://{user}{host}/secret" for user in USERS),
        *(f"http://public.example{odd}/secret" for odd in ODD_PORTS.split()),
        *(form.format(host=host) for form in OTHER_SCHEMES),
    ]


def hostile_targets(port: int) -> list[str]:
    """Those that leave the server when it redirects to them; the others are paths on it."""
    return [url for url in hostile_urls(port) if re.match(r"[a-z+]+://[^/ ?#]", url)]


async def test_canary_sings_for_whoever_has_no_guard(internet: Any) -> None:
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{internet.canary_port}/") as response:
        assert await response.read() == b"secret"
    assert internet.canary_hits == 1


async def test_no_form_of_url_reaches_our_own_network(internet: Any, fetcher: GuardedFetcher) -> None:
    forms = hostile_urls(internet.canary_port) + [form.format(host="127.0.0.1") for form in CONTROLS]
    assert len(set(forms)) >= 120
    for url in forms:
        with pytest.raises(PromptSourceRefused):
            await fetcher.fetch(url)
    assert internet.dialled == []
    internet.assert_only_public_was_reached()


async def test_no_redirect_reaches_our_own_network(internet: Any, fetcher: GuardedFetcher) -> None:
    forms = hostile_targets(internet.canary_port)
    assert len(set(forms)) >= 120
    for number, url in enumerate(forms):
        status = ("301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent")[number % 5]
        internet.answer(f"/{number}", f"Location: {url}", status=status)
        with pytest.raises(PromptSourceRefused):
            await fetcher.fetch(f"http://public.example/{number}")
    internet.assert_only_public_was_reached()
    assert len(internet.dialled) == len(forms)


async def test_no_name_that_moves_reaches_our_own_network(internet: Any, fetcher: GuardedFetcher) -> None:
    """Each name is public when first asked for and our own from then on, and its server redirects to the next form."""
    forms = hostile_targets(internet.canary_port)
    for number, url in enumerate(forms):
        name = f"moving{number}.example"
        internet.names[name] = [["93.184.215.14"], ["127.0.0.1"]]
        internet.answer(f"/{number}", f"Location: {url}", "Connection: close", status="302 Found")
        internet.answer(f"/again/{number}", f"Location: http://{name}/x", "Connection: close", status="302 Found")
        with pytest.raises(PromptSourceRefused):
            await fetcher.fetch(f"http://{name}/{number}")
        with pytest.raises(PromptSourceRefused):
            await fetcher.fetch(f"http://public.example/again/{number}")
        assert internet.looked_up[name] == 2  # once for each connection: nothing is asked twice for one
    internet.assert_only_public_was_reached()
