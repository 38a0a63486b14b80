"""Reaches into live calls through Twilio's REST API: interrupts one, or ends it. Implements `CarrierControl`.

The vendor: "POST /Calls/{CA}.json: Url+Method | Twiml (mutually exclusive) | Status=completed|canceled"; "completed
also hangs in-progress. Redirect is immediate and aborts current verb".
"""

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

import aiohttp

from voicegw.call.state import CallState
from voicegw.errors import CarrierError
from voicegw.twilio.answers import ORDERED, STEP_PATH
from voicegw.twilio.rest_errors import message_in, refused

API_URL = "https://api.twilio.com"
REQUEST_SECONDS = 10.0
_MAX_ANSWER_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class Account:
    """An account that calls belong to. During a rotation there are two tokens, and either may be the right one."""

    sid: str
    tokens: tuple[str, ...]

    def __repr__(self) -> str:  # tokens never reach a log or a traceback
        return f"Account({self.sid!r})"


class LiveCalls:
    """The calls of one account. `account` gives it as set now, None where there are no credentials for the API;
    `public_url` is the origin that Twilio knows us by. Both orders raise `CarrierError`."""

    def __init__(self, account: Callable[[], Account | None], public_url: str, *, api_url: str = API_URL) -> None:
        self._account = account
        self._public_url = public_url.rstrip("/")
        self._api_url = api_url
        self._session: aiohttp.ClientSession | None = None

    async def interrupt(self, state: CallState) -> None:
        """Twilio breaks off what it is doing and asks for the step that `state` names, for its latest order."""
        await self._update(state.call_sid, {"Url": order_url(self._public_url, state), "Method": "POST"})

    async def hang_up(self, call_sid: str) -> None:
        """Twilio ends the call, and reports it by the number's status callback."""
        await self._update(call_sid, {"Status": "completed"})

    async def close(self) -> None:
        """Close the connections. Idempotent."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _update(self, call_sid: str, fields: Mapping[str, str]) -> None:
        account = self._account()
        if account is None or not account.tokens:
            raise CarrierError("no Twilio credentials: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN")
        path = f"/2010-04-01/Accounts/{quote(account.sid, safe='')}/Calls/{quote(call_sid, safe='')}.json"
        status, body = 0, ""
        for token in account.tokens:
            status, body = await self._post(self._api_url + path, _basic(account.sid, token), fields)
            if status != 401:
                break
        if not 200 <= status < 300:
            raise refused(status, message_in(body))

    async def _post(self, url: str, authorization: str, fields: Mapping[str, str]) -> tuple[int, str]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS))
        try:
            headers = {"Authorization": authorization}
            async with self._session.post(url, headers=headers, data=fields, allow_redirects=False) as answer:
                body = await answer.content.read(_MAX_ANSWER_BYTES)
                return answer.status, body.decode("utf-8", "replace")
        except TimeoutError as exc:
            raise CarrierError(f"Twilio did not answer within {REQUEST_SECONDS:g} s", retryable=True) from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise CarrierError(f"Twilio cannot be reached: {type(exc).__name__}", retryable=True) from exc


def order_url(public_url: str, state: CallState) -> str:
    """Where Twilio asks for the call's latest order: a URL of its own for each, so that no answer is given twice."""
    return f"{public_url}{STEP_PATH}{state.turn}/{state.step}?{ORDERED}{state.orders_placed}"


def _basic(user: str, password: str) -> str:
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"
