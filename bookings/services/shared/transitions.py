"""
The only writer of a booking's status and hold, and of when there is something to tell others about it.

Every function here assumes an open transaction, and a booking that this transaction has locked; the two
exceptions say so. See Note [What is told is flagged on the booking].
"""

# Note [What is told is flagged on the booking]
# Whatever others are told about sets `announce_at` of its booking to now, in the transaction that does it, mostly by
# the very UPDATE that does it: so the hot path has no statement more, and nothing that was committed can be lost on
# its way out. The announcer looks at flagged bookings alone. A cursor over the ids of events would lose some: an id
# is given before its COMMIT, and one that is given later may be seen first. Under the booking's lock, which who
# appends such an event holds, all of that booking's events can be seen, and none is on its way.

# Note [Rows of seats that are exchanged]
# A row of `booking_seat` must stand only while its seat is taken at the Flight Service, or the next booking that gets
# the seat there would find it here, as if it had been given out twice. An exchange that is sent may be applied at any
# moment, and heard of much later. So the rows of what it gives back are deleted when it is written down, before
# anything is sent; those of what it takes are written with the answer; and if it was refused, the old ones come back:
# they were never free.

import functools
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

import structlog
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Now

from bookings.actor import SYSTEM, Actor, ActorKind, Cause
from bookings.db.rows import insert_later, lock, write_if, write_later
from bookings.db.waiting_line import lines
from bookings.errors import BookingNotFound, UserMismatch
from bookings.lifecycle import TRANSITIONS, BookingStatus, CancelReason, Hold, ShownPayment
from bookings.models import Booking, BookingEvent, BookingSeat
from bookings.models.bookings.booking_event import EventKind
from bookings.observability import metrics
from bookings.services.shared.leases import over, write
from bookings.text.seat_numbers import as_text, numbers_in

log = structlog.get_logger(__name__)

# What is read of a booking in order to expire it among many.
EXPIRING = ("reference", "status", "hold", "claims", "seat_numbers")

# What `book` and `show_payment` write of a payment.
PAYMENT = ("payment_state", "payment_at")

# A line about many bookings has at most a kilobyte of references.
NAMED_IN_A_LINE = 100


class SeatGivenTwice(Exception):
    """The Flight Service has given a seat to a booking that another one of this service has."""


def lock_booking(booking_id: int, *, actor: Actor) -> tuple[Booking, datetime]:
    """
    Lock a booking and return it as it is now, with the database time at which it is locked.

    :raises BookingNotFound: if there is no such booking, or it is not the actor's and the actor is verified
    :raises UserMismatch: if it is not the actor's and only the request itself names the actor
    :raises TemporarilyUnavailable: if others wait for it, and it does not come free; never for the system itself
    """
    if actor.kind == ActorKind.SYSTEM:
        booking, now = lock(Booking, booking_id)
    else:
        with lines.place_for(f"booking {booking_id}"):
            booking, now = lock(Booking, booking_id)
    if booking is None:
        raise BookingNotFound
    if actor.user_id is not None and booking.user_id != actor.user_id:
        raise BookingNotFound if actor.verified else UserMismatch
    return booking, now


def confirm_hold(booking: Booking) -> bool:
    """
    Make a pending booking initiated by one conditional UPDATE, without a lock taken before, nor a transaction needed.

    The usual end of a create. The time in it is the statement's own: nothing is judged on it. False: the booking has
    changed meanwhile; then lock it and look. One that was redated is pending still. Seats by number need a transaction:
    their rows are written with it.

    :raises SeatGivenTwice: if another booking has one of these seats
    """
    columns = {
        "status": BookingStatus.INITIATED,
        "hold": Hold.HELD,
        "lease": None,
        "next_at": None,
        "held_at": Now(),
        "updated_at": Now(),
        "announce_at": Now(),
        "version": booking.version + 1,
    }
    asking = {"status": BookingStatus.PENDING, "hold": Hold.ASKING, "version": booking.version}
    # It is written once in the life of a booking, so what is read outside a transaction was written here.
    held_at = write_if(Booking, booking.pk, columns, only_if=asking, tell="held_at")
    if held_at is None:
        return False
    booking.status, booking.hold = BookingStatus.INITIATED, Hold.HELD
    booking.lease, booking.next_at = None, None
    booking.held_at = booking.updated_at = booking.announce_at = held_at
    booking.version += 1
    if booking.seat_numbers:
        _write_seats(booking, numbers_in(booking.seat_numbers))
    transaction.on_commit(metrics.HELD.inc)
    log.info("booking.held", booking=booking.reference, flight=booking.flight_id, seats=booking.no_of_seats)
    return True


def _write_seats(booking: Booking, numbers: Iterable[str]) -> None:
    """Write down that a booking has these seats by number."""
    rows = [BookingSeat(flight_id=booking.flight_id, seat_number=number, booking=booking) for number in numbers]
    try:
        BookingSeat.objects.bulk_create(rows)
    except IntegrityError as error:
        raise SeatGivenTwice(booking.reference) from error


def _leave_seats(ids: Collection[int]) -> None:
    """Forget who has the seats by number of bookings that end, before they are given back."""
    BookingSeat.objects.filter(booking__in=ids).delete()


def owe_seats(booking: Booking, *, now: datetime, why: str = "") -> None:
    """
    Record that the reservation of a booking that has ended was applied: its seats are owed back.

    :raises SeatGivenTwice: if another booking has one of them, which would lose it
    """
    _refuse_seats_of_others(booking, numbers_in(booking.seat_numbers))
    end_reservation(booking, Hold.GIVING_BACK, now=now, why=why)


def _refuse_seats_of_others(booking: Booking, numbers: Collection[str]) -> None:
    if numbers and BookingSeat.objects.filter(flight_id=booking.flight_id, seat_number__in=numbers).exists():
        raise SeatGivenTwice(booking.reference)


def begin_exchange(booking: Booking, wanted: Iterable[str], *, now: datetime) -> None:
    """
    Write down which seats a booking is to have instead, once the exchange is written. From here on it may have either.

    See Note [Rows of seats that are exchanged].
    """
    booking.wanted_seats = as_text(wanted)
    if give := {*numbers_in(booking.seat_numbers)} - {*numbers_in(booking.wanted_seats)}:
        BookingSeat.objects.filter(booking=booking, seat_number__in=give).delete()
    _write_seat_change(booking, ["wanted_seats"], now=now)


def end_exchange(booking: Booking, *, is_applied: bool, now: datetime) -> None:
    """
    Record which seats a booking has, now that it is known. One that has ended owes these.

    :raises SeatGivenTwice: if another booking has one of them
    """
    others = {*numbers_in(booking.seat_numbers)} & {*numbers_in(booking.wanted_seats)}
    if is_applied:
        booking.seat_numbers = booking.wanted_seats
    booking.wanted_seats = ""
    numbers = numbers_in(booking.seat_numbers)
    if booking.hold == Hold.HELD:
        _write_seats(booking, [number for number in numbers if number not in others])
    else:
        _refuse_seats_of_others(booking, numbers)
    _write_seat_change(booking, ["seat_numbers", "wanted_seats"], now=now)


def _write_seat_change(booking: Booking, columns: Sequence[str], *, now: datetime) -> None:
    booking.updated_at = now
    booking.version += 1
    write_later(booking, [*columns, "updated_at", "version"])


def note_refused_seats(booking: Booking, seats: Iterable[tuple[str, str]]) -> None:
    """Keep which of its seats a cancelled booking was refused, and why."""
    booking.refused_seats = ",".join(f"{number}:{word}" for number, word in seats)
    write_later(booking, ["refused_seats"])


def count_seats(booking: Booking) -> None:
    """Let a booking whose numbers nothing proves have as many seats by count."""
    booking.seat_numbers = ""
    write_later(booking, ["seat_numbers"])


def reopen_reservation(booking: Booking, *, now: datetime) -> None:
    """Make a stuck reservation one that can be sent or answered again. It keeps its key: the request is the same."""
    write(booking, {"hold": Hold.ASKING, "next_at": now})


def end_reservation(booking: Booking, hold: Hold, *, now: datetime, why: str = "") -> None:
    """Record how the reservation ended. Applied after a cancellation is `Hold.GIVING_BACK`: due at once."""
    owed_since = {"next_at": now} if hold == Hold.GIVING_BACK else {}
    write(booking, {"hold": hold, **over(why), **owed_since})


def book(booking: Booking, *, actor: Actor, now: datetime) -> None:
    """Mark a booking as paid; its `active_payment_id` names the payment that succeeded."""
    booking.payment_state, booking.payment_at = ShownPayment.SUCCEEDED, now
    _move(booking, BookingStatus.BOOKED, Cause(actor), now=now, columns=["active_payment_id", *PAYMENT])
    transaction.on_commit(metrics.PAID.inc)


def show_payment(booking: Booking, state: ShownPayment, *, now: datetime) -> None:
    """Show clients how the payment of a booking stands, of which nothing goes back; write which payment is active."""
    booking.payment_state, booking.payment_at = state, now
    booking.refund_at, booking.refund_amount = None, 0
    _write_shown(booking, now)


def end_payment(booking: Booking, cause: Cause, *, now: datetime) -> None:
    """Show clients that the payment of a booking ended without its money; append the event. None is active then."""
    booking.active_payment_id, booking.announce_at = None, now
    show_payment(booking, ShownPayment.FAILED, now=now)
    note_event(booking, EventKind.PAYMENT_FAILED, cause, now=now)


def show_refund(booking: Booking, state: ShownPayment, amount: int, *, now: datetime) -> None:
    """
    Show clients how much of the payment of a booking goes back, or went back; write which payment is active.

    `state` is SUCCEEDED, and `amount` 0, if nothing does after all.
    """
    # Where the booking was paid, it stays said when.
    is_news = booking.payment_state in (ShownPayment.AWAITING_PAYER, ShownPayment.SETTLING, ShownPayment.FAILED)
    booking.payment_state, booking.payment_at = state, now if is_news else booking.payment_at
    booking.refund_at = None if state == ShownPayment.SUCCEEDED else now
    booking.refund_amount = amount
    _write_shown(booking, now)


def _write_shown(booking: Booking, now: datetime) -> None:
    """What clients see has changed, so its tag and its place among the changes do too."""
    booking.updated_at = now
    booking.version += 1
    columns = ["active_payment_id", "version", "updated_at", "announce_at", "refund_at", "refund_amount"]
    write_later(booking, [*columns, *PAYMENT])


def cancel(booking: Booking, cause: Cause, *, now: datetime) -> None:
    """
    Cancel a booking; if its seats are held, they are owed back from now on.

    While the reservation is unresolved nothing is owed yet: its answer decides, whenever it comes. Does not call
    the Flight Service and does not touch payments.
    """
    if booking.hold == Hold.HELD:
        if booking.seat_numbers:
            _leave_seats([booking.pk])
        booking.hold, booking.next_at = Hold.GIVING_BACK, now
    elif booking.hold == Hold.ASKING and booking.claims == 0:
        booking.hold, booking.next_at = Hold.DROPPED, None
    booking.cancel_reason, booking.cancelled_at = cause.reason, now
    columns = ["hold", "next_at", "cancel_reason", "cancelled_at", "active_payment_id"]
    _move(booking, BookingStatus.CANCELLED, cause, now=now, columns=columns)
    transaction.on_commit(metrics.CANCELLED.labels(cause.reason).inc)


def redate(booking: Booking, *, now: datetime) -> None:
    """Let a booking that was made by a clock that was ahead be made now, with the payment window that it had."""
    window = booking.expires_at - booking.created_at
    booking.created_at = booking.updated_at = now
    booking.expires_at = now + window
    # A reminder was to come before another end of the window.
    booking.announce_at = None if booking.announce_at is None else now
    booking.version += 1
    write_later(booking, ["created_at", "updated_at", "expires_at", "announce_at", "version"])
    log.warning("booking.redated", booking=booking.reference)


def extend(booking: Booking, by: timedelta, cause: Cause, *, now: datetime) -> None:
    """Move the end of a payment window on, append the event, and have a reminder that is still to come come later."""
    booking.expires_at += by
    booking.announce_at = None if booking.announce_at is None else now
    booking.updated_at = now
    booking.version += 1
    write_later(booking, ["expires_at", "announce_at", "updated_at", "version"])
    until = f"+{by // timedelta(minutes=1)} min, {booking.expires_at:%Y-%m-%d %H:%M:%S} UTC"
    note_event(booking, EventKind.EXTENDED, Cause(cause.actor, note=f"{until}\n{cause.note}"), now=now)


def expire_all(bookings: Sequence[Booking], *, now: datetime) -> None:
    """Cancel many locked bookings as expired, with a handful of statements in all. Reads their columns `EXPIRING`."""
    _append_expired(bookings, now=now)
    held = [b.pk for b in bookings if b.hold == Hold.HELD]
    never_sent = [b.pk for b in bookings if b.hold == Hold.ASKING and b.claims == 0]
    settled = {*held, *never_sent}
    unresolved = [b.pk for b in bookings if b.pk not in settled]
    if named := [b.pk for b in bookings if b.hold == Hold.HELD and b.seat_numbers]:
        _leave_seats(named)
    common = {
        "status": BookingStatus.CANCELLED,
        "cancel_reason": CancelReason.EXPIRED,
        "cancelled_at": now,
        "updated_at": now,
        "announce_at": now,
        "version": F("version") + 1,
    }
    for ids, columns in (
        (held, {"hold": Hold.GIVING_BACK, "next_at": now}),
        (never_sent, {"hold": Hold.DROPPED, "next_at": None}),
        (unresolved, {}),
    ):
        if ids:
            Booking.objects.filter(pk__in=ids).update(**common, **columns)
    expired = metrics.CANCELLED.labels(CancelReason.EXPIRED)
    transaction.on_commit(functools.partial(expired.inc, len(bookings)))
    for first in range(0, len(bookings), NAMED_IN_A_LINE):
        listed = [booking.reference for booking in bookings[first : first + NAMED_IN_A_LINE]]
        log.info("bookings.expired", bookings=" ".join(listed))


def _append_expired(bookings: Sequence[Booking], *, now: datetime) -> None:
    """Append the event of their expiry to many locked bookings, whose rows still say what they were before."""
    event = _moved(bookings[0], BookingStatus.CANCELLED, Cause(SYSTEM, CancelReason.EXPIRED), now=now)
    of_the_booking = {"booking": F("pk"), "from_status": F("status")}
    columns = [field for field in BookingEvent._meta.concrete_fields if not field.primary_key]
    values = (
        of_the_booking.get(field.name) or Value(getattr(event, field.attname), output_field=field) for field in columns
    )
    rows = Booking.objects.filter(pk__in=[booking.pk for booking in bookings]).order_by("pk").values_list(*values)
    select, parameters = rows.query.sql_with_params()
    names = ", ".join(connection.ops.quote_name(str(field.column)) for field in columns)
    with connection.cursor() as cursor:
        # Names of our own columns, and a statement that Django has written.
        cursor.execute(f"INSERT INTO {BookingEvent._meta.db_table} ({names}) {select}", parameters)  # nosec B608


def tell(booking: Booking, *, at: datetime) -> None:
    """Have others told what there is to tell about a booking, at that time."""
    booking.announce_at = at
    write_later(booking, ["announce_at"])


def end_telling(booking: Booking, *, announced: int, event_id: int, again_at: datetime | None) -> None:
    """
    Record that others are told of a booking, so many times in all, and of its events up to one.

    `again_at`: when there is a reminder to write, if it is not paid for by then.
    """
    booking.announced, booking.announced_event_id, booking.announce_at = announced, event_id, again_at
    write_later(booking, ["announced", "announced_event_id", "announce_at"])


def note_event(booking: Booking, what: EventKind, cause: Cause, *, now: datetime, amount: int = 0) -> None:
    """
    Append something to the timeline that is not a change of status, and have others told if it is news for them.

    `amount` is what goes back, or went back, in minor units.
    """
    said = {"reason": cause.reason, "note": cause.note, "amount": amount}
    event = BookingEvent.by(cause.actor, at=now, booking=booking, what=what, **said)
    if event.news is not None and booking.announce_at != now:
        tell(booking, at=now)
    say = functools.partial(log.info, "booking.noted", booking=booking.reference)
    insert_later(event, then=functools.partial(say, what=str(what), actor=str(cause.actor.kind)))


def _move(booking: Booking, to: BookingStatus, cause: Cause, *, now: datetime, columns: Iterable[str]) -> None:
    """Change the status, write `columns` with it, and append the event that says who and why."""
    before = BookingStatus(booking.status)
    if to not in TRANSITIONS[before]:
        raise AssertionError(f"{before} -> {to} is not a transition: a service did not look before it moved")
    event = _moved(booking, to, cause, now=now)
    booking.status = to
    booking.version += 1
    booking.updated_at = booking.announce_at = now
    write_later(booking, ["status", "version", "updated_at", "announce_at", *columns])
    # Not before it is written: a line says what has happened.
    insert_later(event, then=functools.partial(_log_move, booking, to, cause))


def _moved(booking: Booking, to: BookingStatus, cause: Cause, *, now: datetime) -> BookingEvent:
    """The event of a change of status that is about to be made."""
    return BookingEvent.by(
        cause.actor,
        at=now,
        booking=booking,
        what=EventKind(to),
        from_status=booking.status,
        to_status=to,
        reason=cause.reason,
        note=cause.note,
    )


def _log_move(booking: Booking, to: BookingStatus, cause: Cause) -> None:
    actor, reason = str(cause.actor.kind), str(cause.reason) or None
    log.info("booking.moved", booking=booking.reference, to=str(to), actor=actor, reason=reason)
