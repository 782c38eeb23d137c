"""
Calls that put a difference right.

Safe while the release before this one runs: it writes none of the new columns, which have defaults, and a CHECK keeps
it from claiming a fix.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0006_reconcile_schedule"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="seatcall",
            name="seat_call_kind_known",
        ),
        migrations.AddField(
            model_name="seatcall",
            name="claims_fence",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="seatcall",
            name="fixes_flight_id",
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="seatcall",
            name="takes",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AlterField(
            model_name="seatcall",
            name="kind",
            field=models.CharField(choices=[("give", "Give"), ("fix", "Fix"), ("void", "Void")], max_length=4),
        ),
        migrations.AlterField(
            model_name="seatcallevent",
            name="what",
            field=models.CharField(
                choices=[
                    ("fixed", "Fixed"),
                    ("retried", "Retried"),
                    ("applied", "Applied"),
                    ("not_applied", "Not Applied"),
                ],
                max_length=11,
            ),
        ),
        migrations.AddConstraint(
            model_name="seatcall",
            constraint=models.UniqueConstraint(fields=("fixes_flight_id",), name="seat_call_fixes_flight_id_unique"),
        ),
        migrations.AddConstraint(
            model_name="seatcall",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["give", "fix", "void"])), name="seat_call_kind_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="seatcall",
            constraint=models.CheckConstraint(
                condition=models.Q(("takes", False), ("kind__in", ["fix", "void"]), _connector="OR"),
                name="seat_call_only_a_fix_takes",
            ),
        ),
        migrations.AddConstraint(
            model_name="seatcall",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("fixes_flight_id", models.F("flight_id")),
                        ("fixes_flight_id__isnull", False),
                        ("kind", "fix"),
                        ("state__in", ["open", "dead"]),
                    ),
                    models.Q(
                        ("fixes_flight_id", None),
                        models.Q(models.Q(("kind", "fix"), _negated=True), ("state", "done"), _connector="OR"),
                    ),
                    _connector="OR",
                ),
                name="seat_call_fix_names_its_flight",
            ),
        ),
        migrations.AddConstraint(
            model_name="seatcall",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "fix"), _negated=True), ("claims_fence", models.F("claims")), _connector="OR"
                ),
                name="seat_call_fix_is_claimed_as_one",
            ),
        ),
    ]
