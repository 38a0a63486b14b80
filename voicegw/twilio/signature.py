"""Twilio's webhook signature: is this request signed with a secret that we share with the carrier?

The signed URL is built from the configured public URL and the raw request target alone: this file must
never learn of `Host`, `Forwarded` or `X-Forwarded-*`, which any client can write. `verify` answers False to
anything that it cannot read and never raises on what a peer sent.
"""

import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

SIGNATURE_HEADER: Final = "X-Twilio-Signature"
SETTINGS_HEADER: Final = "X-Twilio-Webhooks-Signature-Settings"

_ALGORITHMS: Final = {"HMAC_SHA1": hashlib.sha1, "HMAC_SHA256": hashlib.sha256}
_DEFAULT_ALGORITHM: Final = "HMAC_SHA1"
_DEFAULT_PORTS: Final = {"https": "443", "http": "80"}
_AUTHORITY: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:@\[\]\s]+)(?::(?P<port>[0-9]{1,5}))?")
_LONGEST_SIGNATURE: Final = 44  # base64 of a SHA-256 digest
_LONGEST_SETTINGS: Final = 1024

FormPairs = Iterable[tuple[str, str]]


class SignatureVerifier:
    """Verifies and makes signatures for one public URL; immutable once built, so one serves all requests.

    `public_url` is `scheme://host[:port][/prefix]`: user information and fragment are dropped ("userinfo
    dropped; #fragment dropped" in what Twilio signs). Every auth token is accepted (two during a rotation);
    `shared_keys` maps the id of a Twilio SharedKey to its secret; without auth tokens, only requests that name one
    are accepted. `websocket`: upgrades are verified, which Twilio signs with the wss form of the same URL. Raises
    ValueError where no secret is given, one is empty, or the URL cannot be signed.
    """

    def __init__(
        self,
        public_url: str,
        auth_tokens: tuple[str, ...],
        shared_keys: Mapping[str, str] | None = None,
        *,
        websocket: bool = False,
    ) -> None:
        secrets = [*auth_tokens, *(shared_keys or {}).values()]
        if not secrets or not all(secret.strip() for secret in secrets):
            # An HMAC with an empty key can be made by anyone: refuse to look as if we verified.
            raise ValueError("every webhook needs a secret: give an auth token or a shared key, and no empty one")
        self._url_bases = _url_bases(public_url, websocket=websocket)
        self._token_macs = {name: tuple(self._keyed_macs(token, name) for token in auth_tokens) for name in _ALGORITHMS}
        self._shared_macs = {
            (key_id, name): (self._keyed_macs(secret, name),)
            for key_id, secret in (shared_keys or {}).items()
            for name in _ALGORITHMS
        }

    def verify_target(self, target: bytes, signature_header: str | None, settings_header: str | None = None) -> bool:
        """True if the carrier signed `target`, as `signed_target` gives it; never raises.

        The settings header names a SharedKey and its algorithm; an unknown key or algorithm is refused.
        """
        claimed_digest = _decode_signature(signature_header)
        if claimed_digest is None:
            return False
        for macs in self._macs_named_by(settings_header):
            for mac_at_base in macs:
                mac = mac_at_base.copy()
                mac.update(target)
                if hmac.compare_digest(mac.digest(), claimed_digest):
                    return True
        return False

    def verify(
        self,
        raw_path: bytes | str,
        raw_query: bytes | str,
        form_pairs: FormPairs,
        signature_header: str | None,
        settings_header: str | None = None,
    ) -> bool:
        """True if the carrier signed this request target with these form parameters; never raises.

        `form_pairs` are all decoded parameters as `forms.parse_form` gives them, blanks and duplicates kept.
        """
        return self.verify_target(signed_target(raw_path, raw_query, form_pairs), signature_header, settings_header)

    def verify_get(
        self,
        raw_path: bytes | str,
        raw_query: bytes | str,
        signature_header: str | None,
        settings_header: str | None = None,
    ) -> bool:
        """True if the carrier signed this GET: its parameters are in the URL, so only the URL is signed."""
        return self.verify(raw_path, raw_query, (), signature_header, settings_header)

    def sign(self, raw_path: bytes | str, raw_query: bytes | str = b"", form_pairs: FormPairs = ()) -> str:
        """The `X-Twilio-Signature` that Twilio would send here, made with the first auth token.

        Raises ValueError where there is none: a shared key's signature needs the settings header beside it.
        """
        if not self._token_macs[_DEFAULT_ALGORITHM]:
            raise ValueError("there is no auth token to sign with")
        mac = self._token_macs[_DEFAULT_ALGORITHM][0][0].copy()
        mac.update(signed_target(raw_path, raw_query, form_pairs))
        return binascii.b2a_base64(mac.digest(), newline=False).decode("ascii")

    def _keyed_macs(self, secret: str, algorithm: str) -> tuple[hmac.HMAC, ...]:
        """One HMAC state for each form of the URL, fed with key and URL base; a request adds the rest."""
        key = secret.encode("utf-8", "surrogatepass")
        return tuple(hmac.new(key, base, _ALGORITHMS[algorithm]) for base in self._url_bases)

    def _macs_named_by(self, settings_header: str | None) -> tuple[tuple[hmac.HMAC, ...], ...]:
        if not settings_header:
            return self._token_macs[_DEFAULT_ALGORITHM]
        key_id, algorithm = _parse_settings(settings_header)
        if key_id is None:
            return self._token_macs.get(algorithm, ())
        return self._shared_macs.get((key_id, algorithm), ())


def _url_bases(public_url: str, *, websocket: bool) -> tuple[bytes, bytes]:
    """The public URL with and without its port, the form that Twilio signs for voice first.

    "HTTPS-voice drops port, HTTP keeps port"; the vendor's SDK tries both, for "sig generation on back end is
    inconsistent". Unlike the SDK this leaves IPv6 hosts and user information intact or out.
    """
    parts = urlsplit(public_url.strip())
    authority = _AUTHORITY.fullmatch(parts.netloc.rpartition("@")[2])
    if parts.scheme not in _DEFAULT_PORTS or authority is None or parts.query:
        raise ValueError("the public URL must be http(s)://host[:port][/prefix], without a query")
    host, port = authority["host"], authority["port"]
    prefix = parts.path.rstrip("/")
    scheme = parts.scheme.replace("http", "ws") if websocket else parts.scheme
    without_port = f"{scheme}://{host}{prefix}".encode()
    with_port = f"{scheme}://{host}:{port or _DEFAULT_PORTS[parts.scheme]}{prefix}".encode()
    if port and parts.scheme == "http":
        return with_port, without_port
    return without_port, with_port


def signed_target(raw_path: bytes | str, raw_query: bytes | str, form_pairs: FormPairs = ()) -> bytes:
    """What Twilio signs after the URL's base: path, query, then each distinct name and value, sorted by name.

    Equal for any two requests that one signature fits: what is signed is not injective (`Digits=12` and `Digit=s12`
    sign alike), so a replay may look different while its signature still holds. The SDK's rule for duplicates is
    `sorted(set(values))` under each name: the distinct pairs in their order.
    """
    query = _as_bytes(raw_query)
    url = _as_bytes(raw_path) + b"?" + query if query else _as_bytes(raw_path)
    # Twilio sends its parameters sorted; a dict, unlike a set, keeps that order, which makes the sort cheap.
    ordered_pairs = sorted(dict.fromkeys(form_pairs))
    return url + _as_bytes("".join([name + value for name, value in ordered_pairs]))


def _as_bytes(text: bytes | str) -> bytes:
    # `surrogatepass`: a lone surrogate must neither raise nor become equal to another character.
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def _decode_signature(header: str | None) -> bytes | None:
    """The digest in a signature header, or None unless it is spelled exactly as Twilio would spell it."""
    if not header or len(header) > _LONGEST_SIGNATURE:
        return None
    try:
        digest = binascii.a2b_base64(header)
    except ValueError:  # not ASCII, or not base64
        return None
    # Base64 is not injective either (white space, spare bits of the last character): take one spelling only.
    return digest if binascii.b2a_base64(digest, newline=False).decode("ascii") == header else None


def _parse_settings(header: str) -> tuple[str | None, str]:
    """The SharedKey id (None: signed with the auth token) and algorithm of `key=<id>,algorithm=HMAC_SHA256`.

    As in the SDK the first of a repeated setting counts and a missing algorithm means HMAC_SHA1.
    """
    settings: dict[str, str] = {}
    for part in header[:_LONGEST_SETTINGS].split(","):
        name, _, value = part.partition("=")
        settings.setdefault(name.strip(), value.strip())
    return settings.get("key") or None, settings.get("algorithm") or _DEFAULT_ALGORITHM
