"""Where a run of digits holds a card's number, and that even a document full of digits is looked through."""

from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.call.hidden_values import HiddenValues, find_card

VISA = "4111111111111111"
MASTERCARD = "5555555555554444"  # in some scripts the codes of these digits are written with letters only
# Some 60 kB, as a TwiML document may be: what costs the square of its length takes minutes here.
LONG = 30_000


def passes_luhn(digits: str) -> bool:
    """Luhn's check as its description has it: from the right, every second digit doubled."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(sum(map(int, str(number))) for number in doubled) % 10 == 0


def by_number(text: str) -> str:
    return "".join(f"&#{ord(character)};" for character in text)


def by_hexadecimal_number(text: str) -> str:
    return "".join(f"&#x{ord(character):X};" for character in text)


def in_json(text: str) -> str:
    return "".join(rf"\u{ord(character):04x}" for character in text)


def first_card(groups: list[str]) -> int | None:
    digits = "".join(groups)
    edges = [sum(map(len, groups[:count])) for count in range(len(groups) + 1)]
    for start in edges[:-1]:
        length_of_network = 15 if digits[start : start + 2] in {"34", "37"} else 16
        for end in sorted({*edges, start + length_of_network}):
            whole = end - start == len(digits)
            possible = 13 <= end - start <= 19 and end <= len(digits)
            if possible and passes_luhn(digits[start:end]) and (whole or digits[start] in "23456"):
                return start
    return None


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text("0123456789", min_size=1, max_size=20) | st.just(VISA), min_size=1, max_size=8))
def test_a_card_is_found_where_luhns_check_passes(groups: list[str]) -> None:
    written = " ".join(groups)
    places = [place for place, character in enumerate(written) if character != " "]
    assert find_card("".join(groups), places) == first_card(groups)


@pytest.mark.parametrize("sequence", ["1 ", "١ ", "1-----", "7<break/>"])
def test_a_document_of_nothing_but_digits_is_looked_through(sequence: str) -> None:
    hidden = HiddenValues()
    hidden.remember_keys("2580")
    text = sequence * LONG
    assert hidden.clean(f"{text}a {VISA}").startswith(text[:-1])


@pytest.mark.parametrize("write", [quote, by_number, by_hexadecimal_number, in_json])
def test_a_card_is_found_whatever_the_script_of_its_digits_and_however_they_are_escaped(
    write: Callable[[str], str],
) -> None:
    zeros = [zero for zero in map(chr, range(0x10000)) if zero.isdecimal() and int(zero) == 0]
    assert len(zeros) > 30
    for zero in zeros:
        card = "".join(chr(ord(zero) + int(digit)) for digit in MASTERCARD)
        assert "[card number]" in HiddenValues().clean(f"it is {write(card)}, thanks")
