"""Two of the staff take one case at once: one has it, and the other is told."""

from functools import partial

import pytest

from bookings.errors import CaseChanged
from bookings.gateways.payments.instant import InstantPayments
from bookings.models import BookingCase, BookingEvent
from tests.races.crowd import Halt, all_at_once, overtaken
from tests.races.guards import forget_everything, rounds, without_row_locks
from tests.races.places import CASE_LOOKED_AT
from tests.support.bookings import a_saved_row, an_initiated_booking, pay, status_of
from tests.support.cases import how_it_stands, move

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]

NAMES = ("anna", "tess", "uma")


def takes():
    return BookingEvent.objects.filter(what="case_taken").count()


@pytest.mark.parametrize("was_one", [False, True], ids=["never a case", "given back"])
def test_of_three_who_take_a_case_at_once_one_has_it(was_one):
    for _ in rounds(3):
        booking, before = a_saved_row(), 0
        if was_one:
            move(booking, "take")
            move(booking, "give_back")
            before = 1

        told = all_at_once([partial(move, booking, "take", by=name, seen_version=2 * before) for name in NAMES])

        assert sorted(type(each).__name__ for each in told) == ["CaseChanged", "CaseChanged", "NoneType"]
        assert how_it_stands(booking)[0] == NAMES[told.index(None)]
        assert takes() == before + 1
        forget_everything()


def a_free_case():
    booking = a_saved_row()
    move(booking, "take")
    move(booking, "give_back")
    return booking


def test_who_takes_a_case_that_another_one_is_taking_waits_and_is_told(monkeypatch):
    booking, looked = a_free_case(), Halt(monkeypatch, CASE_LOOKED_AT)
    first, second = (partial(move, booking, "take", by=name, seen_version=2) for name in ("anna", "tess"))

    told = overtaken(first, second, at=looked)

    assert (told[0], type(told[1])) == (None, CaseChanged)
    assert how_it_stands(booking)[0] == "anna"


def test_twin_without_row_locks_both_believe_that_they_have_it(monkeypatch):
    booking = a_free_case()
    without_row_locks(monkeypatch)
    looked = Halt(monkeypatch, CASE_LOOKED_AT)
    first, second = (partial(move, booking, "take", by=name, seen_version=2) for name in ("anna", "tess"))

    told = overtaken(first, second, at=looked)

    assert told == (None, None)
    assert takes() == 3


def test_a_customer_pays_while_the_booking_is_taken_as_a_case(flights):
    for _ in rounds(3):
        booking = an_initiated_booking(flights)

        answer, told = all_at_once([partial(pay, booking, InstantPayments()), partial(move, booking, "take")])

        assert (status_of(answer), told, BookingCase.objects.filter(pk=booking.pk).count()) == (201, None, 1)
