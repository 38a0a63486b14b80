"""Hostile forward targets: nothing here is ever dialled, whatever an agent was talked into asking for."""

import itertools
import json
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicegw.call.forwarding import Refusal, Route, decide_forward
from voicegw.call.inputs import CallParties
from voicegw.call.instructions import Forward
from voicegw.call.profile import Destination, Forwarding, NumberProfile

OURS = "+14155550100"
GOOD = "+14155550199"
HOST = "pbx.example.com"
# A careless operator, so that the ranges themselves are what refuses: whole zones of the world are allowed.
CARELESS = NumberProfile(
    number=OURS,
    forwarding=Forwarding(
        destinations={"sales": (Destination(to="+493012345678"),)},
        allow=("+1", "+2", "+3", "+4", "+5", "+6", "+7", "+8", "+9", f"sip:{HOST}"),
    ),
)
CAREFUL = NumberProfile(
    number=OURS,
    forwarding=Forwarding(
        destinations={"sales": (Destination(to="+493012345678"),)}, allow=("+1", "+4930", f"sip:{HOST}")
    ),
)


def decide(address: str, *, profile: NumberProfile, extension: str = "", sip: bool = False) -> Route | Refusal:
    return decide_forward(
        Forward(address=address, address_type="sip" if sip else "phone", extension=extension),
        profile=profile,
        parties=CallParties(caller_number="+14155550123", called_number=OURS),
        own_numbers=frozenset({OURS}),
        attempts_so_far=0,
    )


EMERGENCY = [
    prefix + number
    for number in ("911", "112", "999", "000", "110", "113", "933", "988")
    for prefix in ("", "+", "+1", "+44", "+49", "*67", "9", "9,", "00", "tel:", "+1 ", "011", "#31#")
]
SATELLITE_CODES = "870 878 8810 8811 8816 8817 8818 8819 88213 88216 88299 8835 8881"
SATELLITE = [
    *(f"+{code}{rest}" for code in SATELLITE_CODES.split() for rest in ("612345678", "773123456", "5100012345")),
    *("+61147123456", "+79541234567", "+16005551234", "+80012345678", "+80812345678"),
]
# Countries and North American area codes that fraudsters are paid for; a list that names +1 opens none of them.
FRAUD_CODES = (
    "252 53 675 960 371 370 216 213 220 224 231 232 235 236 239 240 243 246 247 248 257 261 267 269 290 291 372 373 "
    "375 381 387 677 678 679 682 685 686 687 688 690 692 850 855 856 880 1876 1809 1473 1284 1268 1664 1767 1868 "
    "1758 1784 1649 1242 1246 1264 1345 1441 1787 1939 1829 1849 1671 1670 1684 1340 1721"
)
FRAUD_COUNTRIES = [f"+{code}{rest}" for code in FRAUD_CODES.split() for rest in ("5551234", "612345678")]
# Each group of the file is a list of addresses; non-ASCII look-alikes are written as escapes.
WRITTEN_DOWN = json.loads(Path(__file__).with_name("hostile_targets.json").read_text(encoding="ascii"))
CASES = [
    *((address, CARELESS) for address in dict.fromkeys(itertools.chain(EMERGENCY, SATELLITE, *WRITTEN_DOWN.values()))),
    *((address, CAREFUL) for address in dict.fromkeys(FRAUD_COUNTRIES)),
]


def test_table_is_as_long_as_promised() -> None:
    assert len(CASES) >= 300


@pytest.mark.parametrize(("address", "profile"), CASES)
def test_hostile_target_is_refused(address: str, profile: NumberProfile) -> None:
    for sip in (False, True):
        verdict = decide(address, profile=profile, sip=sip)
        assert isinstance(verdict, Refusal), verdict
        assert verdict.address == address[:255]


def test_plain_targets_beside_the_hostile_ones_are_dialled() -> None:
    assert isinstance(decide(GOOD, profile=CARELESS), Route)
    assert isinstance(decide(f"sip:a@{HOST}", profile=CARELESS), Route)
    assert isinstance(decide("sales", profile=CARELESS), Route)


# The oracle knows nothing of the policy's code: it is the list of everything that may come out.
ALLOWED_LINES = ["+14155550199", "+16135550199", "+493012345678"]
ALLOWED_URIS = {
    f"sip:{user}@{HOST}{port}{transport}"
    for user in ("a", "Desk.1")
    for port in ("", ":5060", ":5061")
    for transport in ("", ";transport=tcp", ";transport=tls", ";transport=udp")
}
ORACLE = {*ALLOWED_LINES, *ALLOWED_URIS}
PIECES = [
    *ALLOWED_LINES,
    *"+-().,;&@:?x#*４٤",
    *("1", "415", "555", "0199", "900", "911", "+44", "30", "%40", "sales", "tel:"),
    *("sip:", "sips:", "SIP:", "a", "Desk.1", HOST, "evil.example", "[::1]", "127.0.0.1"),
    *(":5060", ":5080", ";transport=tcp", ";transport=tls", " ", "\r\n", "\u200b", "\ud800", "\x00"),
]


def dialled(address: str, *, sip: bool, extension: str) -> set[str]:
    verdict = decide(address, profile=CAREFUL, sip=sip, extension=extension)
    return {leg.address for leg in verdict.destinations} if isinstance(verdict, Route) else set()


@given(
    address=st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=9).map("".join)),
    sip=st.booleans(),
    extension=st.text(max_size=40),
)
def test_whatever_is_asked_for_only_what_the_operator_listed_is_dialled(
    address: str, sip: bool, extension: str
) -> None:
    for target in dialled(address, sip=sip, extension=extension) - ORACLE:
        # Beyond the list itself only other plain numbers of the two listed prefixes, typed out digit by digit.
        assert target.startswith(("+1", "+4930"))
        assert set(target[1:]) <= set(string.digits)
        assert target[1:] == "".join(character for character in address if character in string.digits)


@given(
    line=st.sampled_from(ALLOWED_LINES),
    fill=st.lists(st.sampled_from(["", " ", "-", ".", "(", ")"]), min_size=12, max_size=12),
)
def test_separators_never_change_what_is_dialled(line: str, fill: list[str]) -> None:
    spaced = "+" + line[1] + "".join(itertools.chain.from_iterable(zip(fill, line[2:], strict=False)))
    assert dialled(spaced, sip=False, extension="") == {line}


@given(line=st.sampled_from(ALLOWED_LINES), junk=st.characters(), place=st.integers(0, 12))
def test_one_stray_character_never_reaches_another_line(line: str, junk: str, place: int) -> None:
    spoilt = line[:place] + junk + line[place:]
    plain = {line} if junk in " .()-" and (place > 1 or junk == " ") else set()
    if junk not in string.digits:
        assert dialled(spoilt, sip=False, extension="") <= plain | {line}
        assert junk in " .()-+" or dialled(spoilt, sip=False, extension="") == set()
