"""The schedule of the worker's passes, for tests whose database was emptied with it."""

from django_q.models import Schedule

from bookings.services.upkeep.start_schedules import PASSES_SCHEDULE
from bookings.wake import PASSES_TASK


def schedule_the_pass(*, every_seconds: int) -> None:
    """Make the row that a migration makes; a worker that runs already does not look into its settings again."""
    cron = f"* * * * * */{every_seconds}"
    Schedule.objects.create(name=PASSES_SCHEDULE, func=PASSES_TASK, schedule_type=Schedule.CRON, cron=cron, repeats=-1)
