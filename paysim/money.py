"""Amounts and currencies as Stripe takes them: https://docs.stripe.com/currencies."""

from paysim.errors import Refused, invalid

_NO_MINOR_UNITS = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"
_TWO_DIGITS = """
usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bmd bnd bob brl bsd bwp byn bzd cad cdf chf cny cop crc cve
czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf idr ils inr jmd kes kgs khr kyd kzt lak
lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar
ron rsd rub sar sbd scr sek sgd shp sle sos srd std szl thb tjs top try ttd twd tzs uah uyu uzs wst xcd xcg yer zar
zmw
"""

# Without minor units; ISK and UGX have none either, but are sent as if they had, as they once were.
NO_MINOR_UNITS = frozenset(_NO_MINOR_UNITS.split())
SENT_WITH_MINOR_UNITS = frozenset(("isk", "ugx"))
THREE_DIGITS = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))
TWO_DIGITS = frozenset(_TWO_DIGITS.split())
CURRENCIES = TWO_DIGITS | THREE_DIGITS | NO_MINOR_UNITS | SENT_WITH_MINOR_UNITS

MAX_AMOUNT = 99_999_999

# The least that a card may be charged, where the documentation names it.
LEAST = {
    "usd": 50, "aed": 200, "aud": 50, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50, "gbp": 30,
    "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50, "pln": 200,
    "ron": 200, "sek": 300, "sgd": 50, "thb": 1000,
}  # fmt: skip


def check_money(amount: int, currency: str) -> None:
    """
    See that an amount can be charged.

    :raises Refused: if the currency is unknown, or the amount too small, too large or too fine
    """
    if currency not in CURRENCIES:
        supported = ", ".join(sorted(CURRENCIES))
        raise invalid(
            f"Invalid currency: {currency}. Stripe currently supports these currencies: {supported}", param="currency"
        )
    if amount < 1:
        raise invalid("Invalid positive integer", param="amount", code="parameter_invalid_integer")
    if amount < LEAST.get(currency, 1):
        message = f"Amount must be at least {shown(LEAST[currency], currency)}"
        raise invalid(message, param="amount", code="amount_too_small")
    if amount > MAX_AMOUNT:
        message = f"Amount must be no more than {shown(MAX_AMOUNT, currency)}"
        raise invalid(message, param="amount", code="amount_too_large")
    _check_digits(amount, currency)


def _check_digits(amount: int, currency: str) -> None:
    if currency in THREE_DIGITS and amount % 10:
        raise _too_fine(currency, "10")
    if currency in SENT_WITH_MINOR_UNITS and amount % 100:
        raise _too_fine(currency, "100")


def _too_fine(currency: str, step: str) -> Refused:
    return invalid(f"Invalid amount: an amount in {currency} must be divisible by {step}", param="amount")


def shown(amount: int, currency: str) -> str:
    """Return an amount for a person, as 12.50 usd."""
    digits = 3 if currency in THREE_DIGITS else 0 if currency in NO_MINOR_UNITS else 2
    if not digits:
        return f"{amount} {currency}"
    whole, part = divmod(amount, 10**digits)
    return f"{whole}.{part:0{digits}} {currency}"
