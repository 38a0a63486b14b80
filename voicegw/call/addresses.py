"""Phone numbers and SIP addresses: read strictly, brought to the one form that is dialled, judged by range.

Knows what nobody may dial (emergency, premium, satellite) and how an allow-list is read; knows no call.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberType


class RefusalReason(StrEnum):
    """Why a call is not forwarded; the values are stable and go into the call's log."""

    UNKNOWN_DESTINATION = "unknown-destination"
    NO_DESTINATION = "no-destination"
    INVALID_NUMBER = "invalid-number"
    INVALID_SIP_ADDRESS = "invalid-sip-address"
    INVALID_EXTENSION = "invalid-extension"
    NOT_ALLOWED = "not-allowed"
    EMERGENCY = "emergency"
    PREMIUM_RATE = "premium-rate"
    SPECIAL_RATE = "special-rate"
    SATELLITE = "satellite"
    OWN_NUMBER = "own-number"
    TOO_MANY_ATTEMPTS = "too-many-attempts"
    HOURLY_LIMIT = "hourly-limit"


@dataclass(frozen=True, slots=True)
class PhoneAddress:
    """A valid number: E.164 and the ISO 3166 country it belongs to (`001`: a worldwide network)."""

    e164: str
    region: str


@dataclass(frozen=True, slots=True)
class SipAddress:
    """A SIP address without headers or password; `port` and `transport` are None where not given."""

    user: str
    host: str
    port: int | None = None
    transport: str | None = None

    @property
    def uri(self) -> str:
        """The one form that is dialled."""
        port = f":{self.port}" if self.port is not None else ""
        transport = f";transport={self.transport}" if self.transport else ""
        return f"sip:{self.user}@{self.host}{port}{transport}"


SEPARATORS = str.maketrans("", "", " -.()")
"""What people write between digits, for `str.translate`."""

_NUMBER_AS_RECEIVED = re.compile(r"\+[0-9][0-9 .()-]{6,30}")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_HOST = r"(?P<host>[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::(?P<port>[1-9][0-9]{0,4}))?"
# ASCII, or IGNORECASE would let the long s (U+017F) and the Kelvin sign pass for letters.
_SIP = re.compile(
    rf"(?P<scheme>sips?):(?P<user>[a-z0-9_.+*!~-]{{1,64}})@{_HOST}(?:;transport=(?P<transport>tcp|tls|udp))?",
    re.ASCII | re.IGNORECASE,
)
_SIP_HOST = re.compile(rf"sip:{_HOST}", re.ASCII | re.IGNORECASE)
_DEFAULT_SIP_PORTS = frozenset({None, 5060, 5061})
_INTERNATIONAL_USER = re.compile(r"(?:\+|00|011)([1-9][0-9]{6,14})")
# Known to switches in many countries, whatever the caller's own.
_EMERGENCY_EVERYWHERE = frozenset({"911", "112", "999", "000", "9911", "9112", "9999", "0911", "0112", "0999"})
# Satellite services inside a country's own plan: Australia, Russia (Globalstar), Canada.
_DOMESTIC_SATELLITE = ("+61147", "+7954", "+1600")
# North America: N11 is never an exchange; 976 is premium in any area, 555-1212 charged directory assistance.
_NORTH_AMERICAN_SERVICE = re.compile(r"\+1[0-9]{3}[2-9]11[0-9]{4}")
_NORTH_AMERICAN_PREMIUM = re.compile(r"\+1[0-9]{3}(?:976[0-9]{4}|5551212)")
_ORDINARY_RATE = frozenset(
    {
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.VOIP,
    }
)


def parse_phone(text: str) -> PhoneAddress | RefusalReason:
    """Read a number written as `+` and ASCII digits; spaces, hyphens, dots, parentheses may stand between."""
    if _NUMBER_AS_RECEIVED.fullmatch(text) is None:
        return RefusalReason.INVALID_NUMBER
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return RefusalReason.INVALID_NUMBER
    if not phonenumbers.is_valid_number(number):
        return RefusalReason.INVALID_NUMBER
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    # The library knows German numbers of 17 digits; E.164 ends at 15, and no carrier dials more.
    if not is_e164(e164):
        return RefusalReason.INVALID_NUMBER
    return PhoneAddress(e164=e164, region=phonenumbers.region_code_for_number(number) or "")


def parse_sip(text: str) -> SipAddress | RefusalReason:
    """Read a SIP URI of scheme, user and host, with at most a port and `;transport=`; `sips:` becomes TLS."""
    match = _SIP.fullmatch(text)
    if match is None:
        return RefusalReason.INVALID_SIP_ADDRESS
    transport = match["transport"].lower() if match["transport"] else None
    port = int(match["port"]) if match["port"] else None
    if match["scheme"].lower() == "sips":
        if transport not in {None, "tls"}:
            return RefusalReason.INVALID_SIP_ADDRESS
        transport = "tls"
    if port is not None and port > 65535:
        return RefusalReason.INVALID_SIP_ADDRESS
    return SipAddress(user=match["user"], host=match["host"].lower(), port=port, transport=transport)


def parse_sip_host(entry: str) -> tuple[str, int | None] | None:
    """Read an entry of the allow-list, `sip:host` or `sip:host:port`; None where it is neither."""
    match = _SIP_HOST.fullmatch(entry)
    if match is None or (match["port"] and int(match["port"]) > 65535):
        return None
    return match["host"].lower(), int(match["port"]) if match["port"] else None


def is_allowed(address: PhoneAddress | SipAddress, allow: tuple[str, ...]) -> bool:
    """Whether an allow-list of prefixes (`+1`, `+4930`) and hosts (`sip:pbx.example.com`) covers the address."""
    if isinstance(address, PhoneAddress):
        return any(_number_allowed(address, entry) for entry in allow)
    return any(_host_allowed(address, entry) for entry in allow)


def _number_allowed(phone: PhoneAddress, prefix: str) -> bool:
    if re.fullmatch(r"\+[1-9][0-9]*", prefix) is None or not phone.e164.startswith(prefix):
        return False
    # +1 is shared with the Caribbean: only a whole area code (+1876) names one of its other countries.
    return not prefix.startswith("+1") or len(prefix) >= len("+1876") or phone.region in {"US", "CA"}


def _host_allowed(sip: SipAddress, entry: str) -> bool:
    listed = parse_sip_host(entry)
    if listed is None or listed[0] != sip.host:
        return False
    return sip.port == listed[1] or (listed[1] is None and sip.port in _DEFAULT_SIP_PORTS)


def is_e164(text: str) -> bool:
    """Whether `text` has the shape of an E.164 number; says nothing about whether anyone has it."""
    return _E164.fullmatch(text) is not None


def is_real_number(text: str) -> bool:
    """Whether `text` is E.164 and valid: `+266696687` ("ANONYMOUS" on a keypad) and its kin are not."""
    return is_e164(text) and isinstance(parse_phone(text), PhoneAddress)


@lru_cache(maxsize=1024)
def line_of(text: str) -> str:
    """What makes two spellings ring at one place: the E.164 number, or the SIP user and host whatever the port."""
    sip = parse_sip(text)
    if isinstance(sip, SipAddress):
        return f"sip:{sip.user}@{sip.host}".casefold()
    phone = parse_phone(text)
    return phone.e164 if isinstance(phone, PhoneAddress) else text.translate(SEPARATORS).casefold()


def forbidden_range(phone: PhoneAddress) -> RefusalReason | None:
    """Why nobody may dial this number, not even at the operator's wish; None for the others."""
    number = phonenumbers.parse(phone.e164, None)
    national = phonenumbers.national_significant_number(number)
    # In some countries an area code before it reaches that city's emergency service (+49 30 110).
    subscriber = national[phonenumbers.length_of_geographical_area_code(number) :]
    if (
        phonenumbers.is_emergency_number(subscriber, phone.region)
        or phonenumbers.is_valid_short_number(number)
        or _NORTH_AMERICAN_SERVICE.fullmatch(phone.e164)
    ):
        return RefusalReason.EMERGENCY
    # Codes of no country (+870, +881 … +883, +979) are satellite, worldwide and premium networks.
    if phone.region == "001" or phone.e164.startswith(_DOMESTIC_SATELLITE):
        return RefusalReason.SATELLITE
    if phonenumbers.number_type(number) == PhoneNumberType.PREMIUM_RATE or _NORTH_AMERICAN_PREMIUM.fullmatch(
        phone.e164
    ):
        return RefusalReason.PREMIUM_RATE
    return None


def has_ordinary_rate(phone: PhoneAddress) -> bool:
    """Whether this is a fixed, mobile, IP or toll-free line: no shared cost, personal, pager or unknown range."""
    return phonenumbers.number_type(phonenumbers.parse(phone.e164, None)) in _ORDINARY_RATE


def forbidden_sip_user(sip: SipAddress, called_region: str) -> RefusalReason | None:
    """Why this user may not be dialled at any host: an emergency number, or a number of a forbidden range."""
    digits = sip.user.removeprefix("+")
    if digits in _EMERGENCY_EVERYWHERE or phonenumbers.is_emergency_number(digits, called_region):
        return RefusalReason.EMERGENCY
    phone = sip_user_as_phone(sip)
    if isinstance(phone, PhoneAddress):
        return forbidden_range(phone)
    return RefusalReason.INVALID_SIP_ADDRESS if sip.user.startswith("+") else None


def sip_user_as_phone(sip: SipAddress) -> PhoneAddress | None:
    """The number that a SIP trunk would dial for this user, where it has an international prefix."""
    match = _INTERNATIONAL_USER.fullmatch(sip.user)
    phone = parse_phone(f"+{match[1]}") if match else None
    return phone if isinstance(phone, PhoneAddress) else None
