"""The version before this one still runs while this one is rolled out, on the tables as they are now."""

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from bookings.lifecycle import BookingStatus
from bookings.models import Booking
from tests.support.bookings import a_row

pytestmark = pytest.mark.django_db

# The last migration of the version before this one.
OLD = ("bookings", "0006_reconcile_schedule")


@pytest.fixture(scope="module")
def old_models():
    """The models as the old version has them."""
    return MigrationLoader(None).project_state(OLD).apps


@pytest.mark.parametrize("status", BookingStatus)
def test_it_can_insert_a_booking(old_models, status):
    old_booking = old_models.get_model("bookings", "Booking")
    row = a_row(status)
    values = {field.attname: getattr(row, field.attname) for field in old_booking._meta.concrete_fields}

    written = old_booking.objects.create(**values)

    assert Booking.objects.get(pk=written.pk).status == status


def test_every_column_that_it_does_not_know_fills_itself(old_models):
    left_out = []
    with connection.cursor() as cursor:
        for model in old_models.get_app_config("bookings").get_models():
            known = {field.column for field in model._meta.concrete_fields}
            for column in connection.introspection.get_table_description(cursor, model._meta.db_table):
                if column.name not in known and not column.null_ok and column.default is None:
                    left_out.append(f"{model._meta.db_table}.{column.name}")

    assert left_out == []
