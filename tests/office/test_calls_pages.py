"""Calls that need a decision, or have no answer yet: what is shown of them, and how staff decide."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.clock import database_time
from bookings.lifecycle import CancelReason
from bookings.models import Booking, BookingEvent, SeatCall, SeatCallEvent
from bookings.services.cancel_booking import cancel_booking
from tests.support.bookings import (
    STAFF,
    a_call_row,
    a_saved_row,
    an_initiated_booking,
    let_time_pass,
    one_pass,
)
from tests.support.fakes import Fault
from tests.support.invariants import assert_in_step
from tests.support.people import a_person, desk_of, text_of

pytestmark = pytest.mark.django_db

CALLS = "/admin/bookings/seatcall/"


@pytest.fixture
def desk():
    return desk_of(a_person(group="Supervisor"))


def take_address(booking, word):
    return f"/admin/bookings/booking/{booking.pk}/take/{word}/"


def give_back_address(call, word):
    return f"{CALLS}{call.pk}/{word}/"


def a_stuck_take(**columns):
    first_sent_at = database_time() - timedelta(hours=columns.pop("hours", 3))
    values = {"hold": "stuck", "hold_first_sent_at": first_sent_at, "hold_error": "400 invalid_request"}
    return a_saved_row("pending", **{**values, **columns})


def a_dead_give_back(**columns):
    first_sent_at = database_time() - timedelta(hours=columns.pop("hours", 3))
    values = {"state": "dead", "first_sent_at": first_sent_at, "last_error": "404 flight_not_found", "claims": 4}
    call = a_call_row(**{**values, **columns})
    a_saved_row("cancelled", hold="giving_back", give_back=call, no_of_seats=call.seats, flight_id=call.flight_id)
    return call


def links_of(answer):
    return re.findall(r'href="(/admin/[^"]*/(?:retry|applied|not-applied)/)"', answer.content.decode())


def test_all_four_kinds_are_on_one_page_with_what_was_said(desk):
    a_stuck_take(flight_id=11, hold_claims=7)
    a_dead_give_back(flight_id=12, seats=5)
    asking = a_saved_row("pending", flight_id=13, hold_error="ReadTimeout")
    a_call_row(flight_id=14, seats=9, last_error="502")

    text = text_of(desk.get(CALLS))

    for part in ("11 2", "400 invalid_request", "12 5", "404 flight_not_found", asking.reference, "13 2"):
        assert part in text
    for part in ("ReadTimeout", "14 9", "502", "3 h"):
        assert part in text


def test_who_may_decide_finds_the_three_ways_of_each(desk):
    booking, call = a_stuck_take(), a_dead_give_back()

    assert links_of(desk.get(CALLS)) == [
        *(take_address(booking, word) for word in ("retry", "applied", "not-applied")),
        *(give_back_address(call, word) for word in ("retry", "applied", "not-applied")),
    ]


def test_what_is_too_old_to_be_sent_can_only_be_decided(desk):
    booking, call = a_stuck_take(hours=6 * 24 + 1), a_dead_give_back(hours=6 * 24 + 1)

    answer = desk.get(CALLS)

    assert links_of(answer) == [
        *(take_address(booking, word) for word in ("applied", "not-applied")),
        *(give_back_address(call, word) for word in ("applied", "not-applied")),
    ]
    assert text_of(answer).count("Too old to send") == 2


def test_the_list_of_one_flight(desk):
    here, elsewhere = a_stuck_take(flight_id=21), a_stuck_take(flight_id=22)

    text = text_of(desk.get(CALLS, {"flight": "21"}))

    assert here.reference in text
    assert elsewhere.reference not in text


def test_a_flight_that_makes_no_sense_is_said_to_make_none(desk):
    assert "A flight is a number; all flights are shown." in text_of(desk.get(CALLS, {"flight": "UK 808"}))


def test_more_than_a_hundred_are_not_shown_but_said(desk):
    for _ in range(101):
        a_call_row(state="dead")

    answer = desk.get(CALLS)

    assert len(links_of(answer)) == 300
    assert "There are more than these 100." in text_of(answer)


@pytest.mark.parametrize("make", [a_stuck_take, a_dead_give_back, a_call_row, lambda: a_saved_row("pending")])
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
    call = a_dead_give_back(seats=3)
    member = Booking.objects.get(give_back=call)
    desk.post(give_back_address(call, "applied"), {"note": "Ravi read it to me."})

    text = text_of(desk.get(f"{CALLS}{call.pk}/change/"))

    for part in (
        str(call.call_key),
        "404 flight_not_found",
        member.reference,
        "Ravi read it to me.",
        "Seats are back",
    ):
        assert part in text


def test_the_members_of_a_large_give_back_come_in_pages(desk):
    call = a_call_row(state="done", seats=202)
    members = [a_saved_row("cancelled", hold="giving_back", give_back=call) for _ in range(101)]

    first, second = (text_of(desk.get(f"{CALLS}{call.pk}/change/?page={page}")) for page in (1, 2))

    assert (members[0].reference in first, members[-1].reference in first) == (True, False)
    assert (members[0].reference in second, members[-1].reference in second) == (False, True)


CONSEQUENCES = {
    "retry": "The same request is sent to the Flight Service once more, under the same key.",
    "applied": "the flight can be oversold",
    "not-applied": "they stay blocked for ever",
}


@pytest.mark.parametrize("word", CONSEQUENCES)
@pytest.mark.parametrize("columns", [{}, {"status": "cancelled"}], ids=["pending", "cancelled"])
def test_the_page_of_a_decision_about_a_take_says_what_it_costs(desk, word, columns):
    booking = a_stuck_take() if not columns else a_saved_row("cancelled", hold="stuck")

    answer = desk.get(take_address(booking, word))

    assert CONSEQUENCES[word] in text_of(answer)
    assert answer.status_code == 200
    booking.refresh_from_db()
    assert booking.hold == "stuck"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("retry", "counts none twice"),
        ("applied", "they stay blocked for ever"),
        ("not-applied", "the flight can be oversold"),
    ],
)
def test_the_page_of_a_decision_about_a_give_back_says_what_it_costs(desk, word, said):
    assert said in text_of(desk.get(give_back_address(a_dead_give_back(), word)))


@pytest.mark.parametrize(
    ("word", "state", "said"),
    [
        ("retry", ("initiated", "held"), "The booking has its seats."),
        ("applied", ("initiated", "held"), "The booking has its seats."),
        ("not-applied", ("cancelled", "refused"), "No seats were taken. The booking is cancelled."),
    ],
)
def test_a_decision_about_a_take_is_carried_out_and_said(desk, flights, word, state, said):
    booking = a_stuck_take()

    answer = desk.post(take_address(booking, word), {"note": "Ravi said so."}, follow=True)

    booking.refresh_from_db()
    assert (booking.status, booking.hold) == state
    assert answer.redirect_chain == [(f"/admin/bookings/booking/{booking.pk}/change/", 302)]
    assert said in text_of(answer)
    event = BookingEvent.objects.get(actor_kind="staff")
    assert (event.note, event.request_id != "") == ("Ravi said so.", True)


def test_a_give_back_from_the_list_to_the_seats_being_back(desk, flights, payments):
    booking = an_initiated_booking(flights)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.FRAUD)
    flights.fail_next(Fault.MISTAKE)
    one_pass(flights, payments)
    (_, _, not_applied) = links_of(desk.get(CALLS))

    answer = desk.post(not_applied, {"note": "They never got it."}, follow=True)
    one_pass(flights, payments)

    assert "The seats are given back anew, under a new key." in text_of(answer)
    assert list(SeatCall.objects.order_by("pk").values_list("kind", "state")) == [
        ("void", "done"),
        ("give", "done"),
    ]
    assert_in_step(flights)


@pytest.mark.parametrize(
    ("faults", "hours", "said"),
    [
        ([Fault.DROP_REPLY], 3, "No answer yet. The worker goes on asking, under the same key."),
        ([Fault.DROP_REPLY], 25, "No answer again. It was first sent more than 24 hours ago"),
        ([Fault.MISTAKE], 3, "The Flight Service says again that it cannot use this request: 400 invalid_request"),
        ([], 3, "The seats are back."),
    ],
)
def test_what_came_of_a_retry_is_said(desk, flights, payments, faults, hours, said):
    flights.set_flight(1, remaining=100)
    booking = an_initiated_booking(flights)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.FRAUD)
    flights.fail_next(Fault.MISTAKE)
    one_pass(flights, payments)
    let_time_pass(hours=hours)
    flights.fail_next(*faults)

    answer = desk.post(give_back_address(SeatCall.objects.get(), "retry"), {"note": "again"}, follow=True)

    assert said in text_of(answer)


def test_without_a_reason_nothing_is_decided(desk):
    call = a_dead_give_back()

    answer = desk.post(give_back_address(call, "applied"), {"note": "  "})

    assert "This field is required." in text_of(answer)
    assert (SeatCall.objects.get().state, SeatCallEvent.objects.count()) == ("dead", 0)


@pytest.mark.parametrize("second", ["retry", "applied", "not-applied"])
def test_what_somebody_else_has_decided_is_shown_and_what_was_typed_is_kept(desk, second):
    call = a_dead_give_back()
    desk_of(a_person("ben", group="Supervisor")).post(give_back_address(call, "applied"), {"note": "first"})

    answer = desk.post(give_back_address(call, second), {"note": "I wrote a lot here"})

    text = text_of(answer)
    assert answer.status_code == 409
    assert "This call does not wait for a decision any more. Nothing was changed." in text
    assert "Give-back decided: it was applied, ben" in text
    assert "I wrote a lot here" in text
    assert SeatCallEvent.objects.count() == 1


def test_a_retry_that_became_too_late_while_the_page_was_open_sends_nothing(desk, flights):
    booking = a_stuck_take(hours=6 * 24 + 1)

    answer = desk.post(take_address(booking, "retry"), {"note": "typed"})

    assert answer.status_code == 409
    assert "It is too late to send this call once more." in text_of(answer)
    assert flights.arrived == []


@pytest.mark.parametrize("make", [a_stuck_take, a_dead_give_back])
@pytest.mark.parametrize("word", ["retry", "applied", "not-applied"])
@pytest.mark.parametrize("group", ["Support", "Auditor"])
def test_who_lacks_the_right_sees_the_list_and_decides_nothing(make, word, group):
    waiting = make()
    desk = desk_of(a_person(group=group))
    address = (take_address if isinstance(waiting, Booking) else give_back_address)(waiting, word)

    shown = desk.get(CALLS)
    refused = [desk.get(address), desk.post(address, {"note": "please"})]

    assert (shown.status_code, links_of(shown)) == (200, [])
    assert [answer.status_code for answer in refused] == [403, 403]
    assert "bookings.resolve_seatcall" in text_of(refused[0])
    waiting.refresh_from_db()
    assert getattr(waiting, "hold", None) or waiting.state in ("stuck", "dead")
    assert BookingEvent.objects.count() + SeatCallEvent.objects.count() == 0


def test_who_may_see_nothing_does_not_see_the_list():
    assert desk_of(a_person("eve")).get(CALLS).status_code == 403


@pytest.mark.parametrize(
    "address",
    [
        f"{CALLS}404/retry/",
        f"{CALLS}404/change/",
        f"{CALLS}x/change/",
        f"{CALLS}{2**70}/applied/",
        "/admin/bookings/booking/404/take/retry/",
    ],
)
def test_what_is_not_there_is_not_found(desk, address):
    assert desk.get(address).status_code == 404
