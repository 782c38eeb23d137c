"""
The rows of the periodic work, as `bookings.services.upkeep.start_schedules` knows them.

The worker makes a missing one too, but it logs that. The worker also keeps the interval of the passes in step with the
settings.
"""

from django.db import migrations
from django.utils import timezone

# Name, task, and cron with the seconds last. All but the first never start in the same minute: each occupies
# one of the workers.
SCHEDULES = [
    ("background pass", "bookings.tasks.run_pass", "* * * * * */10"),
    ("delete old rows", "bookings.tasks.reap", "4-59/5 * * * * 5"),
    ("write reports", "bookings.tasks.write_reports", "3-59/5 * * * * 5"),
    ("compare seats", "bookings.tasks.reconcile", "2-59/5 * * * * 5"),
    ("compare payments", "bookings.tasks.reconcile_payments", "17 * * * * 5"),
    ("look for missed news", "bookings.tasks.look_for_missed_news", "47 * * * * 5"),
]


def add_schedules(apps, schema_editor):
    for name, task, cron in SCHEDULES:
        apps.get_model("django_q", "Schedule").objects.get_or_create(
            name=name,
            defaults={
                "func": task,
                "kwargs": "{'q_options': {'save': False}}",
                "schedule_type": "C",
                "cron": cron,
                "repeats": -1,
                "next_run": timezone.now(),
            },
        )


def remove_schedules(apps, schema_editor):
    names = [name for name, _task, _cron in SCHEDULES]
    apps.get_model("django_q", "Schedule").objects.filter(name__in=names).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0002_groups"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]

    operations = [migrations.RunPython(add_schedules, remove_schedules)]
