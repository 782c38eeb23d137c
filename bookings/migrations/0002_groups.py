"""The groups of people who work in the back office, and what each may do there."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

SEE = [
    "view_booking",
    "view_bookingevent",
    "view_bulkcancel",
    "view_bulkcancelrow",
    "view_dispute",
    "view_gatewaynotice",
    "view_idempotencyrecord",
    "view_payment",
    "view_paymentcomparison",
    "view_reconciliation",
    "view_refund",
    "view_seatcall",
    "view_seatcallevent",
    "view_webhookdelivery",
    "view_webhookendpoint",
]
SEE_THE_QUEUE = ["view_failure", "view_ormq", "view_schedule", "view_success"]
GROUPS = {
    "Support": [*SEE, "cancel_booking", "change_seats", "extend_booking", "note_booking", "work_case"],
    "Supervisor": [
        *SEE,
        *SEE_THE_QUEUE,
        "cancel_booking",
        "extend_booking",
        "change_seats",
        "note_booking",
        "work_case",
        "assign_case",
        "bulk_cancel",
        "approve_bulk_cancel",
        "manage_contacts",
        "manage_webhooks",
        "refund_payment",
        "resolve_payment",
        "resolve_seatcall",
        "reset_password",
        "view_user",
    ],
    "Auditor": [*SEE, *SEE_THE_QUEUE, "view_apikey"],
}


def make_groups(apps, schema_editor):
    # Django makes the rows of permissions after the last migration; the groups need them now.
    for label in ("auth", "bookings", "django_q"):
        config = apps.get_app_config(label)
        config.models_module = True  # of the past app only its models are known, not the module they were in
        create_permissions(config, apps=apps, verbosity=0)
    permissions = apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label__in=["auth", "bookings", "django_q"]
    )
    for name, codenames in GROUPS.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(*permissions.filter(codename__in=codenames))


def remove_groups(apps, schema_editor):
    apps.get_model("auth", "Group").objects.filter(name__in=GROUPS).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0001_tables"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]

    operations = [migrations.RunPython(make_groups, remove_groups)]
