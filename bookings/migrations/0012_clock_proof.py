"""When some process last believed the database's clock. Safe beside the release before: a table that it ignores."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0011_longer_references"),
    ]

    operations = [
        migrations.CreateModel(
            name="ClockProof",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("read_at", models.DateTimeField()),
                ("boot", models.CharField(blank=True, default="", max_length=36)),
                ("monotonic_seconds", models.FloatField()),
            ],
            options={
                "db_table": "clock_proof",
            },
        ),
    ]
