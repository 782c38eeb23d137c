"""How people read an amount: with the digits that ISO 4217 gives its currency."""

import pytest

from bookings.text.money import Money, money_in, totals


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1222000, "INR", "12,220.00 INR"),
        (4000, "EUR", "40.00 EUR"),
        (7, "USD", "0.07 USD"),
        (0, "USD", "0.00 USD"),
        (1222000, "JPY", "1,222,000 JPY"),
        (1222000, "BHD", "1,222.000 BHD"),
        (1222000, "CLF", "122.2000 CLF"),
        (2**53 - 1, "INR", "90,071,992,547,409.91 INR"),
        (5000 * (2**53 - 1), "BHD", "45,035,996,273,704,955.000 BHD"),
    ],
)
def test_an_amount_is_shown_with_the_digits_of_its_currency(amount, currency, text):
    assert str(Money(amount, currency)) == text


@pytest.mark.parametrize(
    ("currency", "text"),
    [("XXX", "1,222,000 XXX"), ("XAU", "1,222,000 XAU"), ("HRK", "1,222,000 minor units of HRK")],
    ids=["no currency", "gold", "one that is not in use any more"],
)
def test_where_no_digits_are_known_none_are_invented(currency, text):
    assert str(Money(1222000, currency)) == text


def test_amounts_are_added_up_in_each_currency():
    amounts = [Money(5, "INR"), Money(7, "EUR"), Money(0, "JPY"), Money(6, "INR")]

    assert totals(amounts) == [Money(7, "EUR"), Money(11, "INR")]


def test_nothing_adds_up_to_no_currency():
    assert totals([Money(0, "INR")]) == totals([]) == []


@pytest.mark.parametrize(
    ("typed", "currency", "amount"),
    [
        ("12.50", "EUR", 1250),
        (" 12.5 ", "EUR", 1250),
        ("12", "EUR", 1200),
        ("1,220.05", "INR", 122005),
        ("1220", "JPY", 1220),
        ("1.005", "BHD", 1005),
        ("4,000", "XXX", 4000),
        ("0", "EUR", 0),
        ("90071992547409.91", "INR", 2**53 - 1),
    ],
)
def test_an_amount_is_read_as_people_type_it(typed, currency, amount):
    assert money_in(typed, currency) == Money(amount, currency)


@pytest.mark.parametrize(
    ("typed", "currency"),
    [
        *(
            (typed, "EUR")
            for typed in ("", "x", "-1", "+1", "1e3", "1.005", "1.", ".5", "1 000", "٣", "1.2.3", "9" * 17)
        ),
        ("1.5", "JPY"),
        ("1.5", "XXX"),
        ("1", "HRK"),
    ],
)
def test_what_is_no_amount_of_a_currency_is_not_guessed(typed, currency):
    assert money_in(typed, currency) is None
