"""All tables, as the models in `bookings.models` are: a table comes after those that it refers to."""

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [("auth", "0012_alter_user_first_name_max_length")]

    operations = [
        migrations.CreateModel(
            name="SeatCall",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("call_key", models.UUIDField()),
                (
                    "kind",
                    models.CharField(
                        choices=[("give", "Release"), ("fix", "Correction"), ("void", "Void")], max_length=4
                    ),
                ),
                ("flight_id", models.BigIntegerField()),
                ("seats", models.PositiveIntegerField()),
                ("seat_numbers", models.TextField(blank=True, default="")),
                ("reserves", models.BooleanField(default=False)),
                ("fixes_flight_id", models.BigIntegerField(blank=True, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Open"), ("done", "Done"), ("dead", "Dead")], default="open", max_length=4
                    ),
                ),
                ("claims", models.PositiveIntegerField(default=0)),
                ("lease", models.UUIDField(blank=True, null=True)),
                ("next_at", models.DateTimeField(blank=True, null=True)),
                ("first_sent_at", models.DateTimeField(blank=True, null=True)),
                ("last_error", models.CharField(blank=True, default="", max_length=200)),
                ("created_at", models.DateTimeField()),
                ("done_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "call to the Flight Service",
                "verbose_name_plural": "calls to the Flight Service",
                "db_table": "seat_call",
                "permissions": [("resolve_seatcall", "Can decide about dead and stuck calls to the Flight Service")],
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["state", "next_at"], name="seat_call_to_do"),
                    models.Index(fields=["flight_id"], name="seat_call_of_flight"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("call_key",), name="seat_call_key_unique"),
                    models.UniqueConstraint(fields=("fixes_flight_id",), name="seat_call_fixes_flight_id_unique"),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["give", "fix", "void"])), name="seat_call_kind_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reserves", False), ("kind__in", ["fix", "void"]), _connector="OR"),
                        name="seat_call_only_a_correction_reserves",
                    ),
                    models.CheckConstraint(
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
                        name="seat_call_correction_names_its_flight",
                    ),
                    models.CheckConstraint(condition=models.Q(("seats__gte", 1)), name="seat_call_has_seats"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("next_at__isnull", False), ("state", "open")),
                            models.Q(("next_at", None), ("state__in", ["done", "dead"])),
                            _connector="OR",
                        ),
                        name="seat_call_open_has_a_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SeatCallEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "actor_kind",
                    models.CharField(
                        choices=[
                            ("customer", "Customer"),
                            ("staff", "Staff"),
                            ("service", "Service"),
                            ("system", "System"),
                        ],
                        max_length=8,
                    ),
                ),
                ("actor_name", models.CharField(max_length=150)),
                ("request_id", models.CharField(blank=True, default="", max_length=64)),
                ("created_at", models.DateTimeField()),
                (
                    "seat_call",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="events", to="bookings.seatcall"
                    ),
                ),
                (
                    "what",
                    models.CharField(
                        choices=[
                            ("fixed", "Corrected"),
                            ("retried", "Retried"),
                            ("applied", "Applied"),
                            ("not_applied", "Not Applied"),
                        ],
                        max_length=11,
                    ),
                ),
                ("note", models.CharField(max_length=500)),
            ],
            options={
                "verbose_name": "decision about a call",
                "verbose_name_plural": "decisions about calls",
                "db_table": "seat_call_event",
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="FlightGate",
            fields=[
                ("flight_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("lease", models.UUIDField(blank=True, null=True)),
                ("leased_until", models.DateTimeField(blank=True, null=True)),
                (
                    "inflight_kind",
                    models.CharField(
                        blank=True, choices=[("take", "Reservation"), ("give", "Release")], default="", max_length=4
                    ),
                ),
                ("inflight_key", models.UUIDField(blank=True, null=True)),
                ("inflight_seats", models.PositiveIntegerField(blank=True, null=True)),
                ("inflight_since", models.DateTimeField(blank=True, null=True)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("applied", "Applied"),
                            ("no_seats", "No Seats"),
                            ("no_flight", "No Flight"),
                            ("mistake", "Mistake"),
                            ("never_known", "Never Known"),
                        ],
                        default="",
                        max_length=11,
                    ),
                ),
                ("why", models.CharField(blank=True, default="", max_length=200)),
                ("slot", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("known_remaining", models.BigIntegerField(blank=True, null=True)),
                ("capacity", models.BigIntegerField(blank=True, null=True)),
            ],
            options={
                "db_table": "flight_gate",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("lease", None), ("leased_until", None)),
                            models.Q(("lease__isnull", False), ("leased_until__isnull", False)),
                            _connector="OR",
                        ),
                        name="flight_gate_lease_has_an_end",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("inflight_key", None),
                                ("inflight_kind", ""),
                                ("inflight_seats", None),
                                ("inflight_since", None),
                                ("outcome", ""),
                            ),
                            models.Q(
                                ("inflight_key__isnull", False),
                                ("inflight_kind__in", ["take", "give"]),
                                ("inflight_seats__gte", 1),
                                ("inflight_since__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="flight_gate_in_flight_is_whole",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PatchSlot",
            fields=[
                ("number", models.PositiveSmallIntegerField(primary_key=True, serialize=False)),
                ("until", models.DateTimeField()),
            ],
            options={
                "db_table": "patch_slot",
            },
        ),
        migrations.CreateModel(
            name="Reconciliation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("finished_at", models.DateTimeField()),
                ("flights_compared", models.PositiveIntegerField()),
                ("flights_skipped", models.PositiveIntegerField()),
                ("seats_held", models.PositiveIntegerField()),
                ("seats_taken", models.PositiveIntegerField()),
                ("drift", models.JSONField(default=list)),
                ("walked_to", models.BigIntegerField(default=0)),
            ],
            options={
                "verbose_name": "seat comparison",
                "verbose_name_plural": "seat comparisons",
                "db_table": "reconciliation",
                "default_permissions": ("view",),
                "indexes": [models.Index(fields=["finished_at"], name="reconciliation_age")],
            },
        ),
        migrations.CreateModel(
            name="Booking",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reference", models.CharField(max_length=8)),
                ("user_id", models.BigIntegerField()),
                ("flight_id", models.BigIntegerField()),
                ("no_of_seats", models.PositiveSmallIntegerField()),
                ("seat_numbers", models.CharField(blank=True, default="", max_length=255)),
                ("wanted_seats", models.CharField(blank=True, default="", max_length=255)),
                ("refused_seats", models.CharField(blank=True, default="", max_length=700)),
                ("seat_price", models.BigIntegerField()),
                ("total_cost", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("flight_number", models.CharField(blank=True, default="", max_length=16)),
                ("departure_airport", models.CharField(blank=True, default="", max_length=16)),
                ("arrival_airport", models.CharField(blank=True, default="", max_length=16)),
                ("departure_at", models.DateTimeField(blank=True, null=True)),
                ("arrival_at", models.DateTimeField(blank=True, null=True)),
                ("client_reference", models.CharField(blank=True, default="", max_length=200)),
                ("metadata", models.TextField(blank=True, default="")),
                ("replaces_id", models.BigIntegerField(blank=True, null=True)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("initiated", "Initiated"),
                            ("booked", "Booked"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="pending",
                        max_length=9,
                    ),
                ),
                (
                    "cancel_reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("no_seats", "No Seats"),
                            ("seats_taken", "Seats Taken"),
                            ("no_flight", "No Flight"),
                            ("unavailable", "Unavailable"),
                            ("abandoned", "Abandoned"),
                            ("expired", "Expired"),
                            ("customer_request", "Customer Request"),
                            ("duplicate", "Duplicate"),
                            ("payment_problem", "Payment Problem"),
                            ("flight_cancelled", "Flight Cancelled"),
                            ("fraud", "Fraud"),
                            ("other", "Other"),
                        ],
                        default="",
                        max_length=16,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                ("held_at", models.DateTimeField(blank=True, null=True)),
                ("expires_at", models.DateTimeField()),
                ("active_payment_id", models.BigIntegerField(blank=True, null=True)),
                ("cancel_requested", models.BooleanField(default=False)),
                ("cancelled_at", models.DateTimeField(blank=True, null=True)),
                (
                    "payment_state",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("awaiting_payer", "Awaiting Payer"),
                            ("settling", "Settling"),
                            ("failed", "Failed"),
                            ("succeeded", "Succeeded"),
                            ("refund_due", "Refund Due"),
                            ("refunded", "Refunded"),
                            ("part_due", "Part Due"),
                            ("part_back", "Part Refunded"),
                        ],
                        default="",
                        max_length=14,
                    ),
                ),
                ("payment_at", models.DateTimeField(blank=True, null=True)),
                ("refund_at", models.DateTimeField(blank=True, null=True)),
                ("refund_amount", models.BigIntegerField(default=0)),
                ("announce_at", models.DateTimeField(blank=True, null=True)),
                ("announced", models.PositiveIntegerField(default=0)),
                ("announced_event_id", models.BigIntegerField(default=0)),
                ("version", models.PositiveIntegerField(default=0)),
                ("request_id", models.CharField(blank=True, default="", max_length=64)),
                ("traceparent", models.CharField(blank=True, default="", max_length=55)),
                ("created_by", models.CharField(blank=True, default="", max_length=80)),
                (
                    "hold",
                    models.CharField(
                        choices=[
                            ("asking", "Asking"),
                            ("held", "Held"),
                            ("refused", "Refused"),
                            ("dropped", "Dropped"),
                            ("stuck", "Stuck"),
                            ("giving_back", "Giving Back"),
                        ],
                        default="asking",
                        max_length=11,
                    ),
                ),
                ("hold_key", models.UUIDField()),
                ("claims", models.PositiveIntegerField(default=0)),
                ("lease", models.UUIDField(blank=True, null=True)),
                ("next_at", models.DateTimeField(blank=True, null=True)),
                ("first_sent_at", models.DateTimeField(blank=True, null=True)),
                ("last_error", models.CharField(blank=True, default="", max_length=200)),
                (
                    "give_back",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bookings",
                        to="bookings.seatcall",
                    ),
                ),
            ],
            options={
                "verbose_name": "booking",
                "verbose_name_plural": "bookings",
                "db_table": "booking",
                "permissions": [
                    ("cancel_booking", "Can cancel bookings"),
                    ("note_booking", "Can add notes to bookings"),
                    ("extend_booking", "Can give customers longer to pay"),
                    ("change_seats", "Can change the seats of bookings"),
                ],
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["status", "expires_at"], name="booking_deadline"),
                    models.Index(fields=["next_at", "hold", "flight_id"], name="booking_to_do"),
                    models.Index(fields=["announce_at"], name="booking_to_announce"),
                    models.Index(fields=["user_id", "id"], name="booking_of_user"),
                    models.Index(fields=["user_id", "status"], name="booking_of_user_in_status"),
                    models.Index(fields=["flight_id", "status"], name="booking_of_flight"),
                    models.Index(fields=["flight_number", "departure_at", "id"], name="booking_of_flight_number"),
                    models.Index(fields=["client_reference"], name="booking_of_client_reference"),
                    models.Index(fields=["replaces_id"], name="booking_replaces"),
                    models.Index(fields=["created_at"], name="booking_created"),
                    models.Index(fields=["updated_at"], name="booking_changed"),
                    models.Index(fields=["request_id"], name="booking_request"),
                    models.Index(fields=["cancel_reason"], name="booking_of_reason"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("reference",), name="booking_reference_unique"),
                    models.UniqueConstraint(fields=("hold_key",), name="booking_hold_key_unique"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("hold__in", ["asking", "stuck"]), ("status", "pending")),
                            models.Q(("hold__in", ["held"]), ("status", "initiated")),
                            models.Q(("hold__in", ["held"]), ("status", "booked")),
                            models.Q(
                                ("hold__in", ["asking", "dropped", "giving_back", "refused", "stuck"]),
                                ("status", "cancelled"),
                            ),
                            _connector="OR",
                        ),
                        name="booking_status_allows_hold",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("give_back", None), ("hold", "giving_back"), _connector="OR"),
                        name="booking_in_give_back_call_only_when_giving_back",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("hold", "asking"), ("next_at__isnull", False)),
                            models.Q(("give_back", None), ("hold", "giving_back"), ("next_at__isnull", False)),
                            models.Q(
                                models.Q(
                                    ("hold__in", ["held", "refused", "dropped", "stuck"]),
                                    models.Q(("give_back__isnull", False), ("hold", "giving_back")),
                                    _connector="OR",
                                ),
                                ("next_at", None),
                            ),
                            _connector="OR",
                        ),
                        name="booking_unfinished_business_has_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "cancelled"), models.Q(("cancel_reason", ""), _negated=True)),
                            models.Q(models.Q(("status", "cancelled"), _negated=True), ("cancel_reason", "")),
                            _connector="OR",
                        ),
                        name="booking_cancelled_says_why",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ["initiated", "cancelled"]),
                            models.Q(("active_payment_id__isnull", False), ("status", "booked")),
                            models.Q(("active_payment_id", None), ("status", "pending")),
                            _connector="OR",
                        ),
                        name="booking_booked_names_its_payment",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "cancelled"), _negated=True),
                            models.Q(("hold", "asking"), _negated=True),
                            ("claims__gte", 1),
                            _connector="OR",
                        ),
                        name="booking_cancelled_asks_only_after_sending",
                    ),
                    models.CheckConstraint(condition=models.Q(("no_of_seats__gte", 1)), name="booking_has_seats"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("seat_numbers", ""),
                            (
                                "no_of_seats",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.functions.text.Length("seat_numbers"),
                                        "-",
                                        django.db.models.functions.text.Length(
                                            django.db.models.functions.text.Replace(
                                                "seat_numbers", models.Value(","), models.Value("")
                                            )
                                        ),
                                    ),
                                    "+",
                                    models.Value(1),
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="booking_all_seats_have_numbers_or_none",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("wanted_seats", ""),
                            models.Q(
                                ("give_back", None),
                                ("hold__in", ["held", "giving_back"]),
                                (
                                    "no_of_seats",
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            django.db.models.functions.text.Length("wanted_seats"),
                                            "-",
                                            django.db.models.functions.text.Length(
                                                django.db.models.functions.text.Replace(
                                                    "wanted_seats", models.Value(","), models.Value("")
                                                )
                                            ),
                                        ),
                                        "+",
                                        models.Value(1),
                                    ),
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="booking_seats_go_back_once_it_is_known_which",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("refused_seats", ""), ("cancel_reason", "seats_taken"), _connector="OR"),
                        name="booking_refused_seats_are_why_it_ended",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("seat_price__gte", 0),
                            (
                                "total_cost",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("seat_price"), "*", models.F("no_of_seats")
                                ),
                            ),
                        ),
                        name="booking_total_is_price_times_seats",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("total_cost__lte", 9007199254740991)),
                        name="booking_total_is_exact_for_every_client",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="booking_currency_is_three_capitals"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("expires_at__gt", models.F("created_at"))),
                        name="booking_window_opens_before_it_closes",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BookingSeat",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("flight_id", models.BigIntegerField()),
                ("seat_number", models.CharField(max_length=4)),
                (
                    "booking",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="seats", to="bookings.booking"
                    ),
                ),
            ],
            options={
                "verbose_name": "seat of a booking",
                "verbose_name_plural": "seats of bookings",
                "db_table": "booking_seat",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("flight_id", "seat_number"), name="booking_seat_unique")
                ],
            },
        ),
        migrations.CreateModel(
            name="SeatExchange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("claims", models.PositiveIntegerField(default=0)),
                ("lease", models.UUIDField(blank=True, null=True)),
                ("next_at", models.DateTimeField(blank=True, null=True)),
                ("first_sent_at", models.DateTimeField(blank=True, null=True)),
                ("last_error", models.CharField(blank=True, default="", max_length=200)),
                (
                    "booking",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="exchanges", to="bookings.booking"
                    ),
                ),
                ("open_booking_id", models.BigIntegerField(blank=True, null=True)),
                ("call_key", models.UUIDField()),
                ("flight_id", models.BigIntegerField()),
                ("seats", models.PositiveSmallIntegerField()),
                ("take_numbers", models.CharField(max_length=255)),
                ("give_numbers", models.CharField(blank=True, default="", max_length=255)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("asking", "Asking"),
                            ("stuck", "Stuck"),
                            ("done", "Done"),
                            ("refused", "Refused"),
                            ("dropped", "Dropped"),
                        ],
                        default="asking",
                        max_length=7,
                    ),
                ),
                (
                    "actor_kind",
                    models.CharField(
                        choices=[
                            ("customer", "Customer"),
                            ("staff", "Staff"),
                            ("service", "Service"),
                            ("system", "System"),
                        ],
                        max_length=8,
                    ),
                ),
                ("actor_name", models.CharField(max_length=150)),
                ("request_id", models.CharField(blank=True, default="", max_length=64)),
                ("created_at", models.DateTimeField()),
                ("done_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "exchange of seats",
                "verbose_name_plural": "exchanges of seats",
                "db_table": "seat_exchange",
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["state", "next_at"], name="seat_exchange_to_do"),
                    models.Index(fields=["flight_id"], name="seat_exchange_of_flight"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("call_key",), name="seat_exchange_key_unique"),
                    models.UniqueConstraint(fields=("open_booking_id",), name="seat_exchange_open_booking_id_unique"),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["asking", "stuck", "done", "refused", "dropped"])),
                        name="seat_exchange_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("open_booking_id", models.F("booking")),
                                ("open_booking_id__isnull", False),
                                ("state__in", ("asking", "stuck")),
                            ),
                            models.Q(
                                models.Q(("state__in", ("asking", "stuck")), _negated=True), ("open_booking_id", None)
                            ),
                            _connector="OR",
                        ),
                        name="seat_exchange_open_names_its_booking",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("next_at__isnull", False), ("state", "asking")),
                            models.Q(models.Q(("state", "asking"), _negated=True), ("next_at", None)),
                            _connector="OR",
                        ),
                        name="seat_exchange_asking_has_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "seats",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.functions.text.Length("take_numbers"),
                                        "-",
                                        django.db.models.functions.text.Length(
                                            django.db.models.functions.text.Replace(
                                                "take_numbers", models.Value(","), models.Value("")
                                            )
                                        ),
                                    ),
                                    "+",
                                    models.Value(1),
                                ),
                            ),
                            models.Q(
                                ("give_numbers", ""),
                                (
                                    "seats",
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            django.db.models.functions.text.Length("give_numbers"),
                                            "-",
                                            django.db.models.functions.text.Length(
                                                django.db.models.functions.text.Replace(
                                                    "give_numbers", models.Value(","), models.Value("")
                                                )
                                            ),
                                        ),
                                        "+",
                                        models.Value(1),
                                    ),
                                ),
                                _connector="OR",
                            ),
                        ),
                        name="seat_exchange_takes_as_many_as_it_gives",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BookingEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "actor_kind",
                    models.CharField(
                        choices=[
                            ("customer", "Customer"),
                            ("staff", "Staff"),
                            ("service", "Service"),
                            ("system", "System"),
                        ],
                        max_length=8,
                    ),
                ),
                ("actor_name", models.CharField(max_length=150)),
                ("note", models.CharField(blank=True, default="", max_length=500)),
                ("request_id", models.CharField(blank=True, default="", max_length=64)),
                ("created_at", models.DateTimeField()),
                (
                    "booking",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="events", to="bookings.booking"
                    ),
                ),
                (
                    "what",
                    models.CharField(
                        choices=[
                            ("created", "Created"),
                            ("held", "Held"),
                            ("booked", "Booked"),
                            ("cancelled", "Cancelled"),
                            ("cancel_requested", "Cancel Requested"),
                            ("payment_failed", "Payment Failed"),
                            ("refund_asked", "Refund Asked"),
                            ("refunded", "Refunded"),
                            ("refund_failed", "Refund Failed"),
                            ("noted", "Noted"),
                            ("take_retried", "Reservation Retried"),
                            ("take_resolved", "Reservation Resolved"),
                            ("extended", "Extended"),
                            ("seats_changed", "Seats Changed"),
                            ("exchange_retried", "Exchange Retried"),
                            ("exchange_decided", "Exchange Resolved"),
                            ("payment_retried", "Payment Retried"),
                            ("payment_resolved", "Payment Resolved"),
                            ("refund_retried", "Refund Retried"),
                            ("refund_resolved", "Refund Resolved"),
                            ("refund_elsewhere", "Refund Elsewhere"),
                            ("disputed", "Disputed"),
                            ("dispute_closed", "Dispute Closed"),
                            ("case_taken", "Case Taken"),
                            ("case_handed_over", "Case Handed Over"),
                            ("case_given_back", "Case Given Back"),
                            ("case_dated", "Case Dated"),
                            ("case_closed", "Case Closed"),
                            ("contact_erased", "Contact Erased"),
                            ("message_repeated", "Message Repeated"),
                        ],
                        max_length=16,
                    ),
                ),
                ("from_status", models.CharField(blank=True, default="", max_length=9)),
                ("to_status", models.CharField(blank=True, default="", max_length=9)),
                ("reason", models.CharField(blank=True, default="", max_length=16)),
                ("amount", models.BigIntegerField(default=0)),
            ],
            options={
                "verbose_name": "event",
                "verbose_name_plural": "activity",
                "db_table": "booking_event",
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["what", "created_at", "reason", "booking"], name="booking_event_of_day"),
                    models.Index(fields=["request_id"], name="booking_event_request"),
                ],
            },
        ),
        migrations.CreateModel(
            name="BookingCase",
            fields=[
                (
                    "booking",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="case",
                        serialize=False,
                        to="bookings.booking",
                    ),
                ),
                ("owner", models.CharField(blank=True, default="", max_length=150)),
                ("follow_up_on", models.DateField(blank=True, null=True)),
                ("version", models.PositiveIntegerField(default=0)),
                ("opened_at", models.DateTimeField()),
                ("moved_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "case",
                "verbose_name_plural": "cases",
                "db_table": "booking_case",
                "permissions": [
                    ("work_case", "Can take, hand over and close cases"),
                    ("assign_case", "Can move cases that colleagues have"),
                ],
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["closed_at", "owner"], name="booking_case_of_owner"),
                    models.Index(fields=["closed_at", "follow_up_on"], name="booking_case_due"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("closed_at", None), models.Q(("follow_up_on", None), ("owner", "")), _connector="OR"
                        ),
                        name="booking_case_closed_is_free_of_all",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UserHold",
            fields=[
                ("user_id", models.BigIntegerField(primary_key=True, serialize=False)),
            ],
            options={
                "db_table": "user_hold",
            },
        ),
        migrations.CreateModel(
            name="BulkCancel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("action_key", models.UUIDField()),
                ("flight_id", models.BigIntegerField()),
                ("selection", models.CharField(blank=True, default="", max_length=500)),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("no_seats", "No Seats"),
                            ("seats_taken", "Seats Taken"),
                            ("no_flight", "No Flight"),
                            ("unavailable", "Unavailable"),
                            ("abandoned", "Abandoned"),
                            ("expired", "Expired"),
                            ("customer_request", "Customer Request"),
                            ("duplicate", "Duplicate"),
                            ("payment_problem", "Payment Problem"),
                            ("flight_cancelled", "Flight Cancelled"),
                            ("fraud", "Fraud"),
                            ("other", "Other"),
                        ],
                        max_length=16,
                    ),
                ),
                ("note", models.CharField(blank=True, default="", max_length=500)),
                ("asked_by", models.CharField(max_length=150)),
                ("request_id", models.CharField(blank=True, default="", max_length=64)),
                ("created_at", models.DateTimeField()),
                (
                    "approval",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "not needed"),
                            ("waiting", "waiting"),
                            ("approved", "approved"),
                            ("refused", "refused"),
                        ],
                        default="",
                        max_length=8,
                        verbose_name="approval",
                    ),
                ),
                ("decided_by", models.CharField(blank=True, default="", max_length=150)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("decision_note", models.CharField(blank=True, default="", max_length=500)),
                ("archived", models.PositiveIntegerField(default=0)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "bulk cancellation",
                "verbose_name_plural": "bulk cancellations",
                "db_table": "bulk_cancel",
                "permissions": [
                    ("bulk_cancel", "Can cancel many bookings at once"),
                    ("approve_bulk_cancel", "Can approve bulk cancellations that others have asked for"),
                ],
                "default_permissions": ("view",),
                "indexes": [models.Index(fields=["finished_at", "approval"], name="bulk_cancel_to_do")],
                "constraints": [
                    models.UniqueConstraint(fields=("action_key",), name="bulk_cancel_action_key_unique"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("approval", "approved"), _negated=True),
                            models.Q(
                                models.Q(("decided_by", ""), _negated=True),
                                models.Q(("decided_by", models.F("asked_by")), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="bulk_cancel_approved_by_another_person",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("approval__in", ["approved", "refused"]), ("decided_at__isnull", False)),
                            models.Q(("approval__in", ["", "waiting"]), ("decided_at", None)),
                            _connector="OR",
                        ),
                        name="bulk_cancel_decision_has_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("approval", "waiting"), _negated=True), ("finished_at", None), _connector="OR"
                        ),
                        name="bulk_cancel_waits_unfinished",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BulkCancelRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "bulk",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="rows", to="bookings.bulkcancel"
                    ),
                ),
                (
                    "booking",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="bookings.booking"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("cancelled", "Cancelled"),
                            ("requested", "Requested"),
                            ("skipped", "Skipped"),
                            ("failed", "Failed"),
                        ],
                        default="waiting",
                        max_length=9,
                    ),
                ),
                ("why", models.CharField(blank=True, default="", max_length=200)),
                ("seats", models.PositiveIntegerField(default=0)),
                ("refund", models.BigIntegerField(default=0)),
                ("done_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "booking of a bulk cancellation",
                "verbose_name_plural": "bookings of bulk cancellations",
                "db_table": "bulk_cancel_row",
                "default_permissions": ("view",),
                "indexes": [models.Index(fields=["bulk", "state"], name="bulk_cancel_row_to_do")],
                "constraints": [
                    models.UniqueConstraint(fields=("bulk", "booking"), name="bulk_cancel_row_booking_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("done_at", None), ("state", "waiting")),
                            models.Q(models.Q(("state", "waiting"), _negated=True), ("done_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="bulk_cancel_row_decided_has_a_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Payment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("claims", models.PositiveIntegerField(default=0)),
                ("lease", models.UUIDField(blank=True, null=True)),
                ("next_at", models.DateTimeField(blank=True, null=True)),
                ("first_sent_at", models.DateTimeField(blank=True, null=True)),
                ("last_error", models.CharField(blank=True, default="", max_length=200)),
                (
                    "booking",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="payments", to="bookings.booking"
                    ),
                ),
                ("amount", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("gateway_key", models.UUIDField()),
                ("gateway", models.CharField(max_length=16)),
                ("gateway_id", models.CharField(blank=True, max_length=255, null=True)),
                ("charge_id", models.CharField(blank=True, default="", max_length=255)),
                ("by_payer", models.BooleanField(default=False)),
                (
                    "step",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("starting", "Starting"),
                            ("asked", "Asked"),
                            ("payer", "Payer"),
                            ("bank", "Bank"),
                            ("closing", "Closing"),
                        ],
                        default="",
                        max_length=8,
                    ),
                ),
                ("act_until", models.DateTimeField(blank=True, null=True)),
                ("closing_since", models.DateTimeField(blank=True, null=True)),
                ("decline_code", models.CharField(blank=True, default="", max_length=64)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("processing", "Processing"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("refund_due", "Refund Due"),
                            ("refunded", "Refunded"),
                            ("dead", "Dead"),
                        ],
                        default="processing",
                        max_length=10,
                    ),
                ),
                ("active_booking_id", models.BigIntegerField(blank=True, null=True)),
                ("request_id", models.CharField(blank=True, default="", max_length=64)),
                ("created_at", models.DateTimeField()),
                ("settled_at", models.DateTimeField(blank=True, null=True)),
                ("refunded", models.BigIntegerField(default=0)),
            ],
            options={
                "verbose_name": "payment",
                "verbose_name_plural": "payments",
                "db_table": "payment",
                "permissions": [("resolve_payment", "Can decide about dead charges and refunds")],
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["state", "next_at"], name="payment_to_do"),
                    models.Index(fields=["request_id"], name="payment_request"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("gateway_key",), name="payment_gateway_key_unique"),
                    models.UniqueConstraint(fields=("gateway", "gateway_id"), name="payment_gateway_id_unique"),
                    models.CheckConstraint(
                        condition=models.Q(("gateway", ""), _negated=True), name="payment_gateway_has_a_name"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("step", ""),
                            models.Q(
                                ("state", "processing"), ("step__in", ["starting", "asked", "payer", "bank", "closing"])
                            ),
                            _connector="OR",
                        ),
                        name="payment_step_only_while_processing",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("closing_since__isnull", False), ("step", "closing")),
                            models.Q(("step", "closing"), _negated=True),
                            _connector="OR",
                        ),
                        name="payment_closing_says_since",
                    ),
                    models.UniqueConstraint(fields=("active_booking_id",), name="payment_one_active_per_booking"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("active_booking_id", models.F("booking_id")),
                                ("active_booking_id__isnull", False),
                                ("state__in", ["processing", "dead", "succeeded"]),
                            ),
                            models.Q(
                                models.Q(("state__in", ["processing", "dead", "succeeded"]), _negated=True),
                                ("active_booking_id", None),
                            ),
                            _connector="OR",
                        ),
                        name="payment_active_while_it_may_have_money",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["processing", "succeeded", "failed", "refund_due", "refunded", "dead"])
                        ),
                        name="payment_state_known",
                    ),
                    models.CheckConstraint(condition=models.Q(("amount__gte", 0)), name="payment_amount_not_negative"),
                    models.CheckConstraint(
                        condition=models.Q(("refunded__gte", 0), ("refunded__lte", models.F("amount"))),
                        name="payment_refunds_no_more_than_it_took",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="payment_currency_is_three_capitals"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("next_at__isnull", False), ("state", "processing")),
                            models.Q(models.Q(("state", "processing"), _negated=True), ("next_at", None)),
                            _connector="OR",
                        ),
                        name="payment_due_has_a_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Refund",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("claims", models.PositiveIntegerField(default=0)),
                ("lease", models.UUIDField(blank=True, null=True)),
                ("next_at", models.DateTimeField(blank=True, null=True)),
                ("first_sent_at", models.DateTimeField(blank=True, null=True)),
                ("last_error", models.CharField(blank=True, default="", max_length=200)),
                (
                    "payment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="refunds", to="bookings.payment"
                    ),
                ),
                ("amount", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("key", models.UUIDField()),
                ("gateway_id", models.CharField(blank=True, max_length=255, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("due", "Due"),
                            ("sent", "Sent"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                            ("elsewhere", "Elsewhere"),
                            ("dead", "Dead"),
                        ],
                        default="due",
                        max_length=9,
                    ),
                ),
                (
                    "cause",
                    models.CharField(
                        choices=[
                            ("schedule_change", "Schedule Change"),
                            ("goodwill", "Goodwill"),
                            ("duplicate", "Duplicate"),
                            ("fare_difference", "Fare Difference"),
                            ("customer_request", "Customer Request"),
                            ("other", "Other"),
                            ("booking_ended", "Booking Ended"),
                            ("paid_too_late", "Paid Too Late"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "source",
                    models.CharField(choices=[("ours", "Ours"), ("gateway", "Gateway")], default="ours", max_length=7),
                ),
                ("asked_by", models.CharField(blank=True, default="", max_length=150)),
                ("note", models.CharField(blank=True, default="", max_length=500)),
                ("request_id", models.CharField(blank=True, default="", max_length=64)),
                (
                    "decision",
                    models.CharField(
                        blank=True,
                        choices=[("again", "Again"), ("replaced", "Replaced"), ("left", "Left")],
                        default="",
                        max_length=8,
                    ),
                ),
                ("reference", models.CharField(blank=True, default="", max_length=100)),
                ("created_at", models.DateTimeField()),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                ("done_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "refund",
                "verbose_name_plural": "refunds",
                "db_table": "refund",
                "permissions": [("refund_payment", "Can refund payments, and decide about refunds that failed")],
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["state", "next_at", "decision"], name="refund_to_do"),
                    models.Index(fields=["source"], name="refund_of_source"),
                    models.Index(fields=["cause"], name="refund_of_cause"),
                    models.Index(fields=["request_id"], name="refund_request"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("key",), name="refund_key_unique"),
                    models.UniqueConstraint(fields=("gateway_id",), name="refund_gateway_id_unique"),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["due", "sent", "done", "failed", "elsewhere", "dead"])),
                        name="refund_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "cause__in",
                                [
                                    "schedule_change",
                                    "goodwill",
                                    "duplicate",
                                    "fare_difference",
                                    "customer_request",
                                    "other",
                                    "booking_ended",
                                    "paid_too_late",
                                ],
                            )
                        ),
                        name="refund_cause_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("source__in", ["ours", "gateway"])), name="refund_source_known"
                    ),
                    models.CheckConstraint(condition=models.Q(("amount__gt", 0)), name="refund_amount_positive"),
                    models.CheckConstraint(
                        condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="refund_currency_is_three_capitals"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("next_at__isnull", False), ("state__in", ["due", "sent"])),
                            models.Q(models.Q(("state__in", ["due", "sent"]), _negated=True), ("next_at", None)),
                            _connector="OR",
                        ),
                        name="refund_moving_has_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("decision", ""),
                            models.Q(("decision__in", ["again", "replaced", "left"]), ("state", "failed")),
                            _connector="OR",
                        ),
                        name="refund_decided_only_if_failed",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "elsewhere"), models.Q(("reference", ""), _negated=True)),
                            models.Q(models.Q(("state", "elsewhere"), _negated=True), ("reference", "")),
                            _connector="OR",
                        ),
                        name="refund_elsewhere_says_where",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("done_at__isnull", False), ("state__in", ["done", "elsewhere"])),
                            models.Q(("state__in", ["done", "elsewhere"]), _negated=True),
                            _connector="OR",
                        ),
                        name="refund_done_says_when",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key_id", models.CharField(max_length=16)),
                ("name", models.CharField(max_length=80)),
                ("scopes", models.CharField(max_length=200)),
                ("secret_hash", models.CharField(max_length=97)),
                ("previous_secret_hash", models.CharField(blank=True, default="", max_length=97)),
                ("previous_expires_at", models.DateTimeField(blank=True, null=True)),
                ("requests_per_minute", models.PositiveIntegerField(blank=True, null=True)),
                ("created_at", models.DateTimeField()),
                ("created_by", models.CharField(max_length=150)),
                ("expires_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "API key",
                "verbose_name_plural": "API keys",
                "db_table": "api_key",
                "permissions": [("manage_api_keys", "Can make, rotate and revoke API keys")],
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(fields=("key_id",), name="api_key_id_unique"),
                    models.CheckConstraint(
                        condition=models.Q(("scopes", ""), _negated=True), name="api_key_allows_something"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ApiKeyEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "actor_kind",
                    models.CharField(
                        choices=[
                            ("customer", "Customer"),
                            ("staff", "Staff"),
                            ("service", "Service"),
                            ("system", "System"),
                        ],
                        max_length=8,
                    ),
                ),
                ("actor_name", models.CharField(max_length=150)),
                ("note", models.CharField(blank=True, default="", max_length=500)),
                ("request_id", models.CharField(blank=True, default="", max_length=64)),
                ("created_at", models.DateTimeField()),
                (
                    "api_key",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="events", to="bookings.apikey"
                    ),
                ),
                (
                    "what",
                    models.CharField(
                        choices=[("issued", "Issued"), ("rotated", "Rotated"), ("revoked", "Revoked")], max_length=7
                    ),
                ),
            ],
            options={
                "verbose_name": "event of an API key",
                "verbose_name_plural": "events of API keys",
                "db_table": "api_key_event",
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="IdempotencyRecord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("principal", models.CharField(max_length=64)),
                ("endpoint", models.CharField(max_length=48)),
                ("key_hash", models.CharField(max_length=64)),
                ("fingerprint", models.CharField(max_length=64)),
                ("call_key", models.UUIDField(blank=True, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[("running", "Running"), ("done", "Done")], default="running", max_length=7
                    ),
                ),
                ("status_code", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("body", models.TextField(blank=True, default="")),
                ("location", models.CharField(blank=True, default="", max_length=200)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "idempotency record",
                "verbose_name_plural": "idempotency records",
                "db_table": "idempotency_record",
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["call_key"], name="idempotency_record_call"),
                    models.Index(fields=["state", "created_at"], name="idempotency_record_age"),
                    models.Index(fields=["key_hash"], name="idempotency_record_key"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("principal", "endpoint", "key_hash"), name="idempotency_record_key_unique"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "running"), ("status_code", None)),
                            models.Q(("state", "done"), ("status_code__isnull", False)),
                            _connector="OR",
                        ),
                        name="idempotency_record_done_has_an_answer",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RateWindow",
            fields=[
                ("name", models.CharField(max_length=120, primary_key=True, serialize=False)),
                ("started_at", models.DateTimeField()),
                ("used", models.PositiveIntegerField()),
            ],
            options={
                "db_table": "rate_window",
                "indexes": [models.Index(fields=["started_at"], name="rate_window_age")],
            },
        ),
        migrations.CreateModel(
            name="ClockProof",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("read_at", models.DateTimeField()),
                ("boot", models.CharField(blank=True, default="", max_length=36)),
                ("monotonic_seconds", models.FloatField()),
            ],
            options={
                "db_table": "clock_proof",
            },
        ),
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                ("name", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("finished_at", models.DateTimeField()),
            ],
            options={
                "db_table": "heartbeat",
            },
        ),
        migrations.CreateModel(
            name="WorkerHeartbeat",
            fields=[
                ("name", models.CharField(max_length=128, primary_key=True, serialize=False)),
                ("started_at", models.DateTimeField()),
                ("begun_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("heard_at", models.DateTimeField()),
                ("has_stopped", models.BooleanField(default=False)),
            ],
            options={
                "db_table": "worker_heartbeat",
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("begun_at", None), ("finished_at", None)),
                            ("begun_at__lte", models.F("finished_at")),
                            _connector="OR",
                        ),
                        name="worker_heartbeat_a_pass_begins_before_it_ends",
                    )
                ],
                "indexes": [models.Index(fields=["heard_at"], name="worker_heartbeat_age")],
            },
        ),
        migrations.CreateModel(
            name="LogInEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "what",
                    models.CharField(
                        choices=[
                            ("logged_in", "Logged In"),
                            ("failed", "Failed"),
                            ("factor_added", "Factor Added"),
                            ("factor_removed", "Factor Removed"),
                            ("codes_made", "Codes Made"),
                            ("link_made", "Link Made"),
                            ("password_set", "Password Set"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "proof",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("password", "Password"),
                            ("totp", "Totp"),
                            ("passkey", "Passkey"),
                            ("recovery_code", "Recovery Code"),
                            ("link", "Link"),
                            ("single_sign_on", "Single Sign On"),
                        ],
                        default="",
                        max_length=16,
                    ),
                ),
                ("address", models.CharField(max_length=45)),
                ("done_by", models.CharField(blank=True, default="", max_length=150)),
                ("note", models.CharField(blank=True, default="", max_length=500)),
                ("request_id", models.CharField(blank=True, default="", max_length=64)),
                ("created_at", models.DateTimeField()),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="log_in_events", to="auth.user"
                    ),
                ),
            ],
            options={
                "verbose_name": "event of a log-in",
                "verbose_name_plural": "events of log-ins",
                "db_table": "log_in_event",
                "permissions": [("reset_password", "Can make links by which staff set a new password")],
                "default_permissions": (),
                "indexes": [models.Index(fields=["created_at"], name="log_in_event_by_age")],
            },
        ),
        migrations.CreateModel(
            name="Passkey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=60)),
                ("credential", models.BinaryField(max_length=4096)),
                ("credential_hash", models.CharField(max_length=64)),
                ("sign_count", models.PositiveBigIntegerField()),
                ("created_at", models.DateTimeField()),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="passkeys", to="auth.user"
                    ),
                ),
            ],
            options={
                "verbose_name": "passkey",
                "verbose_name_plural": "passkeys",
                "db_table": "passkey",
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("credential_hash",), name="passkey_unique")],
            },
        ),
        migrations.CreateModel(
            name="RecoveryCode",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code_hash", models.CharField(max_length=64)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="recovery_codes", to="auth.user"
                    ),
                ),
            ],
            options={
                "verbose_name": "recovery code",
                "verbose_name_plural": "recovery codes",
                "db_table": "recovery_code",
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("user", "code_hash"), name="recovery_code_unique")],
            },
        ),
        migrations.CreateModel(
            name="StaffIdentity",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("issuer", models.CharField(max_length=255)),
                ("identity_hash", models.CharField(max_length=64)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="staff_identities", to="auth.user"
                    ),
                ),
            ],
            options={
                "verbose_name": "connection with single sign-on",
                "verbose_name_plural": "connections with single sign-on",
                "db_table": "staff_identity",
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("identity_hash",), name="staff_identity_unique")],
            },
        ),
        migrations.CreateModel(
            name="Dispute",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "payment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="disputes", to="bookings.payment"
                    ),
                ),
                ("gateway", models.CharField(max_length=16)),
                ("gateway_id", models.CharField(max_length=255)),
                ("amount", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("reason", models.CharField(blank=True, default="", max_length=64)),
                ("standing", models.CharField(max_length=32)),
                ("outcome", models.CharField(blank=True, default="", max_length=32)),
                ("refundable", models.BooleanField(default=False)),
                ("answer_by", models.DateTimeField(blank=True, null=True)),
                ("opened_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                ("looked_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "dispute",
                "verbose_name_plural": "disputes",
                "db_table": "dispute",
                "default_permissions": ("view",),
                "indexes": [models.Index(fields=["closed_at", "answer_by"], name="dispute_to_answer")],
                "constraints": [
                    models.UniqueConstraint(fields=("gateway", "gateway_id"), name="dispute_gateway_id_unique"),
                    models.CheckConstraint(condition=models.Q(("amount__gte", 0)), name="dispute_amount_not_negative"),
                    models.CheckConstraint(
                        condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="dispute_currency_is_three_capitals"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="GatewayNotice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("claims", models.PositiveIntegerField(default=0)),
                ("lease", models.UUIDField(blank=True, null=True)),
                ("next_at", models.DateTimeField(blank=True, null=True)),
                ("first_sent_at", models.DateTimeField(blank=True, null=True)),
                ("last_error", models.CharField(blank=True, default="", max_length=200)),
                ("gateway", models.CharField(max_length=16)),
                ("event_id", models.CharField(max_length=255)),
                ("event_hash", models.CharField(max_length=64)),
                (
                    "kind",
                    models.CharField(
                        choices=[("payment", "Payment"), ("refund", "Refund"), ("dispute", "Dispute")], max_length=7
                    ),
                ),
                ("object_id", models.CharField(max_length=255)),
                ("payment_key", models.UUIDField(blank=True, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[("new", "New"), ("done", "Done"), ("foreign", "Foreign"), ("dead", "Dead")],
                        default="new",
                        max_length=7,
                    ),
                ),
                ("made_at", models.DateTimeField()),
                ("received_at", models.DateTimeField()),
                ("done_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "notice of a gateway",
                "verbose_name_plural": "notices of gateways",
                "db_table": "gateway_notice",
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["state", "next_at"], name="gateway_notice_to_do"),
                    models.Index(fields=["received_at"], name="gateway_notice_age"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("gateway", "event_hash"), name="gateway_notice_kept_once"),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["new", "done", "foreign", "dead"])),
                        name="gateway_notice_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["payment", "refund", "dispute"])),
                        name="gateway_notice_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("next_at__isnull", False), ("state", "new")),
                            models.Q(models.Q(("state", "new"), _negated=True), ("next_at", None)),
                            _connector="OR",
                        ),
                        name="gateway_notice_new_has_a_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PaymentComparison",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("finished_at", models.DateTimeField()),
                ("payments_compared", models.PositiveIntegerField()),
                ("payments_foreign", models.PositiveIntegerField()),
                ("differences", models.JSONField(default=list)),
            ],
            options={
                "verbose_name": "comparison of payments",
                "verbose_name_plural": "comparisons of payments",
                "db_table": "payment_comparison",
                "default_permissions": ("view",),
                "indexes": [models.Index(fields=["finished_at"], name="payment_comparison_age")],
            },
        ),
        migrations.CreateModel(
            name="Announcement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=36)),
                (
                    "booking",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="announcements",
                        to="bookings.booking",
                    ),
                ),
                ("sequence", models.PositiveIntegerField()),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("booking.held", "Held"),
                            ("booking.expiring", "Expiring"),
                            ("booking.paid", "Paid"),
                            ("booking.payment_failed", "Payment Failed"),
                            ("booking.expired", "Expired"),
                            ("booking.cancelled", "Cancelled"),
                            ("booking.refunded", "Refunded"),
                        ],
                        max_length=22,
                    ),
                ),
                ("occurred_at", models.DateTimeField()),
                ("facts", models.JSONField()),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "announcement",
                "verbose_name_plural": "announcements",
                "db_table": "announcement",
                "default_permissions": ("view",),
                "indexes": [models.Index(fields=["created_at"], name="announcement_age")],
                "constraints": [
                    models.UniqueConstraint(fields=("key",), name="announcement_key_unique"),
                    models.UniqueConstraint(fields=("booking", "sequence"), name="announcement_counts_up"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "type__in",
                                [
                                    "booking.held",
                                    "booking.expiring",
                                    "booking.paid",
                                    "booking.payment_failed",
                                    "booking.expired",
                                    "booking.cancelled",
                                    "booking.refunded",
                                ],
                            )
                        ),
                        name="announcement_type_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("sequence__gte", 1)), name="announcement_counts_from_one"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WebhookEndpoint",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=35)),
                (
                    "api_key",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="endpoints",
                        to="bookings.apikey",
                    ),
                ),
                ("url", models.CharField(max_length=500)),
                ("types", models.CharField(blank=True, default="", max_length=200)),
                ("payload_version", models.CharField(max_length=10)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("new", "new"),
                            ("active", "active"),
                            ("paused", "paused"),
                            ("disabled", "disabled"),
                            ("retired", "retired"),
                        ],
                        default="new",
                        max_length=8,
                    ),
                ),
                ("disabled_why", models.CharField(blank=True, default="", max_length=200)),
                ("secret", models.BinaryField()),
                ("previous_secret", models.BinaryField(blank=True, null=True)),
                ("previous_expires_at", models.DateTimeField(blank=True, null=True)),
                ("contact_email", models.BinaryField(blank=True, null=True)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("failing_since", models.DateTimeField(blank=True, null=True)),
                ("rest_until", models.DateTimeField(blank=True, null=True)),
                ("lane", models.UUIDField(blank=True, null=True)),
                ("lane_until", models.DateTimeField(blank=True, null=True)),
                ("version", models.PositiveIntegerField(default=1)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "webhook endpoint",
                "verbose_name_plural": "webhook endpoints",
                "db_table": "webhook_endpoint",
                "permissions": [
                    ("manage_webhooks", "Can ping, pause, disable and retire webhook endpoints, and send again")
                ],
                "default_permissions": ("view",),
                "indexes": [models.Index(fields=["state", "rest_until"], name="webhook_endpoint_to_do")],
                "constraints": [
                    models.UniqueConstraint(fields=("key",), name="webhook_endpoint_key_unique"),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["new", "active", "paused", "disabled", "retired"])),
                        name="webhook_endpoint_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state", "disabled"), ("disabled_why", ""), _connector="XOR"),
                        name="webhook_endpoint_disabled_for_a_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("previous_expires_at__isnull", True), ("previous_secret__isnull", True)),
                            models.Q(("previous_expires_at__isnull", False), ("previous_secret__isnull", False)),
                            _connector="OR",
                        ),
                        name="webhook_endpoint_previous_secret_ends",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("lane__isnull", True), ("lane_until__isnull", True)),
                            models.Q(("lane__isnull", False), ("lane_until__isnull", False)),
                            _connector="OR",
                        ),
                        name="webhook_endpoint_lane_ends",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WebhookDelivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("claims", models.PositiveIntegerField(default=0)),
                ("lease", models.UUIDField(blank=True, null=True)),
                ("next_at", models.DateTimeField(blank=True, null=True)),
                ("first_sent_at", models.DateTimeField(blank=True, null=True)),
                ("last_error", models.CharField(blank=True, default="", max_length=200)),
                (
                    "endpoint",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deliveries",
                        to="bookings.webhookendpoint",
                    ),
                ),
                (
                    "announcement",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deliveries",
                        to="bookings.announcement",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("pending", "pending"), ("delivered", "delivered"), ("dead", "dead")],
                        default="pending",
                        max_length=9,
                    ),
                ),
                ("ends_at", models.DateTimeField()),
                ("delivered_at", models.DateTimeField(blank=True, null=True)),
                ("died_at", models.DateTimeField(blank=True, null=True)),
                ("last_status", models.PositiveSmallIntegerField(default=0)),
                ("last_ms", models.PositiveIntegerField(default=0)),
                ("by_hand", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "delivery of a webhook",
                "verbose_name_plural": "deliveries of webhooks",
                "db_table": "webhook_delivery",
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["endpoint", "next_at"], name="webhook_delivery_to_do"),
                    models.Index(fields=["state", "endpoint", "id"], name="webhook_delivery_state"),
                    models.Index(fields=["created_at"], name="webhook_delivery_age"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("endpoint", "announcement"), name="webhook_delivery_once"),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["pending", "delivered", "dead"])),
                        name="webhook_delivery_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state", "pending"), ("next_at__isnull", True), _connector="XOR"),
                        name="webhook_delivery_due_while_pending",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state", "delivered"), ("delivered_at__isnull", True), _connector="XOR"),
                        name="webhook_delivery_has_its_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state", "dead"), ("died_at__isnull", True), _connector="XOR"),
                        name="webhook_delivery_died_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WebhookAttempt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "delivery",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="attempts",
                        to="bookings.webhookdelivery",
                    ),
                ),
                ("status", models.PositiveSmallIntegerField()),
                ("milliseconds", models.PositiveIntegerField()),
                ("error", models.CharField(max_length=200)),
                ("answer", models.CharField(blank=True, default="", max_length=200)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "attempt to deliver a webhook",
                "verbose_name_plural": "attempts to deliver webhooks",
                "db_table": "webhook_attempt",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="WebhookReplay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="replays",
                        to="bookings.webhookendpoint",
                    ),
                ),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("only_dead", models.BooleanField(default=False)),
                ("position", models.BigIntegerField(default=0)),
                ("count", models.PositiveIntegerField(default=0)),
                (
                    "state",
                    models.CharField(
                        choices=[("running", "running"), ("done", "done")], default="running", max_length=7
                    ),
                ),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "replay of webhooks",
                "verbose_name_plural": "replays of webhooks",
                "db_table": "webhook_replay",
                "default_permissions": (),
                "indexes": [models.Index(fields=["state"], name="webhook_replay_to_do")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["running", "done"])), name="webhook_replay_state_known"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="EndpointEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "actor_kind",
                    models.CharField(
                        choices=[
                            ("customer", "Customer"),
                            ("staff", "Staff"),
                            ("service", "Service"),
                            ("system", "System"),
                        ],
                        max_length=8,
                    ),
                ),
                ("actor_name", models.CharField(max_length=150)),
                ("note", models.CharField(blank=True, default="", max_length=500)),
                ("request_id", models.CharField(blank=True, default="", max_length=64)),
                ("created_at", models.DateTimeField()),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="bookings.webhookendpoint",
                    ),
                ),
                (
                    "what",
                    models.CharField(
                        choices=[
                            ("made", "Made"),
                            ("changed", "Changed"),
                            ("rotated", "Rotated"),
                            ("paused", "Paused"),
                            ("enabled", "Enabled"),
                            ("disabled", "Disabled"),
                            ("pinged", "Pinged"),
                            ("redelivered", "Redelivered"),
                            ("replayed", "Replayed"),
                            ("retired", "Retired"),
                        ],
                        max_length=11,
                    ),
                ),
            ],
            options={
                "verbose_name": "event of a webhook endpoint",
                "verbose_name_plural": "events of webhook endpoints",
                "db_table": "webhook_endpoint_event",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Contact",
            fields=[
                (
                    "booking",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="contact",
                        serialize=False,
                        to="bookings.booking",
                    ),
                ),
                ("sealed", models.BinaryField()),
                ("address_mark", models.CharField(max_length=64)),
                ("phone_mark", models.CharField(blank=True, default="", max_length=64)),
                ("language", models.CharField(blank=True, default="", max_length=35)),
                ("wants_reminders", models.BooleanField(default=False)),
                ("erase_at", models.DateTimeField()),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "contact",
                "verbose_name_plural": "contacts",
                "permissions": [
                    ("manage_contacts", "Can erase contacts of travelers, and have messages sent once more")
                ],
                "db_table": "contact",
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["erase_at"], name="contact_to_erase"),
                    models.Index(fields=["address_mark"], name="contact_of_address"),
                    models.Index(fields=["phone_mark"], name="contact_of_phone"),
                ],
            },
        ),
        migrations.CreateModel(
            name="SuppressedAddress",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("address_mark", models.CharField(max_length=64)),
                ("channel", models.CharField(choices=[("mail", "mail"), ("sms", "SMS")], default="mail", max_length=4)),
                ("why", models.CharField(max_length=200)),
                ("until", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "suppressed address",
                "verbose_name_plural": "suppressed addresses",
                "db_table": "suppressed_address",
                "default_permissions": (),
                "indexes": [models.Index(fields=["until"], name="suppressed_address_age")],
                "constraints": [
                    models.UniqueConstraint(fields=("address_mark", "channel"), name="suppressed_address_once"),
                    models.CheckConstraint(
                        condition=models.Q(("channel__in", ["mail", "sms"])), name="suppressed_address_channel_known"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Message",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("claims", models.PositiveIntegerField(default=0)),
                ("lease", models.UUIDField(blank=True, null=True)),
                ("next_at", models.DateTimeField(blank=True, null=True)),
                ("first_sent_at", models.DateTimeField(blank=True, null=True)),
                ("last_error", models.CharField(blank=True, default="", max_length=200)),
                ("channel", models.CharField(choices=[("mail", "mail"), ("sms", "SMS")], default="mail", max_length=4)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "pending"),
                            ("sent", "sent"),
                            ("refused", "refused"),
                            ("unknown", "unknown"),
                            ("lapsed", "lapsed"),
                            ("skipped", "skipped"),
                        ],
                        default="pending",
                        max_length=7,
                    ),
                ),
                ("repeat", models.PositiveSmallIntegerField(default=0)),
                ("worthless_at", models.DateTimeField()),
                ("unknowns", models.PositiveSmallIntegerField(default=0)),
                ("receipt", models.CharField(blank=True, default="", max_length=200)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField()),
                (
                    "announcement",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="messages",
                        to="bookings.announcement",
                    ),
                ),
            ],
            options={
                "verbose_name": "message",
                "verbose_name_plural": "messages",
                "db_table": "message",
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["channel", "next_at"], name="message_to_do"),
                    models.Index(fields=["state", "ended_at"], name="message_ends"),
                    models.Index(fields=["created_at"], name="message_age"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("announcement", "channel", "repeat"), name="message_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["pending", "sent", "refused", "unknown", "lapsed", "skipped"])
                        ),
                        name="message_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("channel__in", ["mail", "sms"])), name="message_channel_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state", "pending"), ("next_at__isnull", True), _connector="XOR"),
                        name="message_due_while_pending",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state", "pending"), ("ended_at__isnull", False), _connector="XOR"),
                        name="message_ends_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Report",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("claims", models.PositiveIntegerField(default=0)),
                ("lease", models.UUIDField(blank=True, null=True)),
                ("next_at", models.DateTimeField(blank=True, null=True)),
                ("first_sent_at", models.DateTimeField(blank=True, null=True)),
                ("last_error", models.CharField(blank=True, default="", max_length=200)),
                ("key", models.CharField(max_length=100)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("failing_hour", "failing for an hour"),
                            ("failing_day", "failing for a day"),
                            ("disabled", "disabled"),
                            ("well", "works again"),
                            ("dead", "not delivered"),
                            ("operators", "to operators"),
                        ],
                        max_length=12,
                    ),
                ),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("counts", models.JSONField(default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "pending"),
                            ("sent", "sent"),
                            ("refused", "refused"),
                            ("unknown", "unknown"),
                            ("lapsed", "lapsed"),
                            ("skipped", "skipped"),
                        ],
                        default="pending",
                        max_length=7,
                    ),
                ),
                ("worthless_at", models.DateTimeField()),
                ("unknowns", models.PositiveSmallIntegerField(default=0)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField()),
                (
                    "endpoint",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reports",
                        to="bookings.webhookendpoint",
                    ),
                ),
            ],
            options={
                "verbose_name": "report",
                "verbose_name_plural": "reports",
                "db_table": "report",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("key",), name="report_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind__in", ["failing_hour", "failing_day", "disabled", "well", "dead", "operators"])
                        ),
                        name="report_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["pending", "sent", "refused", "unknown", "lapsed", "skipped"])
                        ),
                        name="report_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind", "operators"), ("endpoint__isnull", False), _connector="XOR"),
                        name="report_to_an_owner_or_operators",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state", "pending"), ("next_at__isnull", True), _connector="XOR"),
                        name="report_due_while_pending",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state", "pending"), ("ended_at__isnull", False), _connector="XOR"),
                        name="report_ends_once",
                    ),
                ],
                "indexes": [
                    models.Index(fields=["next_at"], name="report_to_do"),
                    models.Index(fields=["created_at"], name="report_age"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ArchiveRound",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.BigIntegerField(default=0)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("is_under_way", models.BooleanField(default=True)),
            ],
            options={
                "db_table": "archive_round",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ArchivedBooking",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("reference", models.CharField(max_length=8)),
                ("user_id", models.BigIntegerField()),
                ("flight_id", models.BigIntegerField()),
                ("no_of_seats", models.PositiveSmallIntegerField()),
                ("seat_numbers", models.CharField(blank=True, default="", max_length=255)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("initiated", "Initiated"),
                            ("booked", "Booked"),
                            ("cancelled", "Cancelled"),
                        ],
                        max_length=9,
                    ),
                ),
                ("give_back_id", models.BigIntegerField(blank=True, null=True)),
                ("charged_as", models.CharField(blank=True, max_length=255, null=True)),
                ("created_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField()),
                ("archived_at", models.DateTimeField()),
                ("history", models.BinaryField()),
            ],
            options={
                "verbose_name": "archived booking",
                "verbose_name_plural": "archived bookings",
                "db_table": "archived_booking",
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["user_id", "id"], name="archived_booking_of_user"),
                    models.Index(fields=["flight_id", "status", "no_of_seats"], name="archived_booking_of_flight"),
                    models.Index(fields=["charged_as"], name="archived_booking_charged"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("reference",), name="archived_booking_reference_unique"),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ("booked", "cancelled"))), name="archived_booking_has_ended"
                    ),
                ],
            },
        ),
    ]
