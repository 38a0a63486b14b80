"""Settings → a realtime server behind the port `Realtime`. Takes plain arguments; knows no settings file."""

from ipaddress import ip_address
from typing import Final, Literal, assert_never
from urllib.parse import urlsplit

from voicegw.errors import Fault, InvalidSettingsError
from voicegw.live.ports import Realtime
from voicegw.realtime.openai import OpenAiRealtime
from voicegw.realtime.raw import RawRealtime

URL_KEY: Final = "VOICEGW_REALTIME_URL"


def create_realtime(
    url: str, protocol: Literal["raw", "openai"], api_key: str, *, instructions: str = "", voice: str = ""
) -> Realtime:
    """The servers at `url`; `api_key` goes along as a bearer token, where there is one. `instructions` and `voice` are
    told to a server that speaks `openai`. Raises `InvalidSettingsError` for an address that would send it in clear."""
    _check_url(url)
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    match protocol:
        case "raw":
            return RawRealtime(url, headers)
        case "openai":
            return OpenAiRealtime(url, headers, instructions=instructions, voice=voice)
        case _:
            assert_never(protocol)


def _check_url(url: str) -> None:
    shown = url.partition("?")[0]  # some servers take a key as a parameter
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.scheme not in ("ws", "wss") or not host:
        wrong, mend = (
            "is not the address of a WebSocket",
            "Give wss:// with a host, for example wss://voice.example.com.",
        )
    elif parts.scheme == "ws" and not _is_loopback(host):
        wrong, mend = "would send calls in clear", "Use wss://; ws:// only to this very machine."
    else:
        return
    raise InvalidSettingsError([Fault(key=URL_KEY, value=shown, wrong=wrong, mend=mend)])


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
