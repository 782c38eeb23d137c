"""The Schedule row of the hourly comparison with the Flight Service."""

from django.db import migrations
from django.utils import timezone

NAME, TASK = "compare seats", "bookings.tasks.reconcile"


def add_schedule(apps, schema_editor):
    apps.get_model("django_q", "Schedule").objects.get_or_create(
        name=NAME,
        defaults={
            "func": TASK,
            "kwargs": "{'q_options': {'save': False}}",
            "schedule_type": "C",
            "cron": "37 * * * * 5",  # the seconds last
            "repeats": -1,
            "next_run": timezone.now(),
        },
    )


def remove_schedule(apps, schema_editor):
    apps.get_model("django_q", "Schedule").objects.filter(name=NAME).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0005_groups"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]

    operations = [migrations.RunPython(add_schedule, remove_schedule)]
