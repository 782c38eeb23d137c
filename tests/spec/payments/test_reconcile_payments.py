"""Our payments and those that a gateway lists are compared both ways; what differs is named, and some is put right."""

import json
import uuid
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from bookings import tasks
from bookings.conf import RECONCILIATIONS_KEPT
from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.lifecycle import CancelReason
from bookings.models import Booking, Dispute, Payment, PaymentComparison, Refund
from bookings.ports import AwaitsPayer, Charged, Mistake, RefundAwaits, RefundFailed, SeenPayment, Unknown
from bookings.queries import payment_comparisons as charged
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.payments import reconcile as reconciling
from bookings.services.payments.reconcile import reconcile_payments
from bookings.text.money import Money
from tests.support.bookings import STAFF, a_booked_booking, an_initiated_booking, let_time_pass, one_pass, pay
from tests.support.fakes import ChargeFault
from tests.support.invariants import violations
from tests.support.notices import RingingPayments
from tests.support.signed_notices import a_dispute
from tests.support.wired import use_gateway

pytestmark = pytest.mark.django_db


@pytest.fixture
def payments(monkeypatch):
    """A payment gateway that keeps a list."""
    gateway = RingingPayments()
    use_gateway(monkeypatch, gateway)
    return gateway


@pytest.fixture
def paid(flights, payments):
    """A payment of 4000 that has succeeded an hour ago."""
    a_booked_booking(flights, payments)
    let_time_pass(hours=1)
    return with_a_name(Payment.objects.get())


@pytest.fixture
def failed(flights, payments):
    """A payment that was declined."""
    payments.fail_next(ChargeFault.DECLINE)
    pay(an_initiated_booking(flights), payments)
    return with_a_name(Payment.objects.get())


def with_a_name(payment):
    """Let it be known what the gateway calls a payment."""
    payment.gateway_id = f"fake-{payment.gateway_key}"
    payment.save()
    return payment


def compare(payments, *, fix=False, seconds=20):
    return reconcile_payments(payments={"fake": payments}, deadline=Deadline(seconds), fix=fix)


def kinds(found):
    return [row["kind"] for row in found.differences]


def forgotten(payments, payment):
    """Let the gateway know nothing of a payment."""
    del payments.charges[payment.gateway_key]


def refunded_here(flights, payments):
    cancel_booking(booking_id=Booking.objects.get().pk, actor=STAFF, reason=CancelReason.FRAUD)
    one_pass(flights, payments)


def test_both_sides_agree(paid, payments):
    found = compare(payments)

    assert (found.compared, found.differences, found.unread) == (1, [], [])
    kept = PaymentComparison.objects.get()
    assert (kept.payments_compared, kept.payments_foreign, kept.differences) == (1, 0, [])


@pytest.mark.slow
def test_a_refund_that_both_know_agrees(paid, flights, payments):
    refunded_here(flights, payments)

    assert kinds(compare(payments)) == []


def test_a_payment_of_another_system_is_counted_and_left_alone(paid, payments):
    payments.others.append(SeenPayment("pi_shop", None, Money(1, "EUR"), charged=True))

    found = compare(payments)

    assert (found.compared, found.foreign, found.differences) == (1, 1, [])


def test_a_charge_with_our_mark_and_no_row_is_named(payments):
    key = uuid.uuid4()
    payments.others.append(SeenPayment("pi_lost", key, Money(4000, "INR"), charged=True))
    payments.others.append(SeenPayment("pi_open", uuid.uuid4(), Money(4000, "INR"), charged=False))

    found = compare(payments, fix=True)

    assert found.differences == [
        {"kind": "unknown", "gateway": "fake", "payment": "pi_lost", "key": str(key), "amount": "40.00 INR"}
    ]
    assert found.fixed == 0
    assert PaymentComparison.objects.get().differences == found.differences


def test_what_was_charged_there_and_not_here_is_named_and_put_right(failed, payments):
    payments.charges[failed.gateway_key] = ("late", failed.money)

    assert kinds(compare(payments)) == ["charged_there"]
    assert Payment.objects.get().state == "failed"
    assert compare(payments, fix=True).fixed == 1

    assert Payment.objects.get().state == "refund_due"
    assert violations() == []


def test_a_list_that_is_taken_back_by_a_look_names_nothing(failed, payments):
    payments.others.append(SeenPayment(failed.gateway_id, failed.gateway_key, failed.money, charged=True))

    found = compare(payments, fix=True)

    assert (found.compared, kinds(found), found.fixed) == (1, [], 0)


def test_what_was_charged_here_and_not_there_is_named_and_left_to_people(paid, payments):
    forgotten(payments, paid)

    assert kinds(compare(payments)) == ["charged_here"]
    assert compare(payments, fix=True).fixed == 0


@pytest.mark.parametrize("outcome", [Mistake("no such payment"), AwaitsPayer()], ids=["not known", "waits"])
def test_so_is_one_that_the_gateway_does_not_know_or_still_waits_for(paid, payments, monkeypatch, outcome):
    forgotten(payments, paid)
    monkeypatch.setattr(payments, "look", lambda intent, *, seconds: outcome)

    assert kinds(compare(payments)) == ["charged_here"]


def test_another_sum_is_named(paid, payments):
    payments.charges[paid.gateway_key] = ("other", Money(3999, paid.currency))

    found = compare(payments, fix=True)

    assert (kinds(found), found.fixed) == (["money"], 0)
    assert found.differences[0]["booking"] == Booking.objects.get().reference


def test_a_mark_of_another_payment_is_named(paid, payments, monkeypatch):
    payments.charges[paid.gateway_key] = ("other", Money(1, paid.currency))
    monkeypatch.setattr(payments, "look", lambda intent, *, seconds: Charged(intent.money, uuid.uuid4()))

    assert kinds(compare(payments)) == ["money"]


def test_a_refund_of_the_gateways_own_pages_is_named_and_taken_in(paid, payments):
    payments.list_refund(paid, 1500)

    assert kinds(compare(payments)) == ["refunds"]
    assert compare(payments, fix=True).fixed == 1

    assert list(Refund.objects.values_list("source", "amount")) == [("gateway", 1500)]
    assert kinds(compare(payments)) == []


@pytest.mark.slow
def test_a_refund_that_failed_there_is_named_and_recorded(paid, flights, payments):
    refunded_here(flights, payments)
    (seen,) = payments.listed.pop(paid.gateway_key)
    payments.list_refund(paid, 4000, RefundFailed("closed account", seen.id), key=seen.key)

    assert kinds(compare(payments)) == ["refunds"]
    assert compare(payments, fix=True).fixed == 1

    assert Refund.objects.get().state == "failed"


@pytest.mark.slow
def test_a_refund_that_was_made_here_and_is_not_there_is_named(paid, flights, payments):
    refunded_here(flights, payments)
    payments.listed.clear()

    assert kinds(compare(payments)) == ["refunds"]


def test_a_refund_that_failed_there_and_is_not_known_here_moved_nothing(paid, payments):
    payments.list_refund(paid, 1500, RefundFailed("closed account"))

    assert kinds(compare(payments)) == []


def test_a_refund_that_is_under_way_here_is_left_to_the_worker(paid, flights, payments):
    payments.down = True
    cancel_booking(booking_id=Booking.objects.get().pk, actor=STAFF, reason=CancelReason.FRAUD)
    payments.down = False
    payments.list_refund(paid, 4000, RefundAwaits("re_1", "no balance"), key=Refund.objects.get().key)

    assert kinds(compare(payments)) == []


def test_a_payment_that_is_under_way_here_is_left_to_the_worker(flights, payments):
    payments.fail_next(ChargeFault.UNKNOWN_MOVED)
    pay(an_initiated_booking(flights), payments)

    assert kinds(compare(payments)) == []


def test_a_payment_that_changes_during_the_look_is_left_out(failed, payments, monkeypatch):
    payments.charges[failed.gateway_key] = ("late", failed.money)
    look = payments.look

    def look_late(intent, *, seconds):
        Payment.objects.update(state="refund_due", refunded=0)
        return look(intent, seconds=seconds)

    monkeypatch.setattr(payments, "look", look_late)

    assert kinds(compare(payments)) == []


@pytest.mark.parametrize("silent", ["look", "refunds_of"])
def test_a_payment_that_is_not_shown_is_left_out(failed, payments, monkeypatch, silent):
    payments.charges[failed.gateway_key] = ("late", failed.money)
    monkeypatch.setattr(payments, silent, lambda intent, *, seconds: Unknown("no answer"))

    assert kinds(compare(payments)) == []


def test_a_name_that_was_lost_is_learned(paid, payments):
    Payment.objects.update(gateway_id=None)
    compare(payments)
    assert Payment.objects.get().gateway_id is None

    found = compare(payments, fix=True)

    assert (found.fixed, found.differences) == (1, [])
    assert Payment.objects.get().gateway_id == f"fake-{paid.gateway_key}"
    assert reconciling._learn_name(paid.pk, "another") == 0


def test_what_is_too_old_or_too_new_for_the_list_is_not_missed(paid, payments):
    forgotten(payments, paid)

    let_time_pass(hours=48)
    assert kinds(compare(payments)) == []
    Payment.objects.update(created_at=database_time())
    assert kinds(compare(payments)) == []


def test_our_payments_are_walked_in_chunks(flights, payments, monkeypatch):
    monkeypatch.setattr(charged, "CHUNK", 2)
    monkeypatch.setattr(reconciling, "CHUNK", 2)
    for _ in range(5):
        a_booked_booking(flights, payments)
    let_time_pass(hours=1)

    assert compare(payments).compared == 5
    payments.charges.clear()
    assert kinds(compare(payments)) == ["charged_here"] * 5


def test_a_list_that_does_not_come_is_no_comparison(paid, payments):
    payments.down = True

    found = compare(payments)

    assert (found.unread, found.compared) == (["fake"], 0)
    assert PaymentComparison.objects.count() == 0


def test_a_list_that_takes_too_long_misses_nothing(paid, payments):
    assert compare(payments, seconds=0).unread == ["fake"]


def test_a_gateway_without_a_list_is_left_out(paid, payments, monkeypatch):
    monkeypatch.setattr(payments, "payments_since", lambda since, *, seconds: None)

    assert compare(payments).compared == 0


def test_where_payments_settle_here_there_is_nothing_to_compare(payments, monkeypatch):
    monkeypatch.setattr(payments, "settles_here", True)

    compare(payments)

    assert PaymentComparison.objects.count() == 0


def test_an_open_dispute_is_looked_at_again(paid, payments):
    at = database_time()
    row = {"payment": paid, "gateway_id": "dp_1", "amount": 1, "currency": "XXX", "standing": "needs_response"}
    Dispute.objects.create(**row, gateway="fake", opened_at=at, looked_at=at - timedelta(hours=1))
    Dispute.objects.create(**{**row, "gateway_id": "dp_2"}, gateway="gone", opened_at=at, looked_at=at)
    Dispute.objects.create(**{**row, "gateway_id": "dp_3"}, gateway="fake", opened_at=at, looked_at=at)
    payments.disputes["dp_1"] = a_dispute("pi_1", status="lost", is_open=False, outcome="lost")

    compare(payments)

    assert list(Dispute.objects.order_by("pk").values_list("standing", flat=True)) == [
        "lost",
        "needs_response",
        "needs_response",
    ]


def test_the_newest_comparisons_are_kept(paid, payments):
    now = database_time()
    PaymentComparison.objects.bulk_create(
        PaymentComparison(finished_at=now - timedelta(hours=hours), payments_compared=0, payments_foreign=0)
        for hours in (-2, *range(1, RECONCILIATIONS_KEPT + 5))
    )

    compare(payments)

    assert PaymentComparison.objects.count() == RECONCILIATIONS_KEPT
    assert not PaymentComparison.objects.filter(finished_at__gt=database_time()).exists()
    found = reconciling.PaymentsCompared()
    last = charged.last_payment_comparison()
    reconciling._keep(found, finished_at=last.finished_at)
    assert PaymentComparison.objects.filter(finished_at=last.finished_at).count() == 1


def test_the_worker_does_it_hourly(paid, payments, monkeypatch):
    monkeypatch.setattr("bookings.wiring.payment_gateways", lambda: {"fake": payments})
    payments.list_refund(paid, 1500)

    assert tasks.reconcile_payments() == 1
    assert Refund.objects.count() == 0


# --- the command ----------------------------------------------------------------------------------------


@pytest.fixture
def command(payments, monkeypatch, capsys):
    monkeypatch.setattr("bookings.wiring.payment_gateways", lambda: {"fake": payments})

    def run(*arguments):
        try:
            call_command("reconcile_payments", *arguments)
            status = 0
        except CommandError as error:
            status = error.returncode
        return status, capsys.readouterr().out

    return run


def test_the_command_ends_with_0_where_both_agree(command, paid):
    assert command() == (
        0,
        "payments compared: 1, of other systems: 0, differences: 0, recorded here: 0\n",
    )


def test_the_command_names_what_differs_and_ends_with_1(command, paid, payments):
    payments.list_refund(paid, 1500)

    status, said = command()

    assert status == 1
    assert said.splitlines()[0].startswith("refunds: gateway=fake")
    assert command("--fix")[0] == 1
    assert command()[0] == 0


def test_the_command_ends_with_2_where_no_list_came(command, paid, payments):
    payments.down = True

    assert command()[0] == 2


def test_the_command_prints_one_json_object(command, paid):
    _, said = command("--json")

    assert json.loads(said) == {
        "payments_compared": 1,
        "payments_foreign": 0,
        "differences": [],
        "fixed": 0,
        "unread": [],
    }
