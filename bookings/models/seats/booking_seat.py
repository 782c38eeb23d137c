from django.db import models
from django.utils.translation import gettext_lazy as _


class BookingSeat(models.Model):
    """
    One seat by its number, of a booking that is initiated or booked.

    Its unique key is a tripwire, and the way to find who has 12A. Which seats can be had the Flight Service says: a
    seat without a row here need not be free. A row is written after the Flight Service has said that the seat is
    taken, and deleted before it is given back. So two rows for one seat mean that it was given out twice there.
    """

    flight_id = models.BigIntegerField()
    seat_number = models.CharField(max_length=4)
    booking = models.ForeignKey("bookings.Booking", on_delete=models.PROTECT, related_name="seats")

    class Meta:
        db_table = "booking_seat"
        verbose_name = _("seat of a booking")
        verbose_name_plural = _("seats of bookings")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(name="booking_seat_unique", fields=["flight_id", "seat_number"]),
        ]

    def __str__(self) -> str:
        return f"{self.seat_number} on flight {self.flight_id}"
