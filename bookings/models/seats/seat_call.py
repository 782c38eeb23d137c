from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from bookings.models.append_only import RecordedAction
from bookings.models.outbound_call import OutboundCall, OutboundCallQuerySet


class SeatCallKind(models.TextChoices):
    RELEASE = "give"
    # A correction of what a comparison with the Flight Service found; it has no bookings.
    CORRECTION = "fix"
    # Staff said that it was not applied; the bookings of a release were put into a new one, under a new key.
    VOID = "void"


class SeatCallState(models.TextChoices):
    OPEN = "open"
    DONE = "done"
    DEAD = "dead"


class SeatCallQuerySet(OutboundCallQuerySet["SeatCall"]):
    """Releases and corrections."""


class SeatCall(OutboundCall):
    """
    One release at the Flight Service, for all the bookings that name it; or one correction, for none.

    Key, flight, seats, their numbers and direction are fixed when the row is written, before anything is sent: a
    repetition is the same request. A reservation has no row here: its booking is the row.
    """

    call_key = models.UUIDField()
    kind = models.CharField(max_length=4, choices=SeatCallKind.choices)
    flight_id = models.BigIntegerField()
    seats = models.PositiveIntegerField()
    # Those of them that have a number, as in 12A,12B; the others are counted.
    seat_numbers = models.TextField(blank=True, default="")
    # The direction: only a correction can take seats, all other calls give seats back.
    reserves = models.BooleanField(default=False)
    # The flight again, until a correction is over: unique, so that no two correct the same difference.
    fixes_flight_id = models.BigIntegerField(null=True, blank=True)
    state = models.CharField(max_length=4, choices=SeatCallState.choices, default=SeatCallState.OPEN)
    created_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)

    objects = SeatCallQuerySet.as_manager()

    class Meta:
        db_table = "seat_call"
        verbose_name = _("call to the Flight Service")
        verbose_name_plural = _("calls to the Flight Service")
        default_permissions = ("view",)
        permissions = [("resolve_seatcall", "Can decide about dead and stuck calls to the Flight Service")]
        constraints = [
            models.UniqueConstraint(name="seat_call_key_unique", fields=["call_key"]),
            models.UniqueConstraint(name="seat_call_fixes_flight_id_unique", fields=["fixes_flight_id"]),
            models.CheckConstraint(name="seat_call_kind_known", condition=Q(kind__in=SeatCallKind.values)),
            models.CheckConstraint(
                name="seat_call_only_a_correction_reserves",
                condition=Q(reserves=False) | Q(kind__in=[SeatCallKind.CORRECTION, SeatCallKind.VOID]),
            ),
            models.CheckConstraint(
                name="seat_call_correction_names_its_flight",
                condition=Q(
                    kind=SeatCallKind.CORRECTION,
                    state__in=[SeatCallState.OPEN, SeatCallState.DEAD],
                    fixes_flight_id__isnull=False,
                    fixes_flight_id=F("flight_id"),
                )
                | Q(fixes_flight_id=None) & (~Q(kind=SeatCallKind.CORRECTION) | Q(state=SeatCallState.DONE)),
            ),
            models.CheckConstraint(name="seat_call_has_seats", condition=Q(seats__gte=1)),
            models.CheckConstraint(
                name="seat_call_open_has_a_time",
                condition=Q(state=SeatCallState.OPEN, next_at__isnull=False)
                | Q(state__in=[SeatCallState.DONE, SeatCallState.DEAD], next_at=None),
            ),
        ]
        indexes = [
            # The worker's to-do list.
            models.Index(name="seat_call_to_do", fields=["state", "next_at"]),
            # The back office's search by flight.
            models.Index(name="seat_call_of_flight", fields=["flight_id"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.seats} on flight {self.flight_id}"


class SeatCallEventKind(models.TextChoices):
    CORRECTED = "fixed"
    RETRIED = "retried"
    APPLIED = "applied"
    NOT_APPLIED = "not_applied"


class SeatCallEvent(RecordedAction):
    """One decision of staff: that a correction is sent, or what became of a dead call; who, why, which request."""

    seat_call = models.ForeignKey(SeatCall, on_delete=models.PROTECT, related_name="events")
    what = models.CharField(max_length=11, choices=SeatCallEventKind.choices)
    # A reason is required here.
    note = models.CharField(max_length=500)

    class Meta:
        db_table = "seat_call_event"
        verbose_name = "decision about a call"
        verbose_name_plural = "decisions about calls"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.what} {self.seat_call_id}"
