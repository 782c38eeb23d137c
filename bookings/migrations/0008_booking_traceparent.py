"""
Where in which trace a booking was asked for.

Safe while the release before this one runs: a column at the end with a default in the database, which MariaDB adds
without copying the table.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0007_fix_calls"),
    ]

    operations = [
        migrations.AddField(
            model_name="booking",
            name="traceparent",
            field=models.CharField(blank=True, db_default="", default="", max_length=55),
        ),
    ]
