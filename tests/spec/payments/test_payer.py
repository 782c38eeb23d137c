"""Payments that wait for their payer or a bank: what the client is told, and how they go on."""

from datetime import timedelta

import pytest

from bookings.conf import PAYMENT_RETRY_AFTER_SECONDS
from bookings.db.clock import database_time
from bookings.models import Booking, BookingEvent, IdempotencyRecord, Payment
from tests.support.api import BOOKINGS, refused, shown
from tests.support.bookings import let_time_pass, one_pass, payment_states
from tests.support.fakes import ChargeFault
from tests.support.invariants import assert_in_step, violations
from tests.support.payers import TOKEN, read, step, the_payment

pytestmark = pytest.mark.django_db


# --- what the client is told ----------------------------------------------------------------------------


def test_a_payment_that_the_payer_confirms_is_told_with_its_secret(api, by_payer, booking):
    answer = api.pay(booking)

    payment = the_payment()
    told = shown(answer)["payment"]
    assert (answer.status_code, answer.headers["Retry-After"]) == (202, str(PAYMENT_RETRY_AFTER_SECONDS))
    assert answer.json()["message"] == "Payment awaits the payer"
    assert {name: told[name] for name in ("id", "state", "amount", "currency")} == {
        "id": payment.pk,
        "state": "awaiting_payer",
        "amount": 4000,
        "currency": "XXX",
    }
    assert told["payableUntil"] == booking["expiresAt"]
    assert told["action"] == {
        "type": "confirm",
        "gateway": "fake",
        "publishableKey": "pk",
        "clientSecret": f"secret-{payment.gateway_key}",
        "url": None,
    }
    assert (payment.step, payment.by_payer, payment.gateway_id) == ("payer", True, f"fake-{payment.gateway_key}")


def test_the_booking_shows_that_the_payer_has_to_act_and_no_secret(api, by_payer, booking):
    api.pay(booking)

    seen = api.get(f"{BOOKINGS}/{booking['id']}")

    assert shown(seen)["payment"]["state"] == "awaiting_payer"
    assert "secret" not in seen.content.decode()
    assert violations() == []


def test_who_begins_at_the_end_of_the_window_has_five_minutes(api, by_payer, booking):
    let_time_pass(minutes=14)

    api.pay(booking)

    left = the_payment().act_until - database_time()
    assert timedelta(minutes=4, seconds=55) < left <= timedelta(minutes=5)


def test_a_payment_with_a_token_is_charged_with_it_at_once(api, payments, by_payer, booking):
    answer = api.pay(booking, paymentToken=TOKEN)

    assert (answer.status_code, payments.tokens) == (201, [TOKEN])
    assert the_payment().charge_id == f"charge-{the_payment().gateway_key}"


def test_another_token_is_another_request(api, payments, booking):
    api.pay(booking, key="k", paymentToken=TOKEN)

    answer = api.pay(booking, key="k", paymentToken="ctoken_2")

    assert refused(answer) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("token", ["", "with blank", "ü", "x" * 256])
def test_what_is_no_token_is_refused(api, booking, token):
    answer = api.pay(booking, paymentToken=token)

    assert (refused(answer), list(answer.json()["error"]["fields"])) == ((400, "invalid_request"), ["paymentToken"])


def test_neither_token_nor_secret_is_in_a_row_or_a_line(api, payments, booking, caplog, capsys):
    payments.fail_next(ChargeFault.AWAITS_PAYER)

    answer = api.pay(booking, paymentToken=TOKEN)

    secret = shown(answer)["payment"]["action"]["clientSecret"]
    tables = (Payment, Booking, BookingEvent, IdempotencyRecord)
    rows = str([list(table.objects.values()) for table in tables])
    printed = capsys.readouterr()
    lines = f"{caplog.text} {printed.out} {printed.err}"
    assert str(the_payment().gateway_key)[:8] in rows
    for text in (TOKEN, secret):
        assert text not in rows
        assert text not in lines


# --- how it goes on -------------------------------------------------------------------------------------


def test_the_same_request_goes_on_once_the_payer_has_paid(api, flights, payments, by_payer, booking):
    api.pay(booking, key="k")
    still = api.pay(booking, key="k")
    payments.payer_pays(the_payment().gateway_key)

    answer = api.pay(booking, key="k")

    assert (still.status_code, shown(still)["payment"]["action"]["clientSecret"]) == (
        202,
        f"secret-{the_payment().gateway_key}",
    )
    assert (answer.status_code, shown(answer)["status"]) == (201, "booked")
    assert "charge" not in payments.calls
    assert_in_step(flights, payments)


def test_the_worker_finds_out_that_the_payer_has_paid(api, flights, payments, by_payer, booking):
    api.pay(booking)
    payments.payer_pays(the_payment().gateway_key)
    one_pass(flights, payments)
    too_early = payment_states()
    let_time_pass(seconds=60)

    one_pass(flights, payments)

    assert (too_early, payment_states()) == (["processing"], ["succeeded"])
    assert read(api, booking)["status"] == "booked"


def test_a_bank_that_asks_something_is_an_action_too(api, flights, payments, booking):
    payments.fail_next(ChargeFault.AWAITS_PAYER)

    answer = api.pay(booking, key="k", paymentToken=TOKEN)
    payments.payer_pays(the_payment().gateway_key)

    assert shown(answer)["payment"]["action"]["type"] == "authenticate"
    assert api.pay(booking, key="k", paymentToken=TOKEN).status_code == 201
    assert len(payments.asked) == 1
    assert_in_step(flights, payments)


@pytest.mark.slow
def test_a_bank_that_takes_its_time_is_looked_at_more_and_more_seldom(api, flights, payments, booking):
    payments.fail_next(ChargeFault.AWAITS_BANK)
    answer = api.pay(booking, key="k")
    looks = []
    for _ in range(7):
        looks.append(round((the_payment().next_at - database_time()).total_seconds()))
        Payment.objects.update(next_at=database_time())
        one_pass(flights, payments)

    assert (shown(answer)["payment"]["state"], shown(answer)["payment"]["action"]) == ("settling", None)
    assert looks == [2, 4, 8, 16, 32, 60, 60]
    assert step() == "bank"


def test_a_payer_who_is_declined_may_try_again(api, flights, payments, by_payer, booking):
    api.pay(booking, key="k")
    payments.payer_is_declined(the_payment().gateway_key)
    api.pay(booking, key="k")

    assert (step(), the_payment().decline_code) == ("payer", "generic_decline")
    payments.payer_pays(the_payment().gateway_key)
    assert api.pay(booking, key="k").status_code == 201


@pytest.mark.slow
def test_a_decline_after_the_secret_has_left_is_closed_before_it_counts(api, flights, payments, booking):
    payments.fail_next(ChargeFault.AWAITS_PAYER)
    api.pay(booking, key="k", paymentToken=TOKEN)
    key = the_payment().gateway_key
    payments.payer_is_declined(key, "card_declined")

    answer = api.pay(booking, key="k", paymentToken=TOKEN)

    assert refused(answer) == (402, "payment_declined")
    assert answer.json()["error"]["details"] == {"reason": "card_declined"}
    assert (payment_states(), payments.can_be_paid(key)) == (["failed"], False)
    assert_in_step(flights, payments)


def test_a_decline_of_the_only_charge_needs_no_close(api, payments, booking):
    payments.fail_next(ChargeFault.DECLINE)

    answer = api.pay(booking)

    assert answer.json()["error"]["details"] == {"reason": "insufficient_funds"}
    assert (payments.calls, payment_states()) == (["open", "charge"], ["failed"])


def test_what_the_payer_pays_while_it_is_closed_counts(api, flights, payments, booking):
    payments.fail_next(ChargeFault.AWAITS_PAYER)
    api.pay(booking, key="k", paymentToken=TOKEN)
    payments.payer_is_declined(the_payment().gateway_key)
    payments.during("look", lambda: payments.payer_pays(the_payment().gateway_key))

    answer = api.pay(booking, key="k", paymentToken=TOKEN)

    assert (answer.status_code, payment_states()) == (201, ["succeeded"])
    assert_in_step(flights, payments)
