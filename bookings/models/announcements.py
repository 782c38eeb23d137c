from django.db import models
from django.utils.translation import gettext_lazy as _

from bookings.lifecycle import News
from bookings.models.append_only import AppendOnly
from bookings.models.bookings.booking import Booking


class Announcement(AppendOnly):
    """
    What others are told of one thing that happened to a booking: clients call it an event.

    Written by the announcer alone, which is one at a time, so the order of the ids is the order in which rows can be
    seen first: who has read up to an id has missed none below it. Kept for a month.
    """

    # "evt_" and 32 hexadecimal digits: what clients know it by.
    key = models.CharField(max_length=36)
    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="announcements", db_index=False)
    # Counts what is told of one booking: 1, 2, 3, without holes.
    sequence = models.PositiveIntegerField()
    type = models.CharField(max_length=22, choices=News.choices)
    occurred_at = models.DateTimeField()
    # What of the booking changes in time, as it was then, and what this changed; see `bookings.answers.announcements`.
    facts = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "announcement"
        verbose_name = _("announcement")
        verbose_name_plural = _("announcements")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(name="announcement_key_unique", fields=["key"]),
            # The foreign key's index, too.
            models.UniqueConstraint(name="announcement_counts_up", fields=["booking", "sequence"]),
            models.CheckConstraint(name="announcement_type_known", condition=models.Q(type__in=News.values)),
            models.CheckConstraint(name="announcement_counts_from_one", condition=models.Q(sequence__gte=1)),
        ]
        indexes = [
            # The reaper's.
            models.Index(name="announcement_age", fields=["created_at"]),
        ]

    def __str__(self) -> str:
        return self.key
