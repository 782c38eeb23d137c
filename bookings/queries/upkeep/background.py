"""The state of the background work: its last pass, its queue, its pause."""

from datetime import datetime, timedelta

from django.db.models import QuerySet
from django_q.conf import Conf
from django_q.models import OrmQ, Schedule

from bookings.conf import CLOCK_TOLERANCE
from bookings.models import Heartbeat
from bookings.wake import PASSES_TASK

PASSES_HEARTBEAT = "pass"


def last_pass_finished_at() -> datetime | None:
    """When the last pass finished, on database time; None if none ever did."""
    return Heartbeat.objects.filter(name=PASSES_HEARTBEAT).values_list("finished_at", flat=True).first()


def misplaced_tasks(now: datetime) -> QuerySet[OrmQ]:
    """Queued tasks that are locked for longer than any worker locks one: by a clock that was ahead."""
    rows: QuerySet[OrmQ] = OrmQ.objects.filter(lock__gt=now + timedelta(seconds=Conf.RETRY) + CLOCK_TOLERANCE)
    return rows


def passes_are_paused() -> bool:
    """Whether staff have paused the passes: then it is intended that none finishes."""
    rows = Schedule.objects.filter(func=PASSES_TASK)
    return rows.exists() and not rows.exclude(repeats=0).exists()
