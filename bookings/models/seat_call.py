from django.db import models
from django.db.models import Q


class SeatCallKind(models.TextChoices):
    GIVE = "give"


class SeatCallState(models.TextChoices):
    OPEN = "open"
    DONE = "done"
    DEAD = "dead"


class SeatCall(models.Model):
    """
    One give-back at the Flight Service, for all the bookings that name it.

    Key, flight and seats are fixed when the row is written, before anything is sent: a repetition is the
    same request. A take has no row here, its booking is the row.
    """

    call_key = models.UUIDField()
    kind = models.CharField(max_length=4, choices=SeatCallKind.choices)
    flight_id = models.BigIntegerField()
    seats = models.PositiveIntegerField()
    state = models.CharField(max_length=4, choices=SeatCallState.choices, default=SeatCallState.OPEN)
    claims = models.PositiveIntegerField(default=0)
    lease = models.UUIDField(null=True, blank=True)
    # End of the lease, or the next try. Null once the call is done or dead.
    next_at = models.DateTimeField(null=True, blank=True)
    first_sent_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "seat_call"
        constraints = [
            models.UniqueConstraint(name="seat_call_key_unique", fields=["call_key"]),
            models.CheckConstraint(name="seat_call_kind_known", condition=Q(kind__in=SeatCallKind.values)),
            models.CheckConstraint(name="seat_call_has_seats", condition=Q(seats__gte=1)),
            models.CheckConstraint(
                name="seat_call_open_has_a_time",
                condition=Q(state=SeatCallState.OPEN, next_at__isnull=False)
                | Q(state__in=[SeatCallState.DONE, SeatCallState.DEAD], next_at=None),
            ),
        ]
        # The worker's to-do list.
        indexes = [models.Index(name="seat_call_to_do", fields=["state", "next_at"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.seats} on flight {self.flight_id}"
