"""Begin the periodic work that is due, on database time, and make its rows again where they were deleted."""

# Note [Schedules keep database time]
# django-q2 has a scheduler of its own, which compares its rows with the clock of the worker that looks. One worker
# whose clock was ahead for a moment would write the next time far into the future, and nothing would run until
# then; one that is behind would never find anything due. Here the database's clock decides, for all workers alike.
# A row whose next time is further ahead than its own interval was written by a clock that was ahead, or the
# database's has gone back: it is due now.

import ast
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

import structlog
from croniter import croniter
from django.db import Error
from django_q.models import Schedule
from django_q.tasks import async_task

from bookings.conf import CLOCK_TOLERANCE, pass_interval_seconds
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.models import Heartbeat
from bookings.services.upkeep.pause_schedules import FOR_EVER, NEVER
from bookings.wake import PASSES_TASK, wake_worker

log = structlog.get_logger(__name__)

PASSES_SCHEDULE = "background pass"

# Task and cron, the seconds last, by name: as the migrations make them. That of the passes is in the settings.
STANDARD: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        PASSES_SCHEDULE: (PASSES_TASK, ""),
        "delete old rows": ("bookings.tasks.reap", "4-59/5 * * * * 5"),
        "write reports": ("bookings.tasks.write_reports", "3-59/5 * * * * 5"),
        "compare seats": ("bookings.tasks.reconcile", "2-59/5 * * * * 5"),
        "compare payments": ("bookings.tasks.reconcile_payments", "17 * * * * 5"),
        "look for missed news": ("bookings.tasks.look_for_missed_news", "47 * * * * 5"),
    }
)

# The row that a worker locks before it makes missing ones, so that two workers do not make two.
LOCK = "schedules"


def start_due_schedules() -> int:
    """
    Queue the tasks of all schedules that are due and not paused, and return how many there were.

    Each schedule is decided in a transaction of its own; of several workers one gets the row. What was missed
    while no worker looked is begun once. One that cannot be begun is logged, and does not keep the others back.
    """
    _make_missing()
    now = database_time()
    started = 0
    for row in Schedule.objects.exclude(repeats=NEVER).order_by("pk"):
        try:
            started += _start(row.pk) if is_due(row, now) else 0
        except (Error, ValueError, SyntaxError):
            # Written by hand, and not understood; or the queue takes nothing. The next slot tries again.
            log.exception("schedule.not_started", what=row.func)
    return started


def passes_cron() -> str:
    """How often a pass begins, as its row says it; the seconds last."""
    return f"* * * * * */{pass_interval_seconds()}"


def is_due(row: Schedule, now: datetime) -> bool:
    """
    Tell whether it is time. See Note [Schedules keep database time].

    :raises ValueError: if the row does not say how often it runs
    """
    if row.next_run is None:
        return False
    return bool(row.next_run <= now) or is_misplaced(row, now)


def is_misplaced(row: Schedule, now: datetime) -> bool:
    """
    Tell whether the next time is further ahead than the interval: a clock was wrong.

    :raises ValueError: if the row does not say how often it runs
    """
    following = _following(row, now)
    if following is None or row.next_run is None:
        return False
    interval = (_following(row, following) or following) - following
    return bool(row.next_run > now + interval + CLOCK_TOLERANCE)


def _following(row: Schedule, now: datetime) -> datetime | None:
    """When it comes next if it is begun now; None if it runs once."""
    if row.schedule_type == Schedule.ONCE:
        return None
    if row.schedule_type == Schedule.CRON:
        # The library itself would ask the clock of this machine.
        following: datetime = croniter(row.cron, now).get_next(datetime)
        return following
    of_the_library: datetime = row.calculate_next_run(now)
    return of_the_library


def _start(schedule_id: int) -> int:
    """Begin one schedule; 0 if another worker was faster."""
    row = _move_on(schedule_id)
    if row is not None and row.func == PASSES_TASK:
        wake_worker()  # a pass that waits already will do; see Note [One place for a wake-up]
    return 0 if row is None else 1


@in_transaction("schedule.start")
def _move_on(schedule_id: int) -> Schedule | None:
    """Move a schedule on by one interval, and queue its task with it, unless that is a pass."""
    row = Schedule.objects.select_for_update(skip_locked=True).filter(pk=schedule_id).first()
    now = database_time()
    if row is None or row.repeats == NEVER or not is_due(row, now):
        return None
    if row.next_run > now:
        log.warning("schedule.was_ahead", what=row.func)
    following = _following(row, now)
    if following is not None:
        row.next_run = following
    # Below zero is without end; what runs once has had its turn.
    row.repeats = NEVER if following is None else max(FOR_EVER, row.repeats - 1)
    row.save(update_fields=["next_run", "repeats"])
    if row.func != PASSES_TASK:
        _queue(row)
    return row


def _queue(row: Schedule) -> None:
    keywords = _literal(row.kwargs, default={})
    options = {"group": row.name or row.pk, **keywords.pop("q_options", {})}
    arguments = _literal(row.args, default=())
    async_task(row.func, *(arguments if isinstance(arguments, tuple) else (arguments,)), **keywords, q_options=options)


def _literal(text: str | None, *, default: Any) -> Any:
    return ast.literal_eval(text) if text else default


def _make_missing() -> None:
    """Make each standard schedule again of which there is no row. One that rests has its row, and rests on."""
    if not missing_schedules():
        return
    Heartbeat.objects.bulk_create([Heartbeat(name=LOCK, finished_at=database_time())], ignore_conflicts=True)
    _insert_missing()


def missing_schedules() -> list[str]:
    """Name the standard schedules of which there is no row, not even one that rests."""
    there = set(Schedule.objects.values_list("func", flat=True))
    return [name for name, (task, _) in STANDARD.items() if task not in there]


@in_transaction("schedule.make")
def _insert_missing() -> None:
    """Look again under a lock, and insert; two workers that start at once make one row."""
    Heartbeat.objects.select_for_update().get(pk=LOCK)
    now = database_time()
    for name in missing_schedules():
        task, cron = STANDARD[name]
        row = Schedule(
            name=name,
            func=task,
            kwargs="{'q_options': {'save': False}}",
            schedule_type=Schedule.CRON,
            cron=cron or passes_cron(),
            repeats=FOR_EVER,
            next_run=now,
        )
        # Its own `save` would put the next time by the clock of this machine in the place of this one.
        Schedule.objects.bulk_create([row])
        log.warning("schedule.made", what=task)
