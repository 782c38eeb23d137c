"""
Payments for trying things out: those of three users go wrong, each in its way, and all others succeed.

What is true of a charge stands in the row of its payment, which is committed before the charge is asked for: who pays,
and since when. So each process says the same of one key, also after a restart, and never takes a decision back.
"""

from datetime import timedelta
from uuid import UUID

from django.db import Error

from bookings.db.clock import database_time
from bookings.models import Payment
from bookings.ports import Charged, ChargeOutcome, ChargeUnknown, Declined, NotSent, Refunded, RefundOutcome
from bookings.text.money import Money

# The last three digits are the status of the answer that each of them gets.
DECLINED_USER, LATE_USER, UNCLEAR_USER = 90402, 90202, 90504

# A client sees 202 first, and the worker settles it within a pass or two.
LATE_FOR = timedelta(seconds=5)


class DemoPayments:
    """
    Declines one user, keeps another one waiting, and never says what became of the payments of a third.

    Opens no socket. Does not settle here: each payment goes the way of those at another system. Not for production,
    where the settings refuse it.
    """

    settles_here = False

    def charge(self, *, key: UUID, amount: Money, reference: str) -> ChargeOutcome:
        try:
            payment = Payment.objects.filter(gateway_key=key).values_list("booking__user_id", "created_at").first()
            if payment is None:
                return NotSent("no payment has this key")
            user_id, began = payment
            is_late = user_id == LATE_USER and database_time() - began < LATE_FOR
        except Error as error:
            return NotSent(type(error).__name__)
        if user_id == DECLINED_USER:
            return Declined("declined, as each payment of this user")
        if is_late or user_id == UNCLEAR_USER:
            return ChargeUnknown("no answer yet")
        return Charged()

    def refund(self, *, key: UUID, charge_key: UUID, amount: Money) -> RefundOutcome:
        return Refunded()
