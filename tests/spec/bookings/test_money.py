"""How people read an amount: with the digits that ISO 4217 gives its currency."""

import pytest

from bookings.text.money import Money, totals


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
