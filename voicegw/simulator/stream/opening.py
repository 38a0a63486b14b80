"""PURE: `<Stream>` as it is written → the stream to open, or why the vendor would not open it."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from twilio.request_validator import RequestValidator

from twiml import Connect, Parameter, Stream
from voicegw.simulator.stream.rules import StreamRules

HANDSHAKE_FAILED = 31920
NOT_WSS = 31922
BAD_URL = 31923
BAD_CONNECTOR = 31940
INVALID_TWIML = 12200

MAX_PARAMETER_CHARACTERS = 500
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A stream to open. `warnings` are the vendor's codes with what they are about."""

    url: str
    name: str
    parameters: Mapping[str, str]
    status_callback: str
    status_method: str
    warnings: tuple[tuple[int, str], ...] = ()


class NotOpenedError(Exception):
    """The vendor would not even try; `code` is its error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def find_stream(verb: Connect) -> Stream | None:
    """The stream of a `<Connect>`; None if it connects to something else."""
    return next((child for child in verb.children if isinstance(child, Stream)), None)


def read_stream(stream: Stream, rules: StreamRules) -> Opening:
    """Read the attributes and parameters. Raises NotOpenedError."""
    warnings: list[tuple[int, str]] = []
    url = _read_url(stream, rules, warnings)
    if stream.track not in (None, "inbound_track"):
        # The vendor: "bidirectional = inbound only"
        warnings.append((INVALID_TWIML, f"Stream: track {stream.track!r} in a Connect, which has inbound_track only"))
    callback = stream.status_callback or ""
    if callback and not callback.startswith(("http://", "https://")):
        warnings.append((INVALID_TWIML, f"Stream: statusCallback {callback!r} must be an absolute URL"))
        callback = ""
    return Opening(
        url=url,
        name=stream.name or "",
        parameters=_read_parameters(stream, warnings),
        status_callback=callback,
        status_method=(stream.status_callback_method or "POST").upper(),
        warnings=tuple(warnings),
    )


def sign(url: str, auth_token: str, rules: StreamRules) -> str:
    """The `X-Twilio-Signature` of the upgrade: over the wss URL, without parameters."""
    signed = url + "/" if rules.signs_trailing_slash and not url.endswith("/") else url
    return str(RequestValidator(auth_token).compute_signature(signed, {}))


def _read_url(stream: Stream, rules: StreamRules, warnings: list[tuple[int, str]]) -> str:
    if stream.connector_name is not None:
        raise NotOpenedError(BAD_CONNECTOR, f"Stream: no connector {stream.connector_name!r}")
    url = (stream.url or "").strip()
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and (parts.port or 443) > 0
    except ValueError:
        raise NotOpenedError(BAD_URL, f"Stream: malformed url {url!r}") from None
    plain = rules.plain_on_loopback and parts.scheme == "ws" and parts.hostname in _LOOPBACK
    if parts.scheme.lower() != "wss" and not plain:
        # Field evidence against "relative or absolute": a relative one has no scheme to connect with.
        raise NotOpenedError(NOT_WSS, f"Stream: the scheme of {url!r} is not wss")
    if not has_host or parts.fragment:
        raise NotOpenedError(BAD_URL, f"Stream: malformed url {url!r}")
    if parts.query:
        if rules.fails_on_query:
            raise NotOpenedError(HANDSHAKE_FAILED, "Stream: the url has a query, which is not supported")
        warnings.append((HANDSHAKE_FAILED, "Stream: the query of the url was cut off before connecting"))
    return urlunsplit(parts._replace(query=""))


def _read_parameters(stream: Stream, warnings: list[tuple[int, str]]) -> dict[str, str]:
    """The parameters that get through: "name+value < 500 chars each"."""
    parameters: dict[str, str] = {}
    for child in stream.children:
        if not isinstance(child, Parameter):
            continue
        name, value = child.name or "", child.value or ""
        if not name:
            warnings.append((INVALID_TWIML, "Parameter: no name"))
        elif len(name) + len(value) >= MAX_PARAMETER_CHARACTERS:
            text = f"Parameter {name[:40]!r}: {len(name) + len(value)} characters with its value, 500 or more"
            warnings.append((INVALID_TWIML, text))
        else:
            parameters[name] = value
    return parameters
