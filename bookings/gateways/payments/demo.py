"""
Payments for trying things out: those of four users go another way than the others, which succeed.

What is true of a charge stands in the row of its payment, which is committed before the charge is asked for: who pays,
since when, and whether it is to be closed. So each process says the same of one key, also after a restart.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.db import Error

from bookings.db.clock import database_time
from bookings.gateways.payments.quiet import QuietGateway
from bookings.models import Payment
from bookings.models.payments import PaymentStep
from bookings.ports import (
    Action,
    ActionKind,
    AwaitsBank,
    AwaitsPayer,
    Charged,
    ChargeOutcome,
    Closed,
    Declined,
    Intent,
    NotSent,
    Opened,
    OpenOutcome,
    Unknown,
)

# The last three digits are the status of the answer that each of them gets; the bank's page is a way of 302.
DECLINED_USER, LATE_USER, UNCLEAR_USER, PAYER_USER = 90402, 90202, 90504, 90302

# A client sees 202 first, and the worker settles it within a pass or two.
LATE_FOR = timedelta(seconds=5)

# As long as a person may take to find the telephone, and to say yes to the bank.
AT_THE_BANK_FOR = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class _Row:
    """What the row of a payment says about it."""

    user_id: int
    age: timedelta
    is_closing: bool


class DemoPayments(QuietGateway):
    """
    Declines one user, keeps another one waiting, sends a third to a bank, and never says what became of a fourth.

    Opens no socket. Does not settle here: each payment goes the way of those at another system. Not for production,
    where the settings refuse it.
    """

    name = "demo"
    settles_here = False

    def open(self, intent: Intent, *, seconds: float) -> OpenOutcome:
        return Opened(f"demo-{intent.key}")

    def charge(self, intent: Intent, *, payer_token: str, seconds: float) -> ChargeOutcome:
        return self.look(intent, seconds=seconds)

    def look(self, intent: Intent, *, seconds: float) -> ChargeOutcome:
        row = _row_of(intent)
        return row if isinstance(row, NotSent) else _stands(row, intent)

    def close(self, intent: Intent, *, seconds: float) -> ChargeOutcome:
        return self.look(intent, seconds=seconds)


def _row_of(intent: Intent) -> _Row | NotSent:
    columns = Payment.objects.filter(gateway_key=intent.key).values_list("booking__user_id", "created_at", "step")
    try:
        for user_id, began, step in columns:
            return _Row(user_id, database_time() - began, step == PaymentStep.CLOSING)
    except Error as error:
        return NotSent(type(error).__name__)
    return NotSent("no payment has this key")


def _stands(row: _Row, intent: Intent) -> ChargeOutcome:
    """
    Say how a payment stands by what its row says.

    One that is to be closed is: a bank that would have said yes in that moment was never asked.
    """
    if row.user_id == UNCLEAR_USER:
        return Unknown("no answer yet")
    if row.is_closing:
        return Closed()
    if row.user_id == DECLINED_USER:
        return Declined("generic_decline")
    if row.user_id == LATE_USER and row.age < LATE_FOR:
        return AwaitsBank()
    if row.user_id == PAYER_USER and row.age < AT_THE_BANK_FOR:
        return AwaitsPayer(Action(ActionKind.AUTHENTICATE, {"clientSecret": f"demo-{intent.key}-secret"}))
    return Charged(intent.money, intent.key)
