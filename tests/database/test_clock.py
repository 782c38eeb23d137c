"""Database time is read alone or beside other columns, also while Django records statements, as DEBUG has it do."""

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.db.clock import row_with_time

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("while_so", [contextlib.nullcontext, CaptureQueriesContext], ids=["plain", "recorded"])
@pytest.mark.parametrize(("more", "values"), [("", []), (", %s", [7])], ids=["alone", "beside"])
def test_the_time_is_read_with_and_without_values(while_so, more, values):
    with while_so(connection):
        now, others = row_with_time("SELECT {now}" + more, values)

    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)
    assert others == tuple(values)
