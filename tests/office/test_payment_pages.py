"""Payments that need a decision: where they are shown, what each decision costs, and what came of it."""

import pytest

from bookings import wiring
from bookings.models import BookingEvent, Payment
from bookings.ports import Unknown
from tests.support.bookings import a_payment_row, a_refund_row, a_saved_row, let_time_pass, one_pass
from tests.support.calls import a_dead_payment, links_of, payment_address, why
from tests.support.fakes import ChargeFault
from tests.support.people import a_person, desk_of, text_of
from tests.support.stripe import stripe_at

pytestmark = pytest.mark.django_db

PAYMENTS = "/admin/bookings/payment/"
WORDS = ("retry", "applied", "not-applied")


@pytest.fixture
def desk(payments):
    return desk_of(a_person(group="Supervisor"))


def page_of(payment):
    return f"{PAYMENTS}{payment.pk}/change/"


@pytest.mark.slow
def test_the_list_shows_those_that_need_a_decision(desk):
    dead = [a_dead_payment(), a_dead_payment("cancelled")]
    others = [a_payment_row(a_saved_row("initiated")), a_payment_row(a_saved_row("cancelled"), "refund_due")]

    shown = text_of(desk.get(PAYMENTS, {"needs": "decision"}))

    assert [payment.booking.reference in shown for payment in dead] == [True, True]
    assert [payment.booking.reference in shown for payment in others] == [False, False]


@pytest.mark.slow
@pytest.mark.parametrize(("status", "state"), [("initiated", "dead"), ("cancelled", "dead")])
def test_the_page_of_a_booking_leads_to_the_three_ways_of_deciding(desk, status, state):
    payment = a_dead_payment(status, state)

    booking = desk.get(f"/admin/bookings/booking/{payment.booking_id}/change/")

    assert "Decide about the money" in text_of(booking)
    assert f'href="{page_of(payment)}"' in booking.content.decode()
    assert links_of(desk.get(page_of(payment))) == [payment_address(payment, word) for word in WORDS]


def test_a_record_says_all_that_is_known_of_it(desk):
    payment = a_payment_row(a_saved_row("booked"), "succeeded", gateway_id="pi_7", charge_id="ch_7")
    refund = a_refund_row(payment, "done", 500)
    declined = a_payment_row(a_saved_row("initiated"), "failed", decline_code="insufficient_funds")

    page, text = desk.get(page_of(payment)).content.decode(), text_of(desk.get(page_of(declined)))

    for said in ("pi_7", "ch_7", "fake", str(payment.gateway_key), f"/admin/bookings/refund/{refund.pk}/change/"):
        assert said in page
    assert "Why declined insufficient_funds" in " ".join(text.split())


@pytest.mark.slow
def test_a_record_leads_to_the_page_of_the_gateway(desk, monkeypatch):
    stripe = stripe_at("https://api.stripe.com")
    monkeypatch.setattr(wiring, "payment_gateways", lambda: {"stripe": stripe})
    shown, other = (
        a_payment_row(a_saved_row("booked"), "succeeded", gateway_id=f"pi_{name}", gateway=name)
        for name in ("stripe", "gone")
    )

    assert b'href="https://dashboard.stripe.com/test/payments/pi_stripe"' in desk.get(page_of(shown)).content
    assert b"dashboard" not in desk.get(page_of(other)).content


def test_what_does_not_wait_for_a_decision_offers_none(desk):
    assert links_of(desk.get(page_of(a_payment_row(a_saved_row("initiated"))))) == []


def test_after_six_days_nothing_is_sent_again(desk, payments):
    payment = a_dead_payment(hours=6 * 24 + 1)

    links = links_of(desk.get(page_of(payment)))
    answer = desk.post(payment_address(payment, "retry"), why("please"))

    assert links == [payment_address(payment, word) for word in WORDS[1:]]
    assert answer.status_code == 409
    assert "the payment gateway may have forgotten its key by now, and would count it twice" in text_of(answer)
    assert payments.asked == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "state", "word", "said"),
    [
        ("initiated", "dead", "retry", "To ask charges nothing, however often it is done."),
        ("initiated", "dead", "applied", "the customer travels without having paid 4,000 XXX"),
        ("initiated", "dead", "not-applied", "the customer has paid 4,000 XXX and gets nothing for it"),
        ("cancelled", "dead", "retry", "they are refunded, as no booking wants them"),
        ("cancelled", "dead", "applied", "4,000 XXX that were never taken are paid out to the customer"),
        ("cancelled", "dead", "not-applied", "nothing is refunded"),
    ],
)
def test_the_page_of_a_decision_says_what_it_costs(desk, status, state, word, said):
    assert said in text_of(desk.get(payment_address(a_dead_payment(status, state), word)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "state", "word", "ends", "said"),
    [
        ("initiated", "dead", "retry", "failed", "The payment counts as declined: nothing was charged."),
        ("initiated", "dead", "applied", "succeeded", "The booking is paid and booked."),
        ("initiated", "dead", "not-applied", "failed", "The payment counts as declined: nothing was charged."),
        ("cancelled", "dead", "applied", "refund_due", "The money is refunded within seconds."),
    ],
)
def test_a_decision_is_carried_out_and_said(desk, status, state, word, ends, said):
    payment = a_dead_payment(status, state)

    answer = desk.post(payment_address(payment, word), why("Their pages show it."), follow=True)

    payment.refresh_from_db()
    assert payment.state == ends
    assert answer.redirect_chain == [(page_of(payment), 302)]
    assert said in text_of(answer)
    event = BookingEvent.objects.filter(actor_kind="staff", note="Their pages show it.").get()
    assert event.request_id != ""


@pytest.mark.slow
@pytest.mark.parametrize(("status", "state"), [("initiated", "dead"), ("cancelled", "dead")])
def test_a_retry_without_an_answer_says_that_it_waits_again_soon(desk, payments, status, state):
    payment = a_dead_payment(status, state)
    payments.fail_next(ChargeFault.UNKNOWN)
    payments.says("close", Unknown("no answer"))

    answer = desk.post(payment_address(payment, "retry"), why("once more", about=state), follow=True)

    assert "No answer again. It was first sent more than 24 hours ago" in text_of(answer)


@pytest.mark.slow
def test_a_double_click_decides_once_and_is_answered_like_the_first(desk):
    payment, form = a_dead_payment(), why("Their pages show it.")

    answers = [desk.post(payment_address(payment, "applied"), form, follow=True) for _ in range(2)]

    assert ["The booking is paid and booked." in text_of(answer) for answer in answers] == [True, True]
    assert BookingEvent.objects.filter(what="payment_resolved").count() == 1


@pytest.mark.slow
def test_a_page_that_is_sent_again_when_its_retry_is_dead_again_says_that_nothing_was_sent(desk, flights, payments):
    payment, form = a_dead_payment("cancelled"), why("once more", about="dead")
    payments.down = True
    desk.post(payment_address(payment, "retry"), form)
    let_time_pass(minutes=1)
    one_pass(flights, payments)
    asked = len(payments.asked)

    answer = desk.post(payment_address(payment, "retry"), form, follow=True)

    assert "It waits for a decision. If this page was sent before, nothing was sent this time" in text_of(answer)
    assert len(payments.asked) == asked


@pytest.mark.slow
def test_the_second_click_while_the_gateway_is_asked_says_so(desk, payments):
    payment, form = a_dead_payment(), why("once more", about="dead")
    second_click = []

    def click_again():
        second_click.append(desk.post(payment_address(payment, "retry"), form, follow=True))

    payments.during("close", click_again)
    first_click = desk.post(payment_address(payment, "retry"), form, follow=True)

    assert "The payment gateway is being asked." in text_of(second_click[0])
    assert "The payment counts as declined: nothing was charged." in text_of(first_click)
    assert payments.calls == ["close"]


@pytest.mark.slow
def test_what_a_colleague_has_decided_is_shown_and_what_was_typed_is_kept(desk):
    payment = a_dead_payment()
    desk_of(a_person("ben", group="Supervisor")).post(payment_address(payment, "not-applied"), why("first"))

    answer = desk.post(payment_address(payment, "applied"), why("I wrote a lot here"))

    text = text_of(answer)
    assert answer.status_code == 409
    assert "This call does not wait for a decision any more. Nothing was changed." in text
    assert "Payment failed, ben" in text
    assert "I wrote a lot here" in text


@pytest.mark.slow
@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("group", ["Support", "Auditor"])
def test_who_lacks_the_right_sees_the_payment_and_decides_nothing(payments, group, word):
    payment = a_dead_payment()
    desk = desk_of(a_person(group=group))

    shown = desk.get(page_of(payment))
    refused = [desk.get(payment_address(payment, word)), desk.post(payment_address(payment, word), why("please"))]

    assert (shown.status_code, links_of(shown)) == (200, [])
    assert "To decide needs the right bookings.resolve_payment." in text_of(shown)
    assert [answer.status_code for answer in refused] == [403, 403]
    assert (Payment.objects.get().state, payments.asked, BookingEvent.objects.count()) == ("dead", [], 0)


@pytest.mark.slow
def test_a_form_without_the_key_of_its_page_decides_nothing(desk):
    payment = a_dead_payment()

    answer = desk.post(payment_address(payment, "applied"), {"note": "typed by a program"})

    assert "This form is broken: open the page again." in text_of(answer)
    assert Payment.objects.get().state == "dead"
