from datetime import datetime

from django.db import models
from django.db.models import Q

from bookings.conf import CLOCK_TOLERANCE, GATE_LEASE


class InFlightKind(models.TextChoices):
    RESERVATION = "take"
    RELEASE = "give"


class GateOutcome(models.TextChoices):
    """How the call in flight ended. Empty while that is not known."""

    APPLIED = "applied"
    NO_SEATS = "no_seats"
    NO_FLIGHT = "no_flight"
    MISTAKE = "mistake"
    NEVER_KNOWN = "never_known"


class FlightGate(models.Model):
    """
    Whose turn it is to change the seats of a flight at a Flight Service without keys, and the last change.

    The call in flight stays here after its end, with its outcome, until the next one begins: a repetition under
    its key gets the outcome, and sends nothing.
    """

    flight_id = models.BigIntegerField(primary_key=True)
    lease = models.UUIDField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)

    inflight_kind = models.CharField(max_length=4, choices=InFlightKind.choices, blank=True, default="")
    # `hold_key` of the booking, or `call_key` of the seat call.
    inflight_key = models.UUIDField(null=True, blank=True)
    inflight_seats = models.PositiveIntegerField(null=True, blank=True)
    inflight_since = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=11, choices=GateOutcome.choices, blank=True, default="")
    why = models.CharField(max_length=200, blank=True, default="")
    # The place it takes among the changes that are under way at once.
    slot = models.PositiveSmallIntegerField(null=True, blank=True)

    # The counter at the Flight Service as far as is known; before the call in flight while its outcome is not.
    known_remaining = models.BigIntegerField(null=True, blank=True)
    # All seats, taken or not. Known only where no other system changes the counter.
    capacity = models.BigIntegerField(null=True, blank=True)

    class Meta:
        db_table = "flight_gate"
        constraints = [
            models.CheckConstraint(
                name="flight_gate_lease_has_an_end",
                condition=Q(lease=None, leased_until=None) | Q(lease__isnull=False, leased_until__isnull=False),
            ),
            models.CheckConstraint(
                name="flight_gate_in_flight_is_whole",
                condition=Q(inflight_kind="", inflight_key=None, inflight_seats=None, inflight_since=None, outcome="")
                | Q(
                    inflight_kind__in=InFlightKind.values,
                    inflight_key__isnull=False,
                    inflight_seats__gte=1,
                    inflight_since__isnull=False,
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"flight {self.flight_id}"

    @property
    def is_unresolved(self) -> bool:
        """Whether a call was sent, or may have been, and its outcome is unknown."""
        return self.inflight_key is not None and not self.outcome

    def is_leased(self, now: datetime) -> bool:
        """Whether a change has the gate. A lease that is longer than any was written by a clock that was ahead."""
        return self.leased_until is not None and now < self.leased_until <= now + GATE_LEASE + CLOCK_TOLERANCE


class PatchSlot(models.Model):
    """One of the few changes that a Flight Service without keys can process at once; free from `until` on."""

    number = models.PositiveSmallIntegerField(primary_key=True)
    until = models.DateTimeField()

    class Meta:
        db_table = "patch_slot"

    def __str__(self) -> str:
        return str(self.number)
