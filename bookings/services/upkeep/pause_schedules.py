"""Pause and resume what the worker does periodically."""

import structlog
from django_q.models import Schedule

from bookings.actor import Actor
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.errors import InvalidRequest, StaffOnly

log = structlog.get_logger(__name__)

# In the words of django-q2: how often a schedule still runs. Below zero is without end.
NEVER, FOR_EVER = 0, -1


@in_transaction("schedule.pause")
def pause_schedule(*, schedule_id: int, paused: bool, actor: Actor) -> bool:
    """
    Pause a schedule, or resume it from now on; tell whether that changed anything.

    Locks the row, as django-q2's scheduler does, which writes all of its columns. What was missed while it
    was paused is not made up for.

    :raises StaffOnly: if the actor is not support staff
    :raises InvalidRequest: if there is no such schedule
    """
    if not actor.is_staff:
        raise StaffOnly
    schedule = Schedule.objects.select_for_update().filter(pk=schedule_id).first()
    if schedule is None:
        raise InvalidRequest(fields={"schedule": "There is no such schedule."})
    if (schedule.repeats == NEVER) == paused:
        return False
    schedule.repeats = NEVER if paused else FOR_EVER
    schedule.next_run = schedule.next_run if paused else database_time()
    schedule.save(update_fields=["repeats", "next_run"])
    log.warning("schedule.paused" if paused else "schedule.resumed", by=actor.name, what=schedule.func)
    return True
