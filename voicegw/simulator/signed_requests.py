"""One request as the carrier writes it: parameters encoded, signed with the vendor's SDK, with the call's cookies."""

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlencode, urlsplit, urlunsplit

from twilio.request_validator import RequestValidator

from voicegw.simulator.overrides import Overrides
from voicegw.simulator.web import WebAnswer, WebRequest


class RequestWriter:
    """Writes the requests of one call, and keeps its cookies ("cookies kept per call")."""

    def __init__(self, auth_token: str) -> None:
        self._validator = RequestValidator(auth_token)
        self._cookies: dict[str, SimpleCookie] = {}

    def write(self, method: str, url: str, params: Mapping[str, str], overrides: Overrides, token: str) -> WebRequest:
        """The request for `params`: in the query of a GET, which is then signed with it, else as a signed form."""
        parts = urlsplit(url)
        parts = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="")
        if method == "GET":
            parts = parts._replace(query="&".join(filter(None, (parts.query, urlencode(params)))))
        url = urlunsplit(parts)
        headers = [
            ("Accept", "*/*"),
            ("User-Agent", "TwilioProxy/1.1"),
            ("I-Twilio-Idempotency-Token", token),
            ("X-Twilio-Signature", self._signature(url, {} if method == "GET" else params)),
        ]
        if method != "GET":
            headers.append(("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8"))
        if jar := self._cookies.get(parts.hostname or ""):
            headers.append(("Cookie", "; ".join(f"{name}={item.value}" for name, item in jar.items())))
        return WebRequest(
            method=method,
            url=url,
            headers=tuple(headers),
            body=b"" if method == "GET" else urlencode(params).encode("ascii"),
            connect_seconds=overrides.connect_seconds,
            read_seconds=overrides.read_seconds,
        )

    def keep_cookies(self, url: str, answer: WebAnswer) -> None:
        """Remember what the gateway set; what is no cookie is skipped."""
        jar = self._cookies.setdefault(urlsplit(url).hostname or "", SimpleCookie())
        for name, value in answer.headers:
            if name.lower() == "set-cookie":
                try:
                    jar.load(value)
                except CookieError:
                    continue

    def _signature(self, url: str, params: Mapping[str, str]) -> str:
        parts = urlsplit(url)
        if parts.scheme == "https" and parts.port is not None:
            # The vendor: "HTTPS-voice drops port, HTTP keeps port"
            url = urlunsplit(parts._replace(netloc=parts.netloc.removesuffix(f":{parts.port}")))
        return str(self._validator.compute_signature(url, dict(params)))
