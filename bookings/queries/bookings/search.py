"""What support staff may mean by what they typed: read by unique keys and indexes alone."""

import hashlib
import itertools
import json
import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db.models import F, Q, QuerySet

from bookings.conf import LONGEST_CLIENT_REFERENCE
from bookings.models import ArchivedBooking, Booking, BookingEvent, IdempotencyRecord, Payment, Refund, WebhookDelivery
from bookings.queries.bookings.archived import find_archived
from bookings.text.flight_numbers import is_flight_number, spellings_of
from bookings.text.ids import id_in
from bookings.text.legible import is_orderly
from bookings.text.references import reference_in
from bookings.text.seat_numbers import seat_number_in

KEY = re.compile(r"[\x21-\x7e]{1,255}")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
UUID = re.compile(r"(?i)[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}")

# No reference has one of these: it was misread for a character that looks like it.
LOOK_ALIKES = {**dict.fromkeys("0O", "0OQD"), **dict.fromkeys("1IL", "1ILJT7")}

# Six to the power of three are few enough to look up at once; with more misread characters staff must ask again.
MOST_MISREAD = 3

# Of a user, a flight or a request, the newest; of a flight number, those that depart last.
NEWEST = 10

# Before every departure.
LONG_AGO = datetime.min.replace(tzinfo=UTC)

# Of a table, for each meaning of what was typed: what a page of its list shows.
MOST_ROWS = 100


@dataclass(slots=True)
class Findings:
    """The bookings that something typed may mean, by what it was taken for. `user` and `flight` are ids."""

    by_reference: list[Booking] = field(default_factory=list)
    by_id: list[Booking] = field(default_factory=list)
    by_user: list[Booking] = field(default_factory=list)
    by_flight: list[Booking] = field(default_factory=list)
    by_flight_number: list[Booking] = field(default_factory=list)
    by_seat: list[Booking] = field(default_factory=list)
    by_client_reference: list[Booking] = field(default_factory=list)
    by_key: list[Booking] = field(default_factory=list)
    by_request: list[Booking] = field(default_factory=list)
    # By any of these: reference, id, user, flight, and what a gateway calls a payment.
    archived: list[ArchivedBooking] = field(default_factory=list)
    number: int | None = None
    # The flight's id and the number of the seat.
    seat: tuple[int, str] | None = None
    # As it would have to be spelled; empty if it can be no reference.
    reference: str = ""

    @property
    def bookings(self) -> dict[int, Booking]:
        """All that was found, each once."""
        groups = (
            *(self.by_reference, self.by_id, self.by_user, self.by_flight, self.by_flight_number),
            *(self.by_seat, self.by_client_reference, self.by_key, self.by_request),
        )
        return {booking.pk: booking for group in groups for booking in group}

    @property
    def only_one(self) -> Booking | None:
        """The booking that must be meant, as there is no other."""
        bookings = list(self.bookings.values())
        return bookings[0] if len(bookings) == 1 and not self.archived else None

    @property
    def only_archived(self) -> ArchivedBooking | None:
        """The booking of the archive that must be meant, likewise."""
        return self.archived[0] if len(self.archived) == 1 and not self.bookings else None


def find(typed: str) -> Findings:
    """
    Look up what was typed: a reference, an id of a booking, user or flight, a flight number, a flight's id and a seat,
    what a client calls a booking, a client's key, or a request id.
    """
    text = typed.strip()
    found = Findings(number=id_in(text), seat=flight_and_seat(text))
    found.reference = reference_in(text)
    if found.reference:
        found.by_reference = _by_reference(found.reference)
    if found.number is not None:
        found.by_id = list(Booking.objects.filter(pk=found.number))
        found.by_user = _newest(Booking.objects.filter(user_id=found.number).order_by("-pk"))
        # Sorted on purpose: see the note in `bookings.queries.bookings.pages`.
        found.by_flight = _newest(Booking.objects.filter(flight_id=found.number).order_by((F("pk") + 0).desc()))
    if is_flight_number(text):
        found.by_flight_number = _last_to_depart(text)
    if found.seat is not None:
        found.by_seat = _by_seat(*found.seat)
    if text and len(text) <= LONGEST_CLIENT_REFERENCE and is_orderly(text):
        found.by_client_reference = _newest(Booking.objects.filter(client_reference=text).order_by("-pk"))
    found.archived = find_archived(found.number, found.reference, text, most=NEWEST)
    if KEY.fullmatch(text):
        found.by_key = _by_key(text)
    if REQUEST_ID.fullmatch(text):
        found.by_request = _by_request(text)
    return found


def _by_reference(letters: str) -> list[Booking]:
    """Find the booking of this reference, or else those of references that look like it."""
    exact = list(Booking.objects.filter(reference=letters))
    misread = sum(letter in LOOK_ALIKES for letter in letters)
    if exact or not 0 < misread <= MOST_MISREAD:
        return exact
    spellings = itertools.product(*(LOOK_ALIKES.get(letter, letter) for letter in letters))
    return list(Booking.objects.filter(reference__in=["".join(spelling) for spelling in spellings]).order_by("pk"))


def flight_and_seat(text: str) -> tuple[int, str] | None:
    """Read the id of a flight and the number of a seat on it, as in `1 12A`; None if the text is none."""
    flight, _, seat = text.strip().partition(" ")
    flight_id, number = id_in(flight), seat_number_in(seat)
    return None if flight_id is None or number is None else (flight_id, number)


def _by_seat(flight_id: int, number: str) -> list[Booking]:
    """The booking that has this seat."""
    return list(Booking.objects.filter(seats__flight_id=flight_id, seats__seat_number=number))


def payments_found(typed: str) -> set[int]:
    """The ids of payments that staff may mean: by number, by a key of theirs, by their booking, or by a request."""
    found = find(typed)
    asked: list[dict[str, Any]] = [
        {"pk": found.number},
        {"gateway_key": uuid_in(typed)},
        {"refunds__key": uuid_in(typed)},
        {"booking__in": _bookings_meant(found)},
    ]
    return _ids_of(Payment.objects.order_by("-pk"), asked)


def refunds_found(typed: str) -> set[int]:
    """
    The ids of refunds that staff may mean.

    By number, by their own key or a payment's, by the gateway's id, by their booking, or by a request.
    """
    found = find(typed)
    asked: list[dict[str, Any]] = [
        {"pk": found.number},
        {"key": uuid_in(typed)},
        {"payment__gateway_key": uuid_in(typed)},
        {"gateway_id": typed.strip()},
        {"payment__booking__in": _bookings_meant(found)},
    ]
    return _ids_of(Refund.objects.order_by("-pk"), asked)


def deliveries_found(typed: str) -> set[int]:
    """The ids of deliveries of webhooks that staff may mean: by number, by the event's id, or by their booking."""
    found = find(typed)
    asked: list[dict[str, Any]] = [
        {"pk": id_in(typed.strip().removeprefix("ping_"))},
        {"announcement__key": typed.strip()},
        {"announcement__booking__in": _bookings_meant(found)},
    ]
    return _ids_of(WebhookDelivery.objects.order_by("-pk"), asked)


def _bookings_meant(found: Findings) -> list[int]:
    return [booking.pk for booking in (*found.by_reference, *found.by_id, *found.by_key, *found.by_request)]


def records_found(typed: str, among: QuerySet[IdempotencyRecord]) -> set[int]:
    """The ids of the newest idempotency records of a client's key, of a call that one led to, or of a caller."""
    text = typed.strip()
    asked: list[dict[str, Any]] = [
        {"key_hash": _hash_of(text)},
        {"key_hash": text},
        {"call_key": uuid_in(text)},
        {"principal": text},
    ]
    return _ids_of(among.order_by("-pk"), asked)


def _ids_of(rows: QuerySet[Any], asked: list[dict[str, Any]]) -> set[int]:
    """The rows that fit any of these, each looked up on an index of its own; None fits none."""
    questions = [rows.filter(**each) for each in asked if None not in each.values()]
    return {row_id for question in questions for row_id in question.values_list("pk", flat=True)[:MOST_ROWS]}


def uuid_in(text: str) -> uuid.UUID | None:
    """Read a key of ours as logs and pages write it; None if the text can be none."""
    return uuid.UUID(text.strip()) if UUID.fullmatch(text.strip()) else None


def _hash_of(text: str) -> str:
    """What is kept of a client's key."""
    key = text[1:-1] if len(text) > 2 and text[0] == text[-1] == '"' else text
    return hashlib.sha256(key.encode()).hexdigest()


def _by_key(text: str) -> list[Booking]:
    """The bookings that were made, paid or cancelled under a client's key, which is kept as a hash alone."""
    records = list(IdempotencyRecord.objects.filter(key_hash=_hash_of(text)).order_by("-pk")[:NEWEST])
    calls = [record.call_key for record in records if record.call_key is not None]
    ids = set(Payment.objects.filter(gateway_key__in=calls).values_list("booking_id", flat=True))
    ids |= set(Booking.objects.filter(hold_key__in=calls).values_list("pk", flat=True))
    ids |= {_id_answered(record) for record in records if record.call_key is None}
    return _newest(Booking.objects.filter(pk__in=ids).order_by("-pk"))


def _id_answered(record: IdempotencyRecord) -> int:
    """The booking that an answer shows; 0, which no booking has, if it shows none."""
    try:
        shown = json.loads(record.body)["data"]["id"]
    except (ValueError, KeyError, TypeError):
        return 0
    return shown if isinstance(shown, int) else 0


def _by_request(request_id: str) -> list[Booking]:
    """The newest bookings that a request made or changed."""
    ids = set(Booking.objects.filter(request_id=request_id).order_by("-pk").values_list("pk", flat=True)[:NEWEST])
    for model in (BookingEvent, Payment):
        rows = model._default_manager.filter(Q(request_id=request_id)).order_by("-pk")
        ids |= set(rows.values_list("booking_id", flat=True)[:NEWEST])
    return _newest(Booking.objects.filter(pk__in=ids).order_by("-pk"))


def _last_to_depart(flight_number: str) -> list[Booking]:
    """
    The bookings of this flight number that depart last, however it is spelled; without a departure, behind the others.

    Each spelling is a walk along the index of number and departure, which ends after a few rows. The newest would have
    to be sorted out of all bookings that the number ever had.
    """
    found = [
        booking
        for spelling in spellings_of(flight_number)
        for booking in Booking.objects.filter(flight_number=spelling).order_by("-departure_at", "-pk")[:NEWEST]
    ]
    found.sort(key=lambda booking: (booking.departure_at or LONG_AGO, booking.pk), reverse=True)
    return found[:NEWEST]


def _newest(rows: QuerySet[Booking]) -> list[Booking]:
    """Find the ids on an index, and read those rows alone."""
    ids = list(rows.values_list("pk", flat=True)[:NEWEST])
    return list(Booking.objects.filter(pk__in=ids).order_by("-pk")) if ids else []
