"""The schedule of the worker's passes, for tests whose database was emptied with it."""

from django_q.models import Schedule

from bookings.wake import SWEEP_TASK
from bookingsite.broker import EXPIRY_SCHEDULE


def schedule_the_sweep(*, every_seconds: int) -> None:
    """Make the row that a migration makes; a worker that runs already does not look into its settings again."""
    cron = f"* * * * * */{every_seconds}"
    Schedule.objects.create(name=EXPIRY_SCHEDULE, func=SWEEP_TASK, schedule_type=Schedule.CRON, cron=cron, repeats=-1)
