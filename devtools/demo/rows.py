"""
What became of demo bookings: rows that satisfy every constraint.

Deterministic: a booking's number decides what it is, so a repetition is harmless.
"""

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

from bookings.actor import ActorKind
from bookings.conf import payment_window
from bookings.lifecycle import BookingStatus, CancelReason, Hold, RefundCause, ShownPayment
from bookings.models.bookings.booking_event import EventKind
from bookings.models.payments import PaymentState
from bookings.ports import Flight
from bookings.text.references import HOW_MANY, reference_at

# Bookings of one block that hold seats are on one flight: their seats are one call to the Flight Service.
BLOCK = 100
HOLDING_SLOTS = (1, 4, 7)
SEATS_OF_SLOTS = (1, 2, 2, 3, 1, 2, 4, 1, 2, 2)
SEATS_PER_BLOCK = BLOCK // 10 * len(HOLDING_SLOTS) // len(SEATS_OF_SLOTS) * sum(SEATS_OF_SLOTS)

PAST = timedelta(days=30)
USERS = 50_000

# Of one paid booking in so many a part went back.
WITH_GOODWILL = 50
GOODWILL = "The flight was three hours late."

NOW_AND_THEN = timedelta(seconds=0.15)
"""How long the Flight Service takes to answer."""


class Standing(NamedTuple):
    """How a booking stands, and who brought it there."""

    status: BookingStatus
    hold: Hold
    reason: str
    by: ActorKind
    with_payment: bool = False


class Ending(Enum):
    """What becomes of demo bookings."""

    UNPAID = Standing(BookingStatus.INITIATED, Hold.HELD, "", ActorKind.SYSTEM)
    BOOKED = Standing(BookingStatus.BOOKED, Hold.HELD, "", ActorKind.CUSTOMER, with_payment=True)
    EXPIRED = Standing(BookingStatus.CANCELLED, Hold.GIVING_BACK, CancelReason.EXPIRED, ActorKind.SYSTEM)
    DECLINED = Standing(
        BookingStatus.CANCELLED, Hold.GIVING_BACK, CancelReason.EXPIRED, ActorKind.SYSTEM, with_payment=True
    )
    WITHDRAWN = Standing(BookingStatus.CANCELLED, Hold.GIVING_BACK, CancelReason.CUSTOMER_REQUEST, ActorKind.CUSTOMER)
    REFUNDED = Standing(
        BookingStatus.CANCELLED,
        Hold.GIVING_BACK,
        CancelReason.CUSTOMER_REQUEST,
        ActorKind.STAFF,
        with_payment=True,
    )
    FRAUD = Standing(BookingStatus.CANCELLED, Hold.GIVING_BACK, CancelReason.FRAUD, ActorKind.STAFF)
    NO_SEATS = Standing(BookingStatus.CANCELLED, Hold.REFUSED, CancelReason.NO_SEATS, ActorKind.SYSTEM)
    UNAVAILABLE = Standing(BookingStatus.CANCELLED, Hold.DROPPED, CancelReason.UNAVAILABLE, ActorKind.SYSTEM)


# Of those that hold no seats any more, in a thousand.
ENDINGS = {
    Ending.EXPIRED: 420,
    Ending.WITHDRAWN: 200,
    Ending.NO_SEATS: 170,
    Ending.REFUNDED: 80,
    Ending.DECLINED: 80,
    Ending.UNAVAILABLE: 48,
    Ending.FRAUD: 2,
}


@dataclass(slots=True)
class DemoBooking:
    """One demo booking: when it was made, when it was paid and when it ended, where it was."""

    number: int
    flight: Flight
    seats: int
    user_id: int
    created_at: datetime
    ending: Ending
    paid_at: datetime | None = None
    ended_at: datetime | None = None
    # When a part of its money went back, while it goes on.
    goodwill_at: datetime | None = None

    @property
    def request_id(self) -> str:
        return request_id_of(self.number)

    @property
    def cost(self) -> int:
        return self.flight.price * self.seats

    @property
    def changed_at(self) -> datetime:
        return self.ended_at or self.paid_at or self.created_at + NOW_AND_THEN

    @property
    def refunded_at(self) -> datetime | None:
        is_refunded = self.ending is Ending.REFUNDED and self.ended_at is not None
        return self.changed_at + NOW_AND_THEN if is_refunded else self.goodwill_at

    @property
    def given_back(self) -> int:
        """How much went back, in minor units: all of it, or a tenth for goodwill."""
        if self.refunded_at is None:
            return 0
        return self.cost if self.goodwill_at is None else self.cost // 10


class EventRow(NamedTuple):
    """A row of `booking_event`, without the booking it belongs to."""

    what: EventKind
    actor_kind: ActorKind
    actor_name: str
    from_status: str
    to_status: str
    reason: str
    note: str
    request_id: str
    created_at: datetime


def request_id_of(number: int) -> str:
    """The name of a demo booking's request: by it the booking is found again."""
    return f"demo-{number:09}"


def reference_of(number: int) -> str:
    """A reference that looks like any other; two numbers never share one."""
    # The factor shares no divisor with how many there are, and is far from a simple part of it.
    return reference_at((number * 86_437_489_003 + 123_456_789) % HOW_MANY)


def demo_bookings(
    numbers: Sequence[int],
    *,
    ages: Iterable[timedelta],
    now: datetime,
    holding: dict[int, Flight],
    flights: list[Flight],
) -> Iterator[DemoBooking]:
    """
    Tell what became of these numbers.

    :param ages: how long ago each was made
    :param holding: the flight on which the bookings of a block hold seats; of other blocks none does
    :param flights: what those that hold none were made for
    """
    dice = random.Random(numbers[0])  # a demo, the same at every start  # noqa: S311  # nosec B311
    endings = dice.choices(list(ENDINGS), list(ENDINGS.values()), k=len(numbers))
    for number, age, ending in zip(numbers, ages, endings, strict=True):
        block, place = divmod(number, BLOCK)
        flight = holding.get(block)
        row, slot = divmod(place, 10)
        user_id = 1001 + dice.randrange(USERS)
        if flight is not None and slot in HOLDING_SLOTS:
            turn = row * len(HOLDING_SLOTS) + HOLDING_SLOTS.index(slot)
            seats = SEATS_OF_SLOTS[turn % len(SEATS_OF_SLOTS)]
            yield _holding(DemoBooking(number, flight, seats, user_id, now - age, Ending.BOOKED), age, dice)
        else:
            flight = flights[dice.randrange(len(flights))]
            yield _ended(DemoBooking(number, flight, dice.randint(1, 4), user_id, now - age, ending), age, dice)


def ages_of(first: int, last: int, *, of: tuple[int, int]) -> Iterator[timedelta]:
    """How long ago each of these numbers was made: more of them lately, in waves of a day."""
    begin, end = of
    for number in range(first, last):
        days = PAST.days * (1 - (number - begin + 0.5) / (end - begin)) ** 1.5
        yield timedelta(days=days + 0.1 * math.sin(2 * math.pi * days))


def events_of(booking: DemoBooking) -> Iterator[EventRow]:
    """What happened to a booking after it was made, oldest first."""
    status = (
        BookingStatus.INITIATED if booking.ending.value.hold in (Hold.HELD, Hold.GIVING_BACK) else BookingStatus.PENDING
    )
    customer = (ActorKind.CUSTOMER, str(booking.user_id))
    if booking.paid_at is not None:
        if booking.ending is Ending.DECLINED:
            yield EventRow(
                EventKind.PAYMENT_FAILED, *customer, "", "", "", "", f"{booking.request_id}-pay", booking.paid_at
            )
        else:
            booked = BookingStatus.BOOKED
            yield EventRow(
                EventKind.BOOKED, *customer, status, booked, "", "", f"{booking.request_id}-pay", booking.paid_at
            )
            status = booked
    if booking.goodwill_at is not None:
        asked = (EventKind.REFUND_ASKED, ActorKind.STAFF, "support", "", "", RefundCause.GOODWILL, GOODWILL)
        yield EventRow(*asked, f"{booking.request_id}-part", booking.goodwill_at - NOW_AND_THEN)
        yield EventRow(EventKind.REFUNDED, ActorKind.SYSTEM, "worker", "", "", "", "", "", booking.goodwill_at)
    if booking.ended_at is None:
        return
    by, reason, cancelled = booking.ending.value.by, booking.ending.value.reason, BookingStatus.CANCELLED
    name = {ActorKind.STAFF: "support", ActorKind.CUSTOMER: customer[1]}.get(by, "worker")
    request_id = "" if by == ActorKind.SYSTEM else f"{booking.request_id}-end"
    note = "Asked for by telephone." if booking.ending is Ending.REFUNDED else ""
    yield EventRow(EventKind.CANCELLED, by, name, status, cancelled, reason, note, request_id, booking.ended_at)
    if booking.refunded_at is not None:
        yield EventRow(EventKind.REFUNDED, ActorKind.SYSTEM, "worker", "", "", "", "", "", booking.refunded_at)


def shown_payment_of(booking: DemoBooking) -> str:
    """What clients see of a booking's payment; empty without one."""
    return ShownPayment.PART_REFUNDED if booking.goodwill_at is not None else payment_state_of(booking) or ""


def payment_state_of(booking: DemoBooking) -> PaymentState | None:
    """The state of a booking's payment; None without one."""
    if booking.paid_at is None:
        return None
    return {Ending.BOOKED: PaymentState.SUCCEEDED, Ending.DECLINED: PaymentState.FAILED}.get(
        booking.ending, PaymentState.REFUNDED
    )


def _holding(booking: DemoBooking, age: timedelta, dice: random.Random) -> DemoBooking:
    """Paid, or waiting for it where its window is open for a while yet."""
    time_left = payment_window() - age
    if age < timedelta(seconds=30) or (time_left > timedelta(minutes=1) and dice.random() < 0.5):
        booking.ending = Ending.UNPAID
    else:
        booking.paid_at = booking.created_at + min(age, payment_window()) * (0.05 + 0.85 * dice.random())
        if age > timedelta(days=1) and booking.number % WITH_GOODWILL == 1 and booking.cost >= 10:
            booking.goodwill_at = booking.paid_at + timedelta(hours=8)
    return booking


def _ended(booking: DemoBooking, age: timedelta, dice: random.Random) -> DemoBooking:
    """Give it the ending it was to have, if that fits between then and now."""
    window, lot = payment_window(), dice.random()
    if booking.ending in (Ending.EXPIRED, Ending.DECLINED):
        if age < window + timedelta(seconds=30):
            booking.ending = Ending.WITHDRAWN
        else:
            booking.ended_at = booking.created_at + window + timedelta(seconds=10 * lot)
            if booking.ending is Ending.DECLINED:
                booking.paid_at = booking.created_at + window * (0.05 + 0.5 * lot)
    elif booking.ending in (Ending.NO_SEATS, Ending.UNAVAILABLE):
        booking.ended_at = booking.created_at + min(NOW_AND_THEN, age)
    if booking.ending in (Ending.WITHDRAWN, Ending.FRAUD):
        booking.ended_at = booking.created_at + min(age, window) * (0.1 + 0.8 * lot)
    elif booking.ending is Ending.REFUNDED:
        booking.paid_at = booking.created_at + min(age, window) * (0.05 + 0.25 * lot)
        booking.ended_at = booking.created_at + min(age, timedelta(days=2)) * (0.4 + 0.5 * lot)
    return booking
