"""Which URLs and which IP addresses audio may be fetched from. Pure: the guard's rules, without its sockets.

An agent hands out the URL, and anyone may have written it into the agent: it must never reach the gateway's own
network. What parsers read in two ways (0177.1, a@b, %2e, full-width digits, a dot at the end) is refused unread, so
that no library behind this one can understand it differently.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import quote

from voicegw.prompts.errors import PromptSourceRefused

IpAddress = IPv4Address | IPv6Address

_MAX_URL_CHARS: Final = 8_192
_MAX_HOST_CHARS: Final = 253
_MAX_SHOWN_CHARS: Final = 120
_PRINTABLE_ASCII: Final = "".join(map(chr, range(0x21, 0x7F)))
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}

_URL: Final = re.compile(
    r"(?P<scheme>[a-z]+)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?:#.*)?", re.I
)
_AUTHORITY: Final = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(?P<port>[1-9][0-9]{0,4}))?", re.I)
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# The last label of a name is never a number: URL parsers take 0x7f.1 and 2130706433 for addresses.
_TOP_LABEL: Final = re.compile(r"(?!-)(?!0x)[a-z0-9-]*[a-z][a-z0-9-]*(?<!-)")
_NEVER_PUBLIC_NAMES: Final = ("localhost", "local", "internal", "intranet", "lan", "home.arpa", "onion")

_NOT_PUBLIC_IPV4: Final = tuple(
    ipaddress.IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # between carrier and customer (CGNAT); a cloud's metadata at 100.100.100.200
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's wire server, on an address that looks public
        "169.254.0.0/16",  # link-local; metadata at 169.254.169.254
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; a cloud's metadata at 192.0.0.192
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
# All but this is reserved, local, multicast, or carries an IPv4 address within (::ffff:0:0/96, 64:ff9b::/96).
_PUBLIC_IPV6: Final = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_IPV6: Final = tuple(
    ipaddress.IPv6Network(block)
    for block in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: carries an IPv4 address within
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)


@dataclass(frozen=True, slots=True)
class SourceRules:
    """What the operator allows: plain http, hosts (`audio.example.com`, `*.example.com`; none means any), ports."""

    allow_http: bool = False
    hosts: tuple[str, ...] = ()
    extra_ports: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class SourceUrl:
    """A URL that has been taken apart by our own rules and is fit to be asked for; `text` is its one spelling.

    `address` is there where the host is an IP address and no name; it is not judged yet.
    """

    text: str
    scheme: str
    host: str
    port: int
    address: IpAddress | None

    @property
    def shown(self) -> str:
        """The URL for people: without its query, which may hold a signature."""
        return self.text.partition("?")[0][:_MAX_SHOWN_CHARS]


def parse_source_url(url: str, rules: SourceRules) -> SourceUrl:
    """Takes a URL apart, or says why it is not fetched.

    Non-ASCII characters and spaces may stand in path and query alone, and are percent-encoded. Raises
    PromptSourceRefused, whose message repeats nothing that could not be understood.
    """
    url = url.strip(" ")
    if len(url) > _MAX_URL_CHARS:
        raise PromptSourceRefused(f"the audio's URL is {len(url)} characters long; the limit is {_MAX_URL_CHARS}")
    if "\\" in url or re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", url):
        raise PromptSourceRefused("the audio's URL holds a backslash or a control character")
    parts = _URL.fullmatch(url)
    if parts is None or parts["scheme"].lower() not in _DEFAULT_PORTS:
        raise PromptSourceRefused("the audio's source is no URL that begins with https://")
    scheme = parts["scheme"].lower()
    if scheme == "http" and not rules.allow_http:
        raise PromptSourceRefused("the audio's URL is http://, which the settings do not allow: use https://")
    host, port, address = _parse_authority(parts["authority"], scheme, rules)
    shown_port = "" if port == _DEFAULT_PORTS[scheme] else f":{port}"
    shown_host = f"[{host}]" if isinstance(address, IPv6Address) else host
    rest = quote((parts["path"] or "/") + (parts["query"] or ""), safe=_PRINTABLE_ASCII)
    return SourceUrl(f"{scheme}://{shown_host}{shown_port}{rest}", scheme, host, port, address)


def check_public(host: str, addresses: Iterable[IpAddress]) -> None:
    """Raises PromptSourceRefused if any of the host's addresses is not on the public internet.

    One is enough: a name with a public and a private address is how a check is led astray.
    """
    if not all(map(is_public, addresses)):
        raise PromptSourceRefused(f"audio is not fetched from {host}: that is not on the public internet")


def is_public(address: IpAddress) -> bool:
    """True for an address of the public internet, by our own list and Python's, which each lack some."""
    if isinstance(address, IPv4Address):
        listed = any(address in block for block in _NOT_PUBLIC_IPV4)
    else:
        in_public_space = address in _PUBLIC_IPV6 and address.scope_id is None
        listed = not in_public_space or any(address in block for block in _NOT_PUBLIC_IPV6)
    return not listed and address.is_global and not address.is_multicast


def _parse_authority(authority: str, scheme: str, rules: SourceRules) -> tuple[str, int, IpAddress | None]:
    if "@" in authority:
        raise PromptSourceRefused("the audio's URL holds a user or password before its host")
    if not authority.isascii():
        raise PromptSourceRefused("the host of the audio's URL is not ASCII: write its name as xn--…")
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        raise PromptSourceRefused("the host of the audio's URL cannot be read: write https://host/path")
    port = int(found["port"] or _DEFAULT_PORTS[scheme])
    if port != _DEFAULT_PORTS[scheme] and port not in rules.extra_ports:
        raise PromptSourceRefused(f"the audio's URL names port {port}, which the settings do not allow")
    host = found["host"].lower()
    address = _parse_address(host)
    if address is None:
        _check_name(host)
    host = str(address or host)
    if rules.hosts and not any(_matches(host, allowed) for allowed in rules.hosts):
        raise PromptSourceRefused(f"{host} is not among the hosts that the settings allow audio from")
    return host, port, address


def _parse_address(host: str) -> IpAddress | None:
    """Four plain decimal numbers, or an IPv6 address in brackets; None if it can only be a name."""
    try:
        return IPv6Address(host[1:-1]) if host.startswith("[") else IPv4Address(host)
    except ValueError:
        if host.startswith("["):
            raise PromptSourceRefused("the host of the audio's URL is no IPv6 address") from None
        return None


def _check_name(host: str) -> None:
    *labels, top = host.split(".")
    if not labels or any(host == name or host.endswith(f".{name}") for name in _NEVER_PUBLIC_NAMES):
        raise PromptSourceRefused("the host of the audio's URL is a name of the local network")
    if len(host) > _MAX_HOST_CHARS or not _TOP_LABEL.fullmatch(top) or not all(map(_LABEL.fullmatch, labels)):
        raise PromptSourceRefused("the host of the audio's URL is neither a name nor a plain address")


def _matches(host: str, allowed: str) -> bool:
    suffix = allowed.lower().removeprefix("*")
    return host.endswith(suffix) if allowed.startswith("*.") else host == suffix
