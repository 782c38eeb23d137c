"""References: enough for ever, read however they are spelled, and never taken for a number or a date."""

import itertools
import random
import re
from collections import Counter

import pytest

from bookings.models import Booking, IdempotencyRecord
from bookings.services.bookings import create as creating
from bookings.text import references
from bookings.text.references import CONSONANTS, DIGITS, HOW_MANY, new_reference, reference_at, reference_in
from tests.support.api import refused, shown
from tests.support.bookings import a_saved_row
from tests.support.invariants import assert_in_step
from tests.support.spreadsheets import converted_to

OF_THE_FIRST_RELEASES = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


# --- what they are made of --------------------------------------------------------------------------------


def test_a_reference_has_eight_letters_and_digits_and_begins_and_ends_with_a_consonant():
    found = [new_reference() for _ in range(5_000)]

    letter = "[B-DF-HJKMNP-TV-XZ]"
    assert [one for one in found if not re.fullmatch(rf"{letter}([2-9]|{letter}){{6}}{letter}", one)] == []
    assert len(set(found)) == 5_000


def test_there_are_enough_for_a_hundred_bookings_a_second_for_forty_years():
    assert HOW_MANY == 19**2 * 27**6 == 139_858_796_529
    assert HOW_MANY > 100 * 40 * 365 * 24 * 3600


def test_every_place_has_a_reference_of_its_own():
    places = [*range(2_000), *range(HOW_MANY - 2_000, HOW_MANY)]

    assert len({reference_at(place) for place in places}) == 4_000
    assert (reference_at(0), reference_at(HOW_MANY - 1)) == ("B222222B", "ZZZZZZZZ")


@pytest.mark.parametrize("place", [-1, HOW_MANY, 2**63])
def test_there_is_no_reference_beyond_them(place):
    with pytest.raises(ValueError, match="not as many references"):
        reference_at(place)


def test_every_letter_is_drawn_at_every_position():
    drawn = [Counter(letters) for letters in zip(*(new_reference() for _ in range(5_000)), strict=True)]

    for position, counted in enumerate(drawn):
        assert set(counted) == set(CONSONANTS if position in (0, 7) else DIGITS + CONSONANTS)


def test_a_reference_is_drawn_from_all_that_there_are(monkeypatch):
    monkeypatch.setattr(references.secrets, "randbelow", lambda bound: bound - 1)

    assert new_reference() == "ZZZZZZZZ"


# --- what a spreadsheet makes of them ---------------------------------------------------------------------


@pytest.mark.slow
def test_no_spreadsheet_reads_a_reference_as_anything_else():
    found = [new_reference() for _ in range(20_000)]
    # The middle is where a number would be, with every pair of letters around it.
    middles = ("2345678"[:6], "2E3456", "MAY234", "29MAR2", "99DEC9", "222222")
    found += [f"{a}{middle}{b}" for a, b in itertools.product(CONSONANTS, repeat=2) for middle in middles]

    assert [one for one in found if converted_to(one) or converted_to(one.lower())] == []


@pytest.mark.parametrize(
    "text",
    [
        *("23456789", "12E45678", "2E345678", "00123456", "2D345678", "29MAY234", "MAY23456", "2MAY2345"),
        *("MAR12026", "MRZ23456", "R2345678", "KR234567", "234567KR", "12P", "TRUE", "INF", "NAN", "-2345678"),
        *("12-12-26", "1/2/2026", "=2345678", "@A234567", "2345678%"),
    ],
)
def test_the_spreadsheet_of_these_tests_reads_what_a_real_one_does(text):
    assert converted_to(text)


@pytest.mark.slow
def test_twin_references_of_all_letters_at_all_positions_would_be_converted():
    dice = random.Random(11)
    to_be_found = {"a number", "a number with an exponent", "money"}

    for _ in range(200_000):
        to_be_found.discard(converted_to("".join(dice.choice(OF_THE_FIRST_RELEASES) for _ in range(8))))
        if not to_be_found:
            break

    assert to_be_found == set()


# --- how one is read --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("K7QX4M2R", "K7QX4M2R"),
        ("k7qx4m2r", "K7QX4M2R"),
        (" K7QX 4M2R ", "K7QX4M2R"),
        ("K7QX-4M2R", "K7QX4M2R"),
        ("k7-qx-4m-2r", "K7QX4M2R"),
        ("K7QX\u20134M2R", "K7QX4M2R"),
        ("K7QX\u00a04M2R", "K7QX4M2R"),
        ("K.7.Q.X.4.M.2.R", "K7QX4M2R"),
        ("K7QX4M", ""),
        ("K7QX4M2", ""),
        ("K7QX4", ""),
        ("K7QX4M2RS", ""),
        ("K7QX4M2%", ""),
        ("K7QX4M2É", ""),
        ("", ""),
        ("--------", ""),
    ],
)
def test_a_reference_is_read_as_it_is_spelled_on_the_telephone(typed, read):
    assert reference_in(typed) == read


# --- where one is taken -----------------------------------------------------------------------------------


@pytest.fixture
def drawn(monkeypatch):
    """What is drawn next, in this order; give the list to fill."""
    coming = []
    monkeypatch.setattr(creating, "free_reference", lambda: coming.pop(0))
    return coming


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("key", [None, "k"], ids=["without a key", "with a key"])
def test_a_reference_that_is_taken_is_drawn_again(api, flights, drawn, key):
    a_saved_row("cancelled", reference="BBBBBBBB")
    drawn += ["BBBBBBBB"] * 9 + ["CCCCCCCC"]

    answer = api.create(key=key)

    assert (answer.status_code, shown(answer)["reference"]) == (201, "CCCCCCCC")
    assert_in_step(flights)


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("key", [None, "k"], ids=["without a key", "with a key"])
def test_ten_that_are_taken_are_a_clean_503_that_leaves_nothing(api, flights, drawn, key):
    a_saved_row("cancelled", reference="BBBBBBBB")
    drawn += ["BBBBBBBB"] * 10

    answer = api.create(key=key)

    assert refused(answer) == (503, "temporarily_unavailable")
    assert answer.headers["Retry-After"] == "5"
    assert answer.json()["error"]["retryable"] is True
    assert (Booking.objects.count(), IdempotencyRecord.objects.count()) == (1, 0)
    assert flights.arrived == []

    drawn.append("CCCCCCCC")
    assert shown(api.create(key=key))["reference"] == "CCCCCCCC"
