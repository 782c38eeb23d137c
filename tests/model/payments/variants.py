"""What is played through, and the protocol without one of its rules each."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from tests.model.explore import NO_END
from tests.model.payments.protocol import ABOVE, GIVEN_AWAY, KEPT, SEATLESS, TWICE, UNASKED, UNPAID, Bounds
from tests.model.payments.world import Left

NO_FAULTS = Left(*(0,) * len(Left._fields))


def bounds(
    *,
    attempts: int = 1,
    by_payer: tuple[bool, ...] = (False, True),
    silent: bool = False,
    keys: bool = True,
    **left: int,
) -> Bounds:
    """Bounds without faults and wishes but those that are named."""
    return Bounds(attempts, by_payer, left=NO_FAULTS._replace(**left), silent=silent, keys=keys)


class Broken(NamedTuple):
    """What the lack of a rule leads to, and bounds within which it does."""

    wrong: str
    bounds: Bounds


QUICK: Mapping[str, Bounds] = MappingProxyType(
    {
        "two attempts, a lost call": bounds(attempts=2, losses=1),
        "two attempts, the customer cancels": bounds(attempts=2, cancels=1),
        "a dead process, staff and the customer cancel": bounds(crashes=1, staff=1, cancels=1),
        "a delayed call, a lease that ends": bounds(delays=1, pauses=1),
        "a silent gateway, a lost call": bounds(silent=True, losses=1),
        "the request repeated, with keys": bounds(by_payer=(False,), resumes=1, pauses=1, losses=1),
        "the request repeated, without keys": bounds(by_payer=(False,), keys=False, resumes=1, pauses=1, losses=1),
    }
)

FULL: Mapping[str, Bounds] = MappingProxyType(
    {
        "two attempts, a lost call, a lease that ends, a cancellation": bounds(
            attempts=2, losses=1, pauses=1, cancels=1
        ),
        "two attempts, a dead process, a delayed call, staff": bounds(attempts=2, crashes=1, delays=1, staff=1),
        "one attempt, each fault and wish once": bounds(crashes=1, losses=1, delays=1, pauses=1, cancels=1, staff=1),
        "a silent gateway": bounds(silent=True, crashes=1, losses=1, delays=1, pauses=1),
        "the request repeated twice, with keys": bounds(
            by_payer=(False,), resumes=2, losses=1, delays=1, pauses=2, cancels=1
        ),
        "the request repeated twice, without keys": bounds(
            by_payer=(False,), keys=False, resumes=2, losses=1, delays=1, pauses=2
        ),
    }
)

BROKEN: Mapping[str, Broken] = MappingProxyType(
    {
        "no fence": Broken(KEPT, bounds(pauses=1)),
        "blind expiry": Broken(GIVEN_AWAY, bounds()),
        "cancel without closing": Broken(GIVEN_AWAY, bounds(cancels=1)),
        "another attempt without closing": Broken(TWICE, bounds(attempts=2)),
        "a decline is final": Broken(KEPT, bounds()),
        "unknown is failed": Broken(KEPT, bounds(losses=1, crashes=1)),
        "untouched is failed": Broken(KEPT, bounds(delays=1, crashes=1)),
        "not sent is failed": Broken(KEPT, bounds(losses=1, delays=1)),
        "another charge is not counted": Broken(KEPT, bounds(keys=False, resumes=1, pauses=1)),
        "no answer to a close is closed": Broken(KEPT, bounds(losses=1)),
        "any answer to a close is closed": Broken(KEPT, bounds()),
        "asked is failed at once": Broken(KEPT, bounds(pauses=1)),
        "the secret leaves first": Broken(KEPT, bounds(pauses=1)),
        "settled twice": Broken(UNPAID, bounds(pauses=1)),
        "the wish is forgotten": Broken(UNASKED, bounds(staff=1)),
        "a late charge books": Broken(SEATLESS, bounds(silent=True)),
        "a late charge is dropped": Broken(KEPT, bounds(silent=True)),
        "a refund is repeated under a new key": Broken(ABOVE, bounds(staff=1, losses=1)),
        "an unclear refund is made": Broken(KEPT, bounds(staff=1, losses=1)),
        "nothing is closed when it is late": Broken(NO_END, bounds()),
        "a lease never ends": Broken(NO_END, bounds(crashes=1)),
    }
)
