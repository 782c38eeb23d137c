from django.db import models
from django.db.models import F, Q, Value
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Length, Replace
from django.utils.translation import gettext_lazy as _

from bookings.actor import ActorKind
from bookings.models.bookings.booking import Booking
from bookings.models.outbound_call import OutboundCall, OutboundCallQuerySet
from bookings.text.seat_numbers import LONGEST_SEAT_NUMBERS


class ExchangeState(models.TextChoices):
    ASKING = "asking"
    STUCK = "stuck"
    DONE = "done"
    REFUSED = "refused"
    DROPPED = "dropped"


UNFINISHED = (ExchangeState.ASKING, ExchangeState.STUCK)
"""It is not known what became of it: the next one has to wait, and so has the release of a booking that has ended."""


def _count(column: str) -> CombinedExpression:
    """How many numbers of seats a column names that names some."""
    return Length(column) - Length(Replace(column, Value(","), Value(""))) + 1


class SeatExchangeQuerySet(OutboundCallQuerySet["SeatExchange"]):
    def unanswered(self) -> "SeatExchangeQuerySet":
        """Exchanges that the worker asks about, or a request does."""
        return self.filter(state=ExchangeState.ASKING)

    def stuck(self) -> "SeatExchangeQuerySet":
        """Exchanges that wait for staff."""
        return self.filter(state=ExchangeState.STUCK)


class SeatExchange(OutboundCall):
    """
    One call to the Flight Service that takes seats for a booking and gives as many of its seats back, or does nothing.

    Key, flight and numbers are fixed when the row is written, before anything is sent. They are the difference alone:
    a seat that the booking keeps is in neither list. What the booking has instead stands in its `wanted_seats`.
    """

    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="exchanges")
    # The booking again, until it is known what became of the call: unique, so that one runs at a time.
    open_booking_id = models.BigIntegerField(null=True, blank=True)
    call_key = models.UUIDField()
    flight_id = models.BigIntegerField()
    seats = models.PositiveSmallIntegerField()
    take_numbers = models.CharField(max_length=LONGEST_SEAT_NUMBERS)
    # Empty: seats that were counted alone.
    give_numbers = models.CharField(max_length=LONGEST_SEAT_NUMBERS, blank=True, default="")
    state = models.CharField(max_length=7, choices=ExchangeState.choices, default=ExchangeState.ASKING)
    # Who asked for it: its line in the timeline comes with the answer.
    actor_kind = models.CharField(max_length=8, choices=ActorKind.choices)
    actor_name = models.CharField(max_length=150)
    request_id = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)

    objects = SeatExchangeQuerySet.as_manager()

    class Meta:
        db_table = "seat_exchange"
        verbose_name = _("exchange of seats")
        verbose_name_plural = _("exchanges of seats")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(name="seat_exchange_key_unique", fields=["call_key"]),
            models.UniqueConstraint(name="seat_exchange_open_booking_id_unique", fields=["open_booking_id"]),
            models.CheckConstraint(name="seat_exchange_state_known", condition=Q(state__in=ExchangeState.values)),
            models.CheckConstraint(
                name="seat_exchange_open_names_its_booking",
                condition=Q(state__in=UNFINISHED, open_booking_id__isnull=False, open_booking_id=F("booking"))
                | ~Q(state__in=UNFINISHED) & Q(open_booking_id=None),
            ),
            models.CheckConstraint(
                name="seat_exchange_asking_has_a_time",
                condition=Q(state=ExchangeState.ASKING, next_at__isnull=False)
                | ~Q(state=ExchangeState.ASKING) & Q(next_at=None),
            ),
            models.CheckConstraint(
                name="seat_exchange_takes_as_many_as_it_gives",
                condition=Q(seats=_count("take_numbers")) & (Q(give_numbers="") | Q(seats=_count("give_numbers"))),
            ),
        ]
        indexes = [
            # The worker's to-do list.
            models.Index(name="seat_exchange_to_do", fields=["state", "next_at"]),
            # Comparisons ask what is under way on a flight.
            models.Index(name="seat_exchange_of_flight", fields=["flight_id"]),
        ]

    def __str__(self) -> str:
        return f"{self.give_numbers or self.seats} for {self.take_numbers} on flight {self.flight_id}"
