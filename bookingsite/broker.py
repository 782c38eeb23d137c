"""django-q2's database queue, with a scheduler that keeps time to the second."""

import time
from typing import Any

from django.conf import settings
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import Schedule
from django_q.scheduler import scheduler

EXPIRY_SCHEDULE = "expiry sweep"


class TickingBroker(ORM):  # type: ignore[misc]  # django-q2 has no types
    """
    Runs django-q2's own scheduler at each boundary of EXPIRY_INTERVAL_SECONDS.

    django-q2 looks at its schedules every 30 seconds, hard-coded; a cron row with a seconds field would be
    late. Only the pusher process asks for tasks, so there is one clock in a cluster, and two clusters never
    fire one slot twice: the scheduler locks the row.
    """

    _slot: tuple[int, int] | None = None

    def dequeue(self) -> Any:
        minute, second = divmod(int(time.time()), 60)
        slot = (minute, second // settings.EXPIRY_INTERVAL_SECONDS)
        if Conf.SCHEDULER and slot != self._slot:
            if self._slot is None:
                keep_schedule_in_step()
            self._slot = slot
            scheduler(broker=self)
        return super().dequeue()


def keep_schedule_in_step() -> None:
    """Write the interval of the settings into the schedule that the migration made. Makes no row."""
    cron = f"* * * * * */{settings.EXPIRY_INTERVAL_SECONDS}"
    Schedule.objects.filter(name=EXPIRY_SCHEDULE).exclude(cron=cron).update(cron=cron)
