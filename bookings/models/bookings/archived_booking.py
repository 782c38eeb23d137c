"""Bookings that ended long ago, each with all that belonged to it in one row."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from bookings.lifecycle import BookingStatus
from bookings.text.seat_numbers import LONGEST_SEAT_NUMBERS

ENDED = (BookingStatus.BOOKED, BookingStatus.CANCELLED)
"""What a booking is that nothing happens to any more. One that is booked has flown."""


class ArchivedBooking(models.Model):
    """
    A booking that has left the tables: columns to find it by, and its history, packed.

    It has the id and the reference that it had, and both are never given again. `bookings.queries.bookings.archived`
    reads the history; one transaction moves a booking here, and another moves it back.
    """

    id = models.BigIntegerField(primary_key=True)
    reference = models.CharField(max_length=8)
    user_id = models.BigIntegerField()
    flight_id = models.BigIntegerField()
    no_of_seats = models.PositiveSmallIntegerField()
    # By number; empty: counted alone.
    seat_numbers = models.CharField(max_length=LONGEST_SEAT_NUMBERS, blank=True, default="")
    status = models.CharField(max_length=9, choices=BookingStatus.choices)
    # The release that gave its seats back. It leaves with the last of its bookings, so this is no foreign key.
    give_back_id = models.BigIntegerField(null=True, blank=True)
    # What its gateway calls the payment that was charged: a dispute that comes late names it.
    charged_as = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001  # most have none
    created_at = models.DateTimeField()
    # From when on nothing has happened to it.
    ended_at = models.DateTimeField()
    archived_at = models.DateTimeField()
    history = models.BinaryField()

    class Meta:
        db_table = "archived_booking"
        verbose_name = _("archived booking")
        verbose_name_plural = _("archived bookings")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(name="archived_booking_reference_unique", fields=["reference"]),
            models.CheckConstraint(name="archived_booking_has_ended", condition=models.Q(status__in=ENDED)),
        ]
        indexes = [
            # The back office's search by user, newest first.
            models.Index(name="archived_booking_of_user", fields=["user_id", "id"]),
            # And by flight; the seats that are still taken on it, which are counted off the index alone.
            models.Index(name="archived_booking_of_flight", fields=["flight_id", "status", "no_of_seats"]),
            # And by the gateway's name for a payment.
            models.Index(name="archived_booking_charged", fields=["charged_as"]),
        ]

    def __str__(self) -> str:
        return self.reference


class ArchiveRound(models.Model):
    """
    How far the archive has come with its walk over all bookings, from the first one on. One row.

    Nothing is decided by it: without it, the walk begins at the front.
    """

    # Up to this booking it has looked at all.
    position = models.BigIntegerField(default=0)
    # When it last had come to those that are too young.
    finished_at = models.DateTimeField(null=True, blank=True)
    is_under_way = models.BooleanField(default=True)

    class Meta:
        db_table = "archive_round"
        default_permissions = ()

    def __str__(self) -> str:
        return f"up to booking {self.position}"
