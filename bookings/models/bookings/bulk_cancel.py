from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from bookings.lifecycle import CancelEffect, CancelReason
from bookings.models.bookings.booking import Booking


class Approval(models.TextChoices):
    """Whether a second person must agree to a bulk cancellation, and has."""

    NOT_NEEDED = "", _("not needed")
    WAITING = "waiting", _("waiting")
    APPROVED = "approved", _("approved")
    REFUSED = "refused", _("refused")


class BulkCancel(models.Model):
    """
    Bookings of one flight that a supervisor has asked to cancel together.

    The bookings are fixed when the row is written: one `BulkCancelRow` each. The worker carries them out, once a second
    person has approved what is too large for one.
    """

    # Made with the page that asks for confirmation: unique, so a double click asks once.
    action_key = models.UUIDField()
    flight_id = models.BigIntegerField()
    # The filters of the list it was made from, as a query string, to read.
    selection = models.CharField(max_length=500, blank=True, default="")
    reason = models.CharField(max_length=16, choices=CancelReason.choices)
    note = models.CharField(max_length=500, blank=True, default="")
    asked_by = models.CharField(max_length=150)
    request_id = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField()
    approval = models.CharField(
        _("approval"), max_length=8, choices=Approval.choices, blank=True, default=Approval.NOT_NEEDED
    )
    # Who approved or refused it, when, and what they said.
    decided_by = models.CharField(max_length=150, blank=True, default="")
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_note = models.CharField(max_length=500, blank=True, default="")
    # Of its bookings, those that have left for the archive, and have no row here any more.
    archived = models.PositiveIntegerField(default=0)
    # When the last of its rows was decided. Null while there is something to do.
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "bulk_cancel"
        verbose_name = _("bulk cancellation")
        verbose_name_plural = _("bulk cancellations")
        default_permissions = ("view",)
        permissions = [
            ("bulk_cancel", "Can cancel many bookings at once"),
            ("approve_bulk_cancel", "Can approve bulk cancellations that others have asked for"),
        ]
        constraints = [
            models.UniqueConstraint(name="bulk_cancel_action_key_unique", fields=["action_key"]),
            models.CheckConstraint(
                name="bulk_cancel_approved_by_another_person",
                condition=~Q(approval=Approval.APPROVED) | (~Q(decided_by="") & ~Q(decided_by=F("asked_by"))),
            ),
            models.CheckConstraint(
                name="bulk_cancel_decision_has_a_time",
                condition=Q(approval__in=[Approval.APPROVED, Approval.REFUSED], decided_at__isnull=False)
                | Q(approval__in=[Approval.NOT_NEEDED, Approval.WAITING], decided_at=None),
            ),
            models.CheckConstraint(
                name="bulk_cancel_waits_unfinished", condition=~Q(approval=Approval.WAITING) | Q(finished_at=None)
            ),
        ]
        # The worker's to-do list, and what waits for a second person.
        indexes = [models.Index(name="bulk_cancel_to_do", fields=["finished_at", "approval"])]

    def __str__(self) -> str:
        return f"flight {self.flight_id}, {self.created_at:%Y-%m-%d %H:%M}"


class BulkCancelState(models.TextChoices):
    """Waiting, then what cancelling has done to the booking, or that it failed."""

    WAITING = "waiting"
    CANCELLED = CancelEffect.CANCELLED.value
    REQUESTED = CancelEffect.REQUESTED.value
    SKIPPED = CancelEffect.SKIPPED.value
    FAILED = "failed"


class BulkCancelWhy(models.TextChoices):
    """Why a row has its state, beside the reasons of `CancelWhy`."""

    # Never stored: said of a row that waited for its payment, once that has ended and cancelled the booking.
    PAYMENT_ENDED = "payment_ended"
    # Taken out of the selection by who asked, before anything was cancelled.
    LEFT_OUT = "left_out"
    # The second person has refused it.
    NOT_APPROVED = "not_approved"
    # It failed in every pass for an hour; the log says how.
    OUR_FAULT = "our_fault"


class BulkCancelRow(models.Model):
    """One booking of a bulk cancellation, and what became of it."""

    bulk = models.ForeignKey(BulkCancel, on_delete=models.PROTECT, related_name="rows")
    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=9, choices=BulkCancelState.choices, default=BulkCancelState.WAITING)
    # A `CancelWhy`, a `BulkCancelWhy`, or what a refusal said.
    why = models.CharField(max_length=200, blank=True, default="")
    # What it gave back and what is refunded, in minor units.
    seats = models.PositiveIntegerField(default=0)
    refund = models.BigIntegerField(default=0)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "bulk_cancel_row"
        verbose_name = "booking of a bulk cancellation"
        verbose_name_plural = "bookings of bulk cancellations"
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(name="bulk_cancel_row_booking_once", fields=["bulk", "booking"]),
            models.CheckConstraint(
                name="bulk_cancel_row_decided_has_a_time",
                condition=Q(state=BulkCancelState.WAITING, done_at=None)
                | (~Q(state=BulkCancelState.WAITING) & Q(done_at__isnull=False)),
            ),
        ]
        # What is left to do, and the counts of the progress page.
        indexes = [models.Index(name="bulk_cancel_row_to_do", fields=["bulk", "state"])]

    def __str__(self) -> str:
        return f"{self.state} {self.booking_id}"
