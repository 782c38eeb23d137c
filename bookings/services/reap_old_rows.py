"""Forget what is of no use any more: old answers, and counts of windows that are over."""

from collections.abc import Callable

from bookings.clock import database_time
from bookings.conf import IDEMPOTENCY_RETENTION, RATE_WINDOW_RETENTION, REAP_BATCH
from bookings.models import IdempotencyRecord, RateWindow
from bookings.models.idempotency import RecordState
from bookings.services.deadline import Deadline
from bookings.transactions import in_transaction


def reap_old_rows(*, deadline: Deadline) -> int:
    """
    Delete old rows in small transactions until the time is up; return how many there were.

    Records of requests that were answered more than 72 hours ago: one that is still running keeps its record,
    however old. Counts of windows that began more than an hour ago.
    """
    return sum(_in_batches(batch, deadline=deadline) for batch in (_reap_windows, _reap_records))


def _in_batches(reap_batch: Callable[[], int], *, deadline: Deadline) -> int:
    reaped = 0
    while deadline:
        deleted = reap_batch()
        reaped += deleted
        if deleted < REAP_BATCH:
            break
    return reaped


@in_transaction("reap.idempotency")
def _reap_records() -> int:
    answered_long_ago = IdempotencyRecord.objects.filter(
        state=RecordState.DONE, created_at__lt=database_time() - IDEMPOTENCY_RETENTION
    )
    ids = list(answered_long_ago.order_by("created_at").values_list("pk", flat=True)[:REAP_BATCH])
    deleted, _ = IdempotencyRecord.objects.filter(pk__in=ids).delete()
    return deleted


@in_transaction("reap.rate_windows")
def _reap_windows() -> int:
    began_before = database_time() - RATE_WINDOW_RETENTION
    oldest = RateWindow.objects.filter(started_at__lt=began_before).order_by("started_at")
    names = list(oldest.values_list("pk", flat=True)[:REAP_BATCH])
    # Locked by primary key, as by whoever counts, and looked at once more: it may have begun anew.
    locked = RateWindow.objects.select_for_update(skip_locked=True).filter(pk__in=names).order_by("pk")
    old = [window.pk for window in locked if window.started_at < began_before]
    RateWindow.objects.filter(pk__in=old).delete()
    # Those that were looked at: one that was skipped does not end the work.
    return len(names)
