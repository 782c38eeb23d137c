"""What the campaign asks ten million bookings, asked of 10,000: nothing reads more than it may."""

import pytest
from django.db import connection

from tests.support.volume import effort_of, many_bookings
from tests.volume.questions import all_questions

pytestmark = [pytest.mark.server, pytest.mark.django_db]


@pytest.fixture(scope="module", autouse=True)
def _a_year_of_bookings(django_db_setup, django_db_blocker):
    with many_bookings(django_db_blocker):
        yield


@pytest.mark.slow
def test_nothing_reads_more_rows_than_it_may():
    if connection.vendor == "postgresql":
        # Of ten thousand rows it is cheaper to read a table than to go by an index: it must have one, for ten million.
        with connection.cursor() as cursor:
            for way in ("seqscan", "hashjoin", "mergejoin"):
                cursor.execute(f"SET LOCAL enable_{way} = off")
    efforts = {question.name: (effort_of(question.ask).read, question.most) for question in all_questions()}

    assert {name: effort for name, effort in efforts.items() if effort[0] > effort[1]} == {}
    assert len(efforts) > 60
