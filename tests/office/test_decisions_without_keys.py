"""Where the Flight Service knows no keys, nobody can have a call sent once more: it would count twice."""

import pytest

from bookings.models import BookingEvent, SeatCallEvent
from tests.support.calls import (
    CALLS,
    a_dead_release,
    a_stuck_reservation,
    give_back_address,
    links_of,
    take_address,
    why,
)
from tests.support.people import a_person, desk_of, text_of

pytestmark = pytest.mark.django_db

WHY = "This call was sent, and the Flight Service knows no keys: sent once more, it would count twice."


@pytest.fixture
def desk(settings):
    settings.FLIGHT_SERVICE_KEYED = False
    return desk_of(a_person(group="Supervisor"))


@pytest.fixture(params=["reservation", "release"])
def case(request):
    """A call that waits for staff, and the address of a decision about it."""
    if request.param == "reservation":
        booking = a_stuck_reservation()
        return booking, take_address(booking, "retry")
    call = a_dead_release()
    return call, give_back_address(call, "retry")


@pytest.mark.slow
def test_only_the_other_two_decisions_are_offered(desk):
    booking, call = a_stuck_reservation(), a_dead_release()

    answer = desk.get(CALLS)

    assert links_of(answer) == [
        *(take_address(booking, word) for word in ("applied", "not-applied")),
        *(give_back_address(call, word) for word in ("applied", "not-applied")),
    ]
    assert text_of(answer).count("Would count twice") == 2


def test_the_page_says_why_and_has_no_button(desk, case):
    _, address = case

    answer = desk.get(address)

    assert WHY in text_of(answer)
    assert '<button type="submit">Send once more' not in answer.content.decode()


def test_a_retry_that_is_sent_all_the_same_is_refused_and_changes_nothing(desk, case, flights):
    row, address = case
    before = type(row).objects.values().get()

    answer = desk.post(address, why("please"))

    assert answer.status_code == 409
    assert "Sent once more, this call would count twice." in text_of(answer)
    assert type(row).objects.values().get() == before
    assert (flights.arrived, BookingEvent.objects.count(), SeatCallEvent.objects.count()) == ([], 0, 0)


def test_what_was_never_sent_may_be_sent(desk):
    call = a_dead_release(first_sent_at=None)

    assert give_back_address(call, "retry") in links_of(desk.get(CALLS))
