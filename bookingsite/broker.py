"""django-q2's database queue, on the database's time, with schedules that keep time to the second."""

import math
from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import Any

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.db.models.functions import Now
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ, Schedule
from django_q.tasks import async_task

from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.queries.announcements import is_news_due
from bookings.queries.messages import is_message_due
from bookings.queries.reports import is_report_due
from bookings.queries.upkeep import background
from bookings.queries.webhooks import is_delivery_due
from bookings.services.upkeep.start_schedules import PASSES_SCHEDULE, passes_cron, start_due_schedules
from bookings.wake import (
    DELIVERING_TASK,
    KEPT_FOR,
    KEPT_PLACES,
    MESSAGES_TASK,
    PASSES_TASK,
    PLACES,
    TELLING_TASK,
    ask_for,
)

log = structlog.get_logger(__name__)

# A failover takes about as long. django-q2 itself would wait for ten seconds, and then start the process again.
AWAY_SECONDS = 1.0

# A mail may be so late: no one waits for it at a screen.
MAIL_EVERY_SECONDS = 5.0

# No acknowledgment: a wake-up is deleted when it is taken.
NOTHING = 0


class TickingBroker(ORM):  # type: ignore[misc]  # django-q2 has no types
    """
    Looks at the schedules at each boundary of EXPIRY_INTERVAL_SECONDS, and hands out one task at a time.

    Slots, locks and schedules are on the database's time: a worker with a wrong clock does what the others
    do. At each look it also has others told what is new: so news leaves within a second, and no request queues anything
    for it. Only the pusher process asks for tasks, so a cluster looks once a slot, and two clusters never begin one
    schedule twice. django-q2's own scheduler, which looks every 30 seconds by the worker's clock, is off.

    A cluster that was given no pass in the slot before runs one of its own, beside that of another: a pass finished is
    its heartbeat. See Note [Each worker has a heartbeat] in `bookings.services.upkeep.worker_heartbeats`.
    """

    _slot: tuple[int, int] | None = None
    # Of this slot: whether a pass was taken in it, and whether one is to be made, as none was in the slot before.
    _had_a_pass = _owes_a_pass = False
    _is_away = False
    _looked_for_mail_at = -math.inf

    def dequeue(self) -> Any:
        """Take a task; none while the database is away. The next look may reach it on a new connection."""
        try:
            taken = self._look()
        except (OperationalError, InterfaceError) as error:
            if not self._is_away:
                log.warning("worker.queue_away", error=type(error).__name__)
            self._is_away = True
            sleep(AWAY_SECONDS)
            return []
        self._is_away = False
        return taken

    def _look(self) -> list[tuple[int, str]]:
        self.get_connection()  # closes one that is too old, unless a transaction is open
        now = database_time()
        minute, second = divmod(int(now.timestamp()), 60)
        slot = (minute, second // settings.EXPIRY_INTERVAL_SECONDS)
        if slot != self._slot:
            if self._slot is None:
                keep_schedule_in_step()
            else:
                self._owes_a_pass = not (self._had_a_pass or background.passes_are_paused())
            self._slot, self._had_a_pass = slot, False
            # Locked while the clock was ahead: no worker would take them for a long time.
            background.misplaced_tasks(now).update(lock=now)
            start_due_schedules()
            now = database_time()
        if is_news_due(now):
            ask_for(TELLING_TASK)
            now = database_time()
        if is_delivery_due(now):
            ask_for(DELIVERING_TASK)
            now = database_time()
        if self._looks_for_mail() and (is_message_due(now) or is_report_due(now)):
            ask_for(MESSAGES_TASK)
            now = database_time()
        taken = self._take(now)
        if self._owes_a_pass and not self._had_a_pass:
            taken.append((NOTHING, _a_pass()))
            self._had_a_pass = True
        self._owes_a_pass = False
        if not taken:
            sleep(Conf.POLL)
        return taken

    def _looks_for_mail(self) -> bool:
        """Tell whether it is time to look for mails: while their server is away, they shall not occupy the worker."""
        now = monotonic()
        if not settings.MAIL_SERVER or now - self._looked_for_mail_at < MAIL_EVERY_SECONDS:
            return False
        self._looked_for_mail_at = now
        return True

    def enqueue(self, task: str) -> int:
        row = self.get_connection().create(key=self.list_key, payload=task, lock=Now())
        number: int = row.pk
        return number

    def queue_size(self) -> int:
        waiting: int = self._due(database_time()).count()
        return waiting

    def lock_size(self) -> int:
        taken: int = self._rows().filter(lock__gt=database_time()).count()
        return taken

    def _take(self, now: datetime) -> list[tuple[int, str]]:
        """Take the task that has waited longest: a wake-up, which is nearly always there, must not always be first."""
        # Of those that came in one instant, wake-ups are last: their places have the lowest ids.
        row = self._due(now).order_by("lock", "-pk").first()
        if row is None or not self._claim(row.pk, now):
            return []
        self._had_a_pass |= row.pk == PLACES[PASSES_TASK]
        return [(NOTHING if row.pk in PLACES.values() else row.pk, row.payload)]

    @in_transaction("task.take")
    def _claim(self, number: int, now: datetime) -> int:
        """Claim a task for this cluster; 0 if another was faster: its lock is in the future then, or it is gone."""
        seen = self._due(now).filter(pk=number)
        if number in KEPT_PLACES:
            return int(seen.update(lock=now + KEPT_FOR))
        if number in PLACES.values():
            return int(seen.delete()[0])  # see Note [One place for a wake-up]
        return int(seen.update(lock=now + timedelta(seconds=Conf.RETRY)))

    def _due(self, now: datetime) -> Any:
        return self._rows().filter(lock__lte=now)

    def _rows(self) -> Any:
        return OrmQ.objects.filter(key=self.list_key)


class _AtHand(ORM):  # type: ignore[misc]  # django-q2 has no types
    """Keeps a task for the one who asks for it, in the place of the queue."""

    task = ""

    def enqueue(self, task: str) -> int:
        self.task = task
        return NOTHING


def _a_pass() -> str:
    """Make the task of a pass, as the queue would hand it out."""
    at_hand = _AtHand()
    async_task(PASSES_TASK, q_options={"save": False, "broker": at_hand})
    return at_hand.task


def keep_schedule_in_step() -> None:
    """Write the interval of the settings into the row of the passes. Makes no row."""
    cron = passes_cron()
    Schedule.objects.filter(name=PASSES_SCHEDULE).exclude(cron=cron).update(cron=cron)
