from collections.abc import Iterable
from datetime import datetime
from typing import Any, NoReturn, Self

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Length, Now, Replace
from django.utils.translation import gettext_lazy as _

from bookings.conf import HIGHEST_NUMBER, LONGEST_CLIENT_REFERENCE, LONGEST_NAME_OF_A_FLIGHT
from bookings.lifecycle import HOLDS, UNPAID, BookingStatus, CancelReason, Hold, ShownPayment
from bookings.models.outbound_call import OutboundCall, OutboundCallQuerySet
from bookings.text.seat_numbers import LONGEST_SEAT_NUMBER, LONGEST_SEAT_NUMBERS, MOST_SEAT_NUMBERS

# An ISO 4217 code in form. Which codes there are is checked before a booking is made: it outlives that list.
CAPITALS = "^[A-Z]{3}$"

COMMAS = Length("seat_numbers") - Length(Replace("seat_numbers", Value(","), Value("")))
COMMAS_OF_WANTED = Length("wanted_seats") - Length(Replace("wanted_seats", Value(","), Value("")))

# Each number with a word of at most eight letters.
LONGEST_REFUSED_SEATS = MOST_SEAT_NUMBERS * (LONGEST_SEAT_NUMBER + 10)


class BookingQuerySet(OutboundCallQuerySet["Booking"]):
    def unanswered(self) -> Self:
        """Reservations without an answer. Each has a next try, which makes them a short range of an index."""
        return self.filter(next_at__isnull=False, hold=Hold.ASKING)

    def stuck(self) -> Self:
        """Reservations that wait for staff. The null, which each has, keeps this from walking the whole to-do list."""
        return self.filter(next_at=None, hold=Hold.STUCK)

    def past_deadline(self, now: datetime) -> Self:
        """Unpaid bookings whose payment window has closed and for which no payment is being settled."""
        return self.filter(
            status__in=UNPAID,
            expires_at__lte=now,
            active_payment_id=None,
        )

    def with_database_time(self) -> Self:
        """Add `read_at`, the database time of this very statement."""
        return self.annotate(read_at=Now())


class Booking(OutboundCall):
    """
    Seats on a flight for one user, and the call that reserves them at the Flight Service.

    The booking is that call: it is committed before the call is sent, and `hold_key` is its idempotency key. Once
    the call has its answer, `next_at` says since when its seats are owed back, until they are put into a seat call.
    A row is changed only by `bookings.services.shared`, and deleted only as it moves to the archive.
    """

    reference = models.CharField(max_length=8)
    user_id = models.BigIntegerField()
    flight_id = models.BigIntegerField()
    no_of_seats = models.PositiveSmallIntegerField()
    # By number, as in 12A,12B; empty: counted alone. Asked for, held or owed back, as `hold` says.
    seat_numbers = models.CharField(max_length=LONGEST_SEAT_NUMBERS, blank=True, default="")
    # What it has instead once an exchange is applied; empty: none is under way. Then it is not known which it has.
    wanted_seats = models.CharField(max_length=LONGEST_SEAT_NUMBERS, blank=True, default="")
    # Those of its first ones that could not be had, and why, as in 12A:taken.
    refused_seats = models.CharField(max_length=LONGEST_REFUSED_SEATS, blank=True, default="")
    # Minor units, as the Flight Service gave it before the seats were taken; never read again.
    seat_price = models.BigIntegerField()
    total_cost = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    # The flight as it was shown when the booking was made; empty, or null, where it was not.
    flight_number = models.CharField(max_length=LONGEST_NAME_OF_A_FLIGHT, blank=True, default="")
    departure_airport = models.CharField(max_length=LONGEST_NAME_OF_A_FLIGHT, blank=True, default="")
    arrival_airport = models.CharField(max_length=LONGEST_NAME_OF_A_FLIGHT, blank=True, default="")
    departure_at = models.DateTimeField(null=True, blank=True)
    arrival_at = models.DateTimeField(null=True, blank=True)
    # The client's own: what it calls the booking, and JSON of texts, which nothing here reads.
    client_reference = models.CharField(max_length=LONGEST_CLIENT_REFERENCE, blank=True, default="")
    metadata = models.TextField(blank=True, default="")
    # The booking of the same user that this one was made for, here or in the archive. Nothing is decided on it.
    replaces_id = models.BigIntegerField(null=True, blank=True)

    status = models.CharField(max_length=9, choices=BookingStatus.choices, default=BookingStatus.PENDING)
    cancel_reason = models.CharField(max_length=16, choices=CancelReason.choices, blank=True, default="")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    held_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()
    # The payment that is being settled or has succeeded: here, so that a transaction that locks the booking sees it.
    active_payment_id = models.BigIntegerField(null=True, blank=True)
    # Support staff asked to cancel while a payment was being settled.
    cancel_requested = models.BooleanField(default=False)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    # What clients are shown of the newest payment, or of the one that counts, and of its refund: see `transitions`.
    payment_state = models.CharField(max_length=14, choices=ShownPayment.choices, blank=True, default="")
    payment_at = models.DateTimeField(null=True, blank=True)
    refund_at = models.DateTimeField(null=True, blank=True)
    refund_amount = models.BigIntegerField(default=0)
    # When to look whether there is something to tell others about it; null: there is not.
    announce_at = models.DateTimeField(null=True, blank=True)
    # How many announcements there are of it, and the last of its events that was looked at for them.
    announced = models.PositiveIntegerField(default=0)
    announced_event_id = models.BigIntegerField(default=0)
    version = models.PositiveIntegerField(default=0)
    request_id = models.CharField(max_length=64, blank=True, default="")
    # Where in which trace it was asked for; see Note [A trace goes on].
    traceparent = models.CharField(max_length=55, blank=True, default="")
    # The service that asked on the user's behalf; empty where the user did.
    created_by = models.CharField(max_length=80, blank=True, default="")

    hold = models.CharField(max_length=11, choices=Hold.choices, default=Hold.ASKING)
    hold_key = models.UUIDField()
    give_back = models.ForeignKey(
        "bookings.SeatCall", null=True, blank=True, on_delete=models.PROTECT, related_name="bookings"
    )

    # The database time of the read; only on rows from `with_database_time()`.
    read_at: datetime

    objects = BookingQuerySet.as_manager()

    class Meta:
        db_table = "booking"
        verbose_name = _("booking")
        verbose_name_plural = _("bookings")
        default_permissions = ("view",)
        permissions = [
            ("cancel_booking", "Can cancel bookings"),
            ("note_booking", "Can add notes to bookings"),
            ("extend_booking", "Can give customers longer to pay"),
            ("change_seats", "Can change the seats of bookings"),
        ]
        constraints = [
            models.UniqueConstraint(name="booking_reference_unique", fields=["reference"]),
            models.UniqueConstraint(name="booking_hold_key_unique", fields=["hold_key"]),
            models.CheckConstraint(
                name="booking_status_allows_hold",
                condition=Q(
                    *[Q(status=status, hold__in=sorted(holds)) for status, holds in HOLDS.items()],
                    _connector=Q.OR,
                ),
            ),
            models.CheckConstraint(
                name="booking_in_give_back_call_only_when_giving_back",
                condition=Q(give_back=None) | Q(hold=Hold.GIVING_BACK),
            ),
            models.CheckConstraint(
                name="booking_unfinished_business_has_a_time",
                condition=Q(hold=Hold.ASKING, next_at__isnull=False)
                | Q(hold=Hold.GIVING_BACK, give_back=None, next_at__isnull=False)
                | (
                    Q(hold__in=[Hold.HELD, Hold.REFUSED, Hold.DROPPED, Hold.STUCK])
                    | Q(hold=Hold.GIVING_BACK, give_back__isnull=False)
                )
                & Q(next_at=None),
            ),
            models.CheckConstraint(
                name="booking_cancelled_says_why",
                condition=(Q(status=BookingStatus.CANCELLED) & ~Q(cancel_reason=""))
                | (~Q(status=BookingStatus.CANCELLED) & Q(cancel_reason="")),
            ),
            models.CheckConstraint(
                name="booking_booked_names_its_payment",
                condition=Q(status__in=[BookingStatus.INITIATED, BookingStatus.CANCELLED])
                | Q(status=BookingStatus.BOOKED, active_payment_id__isnull=False)
                | Q(status=BookingStatus.PENDING, active_payment_id=None),
            ),
            models.CheckConstraint(
                name="booking_cancelled_asks_only_after_sending",
                condition=~Q(status=BookingStatus.CANCELLED) | ~Q(hold=Hold.ASKING) | Q(claims__gte=1),
            ),
            models.CheckConstraint(name="booking_has_seats", condition=Q(no_of_seats__gte=1)),
            models.CheckConstraint(
                name="booking_all_seats_have_numbers_or_none",
                condition=Q(seat_numbers="") | Q(no_of_seats=COMMAS + 1),
            ),
            models.CheckConstraint(
                name="booking_seats_go_back_once_it_is_known_which",
                condition=Q(wanted_seats="")
                | Q(hold__in=[Hold.HELD, Hold.GIVING_BACK], give_back=None, no_of_seats=COMMAS_OF_WANTED + 1),
            ),
            models.CheckConstraint(
                name="booking_refused_seats_are_why_it_ended",
                condition=Q(refused_seats="") | Q(cancel_reason=CancelReason.SEATS_TAKEN),
            ),
            models.CheckConstraint(
                name="booking_total_is_price_times_seats",
                condition=Q(seat_price__gte=0, total_cost=F("seat_price") * F("no_of_seats")),
            ),
            models.CheckConstraint(
                name="booking_total_is_exact_for_every_client", condition=Q(total_cost__lte=HIGHEST_NUMBER)
            ),
            models.CheckConstraint(name="booking_currency_is_three_capitals", condition=Q(currency__regex=CAPITALS)),
            models.CheckConstraint(
                name="booking_window_opens_before_it_closes", condition=Q(expires_at__gt=F("created_at"))
            ),
        ]
        indexes = [
            # The pass: unpaid bookings whose window has closed.
            models.Index(name="booking_deadline", fields=["status", "expires_at"]),
            # The worker's to-do list: what is due, of which kind, for which flight.
            models.Index(name="booking_to_do", fields=["next_at", "hold", "flight_id"]),
            # The announcer's: those about which there is something to tell.
            models.Index(name="booking_to_announce", fields=["announce_at"]),
            # GET /bookings?userId=, newest first.
            models.Index(name="booking_of_user", fields=["user_id", "id"]),
            # A user's unpaid bookings, counted at every create; GET /bookings?userId=&status=.
            models.Index(name="booking_of_user_in_status", fields=["user_id", "status"]),
            # GET /bookings?flightId=&status=, and the seats held on a flight.
            models.Index(name="booking_of_flight", fields=["flight_id", "status"]),
            # GET /bookings?flightNumber=&departureDay=. The id for PostgreSQL: InnoDB's index has it anyway.
            models.Index(name="booking_of_flight_number", fields=["flight_number", "departure_at", "id"]),
            # GET /bookings?clientReference=, and the back office's search by it.
            models.Index(name="booking_of_client_reference", fields=["client_reference"]),
            # The back office: what replaces a booking, and which are replaced and still paid. Most replace none.
            models.Index(name="booking_replaces", fields=["replaces_id"]),
            # GET /bookings?createdAfter=&createdBefore=.
            models.Index(name="booking_created", fields=["created_at"]),
            # GET /bookings?updatedAfter=. It moves with each change that clients see.
            models.Index(name="booking_changed", fields=["updated_at"]),
            # The back office's search by request id.
            models.Index(name="booking_request", fields=["request_id"]),
            # The back office's list by reason, newest first: most reasons are rare.
            models.Index(name="booking_of_reason", fields=["cancel_reason"]),
        ]

    def __str__(self) -> str:
        return self.reference

    def save(
        self, *args: Any, update_fields: Iterable[str] | None = None, force_insert: Any = False, **kwargs: Any
    ) -> None:
        """Insert, or write the named columns. A full save would write stale columns back."""
        if update_fields is None and not force_insert:
            raise TypeError("save a booking with update_fields=[...]")
        super().save(*args, update_fields=update_fields, force_insert=force_insert, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: a booking is part of the record."""
        raise TypeError("a booking is never deleted")
