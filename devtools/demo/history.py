"""
Many bookings, fast: a million of the past, and a few that are under way.

Their seats agree with the Flight Service's at every moment but one: the bookings of a block that hold seats are
on one flight, and one call reserves the seats of all of them just before their rows are written. Its key is made
of the block's number, so an interrupted run is simply repeated.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Model, OuterRef, QuerySet, Subquery

from bookings.conf import WORKER_CALL_SECONDS, currency, payment_window
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.lifecycle import BookingStatus, Hold, RefundCause
from bookings.models import Booking, BookingEvent, Payment, Refund, SeatCall
from bookings.models.payments import PaymentState
from bookings.ports import (
    Applied,
    Flight,
    FlightService,
    FlightsUnreachable,
    NoFlight,
    NoSeats,
    SeatChange,
    UnknownFlight,
)
from devtools.bulk_rows import insert_values
from devtools.demo.rows import (
    BLOCK,
    GOODWILL,
    NOW_AND_THEN,
    SEATS_PER_BLOCK,
    DemoBooking,
    Ending,
    ages_of,
    demo_bookings,
    events_of,
    payment_state_of,
    reference_of,
    request_id_of,
    shown_payment_of,
)

# Marks the rows of the demo.
MADE_BY = "demo data"

# One transaction writes this many bookings, with all that belongs to them.
CHUNK = 50 * BLOCK

# More flights than a demo shows.
MOST_FLIGHTS = 500

# Used if the Flight Service shows no flights.
UNSEEN_FLIGHTS = [Flight(id=number, price=2000, seats_left=0) for number in range(1, 13)]

HIGHEST_NUMBER = 10**9 - 1

# Beyond every demo booking's number: used where another booking has the reference already.
NEXT_REFERENCES = HIGHEST_NUMBER + 1

KEYS = uuid.UUID("6f1c6d43-51c8-4d0e-8f7e-0b8f0c6f0a55")


class Interrupted(Exception):
    """The Flight Service did not say what became of a call; the same run again will ask with the same key."""


def fill_up(total: int, *, flights: FlightService, say: Callable[[str], None]) -> int:
    """
    Make demo bookings until there are `total` of them, and return how many were made.

    Leaves the seats of every third flight free, and reserves those of the others while there are any.

    :raises Interrupted: if the Flight Service does not answer, or stops on the way; what was made stays
    """
    begin = first = _next_number()
    if begin >= total:
        return 0
    shown = _flights_shown(flights)
    seats = _Seats(flights, [flight for flight in shown if flight.id % 3 != 1])
    while first < total:
        last = min(total, (first // CHUNK + 1) * CHUNK)
        blocks = range(-(-first // BLOCK), last // BLOCK)
        holding = {block: flight for block in blocks if (flight := seats.taken_for(block)) is not None}
        _write(first, last, of=(begin, total), holding=holding, flights=shown or UNSEEN_FLIGHTS)
        first = last
        if first % (20 * CHUNK) == 0:
            say(f"{first:,} of {total:,}")
    return total - begin


class _Seats:
    """Reserves the seats of blocks, each on one flight and always under the same key."""

    def __init__(self, service: FlightService, flights: Sequence[Flight]) -> None:
        self._service = service
        self._flights = flights
        self._sold_out: set[int] = set()

    def taken_for(self, block: int) -> Flight | None:
        """
        Reserve the seats of a block and return their flight; None if none are left.

        :raises Interrupted: if it is not known whether they were reserved
        """
        if not self._flights:
            return None
        flight = self._flights[block % len(self._flights)]
        if flight.id in self._sold_out:
            return None
        key = uuid.uuid5(KEYS, f"block {block} of {SEATS_PER_BLOCK} seats on flight {flight.id}")
        change = SeatChange(key=key, flight_id=flight.id, seats=SEATS_PER_BLOCK, reserves=True)
        match self._service.change_seats(change, seconds=WORKER_CALL_SECONDS):
            case Applied():
                return flight
            case NoSeats() | NoFlight():
                self._sold_out.add(flight.id)
                return None
            case outcome:
                raise Interrupted(f"flight {flight.id}: {outcome}")


def _next_number() -> int:
    """The number of the first demo booking that is missing: they are made in order."""
    last = _ours(0, HIGHEST_NUMBER).order_by("-request_id").values_list("request_id", flat=True).first()
    return 0 if last is None else int(last.removeprefix("demo-")) + 1


def _ours(first: int, last: int) -> QuerySet[Booking]:
    return Booking.objects.filter(
        request_id__gte=request_id_of(first), request_id__lte=request_id_of(last), created_by=MADE_BY
    )


def _flights_shown(service: FlightService) -> list[Flight]:
    """
    The flights, numbered from 1 without a gap.

    :raises Interrupted: if it is not known which there are. An interrupted run may have reserved the seats
        of a block: to write that block without them, or for another flight, would lose them for good
    """
    shown: list[Flight] = []
    try:
        for number in range(1, MOST_FLIGHTS + 1):
            shown.append(service.get_flight(number, seconds=WORKER_CALL_SECONDS))
    except UnknownFlight:
        pass
    except FlightsUnreachable as error:
        raise Interrupted("which flights there are") from error
    return shown


@in_transaction("demo")
def _write(first: int, last: int, *, of: tuple[int, int], holding: dict[int, Flight], flights: list[Flight]) -> None:
    """Write the bookings of these numbers, with all that belongs to them; do nothing if they are there."""
    if _next_number() != first:
        return
    now = database_time()
    told = list(
        demo_bookings(range(first, last), ages=ages_of(first, last, of=of), now=now, holding=holding, flights=flights)
    )
    _insert(Booking, _booking_rows(told, references=_references(told), calls=_releases(told, now)))
    ids = dict(_ours(first, last - 1).values_list("request_id", "pk"))
    _insert(Payment, [row for booking in told for row in _payment_rows(booking, ids[booking.request_id])])
    payments = dict(Payment.objects.filter(booking__in=ids.values()).values_list("booking__request_id", "pk"))
    back = [booking for booking in told if booking.refunded_at is not None]
    _insert(Refund, [row for booking in back for row in _refund_rows(booking, payments[booking.request_id])])
    _insert(
        BookingEvent,
        [
            {"booking_id": ids[booking.request_id], **event._asdict()}
            for booking in told
            for event in events_of(booking)
        ],
    )
    # Others are told of what happens to them from now on.
    last_event = BookingEvent.objects.order_by("pk").values_list("pk", flat=True).last()
    Booking.objects.filter(pk__in=ids.values()).update(announced_event_id=last_event or 0)
    paying = Payment.objects.filter(active_booking_id=OuterRef("pk")).values("pk")
    paid = [ids[booking.request_id] for booking in told if booking.ending is Ending.BOOKED]
    Booking.objects.filter(pk__in=paid).update(active_payment_id=Subquery(paying))


def _references(told: list[DemoBooking]) -> dict[int, str]:
    """A reference for each that no other booking has."""
    wanted = {booking.number: reference_of(booking.number) for booking in told}
    taken = set(Booking.objects.filter(reference__in=wanted.values()).values_list("reference", flat=True))
    return {
        number: reference if reference not in taken else reference_of(number + NEXT_REFERENCES)
        for number, reference in wanted.items()
    }


def _releases(told: list[DemoBooking], now: datetime) -> dict[int, int]:
    """Make the releases of bookings that ended, one for each flight and hour; return the one of each booking."""
    groups: dict[tuple[int, datetime], list[DemoBooking]] = defaultdict(list)
    for booking in told:
        if booking.ending.value.hold == Hold.GIVING_BACK and booking.ended_at is not None:
            hour = booking.ended_at.replace(minute=0, second=0, microsecond=0)
            groups[booking.flight.id, hour].append(booking)
    calls: dict[uuid.UUID, list[DemoBooking]] = {uuid.uuid4(): members for members in groups.values()}
    rows = []
    for key, members in calls.items():
        at = max(booking.changed_at for booking in members)
        rows.append(
            {
                "call_key": key,
                "flight_id": members[0].flight.id,
                "seats": sum(booking.seats for booking in members),
                "first_sent_at": at,
                "created_at": at,
                "done_at": min(now, at + NOW_AND_THEN),
            }
        )
    _insert(SeatCall, rows)
    ids = dict(SeatCall.objects.filter(call_key__in=calls).values_list("call_key", "pk"))
    return {booking.number: ids[key] for key, members in calls.items() for booking in members}


def _booking_rows(
    told: list[DemoBooking], *, references: dict[int, str], calls: dict[int, int]
) -> list[dict[str, Any]]:
    window: timedelta = payment_window()
    return [
        {
            "reference": references[booking.number],
            "user_id": booking.user_id,
            "flight_id": booking.flight.id,
            "no_of_seats": booking.seats,
            "seat_price": booking.flight.price,
            "total_cost": booking.cost,
            "currency": _currency_of(booking),
            "flight_number": booking.flight.leg.number,
            "departure_airport": booking.flight.leg.departure_airport,
            "arrival_airport": booking.flight.leg.arrival_airport,
            "departure_at": booking.flight.leg.departure_at,
            "arrival_at": booking.flight.leg.arrival_at,
            "status": booking.ending.value.status,
            "cancel_reason": booking.ending.value.reason,
            "created_at": booking.created_at,
            "updated_at": booking.refunded_at or booking.changed_at,
            "held_at": None
            if booking.ending.value.hold in (Hold.REFUSED, Hold.DROPPED)
            else booking.created_at + NOW_AND_THEN,
            "expires_at": booking.created_at + window,
            # Until the payment has an id.
            "active_payment_id": 0 if booking.ending.value.status == BookingStatus.BOOKED else None,
            "cancelled_at": booking.ended_at,
            "payment_state": shown_payment_of(booking),
            "payment_at": booking.paid_at,
            "refund_at": booking.refunded_at,
            "refund_amount": booking.given_back,
            "version": 1 if booking.ended_at is None and booking.paid_at is None else 2,
            "request_id": booking.request_id,
            "created_by": MADE_BY,
            "hold": booking.ending.value.hold,
            "hold_key": uuid.uuid4(),
            "first_sent_at": booking.created_at,
            "give_back_id": calls.get(booking.number),
        }
        for booking in told
    ]


def _currency_of(booking: DemoBooking) -> str:
    return booking.flight.currency or currency()


def _payment_rows(booking: DemoBooking, booking_id: int) -> list[dict[str, Any]]:
    state = payment_state_of(booking)
    if state is None:
        return []
    return [
        {
            "booking_id": booking_id,
            "amount": booking.cost,
            "currency": _currency_of(booking),
            "gateway": "demo",
            "gateway_key": uuid.uuid4(),
            "state": state,
            "active_booking_id": booking_id if state == PaymentState.SUCCEEDED else None,
            "last_error": "insufficient funds" if state == PaymentState.FAILED else "",
            "request_id": f"{booking.request_id}-pay",
            "created_at": booking.paid_at,
            "settled_at": booking.paid_at,
            "refunded": booking.given_back,
        }
    ]


def _refund_rows(booking: DemoBooking, payment_id: int) -> list[dict[str, Any]]:
    """What went back of a payment, if there is one and it did."""
    if not booking.given_back or booking.refunded_at is None:
        return []
    is_part = booking.goodwill_at is not None
    return [
        {
            "payment_id": payment_id,
            "amount": booking.given_back,
            "currency": _currency_of(booking),
            "key": uuid.uuid4(),
            "cause": RefundCause.GOODWILL if is_part else RefundCause.BOOKING_ENDED,
            "note": GOODWILL if is_part else "",
            "asked_by": "support",
            "request_id": f"{booking.request_id}-{'part' if is_part else 'end'}",
            "created_at": booking.ended_at or booking.refunded_at - NOW_AND_THEN,
            "done_at": booking.refunded_at,
        }
    ]


def _insert(model: type[Model], rows: Iterable[dict[str, Any]]) -> None:
    """Insert rows with as few statements as the driver makes of them."""
    rows = list(rows)
    if not rows:
        return
    statement, parameters = insert_values(model._meta.db_table, rows)
    with connection.cursor() as cursor:
        cursor.executemany(statement, [tuple(map(_stored, row)) for row in parameters])


def _stored(value: Any) -> Any:
    """Convert a value for both kinds of database, as the ORM does for each field, but faster."""
    kind = type(value)
    if kind in (int, str, bool) or value is None:
        return value
    if kind is datetime:
        return str(value).removesuffix("+00:00")
    return value.hex if kind is uuid.UUID else value.value
