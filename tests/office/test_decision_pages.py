"""The pages on which staff decide about a call: what they say before the click, and what comes of it."""

import pytest

from bookings.lifecycle import CancelReason
from bookings.models import Booking, BookingEvent, SeatCall, SeatCallEvent
from bookings.services.bookings.cancel import cancel_booking
from tests.support.bookings import STAFF, a_call_row, a_saved_row, an_initiated_booking, let_time_pass, one_pass
from tests.support.calls import (
    CALLS,
    a_dead_release,
    a_stuck_reservation,
    give_back_address,
    links_of,
    take_address,
    why,
)
from tests.support.fakes import Fault
from tests.support.invariants import assert_in_step
from tests.support.people import a_person, desk_of, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    return desk_of(a_person(group="Supervisor"))


CONSEQUENCES = {
    "retry": "The same request is sent to the Flight Service once more, under the same key.",
    "applied": "the flight can be oversold",
    "not-applied": "they stay blocked, and cannot be sold",
}


@pytest.mark.slow
@pytest.mark.parametrize("word", CONSEQUENCES)
@pytest.mark.parametrize("status", ["pending", "cancelled"])
def test_the_page_of_a_decision_about_a_take_says_what_it_costs(desk, word, status):
    booking = a_saved_row(status, hold="stuck")

    answer = desk.get(take_address(booking, word))

    assert CONSEQUENCES[word] in text_of(answer)
    assert answer.status_code == 200
    booking.refresh_from_db()
    assert booking.hold == "stuck"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("retry", "counts none twice"),
        ("applied", "they stay blocked, and cannot be sold"),
        ("not-applied", "the flight can be oversold"),
    ],
)
def test_the_page_of_a_decision_about_a_give_back_says_what_it_costs(desk, word, said):
    assert said in text_of(desk.get(give_back_address(a_dead_release(), word)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("word", "state", "said"),
    [
        ("retry", ("initiated", "held"), "The booking has its seats."),
        ("applied", ("initiated", "held"), "The booking has its seats."),
        ("not-applied", ("cancelled", "refused"), "No seats were taken. The booking is cancelled."),
    ],
)
def test_a_decision_about_a_take_is_carried_out_and_said(desk, flights, word, state, said):
    booking = a_stuck_reservation()

    answer = desk.post(take_address(booking, word), why("Ravi said so."), follow=True)

    booking.refresh_from_db()
    assert (booking.status, booking.hold) == state
    assert answer.redirect_chain == [(f"/admin/bookings/booking/{booking.pk}/change/", 302)]
    assert said in text_of(answer)
    event = BookingEvent.objects.get(actor_kind="staff")
    assert (event.note, event.request_id != "") == ("Ravi said so.", True)


@pytest.mark.slow
def test_a_give_back_from_the_list_to_the_seats_being_back(desk, flights, payments):
    booking = an_initiated_booking(flights)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.FRAUD)
    flights.fail_next(Fault.MISTAKE)
    one_pass(flights, payments)
    (_, _, not_applied) = links_of(desk.get(CALLS))

    answer = desk.post(not_applied, why("They never got it."), follow=True)
    one_pass(flights, payments)

    assert "The seats are given back again, under a new key." in text_of(answer)
    assert list(SeatCall.objects.order_by("pk").values_list("kind", "state")) == [
        ("void", "done"),
        ("give", "done"),
    ]
    assert_in_step(flights)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("faults", "hours", "said"),
    [
        ([Fault.DROP_REPLY], 3, "No answer yet. The worker goes on asking, under the same key."),
        ([Fault.DROP_REPLY], 25, "No answer again. It was first sent more than 24 hours ago"),
        ([Fault.MISTAKE], 3, "The Flight Service cannot use this request: 400 invalid_request"),
        ([], 3, "The seats are back."),
    ],
)
def test_what_came_of_a_retry_is_said(desk, flights, payments, faults, hours, said):
    booking = an_initiated_booking(flights)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.FRAUD)
    flights.fail_next(Fault.MISTAKE)
    one_pass(flights, payments)
    let_time_pass(hours=hours)
    flights.fail_next(*faults)

    answer = desk.post(give_back_address(SeatCall.objects.get(), "retry"), why("again"), follow=True)

    assert said in text_of(answer)


@pytest.mark.slow
def test_a_double_click_about_a_correction_is_answered_as_one(desk):
    call = a_call_row(kind="fix", state="dead", fixes_flight_id=1)
    SeatCallEvent.by(STAFF, at=call.created_at, seat_call=call, what="fixed", note="").save()
    form = why("They never got it.")

    answers = [desk.post(give_back_address(call, "not-applied"), form, follow=True) for _ in range(2)]

    assert ["The correction is over." in text_of(answer) for answer in answers] == [True, True]
    assert [f"Release {call.pk}" in text_of(answer) for answer in answers] == [False, False]


def test_without_a_reason_nothing_is_decided(desk):
    call = a_dead_release()

    answer = desk.post(give_back_address(call, "applied"), why("  "))

    assert "This field is required." in text_of(answer)
    assert (SeatCall.objects.get().state, SeatCallEvent.objects.count()) == ("dead", 0)


@pytest.mark.slow
@pytest.mark.parametrize("second", ["retry", "applied", "not-applied"])
def test_what_somebody_else_has_decided_is_shown_and_what_was_typed_is_kept(desk, second):
    call = a_dead_release()
    desk_of(a_person("ben", group="Supervisor")).post(give_back_address(call, "applied"), why("first"))

    answer = desk.post(give_back_address(call, second), why("I wrote a lot here"))

    text = text_of(answer)
    assert answer.status_code == 409
    assert "This call does not wait for a decision any more. Nothing was changed." in text
    assert "Decided: it was applied, ben" in text
    assert "I wrote a lot here" in text
    assert SeatCallEvent.objects.count() == 1


def test_a_retry_that_became_too_late_while_the_page_was_open_sends_nothing(desk, flights):
    booking = a_stuck_reservation(hours=6 * 24 + 1)

    answer = desk.post(take_address(booking, "retry"), why("typed"))

    assert answer.status_code == 409
    assert "It is too late to send this call once more." in text_of(answer)
    assert flights.arrived == []


@pytest.mark.parametrize("make", [a_stuck_reservation, a_dead_release])
def test_a_retry_while_the_flight_service_is_not_asked_says_so_and_keeps_what_was_typed(desk, flights, make):
    waiting = make()
    address = (take_address if isinstance(waiting, Booking) else give_back_address)(waiting, "retry")
    flights.resting = True

    answer = desk.post(address, why("I wrote a lot here"))

    text = text_of(answer)
    assert answer.status_code == 503
    assert "Try again in a few seconds. Nothing was changed." in text
    assert "I wrote a lot here" in text
    assert BookingEvent.objects.count() + SeatCallEvent.objects.count() == 0


@pytest.mark.slow
@pytest.mark.parametrize("make", [a_stuck_reservation, a_dead_release])
@pytest.mark.parametrize("word", ["retry", "applied", "not-applied"])
@pytest.mark.parametrize("group", ["Support", "Auditor"])
def test_who_lacks_the_right_sees_the_list_and_decides_nothing(make, word, group):
    waiting = make()
    desk = desk_of(a_person(group=group))
    address = (take_address if isinstance(waiting, Booking) else give_back_address)(waiting, word)

    shown = desk.get(CALLS)
    refused = [desk.get(address), desk.post(address, why("please"))]

    assert (shown.status_code, links_of(shown)) == (200, [])
    assert [answer.status_code for answer in refused] == [403, 403]
    assert "bookings.resolve_seatcall" in text_of(refused[0])
    waiting.refresh_from_db()
    assert getattr(waiting, "hold", None) == "stuck" or waiting.state == "dead"
    assert BookingEvent.objects.count() + SeatCallEvent.objects.count() == 0


def test_who_may_see_nothing_does_not_see_the_list():
    assert desk_of(a_person("eve")).get(CALLS).status_code == 403


@pytest.mark.slow
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
