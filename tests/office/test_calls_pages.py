"""Calls that need a decision, or have no answer yet: what is shown of them."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.models import Booking
from tests.support.bookings import a_call_row, a_saved_row
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


@pytest.fixture
def desk():
    return desk_of(a_person(group="Supervisor"))


@pytest.mark.slow
def test_all_four_kinds_are_on_one_page_with_what_was_said(desk):
    a_stuck_reservation(flight_id=11, claims=7)
    a_dead_release(flight_id=12, seats=5)
    asking = a_saved_row("pending", flight_id=13, last_error="ReadTimeout")
    a_call_row(flight_id=14, seats=9, last_error="502")

    text = text_of(desk.get(CALLS))

    for part in ("11 2", "400 invalid_request", "12 5", "404 flight_not_found", asking.reference, "13 2"):
        assert part in text
    for part in ("ReadTimeout", "14 9", "502", "3 h"):
        assert part in text


def test_who_may_decide_finds_the_three_ways_of_each(desk):
    booking, call = a_stuck_reservation(), a_dead_release()

    assert links_of(desk.get(CALLS)) == [
        *(take_address(booking, word) for word in ("retry", "applied", "not-applied")),
        *(give_back_address(call, word) for word in ("retry", "applied", "not-applied")),
    ]


def test_what_is_too_old_to_be_sent_can_only_be_decided(desk):
    booking, call = a_stuck_reservation(hours=6 * 24 + 1), a_dead_release(hours=6 * 24 + 1)

    answer = desk.get(CALLS)

    assert links_of(answer) == [
        *(take_address(booking, word) for word in ("applied", "not-applied")),
        *(give_back_address(call, word) for word in ("applied", "not-applied")),
    ]
    assert text_of(answer).count("Too old to send") == 2


@pytest.mark.slow
def test_the_list_of_one_flight(desk):
    here, elsewhere = a_stuck_reservation(flight_id=21), a_stuck_reservation(flight_id=22)

    text = text_of(desk.get(CALLS, {"flight": "21"}))

    assert here.reference in text
    assert elsewhere.reference not in text


@pytest.mark.slow
@pytest.mark.parametrize("query", [{"flight": "UK 808"}, {"flight": "1" * 20}, {"status": "booked"}], ids=str)
def test_a_filter_that_makes_no_sense_is_refused(desk, query):
    answer = desk.get(CALLS, query)

    assert answer.status_code == 400
    assert f"This page does not know a filter in its address: {next(iter(query))}" in text_of(answer)


@pytest.mark.slow
def test_more_than_a_hundred_are_not_shown_but_said(desk):
    for _ in range(101):
        a_call_row(state="dead")

    answer = desk.get(CALLS)

    assert len(links_of(answer)) == 300
    assert "There are more than these 100." in text_of(answer)


@pytest.mark.slow
@pytest.mark.parametrize("make", [a_stuck_reservation, a_dead_release, a_call_row, lambda: a_saved_row("pending")])
def test_the_page_asks_the_same_questions_however_many_calls_there_are(desk, make):
    def statements():
        with CaptureQueriesContext(connection) as captured:
            assert desk.get(CALLS).status_code == 200
        return len(captured)

    make()
    statements()  # the first page of a session writes it
    with_one = statements()
    for _ in range(5):
        make()

    assert statements() == with_one


def test_the_page_of_a_give_back_shows_facts_members_and_decisions(desk, flights):
    call = a_dead_release(seats=3)
    member = Booking.objects.get(give_back=call)
    desk.post(give_back_address(call, "applied"), why("Ravi read it to me."))

    text = text_of(desk.get(f"{CALLS}{call.pk}/change/"))

    for part in (
        str(call.call_key),
        "404 flight_not_found",
        member.reference,
        "Ravi read it to me.",
        "Seats are back",
    ):
        assert part in text


@pytest.mark.slow
def test_the_members_of_a_large_give_back_come_in_pages(desk):
    call = a_call_row(state="done", seats=202)
    members = [a_saved_row("cancelled", hold="giving_back", give_back=call) for _ in range(101)]

    first, second = (text_of(desk.get(f"{CALLS}{call.pk}/change/?page={page}")) for page in (1, 2))

    assert (members[0].reference in first, members[-1].reference in first) == (True, False)
    assert (members[0].reference in second, members[-1].reference in second) == (False, True)
