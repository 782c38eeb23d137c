"""What a list and a read show is what Django reads: the SQL that is kept is its own, and so are the values."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext

from bookings.models import Booking
from bookings.queries.bookings import shown
from bookings.queries.bookings.shown import HIGHEST_INTEGER, Question, ShownBooking
from tests.support.bookings import a_saved_row

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_is_kept(monkeypatch):
    monkeypatch.setattr(shown, "_texts", {})


@pytest.fixture
def some():
    return [a_saved_row(status, user_id=user) for user in (7, 8) for status in ("pending", "cancelled", "booked")]


def columns(rows):
    return [{name: getattr(row, name) for name in ShownBooking._fields if name != "read_at"} for row in rows]


def kinds(rows):
    """Conditions and orders as the API asks for them, with values that find some of the rows."""
    middle = rows[3]
    by_time = Q(created_at__lt=middle.created_at) | Q(pk__lt=middle.pk)
    yield Question().order_by("-id")
    yield Question().filter(pk=middle.pk)
    yield Question().filter(user_id=7).filter(user_id=7, flight_id=middle.flight_id, status="booked").order_by("id")
    yield Question().filter(user_id=8).filter(user_id=7)
    yield Question().filter(created_at__gt=middle.created_at - timedelta(days=1)).order_by("-id")
    yield Question().filter(id__lt=str(middle.pk)).order_by("-id")
    yield Question().filter(by_time, created_at__lte=middle.created_at).order_by("-created_at", "-pk")
    yield Question().filter(id__lt="0").order_by("-id")
    yield Question().filter(id__lt="9" * 30).order_by("-id")
    yield Question().filter(id__gt=HIGHEST_INTEGER + 1).order_by("id")


def test_every_kind_of_question_finds_what_django_finds(some):
    for question in kinds(some):
        expected = Booking.objects.filter(*question.conditions).order_by(*question.order)
        for again in range(2):
            for start, stop in ((0, 1), (0, 21), (2, 4)):
                assert columns(question[start:stop]) == columns(expected[start:stop]), (question, again)


@pytest.mark.parametrize(("most", "kept"), [(3, 3), (500, 7)], ids=["few", "twin"])
def test_however_many_kinds_are_asked_for_few_texts_are_kept(some, monkeypatch, most, kept):
    monkeypatch.setattr(shown, "MOST_TEXTS", most)
    largest = 0

    for number in range(7):
        question = Question().filter(*[Q(user_id=7)] * number)
        assert len(question[:10]) == (3 if number else 6)
        largest = max(largest, len(shown._texts))

    assert largest == kept


def test_a_value_is_of_the_type_that_django_gives(some):
    (row,) = Question().filter(pk=some[0].pk)[:1]
    booking = Booking.objects.with_database_time().get(pk=some[0].pk)

    assert [type(value) for value in row] == [type(getattr(booking, name)) for name in ShownBooking._fields]
    assert row.read_at.utcoffset() == booking.read_at.utcoffset()
    assert timedelta(0) <= booking.read_at - row.read_at < timedelta(minutes=1)


def test_a_text_is_made_once_for_each_kind(some):
    for number in range(5):
        Question().filter(user_id=number).order_by("-id")[: number + 1]

    assert len(shown._texts) == 1


def test_a_question_is_one_statement(some):
    with CaptureQueriesContext(connection) as captured:
        Question().filter(pk=some[0].pk)[:1]

    assert len(captured) == 1


def test_a_text_whose_values_stand_elsewhere_is_refused(some, monkeypatch):
    monkeypatch.setattr(shown, "_comparisons", lambda condition: [("user_id", 7), ("pk", 1)])

    with pytest.raises(AssertionError, match="order"):
        Question().filter(Q(pk=1, user_id=7))[:1]
