"""Every currency of ISO 4217: whether Stripe takes it, and how its amounts are written there."""

import pytest
from iso4217 import Currency

from bookings.gateways.payments.stripe.amounts import CURRENCIES, money_of, refusal_of, units_of
from bookings.text.money import Money

ISO = {currency.code: currency.exponent for currency in Currency}

# What one whole unit of a currency, ten where the last digit counts, is at Stripe, if that is not the same number.
OTHERWISE = {"MGA": 1, "ISK": 100, "UGX": 100}

# What Stripe does not take: funds, metals, and currencies of places that it does not serve.
NOT_TAKEN = {
    *("BOV", "CHE", "CHW", "CLF", "COU", "CUP", "ERN", "IQD", "IRR", "KPW", "LYD", "MRU", "MXV", "SDG", "SSP", "STN"),
    *("SYP", "TMT", "USN", "UYI", "UYW", "VED", "VES", "XAD", "ZWG"),
    *(code for code, digits in ISO.items() if digits is None),
}


@pytest.mark.slow
@pytest.mark.parametrize("code", sorted(ISO))
def test_each_currency_is_refused_or_written_as_stripe_counts_it(code):
    # A thousand units: more than any smallest charge.
    money = Money(1000 * 10 ** (ISO[code] or 0), code)
    if code in NOT_TAKEN:
        assert refusal_of(money) == f"no payments in {code}"
        return

    assert refusal_of(money) == ""
    assert units_of(money) == (1000 * OTHERWISE[code] if code in OTHERWISE else money.amount)
    assert money_of(units_of(money), code.lower()) == money


def test_nothing_else_is_a_currency():
    assert [refusal_of(Money(1000, code)) for code in ("", "eur", "EURO", "XXX", "BTC")] == [
        f"no payments in {code}" for code in ("", "eur", "EURO", "XXX", "BTC")
    ]
    # Stripe's list has one more than ISO's of this year, until ISO's is as it was when Stripe wrote its own.
    assert {code for code in CURRENCIES if code not in ISO} <= {"BGN"}


@pytest.mark.parametrize(
    ("least", "code"),
    [(50, "USD"), (50, "EUR"), (30, "GBP"), (50, "JPY"), (17500, "HUF"), (1500, "CZK"), (200, "AED"), (1, "XAF")],
)
def test_less_than_the_smallest_charge_is_refused(least, code):
    assert refusal_of(Money(least, code)) == ""
    assert refusal_of(Money(least - 1, code)) == f"less than {Money(least, code)}"


@pytest.mark.parametrize(
    ("most", "code"),
    [(99_999_999, "EUR"), (99_999_999, "JPY"), (999_999_999, "INR"), (9_999_999_999, "COP"), (999_999_999_999, "IDR")],
)
def test_more_digits_than_stripe_counts_are_refused(most, code):
    assert refusal_of(Money(most, code)) == ""
    assert refusal_of(Money(most + 1, code)) == "more than can be charged at once"


def test_the_digits_are_counted_as_stripe_writes_them():
    assert refusal_of(Money(999_999, "UGX")) == ""
    assert refusal_of(Money(1_000_000, "UGX")) == "more than can be charged at once"
    assert refusal_of(Money(9_999_999_900, "MGA")) == ""


@pytest.mark.parametrize("code", ["BHD", "JOD", "KWD", "OMR", "TND"])
def test_thousandths_end_in_a_zero(code):
    assert refusal_of(Money(5120, code)) == ""
    assert refusal_of(Money(5124, code)) == f"the last digit of an amount in {code} must be 0"


def test_what_is_whole_at_stripe_must_be_whole():
    assert refusal_of(Money(1050, "MGA")) == "an amount in MGA must be whole"
    assert units_of(Money(1050, "MGA")) is None


@pytest.mark.parametrize("code", ["isk", "ugx"])
def test_an_amount_that_iso_does_not_have_is_none(code):
    assert money_of(500, code) == Money(5, code.upper())
    assert money_of(501, code) is None
