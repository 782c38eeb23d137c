"""
Delete what is of no use any more, so that these tables keep their size.

What is part of the record is not here: bookings, calls, payments, events and bulk cancellations stay. Nor is what
a worker still has to do: a task that waits in the queue is work, however old.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.contrib.sessions.models import Session
from django.db.models import Model, Q, QuerySet
from django_q.models import Task

from bookings.conf import (
    ANNOUNCEMENT_RETENTION,
    IDEMPOTENCY_RETENTION,
    LOG_IN_RETENTION,
    NOTICE_RETENTION,
    RATE_WINDOW_RETENTION,
    REAP_BATCH,
    SESSION_RETENTION,
    TASK_RESULT_RETENTION,
    TASK_RESULTS_KEPT,
)
from bookings.db.clock import clock_is_proven, database_time
from bookings.db.transactions import in_transaction
from bookings.deadline import Deadline
from bookings.models import (
    Announcement,
    Contact,
    GatewayNotice,
    IdempotencyRecord,
    LogInEvent,
    Message,
    RateWindow,
    Report,
    SuppressedAddress,
    WebhookDelivery,
    WorkerHeartbeat,
)
from bookings.models.access.idempotency import RecordState
from bookings.models.notices import GatewayNoticeState
from bookings.queries.upkeep.workers import WORKER_RETENTION

log = structlog.get_logger(__name__)


def reap_old_rows(*, deadline: Deadline) -> Counter[str]:
    """
    Delete old rows in small transactions until the time is up; return how many there were, by table.

    Nothing is old while the database's clock is in doubt.

    The tables take turns, one transaction each, so that one with millions of old rows does not keep the others
    from being reaped, nor does one that fails. Safe to run beside itself: rows that others have locked stay.

    :raises ExceptionGroup: at the end, if some table failed
    """
    reaped: Counter[str] = Counter()
    failures: list[Exception] = []
    at_work = {table: batches() for table, batches in BATCHES.items()}
    while at_work and deadline:
        for table, batches in list(at_work.items()):
            try:
                reaped[table] += next(batches)
            except StopIteration:
                del at_work[table]
            except Exception as error:
                log.exception("reap.table_failed", item=table)
                failures.append(error)
                del at_work[table]
    if reaped.total():
        done = [f"{rows} of {table}" for table, rows in reaped.items() if rows]
        log.info("rows.reaped", outcome=", ".join(done) + ("; the time was up" if at_work else ""))
    if failures:
        raise ExceptionGroup("some tables could not be reaped; the others were", failures)
    return reaped


def _answers_under_keys() -> Iterator[int]:
    """Requests that were answered long ago. One that is still running keeps its record, however old."""
    done = IdempotencyRecord.objects.filter(state=RecordState.DONE)
    yield from _older(done, "created_at", IDEMPOTENCY_RETENTION)


def _rate_windows() -> Iterator[int]:
    """Counts of windows that began long ago. One that begins again meanwhile keeps its count."""
    yield from _older(RateWindow.objects.all(), "started_at", RATE_WINDOW_RETENTION)


def _sessions() -> Iterator[int]:
    """Sessions of the back office that have ended."""
    yield from _older(Session.objects.all(), "expire_date", SESSION_RETENTION)


def _workers() -> Iterator[int]:
    """Workers that have not been heard of for a day: they will not come back."""
    yield from _older(WorkerHeartbeat.objects.all(), "heard_at", WORKER_RETENTION)


def _log_ins() -> Iterator[int]:
    """What happened at log-ins of staff."""
    yield from _older(LogInEvent.objects.all(), "created_at", LOG_IN_RETENTION)


def _notices() -> Iterator[int]:
    """What payment gateways told long ago. One that was never followed is work, however old."""
    followed = GatewayNotice.objects.exclude(state=GatewayNoticeState.NEW)
    yield from _older(followed, "received_at", NOTICE_RETENTION)


def _announcements() -> Iterator[int]:
    """What others were told long ago: a booking's own page and its timeline stay. What is delivered once more waits."""
    yield from _older(Announcement.objects.filter(deliveries=None, messages=None), "created_at", ANNOUNCEMENT_RETENTION)


def _messages() -> Iterator[int]:
    """What travelers were told long ago. What waits for so long is worth nothing: no mail is sent here any more."""
    yield from _older(Message.objects.all(), "created_at", ANNOUNCEMENT_RETENTION)


def _reports() -> Iterator[int]:
    """What owners of endpoints and operators were told long ago."""
    yield from _older(Report.objects.all(), "created_at", ANNOUNCEMENT_RETENTION)


def _contacts() -> Iterator[int]:
    """Where travelers were reached whose time is over. What waits to be sent to them is skipped."""
    yield from _older(Contact.objects.all(), "erase_at", timedelta(0))


def _suppressed_addresses() -> Iterator[int]:
    """Addresses that are written to again."""
    yield from _older(SuppressedAddress.objects.all(), "until", timedelta(0))


def _deliveries() -> Iterator[int]:
    """What was sent long ago, with what receivers said. What waits for so long waits for an endpoint that is paused."""
    yield from _older(WebhookDelivery.objects.all(), "created_at", ANNOUNCEMENT_RETENTION)


def _task_results() -> Iterator[int]:
    """
    What the queue keeps of tasks that were done or failed: all but the newest of each task, and nothing old.

    django-q2 deletes one success for each new one, and never a failure. Its table has no index by time: its primary
    key is walked once, and what stays behind is little.
    """
    before = database_time() - TASK_RESULT_RETENTION
    if not clock_is_proven():
        return
    old = Q(stopped__lt=before)
    for func, success in Task.objects.order_by().values_list("func", "success").distinct():
        results = Task.objects.filter(func=func, success=success).order_by("-stopped")
        beyond = results.values_list("stopped", flat=True)[TASK_RESULTS_KEPT : TASK_RESULTS_KEPT + 1].first()
        if beyond is not None:
            old |= Q(func=func, success=success, stopped__lte=beyond)
    yield from _along("pk", Task.objects.filter(old), dated="stopped")


BATCHES: Mapping[str, Callable[[], Iterator[int]]] = {
    RateWindow._meta.db_table: _rate_windows,
    Session._meta.db_table: _sessions,
    LogInEvent._meta.db_table: _log_ins,
    WorkerHeartbeat._meta.db_table: _workers,
    GatewayNotice._meta.db_table: _notices,
    Contact._meta.db_table: _contacts,
    SuppressedAddress._meta.db_table: _suppressed_addresses,
    Message._meta.db_table: _messages,
    Report._meta.db_table: _reports,
    WebhookDelivery._meta.db_table: _deliveries,
    Announcement._meta.db_table: _announcements,
    Task._meta.db_table: _task_results,
    IdempotencyRecord._meta.db_table: _answers_under_keys,
}


def _older(rows: QuerySet[Any], column: str, age: timedelta) -> Iterator[int]:
    before = database_time() - age
    if clock_is_proven():
        yield from _along(column, rows.filter(**{f"{column}__lt": before}), dated=column)


def _along(column: str, old: QuerySet[Any], *, dated: str) -> Iterator[int]:
    """
    Delete rows along an index, batch by batch, and give the size of each.

    Each batch begins where the one before it ended: to begin at the front again would be to read all the entries
    that were deleted just now, as MariaDB takes a while to remove them. `dated` is the column that says how old
    a row is.
    """
    begin = None
    while True:
        rows = old if begin is None else old.filter(**{f"{column}__gte": begin})
        found = list(rows.order_by(column).values_list("pk", dated, column)[:REAP_BATCH])
        deleted = _delete(old.model, {key: moment for key, moment, _ in found}, dated=dated) if found else 0
        yield deleted
        end = found[-1][2] if found else None
        if len(found) < REAP_BATCH or (end == begin and not deleted):
            return
        begin = end


@in_transaction("rows.reap")
def _delete(model: type[Model], found: Mapping[Any, datetime], *, dated: str) -> int:
    """
    Delete the rows that are as they were found, and that no other process has locked.

    Locked by primary key, ascending, as by all code that uses them: by their age they would be locked in another order.
    Then looked at once more: one that is in use again is no longer as old as it was.
    """
    rows = model._default_manager
    locked = rows.filter(pk__in=found).select_for_update(skip_locked=True).order_by("pk")
    as_found = [key for key, moment in locked.values_list("pk", dated) if moment == found[key]]
    deleted, _ = rows.filter(pk__in=as_found).delete()
    return deleted
