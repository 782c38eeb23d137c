"""
Money, and how people read it.

An amount is a whole number of its currency's minor unit, as ISO 4217 defines that: 1222000 is 12,220.00 INR,
1,222,000 JPY and 1,222.000 BHD.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from iso4217 import Currency

# What development counts in: by ISO 4217 the code of no currency.
NO_CURRENCY = "XXX"

# Digits after the point, by code; None for what has no minor unit, as gold (XAU) and no currency.
_DIGITS: dict[str, int | None] = {currency.code: currency.exponent for currency in Currency}


# As large as an amount of ours may be, and no sign.
_AMOUNT = re.compile(r"[0-9]{1,16}(\.[0-9]{1,4})?")


def is_currency(code: object) -> bool:
    """Tell whether this is the ISO 4217 code of a currency with a minor unit: one that a price can be in."""
    return isinstance(code, str) and _DIGITS.get(code) is not None


def digits_of(code: str) -> int | None:
    """Count the digits behind the point; None for what has no minor unit, or is not on ISO's list."""
    return _DIGITS.get(code)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units, with its currency. As text it is what people read: `12,220.00 INR`."""

    amount: int
    currency: str

    def __str__(self) -> str:
        if (number := self.number) is None:
            return f"{self.amount:,} minor units of {self.currency}"
        return f"{number:,f} {self.currency}"

    @property
    def number(self) -> Decimal | None:
        """
        The amount in its currency itself, with all digits behind the point: 12220.00.

        None for a currency that ISO has taken off its list since: how many digits it had is not known any more.
        """
        if self.currency not in _DIGITS:
            return None
        return Decimal(self.amount).scaleb(-(_DIGITS[self.currency] or 0))


def totals(amounts: Iterable[Money]) -> list[Money]:
    """Add up what is in the same currency, in the order of codes; a sum of nothing is left out."""
    sums: Counter[str] = Counter()
    for each in amounts:
        sums[each.currency] += each.amount
    return [Money(total, currency) for currency, total in sorted(sums.items()) if total]


def money_in(typed: str, currency: str) -> Money | None:
    """
    Read an amount as people type it, in the currency itself: `1,220.5` of INR is 122050 minor units.

    None if it is no amount, or has more digits behind the point than the currency.
    """
    text = typed.strip().replace(",", "")
    if not _AMOUNT.fullmatch(text) or currency not in _DIGITS:
        return None
    whole, _, part = text.partition(".")
    digits = _DIGITS[currency] or 0
    return None if len(part) > digits else Money(int(whole + part.ljust(digits, "0")), currency)
