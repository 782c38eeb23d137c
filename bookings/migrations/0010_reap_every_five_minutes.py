"""
The reaper runs every five minutes, no longer every hour: twenty seconds of an hour are too few for a busy day's rows.

Safe while the release before this one still runs: its reaper may run as often as it likes.
"""

from django.db import migrations
from django.utils import timezone

TASK = "bookings.tasks.reap"

# The seconds last; and not in the minute of the comparison with the Flight Service, which takes the other worker.
HOURLY, OFTEN = "17 * * * * 5", "4-59/5 * * * * 5"


def change(old, new):
    def run(apps, schema_editor):
        # What an operator has chosen instead is left alone.
        rows = apps.get_model("django_q", "Schedule").objects.filter(func=TASK, cron=old)
        rows.update(cron=new, next_run=timezone.now())

    return run


class Migration(migrations.Migration):
    dependencies = [("bookings", "0009_flight_gate")]

    operations = [migrations.RunPython(change(HOURLY, OFTEN), change(OFTEN, HOURLY))]
