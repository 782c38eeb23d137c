from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from bookings.lifecycle import CancelReason, News
from bookings.models.append_only import RecordedAction
from bookings.models.bookings.booking import Booking


class EventKind(models.TextChoices):
    CREATED = "created"
    HELD = "held"
    BOOKED = "booked"
    CANCELLED = "cancelled"
    CANCEL_REQUESTED = "cancel_requested"
    PAYMENT_FAILED = "payment_failed"
    # Staff give money back, all or a part.
    REFUND_ASKED = "refund_asked"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"
    # Internal notes of staff: never shown outside the back office.
    NOTED = "noted"
    # What staff decided about a reservation of unknown outcome.
    RESERVATION_RETRIED = "take_retried"
    RESERVATION_RESOLVED = "take_resolved"
    # Staff have given the customer longer to pay.
    EXTENDED = "extended"
    # Its seats were exchanged for others: the note says which. And what staff decided about that.
    SEATS_CHANGED = "seats_changed"
    EXCHANGE_RETRIED = "exchange_retried"
    EXCHANGE_RESOLVED = "exchange_decided"
    # And about a charge, or a refund.
    PAYMENT_RETRIED = "payment_retried"
    PAYMENT_RESOLVED = "payment_resolved"
    REFUND_RETRIED = "refund_retried"
    REFUND_RESOLVED = "refund_resolved"
    REFUND_ELSEWHERE = "refund_elsewhere"
    # A payer asks for the money back through their bank.
    DISPUTED = "disputed"
    DISPUTE_CLOSED = "dispute_closed"
    # What staff do with a case among themselves.
    CASE_TAKEN = "case_taken"
    CASE_HANDED_OVER = "case_handed_over"
    CASE_GIVEN_BACK = "case_given_back"
    CASE_DATED = "case_dated"
    CASE_CLOSED = "case_closed"
    # Where its traveler was reached is forgotten: by a client, or by staff, who say why.
    CONTACT_ERASED = "contact_erased"
    # Staff have a message sent to its traveler once more.
    MESSAGE_REPEATED = "message_repeated"


MONEY_WENT_BACK = (EventKind.REFUNDED, EventKind.REFUND_ELSEWHERE, EventKind.REFUND_RESOLVED)
"""With an amount. What staff decide about a refund may also be that it was not made."""

NEWS: dict[str, News] = {
    EventKind.BOOKED: News.PAID,
    EventKind.PAYMENT_FAILED: News.PAYMENT_FAILED,
    EventKind.CANCELLED: News.CANCELLED,
}

IS_NEWS = Q(what__in=list(NEWS)) | Q(what__in=MONEY_WENT_BACK, amount__gt=0)
"""What others are told about, as `BookingEvent.news` says it."""

AMONG_STAFF = (
    EventKind.NOTED,
    EventKind.DISPUTED,
    EventKind.DISPUTE_CLOSED,
    EventKind.CASE_TAKEN,
    EventKind.CASE_HANDED_OVER,
    EventKind.CASE_GIVEN_BACK,
    EventKind.CASE_DATED,
    EventKind.CASE_CLOSED,
    EventKind.CONTACT_ERASED,
    EventKind.MESSAGE_REPEATED,
)
"""Never shown outside the back office."""


class BookingEvent(RecordedAction):
    """
    One thing that happened to a booking. Append-only.

    Creation and holding have no row: they are columns of the booking, which keeps the hot path at two
    writes. `bookings.queries.bookings.timeline` shows them with the rest.
    """

    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="events")
    what = models.CharField(max_length=16, choices=EventKind.choices)
    from_status = models.CharField(max_length=9, blank=True, default="")
    to_status = models.CharField(max_length=9, blank=True, default="")
    reason = models.CharField(max_length=16, blank=True, default="")
    # Of money that is given back, or was: how much, in minor units.
    amount = models.BigIntegerField(default=0)

    class Meta:
        # The foreign key's own index serves the timeline of one booking, oldest first.
        db_table = "booking_event"
        verbose_name = _("event")
        verbose_name_plural = _("activity")
        default_permissions = ("view",)
        indexes = [
            # The numbers of a day, hour by hour; which bookings were cancelled today, without reading the rows.
            models.Index(name="booking_event_of_day", fields=["what", "created_at", "reason", "booking"]),
            # The back office's search by request id.
            models.Index(name="booking_event_request", fields=["request_id"]),
        ]

    def __str__(self) -> str:
        return f"{self.what} {self.booking_id}"

    @property
    def news(self) -> News | None:
        """What others are told about it; None if that is nothing."""
        if self.what == EventKind.CANCELLED and self.reason == CancelReason.EXPIRED:
            return News.EXPIRED
        if self.what in MONEY_WENT_BACK and self.amount:
            return News.REFUNDED
        return NEWS.get(self.what)
