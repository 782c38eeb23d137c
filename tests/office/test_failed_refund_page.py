"""Refunds that failed, in the back office: what staff can do, what each way costs, and what came of it."""

import uuid

import pytest

from bookings.models import Payment, Refund
from tests.support.bookings import a_payment_row, a_refund_row, a_saved_row, an_owed_refund
from tests.support.people import a_person, desk_of, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    return desk_of(a_person(group="Supervisor"))


def of_a_live():
    booking = a_saved_row("booked")
    payment = a_payment_row(booking, "succeeded")
    type(booking).objects.filter(pk=booking.pk).update(active_payment_id=payment.pk)
    return a_refund_row(payment, "failed", 1000, cause="goodwill", last_error="card expired")


def address(refund):
    return f"/admin/bookings/refund/{refund.pk}/failed/"


def said(decision, **other):
    return {"decision": decision, "note": "called them", "action_key": uuid.uuid4().hex, "reference": "", **other}


@pytest.mark.slow
def test_the_pages_lead_to_the_decision(desk):
    refund = an_owed_refund("failed", last_error="card expired")

    booking = desk.get(f"/admin/bookings/booking/{refund.payment.booking_id}/change/")
    page = desk.get(f"/admin/bookings/refund/{refund.pk}/change/")

    assert f'href="/admin/bookings/refund/{refund.pk}/change/"' in booking.content.decode()
    assert "Decide about the refund" in text_of(booking)
    assert "The gateway says that this refund failed: card expired." in text_of(page)
    assert f'href="{address(refund)}"' in page.content.decode()


@pytest.mark.slow
def test_money_that_is_owed_cannot_be_left(desk):
    owed, live = (text_of(desk.get(address(refund))) for refund in (an_owed_refund("failed"), of_a_live()))

    assert "Ask the gateway again, with a new refund" in owed
    assert "Leave it" not in owed
    assert "Leave it: the money stays here" in live
    assert "the customer does not get 1,000 XXX back" in live


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "standing", "text"),
    [
        (said("again"), "again", "The money is refunded within seconds, as a new refund."),
        (said("elsewhere", reference="SEPA 17"), "elsewhere", "The money counts as refunded on another way."),
        (said("leave"), "left", "The money stays here. Nothing waits for a decision any more."),
    ],
    ids=["again", "elsewhere", "leave"],
)
def test_a_decision_is_carried_out_and_said(desk, form, standing, text):
    refund = of_a_live()

    answer = desk.post(address(refund), form, follow=True)

    refund.refresh_from_db()
    assert refund.standing == standing
    assert answer.redirect_chain == [(f"/admin/bookings/refund/{refund.pk}/change/", 302)]
    assert text in text_of(answer)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "text"),
    [
        (said("elsewhere"), "Say by what it can be found."),
        (said("again", note=""), "This field is required."),
        (said(""), "This field is required."),
        (said("again", action_key=""), "This form is broken: open the page again."),
    ],
    ids=["no reference", "no note", "no decision", "no key"],
)
def test_what_is_missing_is_said(desk, form, text):
    refund = of_a_live()

    answer = desk.post(address(refund), form)

    assert (answer.status_code, text in text_of(answer)) == (400, True)
    assert Refund.objects.get().standing == "failed"


@pytest.mark.slow
def test_what_a_colleague_has_decided_is_shown_and_what_was_typed_is_kept(desk):
    refund = of_a_live()
    desk_of(a_person("ben", group="Supervisor")).post(address(refund), said("leave"))

    answer = desk.post(address(refund), said("again", note="I wrote a lot here"))

    text = text_of(answer)
    assert answer.status_code == 409
    assert "This refund does not wait for a decision any more. Nothing was changed." in text
    assert "Failed: not refunded" in text
    assert "I wrote a lot here" in text


@pytest.mark.slow
def test_less_than_this_may_be_left_by_now(desk):
    refund = of_a_live()
    a_refund_row(Payment.objects.get(), "done", 3500)

    answer = desk.post(address(refund), said("again"))

    assert (answer.status_code, "Less than this is left of the payment by now." in text_of(answer)) == (409, True)


@pytest.mark.slow
def test_a_booking_that_has_ended_meanwhile_does_not_keep_it(desk):
    refund = an_owed_refund("failed")

    answer = desk.post(address(refund), said("leave"))

    assert answer.status_code == 400
    assert Refund.objects.get().standing == "failed"


def test_what_does_not_wait_for_it_offers_nothing(desk):
    text = text_of(desk.get(address(an_owed_refund("done"))))

    assert "There is nothing to decide about this refund now:" in text
    assert "Ask the gateway again" not in text


@pytest.mark.slow
@pytest.mark.parametrize("group", ["Support", "Auditor"])
def test_who_lacks_the_right_decides_nothing(group):
    refund, desk = of_a_live(), desk_of(a_person(group=group))

    shown = text_of(desk.get(f"/admin/bookings/refund/{refund.pk}/change/"))
    answers = [desk.get(address(refund)), desk.post(address(refund), said("leave"))]

    assert "To decide needs the right bookings.refund_payment." in shown
    assert [answer.status_code for answer in answers] == [403, 403]
    assert Refund.objects.get().standing == "failed"


def test_a_refund_that_is_not_there_is_not_found(desk):
    assert desk.get("/admin/bookings/refund/99/failed/").status_code == 404
