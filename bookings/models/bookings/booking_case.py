from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from bookings.models.bookings.booking import Booking


class CaseMove(models.TextChoices):
    """What staff do with a case."""

    TAKE = "take"
    HAND_OVER = "hand_over"
    GIVE_BACK = "give_back"
    DATE = "date"
    CLOSE = "close"


class BookingCase(models.Model):
    """
    That staff work on a booking: who has it, and when it is to be looked at again.

    One row per booking that ever was a case. What became of it stands in the booking's timeline. It says nothing
    about the booking itself, and stops no one else from changing it.
    """

    booking = models.OneToOneField(Booking, primary_key=True, on_delete=models.PROTECT, related_name="case")
    # The name of the member of staff who has it; empty: it is open, and free to take.
    owner = models.CharField(max_length=150, blank=True, default="")
    # A day in UTC, as all days of the back office.
    follow_up_on = models.DateField(null=True, blank=True)
    # Raised by every move, so that a page that was seen before it is old.
    version = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField()
    moved_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "booking_case"
        verbose_name = _("case")
        verbose_name_plural = _("cases")
        default_permissions = ()
        permissions = [
            ("work_case", "Can take, hand over and close cases"),
            ("assign_case", "Can move cases that colleagues have"),
        ]
        constraints = [
            models.CheckConstraint(
                name="booking_case_closed_is_free_of_all",
                condition=Q(closed_at=None) | Q(owner="", follow_up_on=None),
            ),
        ]
        indexes = [
            # The open cases of one member of staff, and those that are free.
            models.Index(name="booking_case_of_owner", fields=["closed_at", "owner"]),
            # The open cases that are due.
            models.Index(name="booking_case_due", fields=["closed_at", "follow_up_on"]),
        ]

    def __str__(self) -> str:
        return f"case {self.booking_id}"
