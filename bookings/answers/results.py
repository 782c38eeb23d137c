"""
What a service has done for a client. Knows no HTTP: `bookings.answers.rendering` says how the API tells it.

`at` is the database time at which a booking was like this: what its owner may do with it depends on the time.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bookings.errors import Refusal
from bookings.models import Booking, IdempotencyRecord, Payment
from bookings.ports import Action


@dataclass(frozen=True, slots=True)
class Created:
    """The seats are reserved."""

    booking: Booking
    at: datetime


@dataclass(frozen=True, slots=True)
class Accepted:
    """The seats will be reserved or refused later; the client asked for that."""

    booking: Booking
    at: datetime


@dataclass(frozen=True, slots=True)
class Paid:
    """The payment succeeded."""

    booking: Booking
    at: datetime


@dataclass(frozen=True, slots=True)
class PaymentPending:
    """
    The payment waits: for its payer, who has something to do, or for the gateway. The booking will show its end.

    `action` is what the payer has to do, with a secret: it is told to this request alone, and stored nowhere.
    """

    booking: Booking
    payment: Payment
    at: datetime
    action: Action | None = None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The booking is cancelled, by this request or an earlier one."""

    booking: Booking
    at: datetime


@dataclass(frozen=True, slots=True)
class SeatsChanged:
    """The booking has the seats that were asked for, by this request or before."""

    booking: Booking
    at: datetime


@dataclass(frozen=True, slots=True)
class SeatChangePending:
    """It is not known yet whether the booking has other seats; it will show its end."""

    booking: Booking
    at: datetime


@dataclass(frozen=True, slots=True)
class Refused:
    """It was decided, and the decision is no. `request_id` names the request that it was decided for."""

    asked: Literal["create", "pay", "cancel", "change_seats"]
    problem: Refusal
    request_id: str


@dataclass(frozen=True, slots=True)
class DoneByStaff:
    """Support staff did something once; what it was stands in the events of the booking."""


@dataclass(frozen=True, slots=True)
class AlreadyDone:
    """The request was answered before: `stored` keeps the answer, byte for byte."""

    stored: IdempotencyRecord


Changed = SeatsChanged | SeatChangePending

Result = Created | Accepted | Paid | PaymentPending | Cancelled | Changed | Refused | DoneByStaff | AlreadyDone
