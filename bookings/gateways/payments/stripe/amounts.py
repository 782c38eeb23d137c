"""
Amounts as Stripe counts them, and which of them it takes.

Money here is in ISO 4217 minor units. Stripe counts a few currencies in other units, which this file alone knows:
https://docs.stripe.com/currencies.
"""

from bookings.text.money import Money, digits_of


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


# The currencies that Stripe names when it refuses one. Which of them an account has depends on its country.
CURRENCIES = _codes(
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP "
    "CNY COP CRC CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS "
    "INR ISK JMD JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK "
    "MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SEK SGD SHP "
    "SLE SOS SRD SVC SZL THB TJS TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VND VUV WST XAF XCD XCG XOF XPF YER ZAR "
    "ZMW"
)

# Digits behind the point are two at Stripe, but for these. So the króna and the Ugandan shilling, which have none by
# ISO, keep two zeros there; and the ariary, which has two by ISO, has none.
WHOLE = _codes("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF")
IN_THOUSANDTHS = _codes("BHD JOD KWD OMR TND")

# The smallest charges, in ISO minor units. What is sold in another currency than the account's own must be worth the
# smallest charge in that one, which is not known here: Stripe refuses it when the payment is opened.
_LEAST = {
    "AED": 200,
    "CZK": 1500,
    "DKK": 250,
    "GBP": 30,
    "HKD": 400,
    "HUF": 17500,
    "MXN": 1000,
    "MYR": 200,
    "NOK": 300,
    "PLN": 200,
    "RON": 200,
    "SEK": 300,
    "THB": 1000,
    **dict.fromkeys(_codes("ARS AUD BRL CAD CHF COP EUR IDR ILS INR JPY KRW NZD PHP RUB SGD USD ZAR"), 50),
}

# The digits of the largest amount, in Stripe's units. Cards may carry more, and other ways to pay do not.
_MOST_DIGITS = {"IDR": 12, "COP": 10, "INR": 9}
_USUAL_MOST_DIGITS = 8


def refusal_of(money: Money) -> str:
    """Say why Stripe cannot charge this; empty if it can, as far as is known here."""
    code = money.currency
    if code not in CURRENCIES or digits_of(code) is None:
        return f"no payments in {code}"
    if money.amount < (least := _LEAST.get(code, 1)):
        return f"less than {Money(least, code)}"
    if code in IN_THOUSANDTHS and money.amount % 10:  # the networks of cards cannot carry that digit
        return f"the last digit of an amount in {code} must be 0"
    if (units := units_of(money)) is None:
        return f"an amount in {code} must be whole"
    if len(str(units)) > _MOST_DIGITS.get(code, _USUAL_MOST_DIGITS):
        return "more than can be charged at once"
    return ""


def units_of(money: Money) -> int | None:
    """Give the amount in Stripe's units; None if there is no such amount."""
    shift = _shift(money.currency)
    if shift >= 0:
        return int(money.amount * 10**shift)
    units, rest = divmod(money.amount, 10**-shift)
    return None if rest else units


def money_of(units: int, currency: str) -> Money | None:
    """Read an amount in Stripe's units, and its currency as Stripe writes it; None if ISO has no such amount."""
    code = currency.upper()
    shift = _shift(code)
    if shift <= 0:
        return Money(int(units * 10**-shift), code)
    amount, rest = divmod(units, 10**shift)
    return None if rest else Money(amount, code)


def _shift(code: str) -> int:
    """By how many digits Stripe's unit is smaller than ISO's."""
    digits = 0 if code in WHOLE else 3 if code in IN_THOUSANDTHS else 2
    return digits - (digits_of(code) or 0)
