"""What Twilio's REST API says when it refuses, in our words. Knows no HTTP client."""

import json

from voicegw.errors import CarrierError


def refused(status: int, message: str) -> CarrierError:
    """The error for an answer of `status`; worth repeating only where Twilio is busy or broken."""
    if status in (401, 403):
        return CarrierError("Twilio refuses the credentials: check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN")
    return CarrierError(f"Twilio refused with status {status}: {message}", retryable=status == 429 or status >= 500)


def message_in(body: str) -> str:
    """The sentence in a REST error (`{"code": 20404, "message": …}`), else the beginning of the body."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body[:200]
