"""Payments whose gateway is not reached, makes mistakes, takes other money, or whose request has gone."""

import uuid
from types import SimpleNamespace

import pytest

from bookings.lifecycle import CancelReason
from bookings.models import Booking
from bookings.ports import (
    AwaitsBank,
    AwaitsPayer,
    Charged,
    Closed,
    Mistake,
    NotSent,
    Opened,
    Unknown,
)
from bookings.services.bookings import expire
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.payments import closing, look, settle
from bookings.services.payments.charge import mark_opened
from bookings.services.payments.closing import begin_closing, close_waiting_payment
from bookings.services.payments.look import claim_look, follow_payment
from bookings.services.payments.settle import settle_payment
from bookings.services.upkeep.run_pass import run_pass
from bookings.text.money import Money
from tests.support.api import refused, shown
from tests.support.bookings import STAFF, gateways_of, let_time_pass, one_pass, payment_states
from tests.support.fakes import ChargeFault, ProcessDied
from tests.support.invariants import assert_in_step, violations
from tests.support.payers import TOKEN, read, step, the_payment

pytestmark = pytest.mark.django_db


# --- the gateway has trouble ----------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", [NotSent("refused"), Mistake("401"), Unknown("no answer")])
def test_a_payment_that_is_not_opened_leaves_the_key_free(api, flights, payments, booking, outcome):
    payments.says("open", outcome, outcome)

    answer = api.pay(booking, key="k")

    assert refused(answer) == (503, "payment_gateway_unavailable")
    assert (payment_states(), payments.asked) == (["failed"], [])
    payments.forget_plans()
    assert api.pay(booking, key="k").status_code == 201
    assert_in_step(flights, payments)


def test_an_opening_without_an_answer_is_tried_once_more(api, payments, booking):
    payments.says("open", Unknown("no answer"))

    assert api.pay(booking).status_code == 201
    assert payments.calls == ["open", "open", "charge"]


def test_a_gateway_that_is_not_available_gets_nothing_written(api, payments, booking):
    payments.resting = True

    answer = api.pay(booking, key="k")

    assert refused(answer) == (503, "payment_gateway_unavailable")
    assert payment_states() == []
    payments.resting = False
    assert api.pay(booking, key="k").status_code == 201


def test_a_repetition_is_told_that_the_gateway_is_not_available(api, flights, payments, by_payer, booking):
    api.pay(booking, key="k")
    payments.resting = True
    let_time_pass(seconds=60)
    one_pass(flights, payments)

    assert refused(api.pay(booking, key="k")) == (503, "payment_gateway_unavailable")
    assert (step(), payments.calls) == ("payer", ["open"])


def test_a_charge_without_an_answer_is_looked_at_and_sent_once_more(api, flights, payments, booking):
    payments.fail_next(ChargeFault.UNKNOWN)
    payments.says("look", AwaitsPayer())

    answer = api.pay(booking)

    assert (answer.status_code, payments.calls) == (201, ["open", "charge", "look", "charge"])
    assert the_payment().claims == 2
    assert_in_step(flights, payments)


def test_a_second_charge_that_was_not_sent_proves_nothing(api, flights, payments, booking):
    payments.fail_next(ChargeFault.UNKNOWN, ChargeFault.NOT_SENT)
    payments.says("look", AwaitsPayer())

    answer = api.pay(booking)

    assert (answer.status_code, payment_states()) == (202, ["processing"])


def test_a_charge_that_the_look_finds_is_not_sent_again(api, payments, booking):
    payments.fail_next(ChargeFault.UNKNOWN_MOVED)
    key = []
    payments.during("open", lambda: key.append(the_payment().gateway_key))
    payments.says("look", AwaitsBank())

    assert api.pay(booking).status_code == 202
    assert (step(), payments.calls) == ("bank", ["open", "charge", "look"])


def test_a_charge_is_not_sent_again_for_what_staff_cancel_meanwhile(api, payments, booking):
    payments.fail_next(ChargeFault.UNKNOWN)
    payments.says("look", AwaitsPayer())
    payments.during("look", lambda: cancel_booking(booking_id=booking["id"], actor=STAFF, reason=CancelReason.FRAUD))

    assert api.pay(booking).status_code == 202
    assert len(payments.asked) == 1


@pytest.mark.parametrize(
    ("mistake", "answer"),
    [
        (Mistake("used", "payment_token_invalid"), (400, "payment_token_invalid")),
        (Mistake("401"), (402, "payment_not_completed")),
    ],
)
def test_a_mistake_in_a_charge_is_closed(api, flights, payments, booking, monkeypatch, mistake, answer):
    monkeypatch.setattr(payments, "charge", lambda intent, **_: mistake)

    said = api.pay(booking, key="k", paymentToken=TOKEN)

    assert (refused(said), payment_states()) == (answer, ["failed"])
    assert api.pay(booking, key="k", paymentToken=TOKEN).content == said.content
    assert_in_step(flights, payments)


@pytest.mark.parametrize(
    "money",
    [(Money(3999, "XXX"), None), (Money(4000, "EUR"), None), (Money(4000, "XXX"), "another")],
    ids=["another amount", "another currency", "another payment"],
)
def test_money_that_is_not_what_was_asked_for_books_nothing(api, flights, payments, booking, monkeypatch, money):
    amount, other = money

    def charge(intent, **_):
        return Charged(amount, None if other else intent.key)

    monkeypatch.setattr(payments, "charge", charge)

    answer = api.pay(booking)

    assert (answer.status_code, payment_states()) == (202, ["dead"])
    assert read(api, booking)["status"] == "initiated"
    assert violations() == []


def test_an_amount_that_the_gateway_refuses_holds_no_seats(api, flights, payments):
    payments.why_not = "At least 0.50 EUR."

    answer = api.create()

    assert refused(answer) == (400, "amount_not_payable")
    assert (answer.json()["error"]["explanation"], flights.taken(1)) == ("At least 0.50 EUR.", 0)
    assert not Booking.objects.exists()


def test_an_amount_that_the_gateway_refuses_by_now_is_not_charged(api, payments, booking):
    payments.why_not = "At least 0.50 EUR."

    assert refused(api.pay(booking)) == (400, "amount_not_payable")
    assert payment_states() == []


def test_what_costs_nothing_is_paid_without_the_gateway(api, flights, payments):
    flights.set_flight(1, price=0)
    payments.why_not, payments.resting = "At least 0.50 EUR.", True
    booking = shown(api.create())

    answer = api.pay(booking)

    assert (answer.status_code, the_payment().gateway, payments.calls) == (201, "instant", [])


# --- one that is left ---------------------------------------------------------------------------------


@pytest.fixture
def never_opened(api, payments, booking):
    """A payment whose request died while it was being opened."""

    def die():
        raise ProcessDied

    payments.during("open", die)
    with pytest.raises(ProcessDied):
        api.pay(booking, key="k")
    return booking


def test_a_payment_that_was_never_opened_fails_and_leaves_the_key_free(api, flights, payments, never_opened):
    let_time_pass(seconds=61)

    one_pass(flights, payments)

    assert (payment_states(), payments.asked) == (["failed"], [])
    assert api.pay(never_opened, key="k").status_code == 201
    assert_in_step(flights, payments)


def test_the_same_request_opens_it_once_more_under_the_same_key(api, flights, payments, never_opened):
    early = api.pay(never_opened, key="k")
    let_time_pass(seconds=30)

    answer = api.pay(never_opened, key="k")

    assert (refused(early), answer.status_code) == ((409, "request_in_progress"), 201)
    assert (payment_states(), the_payment().claims) == (["succeeded"], 2)
    assert_in_step(flights, payments)


@pytest.mark.slow
def test_another_request_ends_it_and_begins_anew(api, flights, payments, never_opened):
    let_time_pass(seconds=30)

    assert api.pay(never_opened, key="other").status_code == 201
    assert payment_states() == ["failed", "succeeded"]
    assert_in_step(flights, payments)


def test_a_payment_that_another_process_has_is_left_alone(api, payments, by_payer, booking):
    api.pay(booking)
    payment = the_payment()
    first, second = uuid.uuid4(), uuid.uuid4()

    assert begin_closing(payment.pk, lease=first, is_wanted=True).step == "closing"
    assert begin_closing(payment.pk, lease=first, is_wanted=True).step == "closing"
    assert begin_closing(payment.pk, lease=second, is_wanted=True) is None
    assert begin_closing(payment.pk, lease=second) is None
    settle_payment(payment.pk, lease=first, outcome=Closed())
    assert begin_closing(payment.pk, lease=second, is_wanted=True) is None


def test_a_wish_to_look_does_not_close_what_may_still_be_paid(api, by_payer, booking):
    api.pay(booking)

    assert begin_closing(the_payment().pk, lease=uuid.uuid4()) is None
    assert step() == "payer"


def test_a_block_that_is_run_again_finds_that_it_has_opened_the_payment(api, payments, never_opened):
    payment = the_payment()
    opened = Opened("fake-1")

    first = mark_opened(payment.pk, lease=payment.lease, opened=opened)
    again = mark_opened(payment.pk, lease=payment.lease, opened=opened)

    assert (first.step, again.step, again.claims) == ("asked", "asked", 1)
    assert mark_opened(payment.pk, lease=payment.lease, opened=Opened("fake-2")) is None
    assert mark_opened(payment.pk, lease=uuid.uuid4(), opened=opened) is None


def test_a_look_that_is_claimed_again_after_a_lost_answer_is_the_same_claim(api, by_payer, booking):
    api.pay(booking)
    lease = uuid.uuid4()

    claims = [claim_look(the_payment().pk, lease=lease, at_once=True).claims for _ in range(2)]

    assert claims == [2, 2]
    assert claim_look(the_payment().pk, lease=uuid.uuid4(), at_once=True) is None
    assert claim_look(the_payment().pk + 1, lease=lease, at_once=True) is None


@pytest.mark.slow
def test_where_the_settings_do_not_name_its_gateway_a_payment_waits(api, flights, payments, by_payer, booking):
    api.pay(booking, key="k")
    run_pass(flights=flights, payments={})
    let_time_pass(minutes=1)
    run_pass(flights=flights, payments={})

    assert (step(), the_payment().last_error) == ("payer", "the settings name no such gateway")
    assert not close_waiting_payment(booking["id"], payments={})


def test_a_booking_without_a_payment_has_nothing_to_close(api, booking):
    assert close_waiting_payment(booking["id"], payments={})


def test_a_notice_is_worth_a_look_at_once(api, payments, by_payer, booking):
    api.pay(booking)
    payments.payer_pays(the_payment().gateway_key)
    gateways = gateways_of(payments)

    asked = [follow_payment(the_payment().pk, payments=gateways, at_once=True) for _ in range(2)]

    assert (asked, payment_states()) == ([True, False], ["succeeded"])


@pytest.mark.slow
def test_what_the_worker_finds_unwanted_it_closes_at_once(api, flights, payments, booking):
    payments.fail_next(ChargeFault.AWAITS_PAYER)
    api.pay(booking, paymentToken=TOKEN)
    payments.payer_is_declined(the_payment().gateway_key, "card_declined")
    let_time_pass(minutes=1)

    one_pass(flights, payments)

    assert (payment_states(), the_payment().decline_code) == (["failed"], "card_declined")
    assert payments.calls == ["open", "charge", "look", "close"]


def test_while_the_clock_is_in_doubt_nothing_is_closed_for_its_age(
    api, flights, payments, by_payer, booking, monkeypatch
):
    api.pay(booking)
    let_time_pass(minutes=16)
    for module in (closing, settle, expire):
        monkeypatch.setattr(module, "clock_is_proven", lambda: False)

    one_pass(flights, payments)

    assert (step(), read(api, booking)["status"]) == ("payer", "initiated")


def test_a_booking_that_ends_while_the_clock_is_in_doubt_is_left_to_the_expiry(
    api, payments, by_payer, booking, monkeypatch
):
    api.pay(booking)
    let_time_pass(minutes=16)
    monkeypatch.setattr(settle, "clock_is_proven", lambda: False)

    settle_payment(the_payment().pk, lease=None, outcome=Closed())

    assert (payment_states(), read(api, booking)["status"]) == (["failed"], "initiated")


def test_a_payment_that_was_begun_a_day_ago_is_given_up_unless_the_clock_is_in_doubt(
    api, flights, payments, by_payer, booking, monkeypatch
):
    api.pay(booking)
    payments.down = True
    let_time_pass(hours=25)
    monkeypatch.setattr(closing, "clock_is_proven", lambda: False)
    one_pass(flights, payments)
    in_doubt = payment_states()
    monkeypatch.undo()
    let_time_pass(minutes=1)

    run_pass(flights=flights, payments=gateways_of(payments))

    assert (in_doubt, payment_states()) == (["processing"], ["dead"])


def test_the_worker_asks_so_many_times_a_second_at_most(monkeypatch):
    slept = []
    monkeypatch.setattr(look, "time", SimpleNamespace(monotonic=lambda: 5.0, sleep=slept.append))
    pace = look.Pace(2)

    for _ in range(3):
        pace.wait()

    assert slept == [1.0]


def test_a_look_from_elsewhere_does_not_open_a_payment(api, payments, never_opened):
    settle_payment(the_payment().pk, lease=None, outcome=AwaitsBank())

    assert (step(), the_payment().gateway_id) == ("starting", None)
