"""Forget answers that no client asks for any more."""

from bookings.clock import database_time
from bookings.conf import IDEMPOTENCY_RETENTION, REAP_BATCH
from bookings.models import IdempotencyRecord
from bookings.models.idempotency import RecordState
from bookings.services.deadline import Deadline
from bookings.transactions import in_transaction


def reap_idempotency_records(*, deadline: Deadline) -> int:
    """
    Delete the records of requests that were answered more than 72 hours ago, in small transactions.

    A request that is still running keeps its record, however old. Returns how many were deleted.
    """
    reaped = 0
    while deadline:
        deleted = _reap_batch()
        reaped += deleted
        if deleted < REAP_BATCH:
            break
    return reaped


@in_transaction("reap.idempotency")
def _reap_batch() -> int:
    answered_long_ago = IdempotencyRecord.objects.filter(
        state=RecordState.DONE, created_at__lt=database_time() - IDEMPOTENCY_RETENTION
    )
    ids = list(answered_long_ago.order_by("created_at").values_list("pk", flat=True)[:REAP_BATCH])
    deleted, _ = IdempotencyRecord.objects.filter(pk__in=ids).delete()
    return deleted
