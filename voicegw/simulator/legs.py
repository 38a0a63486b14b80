"""PURE: a leg of a call, and the parameters that the vendor sends about it with every webhook."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

API_VERSION = "2010-04-01"

_GEO = ("City", "State", "Zip", "Country")


@dataclass(slots=True, kw_only=True)
class Leg:
    """One leg. `status` is its `CallStatus` and changes as the call goes on; `more` is sent as it is, too."""

    call_sid: str
    account_sid: str
    from_: str
    to: str
    direction: str = "inbound"
    parent_sid: str | None = None
    status: str = "ringing"
    more: Mapping[str, str] = field(default_factory=dict)

    def params(self) -> dict[str, str]:
        """The standard parameters; "legacy duplicates really sent", places mostly blank."""
        params = {
            "AccountSid": self.account_sid,
            "ApiVersion": API_VERSION,
            "CallSid": self.call_sid,
            "CallStatus": self.status,
            "Direction": self.direction,
            "From": self.from_,
            "To": self.to,
            "Caller": self.from_,
            "Called": self.to,
        }
        for side, number in (("From", self.from_), ("Caller", self.from_), ("To", self.to), ("Called", self.to)):
            # "may be present but empty": a validator that drops blank fields breaks on these.
            params |= {f"{side}{part}": "" for part in _GEO}
            params[f"{side}Country"] = "US" if number.startswith("+1") else ""
        if self.parent_sid:
            params["ParentCallSid"] = self.parent_sid
        return params | dict(self.more)


def new_sid(prefix: str, random: Random) -> str:
    """A resource id as the vendor makes them: two letters and 32 hexadecimal digits."""
    return f"{prefix}{random.getrandbits(128):032x}"


def call_token(leg: Leg) -> str:
    """A `CallToken` as it looks ("forwarding token; JSON-ish string"); worth nothing."""
    return f'{{"parentCallInfoToken":"{leg.call_sid[2:]}","identityHeaderTokens":[]}}'
