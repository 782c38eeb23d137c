"""
References of eight characters, totals that every client reads exactly, and an index of each user's unpaid bookings.

References that are there already keep their six characters.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bookings", "0010_reap_every_five_minutes")]

    operations = [
        migrations.AlterField(
            model_name="booking",
            name="reference",
            field=models.CharField(max_length=8),
        ),
        migrations.AddIndex(
            model_name="booking",
            index=models.Index(fields=["user_id", "status"], name="booking_of_user_in_status"),
        ),
        migrations.AddConstraint(
            model_name="booking",
            constraint=models.CheckConstraint(
                condition=models.Q(("total_cost__lte", 9007199254740991)),
                name="booking_total_is_exact_for_every_client",
            ),
        ),
    ]
