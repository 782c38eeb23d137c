from datetime import datetime
from typing import Self, TypeVar

from django.db import models

from bookings.conf import LONGEST_WAIT

C = TypeVar("C", bound="OutboundCall")


class OutboundCallQuerySet(models.QuerySet[C]):
    def due(self, now: datetime) -> Self:
        """Calls whose lease or pause is over, as `OutboundCall.is_due` says it: two ranges of a to-do list."""
        return self.filter(next_at__lte=now) | self.filter(next_at__gt=now + LONGEST_WAIT)


class OutboundCall(models.Model):
    """
    One call to another system: a row that is committed before anything is sent.

    Who has leased the row may send the call, until the lease ends. It keeps its key: each repetition is the same
    request. `bookings.services.shared.leases` writes these columns; what the call asks for is up to the model.
    """

    # How often it was leased.
    claims = models.PositiveIntegerField(default=0)
    lease = models.UUIDField(null=True, blank=True)
    # End of the lease, or the next try. Null when the worker has nothing to do for this row.
    next_at = models.DateTimeField(null=True, blank=True)
    # From here on the other system may know the key, and may forget it again. Null while nothing was sent.
    first_sent_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        abstract = True

    def is_due(self, now: datetime) -> bool:
        """
        Tell whether the lease or the pause of this call is over.

        One that is longer than any was written by a clock that was ahead. The key protects a call that is sent twice.
        """
        return self.next_at is not None and not now < self.next_at <= now + LONGEST_WAIT
