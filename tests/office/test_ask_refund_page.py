"""Refunds from the back office: the page says first what a refund will do, and does it once, to what was seen."""

import pytest

from bookings.lifecycle import CancelReason
from bookings.models import Booking, BookingEvent, Payment, Refund
from bookings.services.bookings.cancel import cancel_booking
from tests.support.bookings import STAFF, a_booked_booking, a_refund_row, one_pass
from tests.support.invariants import assert_in_step
from tests.support.people import a_person, desk_of, fields_of, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    return desk_of(a_person(group="Supervisor"))


@pytest.fixture
def booking(flights, payments):
    return a_booked_booking(flights, payments)


def address(payment=None):
    return f"/admin/bookings/payment/{(payment or Payment.objects.get()).pk}/refund/"


def filled(desk, **said):
    """The fields of a page that was just opened, with what is typed into them."""
    usual = {"how_much": "part", "amount": "1000", "cause": "goodwill", "note": "three hours late"}
    return {**fields_of(desk.get(address())), **usual, **said}


@pytest.mark.slow
def test_the_page_of_a_booking_leads_to_it(desk, booking):
    for page in (
        f"/admin/bookings/booking/{booking.pk}/change/",
        f"/admin/bookings/payment/{Payment.objects.get().pk}/change/",
    ):
        assert f'href="{address()}"' in desk.get(page).content.decode()


@pytest.mark.slow
def test_it_says_what_is_left_and_what_went_back_before(desk, booking):
    a_refund_row(Payment.objects.get(), "done", 1500, cause="duplicate")

    text = text_of(desk.get(address()))

    assert "Paid 4,000 XXX ● Paid" in text
    assert "1,500 XXX ● Refunded duplicate booking" in text
    assert "Left 2,500 XXX" in text
    assert "All that is left: 2,500 XXX" in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "money", "stays"),
    [
        ({}, "1,000 XXX", "3,000 XXX stays paid."),
        ({"how_much": "whole", "amount": ""}, "4,000 XXX", "0 XXX stays paid."),
    ],
)
def test_the_first_click_says_what_will_happen_and_changes_nothing(desk, booking, said, money, stays):
    answer = desk.post(address(), filled(desk, **said))

    text = text_of(answer)
    assert answer.status_code == 200
    assert f"{money} goes back to the customer, usually within seconds." in text
    assert stays in text
    assert f"Refund {money}" in text
    assert Refund.objects.count() == 0


@pytest.mark.slow
def test_the_second_click_does_it(desk, flights, payments, booking):
    form = filled(desk)
    preview = desk.post(address(), form)

    answer = desk.post(address(), {**form, "confirmed": preview.context["preview"]["confirmed"]}, follow=True)
    one_pass(flights, payments)

    refund = Refund.objects.get()
    assert (refund.state, refund.amount, refund.cause, refund.note) == ("done", 1000, "goodwill", "three hours late")
    assert answer.redirect_chain == [(f"/admin/bookings/booking/{booking.pk}/change/", 302)]
    assert "1,000 XXX goes back to the customer within seconds." in text_of(answer)
    assert BookingEvent.objects.get(what="refund_asked").request_id != ""
    timeline = text_of(desk.get(f"/admin/bookings/booking/{booking.pk}/change/"))
    assert "Refund asked for 1,000 XXX : goodwill".replace(" :", ":") in timeline
    assert_in_step(flights, payments)


@pytest.mark.slow
def test_another_amount_than_was_confirmed_is_shown_first(desk, booking):
    form = filled(desk)

    answer = desk.post(address(), {**form, "amount": "3999", "confirmed": "1000"})

    assert "3,999 XXX goes back to the customer" in text_of(answer)
    assert Refund.objects.count() == 0


@pytest.mark.slow
def test_two_clicks_refund_once(desk, booking):
    form = {**filled(desk), "confirmed": "1000"}

    answers = [desk.post(address(), form) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert Refund.objects.count() == 1


@pytest.mark.slow
def test_what_changed_meanwhile_is_shown_with_what_was_typed(desk, booking):
    form = {**filled(desk), "confirmed": "1000"}
    other = desk_of(a_person("ben", group="Supervisor"))
    other.post(address(), {**filled(other, amount="500", note="from ben"), "confirmed": "500"})

    answer = desk.post(address(), form)

    text = text_of(answer)
    assert answer.status_code == 409
    assert "Nothing was changed: the booking has changed since this page was shown." in text
    assert "from ben" in text
    assert "three hours late" in text
    assert "Left 3,500 XXX" in text
    assert Refund.objects.count() == 1
    again = desk.post(address(), {**form, **fields_of(answer), "confirmed": "1000"})
    assert (again.status_code, Payment.objects.get().refunded) == (302, 1500)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"amount": ""}, "Type an amount, such as 4000."),
        ({"amount": "0"}, "Type an amount, such as 4000."),
        ({"amount": "-1"}, "Type an amount, such as 4000."),
        ({"amount": "4001"}, "No more than 4,000 XXX is left of this payment."),
        ({"note": ""}, "This field is required."),
        ({"cause": "booking_ended"}, "Select a valid choice."),
        ({"cause": ""}, "This field is required."),
        ({"how_much": ""}, "This field is required."),
        ({"seen_version": ""}, "This form is broken: open the page again."),
    ],
    ids=str,
)
def test_what_is_missing_or_wrong_is_said(desk, booking, said, error):
    answer = desk.post(address(), {**filled(desk, **said), "confirmed": "1000"})

    assert answer.status_code == 400
    assert error in text_of(answer)
    assert Refund.objects.count() == 0


@pytest.mark.slow
def test_where_nothing_is_left_it_says_so(desk, booking):
    a_refund_row(Payment.objects.get(), "done")

    text = text_of(desk.get(address()))

    assert "All of it goes back already: nothing is left." in text
    assert "Refund…" not in text_of(desk.get(f"/admin/bookings/booking/{booking.pk}/change/"))


def test_where_the_booking_has_ended_it_says_so(desk, booking):
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.OTHER)

    answer = desk.get(address())

    assert "Its booking does not keep this money: there is nothing to refund here." in text_of(answer)
    assert Booking.objects.get().status == "cancelled"


@pytest.mark.slow
@pytest.mark.parametrize("group", ["Support", "Auditor"])
def test_who_lacks_the_right_refunds_nothing(booking, group):
    desk = desk_of(a_person(group=group))

    shown = text_of(desk.get(f"/admin/bookings/booking/{booking.pk}/change/"))
    answers = [desk.get(address()), desk.post(address(), {"how_much": "whole"})]

    assert "Refund… Your rights do not cover it: a supervisor can." in shown
    assert [answer.status_code for answer in answers] == [403, 403]
    assert Refund.objects.count() == 0


@pytest.mark.parametrize("number", ["99", "x"])
def test_a_payment_that_is_not_there_is_not_found(desk, number):
    assert desk.get(f"/admin/bookings/payment/{number}/refund/").status_code == 404
