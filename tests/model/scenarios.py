"""The models by name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from tests.model import numbers, refunds
from tests.model.explore import Model
from tests.model.numbers import Numbers
from tests.model.payments import variants as payments
from tests.model.payments.protocol import Payments
from tests.model.refunds import Refunds
from tests.model.seats import variants as seats
from tests.model.seats.protocol import Seats


class Played(NamedTuple):
    """How to make a model, what is played through, and its broken variants."""

    of: Callable[..., Model]
    quick: Mapping[str, Any]
    full: Mapping[str, Any]
    broken: Mapping[str, Any]


MODELS: Mapping[str, Played] = MappingProxyType(
    {
        "seats": Played(Seats, seats.QUICK, seats.FULL, seats.BROKEN),
        "numbers": Played(Numbers, numbers.QUICK, numbers.FULL, numbers.BROKEN),
        "payments": Played(Payments, payments.QUICK, payments.FULL, payments.BROKEN),
        "refunds": Played(Refunds, refunds.QUICK, refunds.FULL, refunds.BROKEN),
    }
)
