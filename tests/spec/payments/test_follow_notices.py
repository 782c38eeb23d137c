"""What payment gateways have told is looked into: whatever order it comes in, and however often."""

import itertools
import uuid
from datetime import timedelta

import pytest

from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.models import Booking, BookingEvent, Dispute, GatewayNotice, Payment
from bookings.models.payments import PaymentState
from bookings.ports import Mistake, Unknown
from bookings.services.payments import follow_notices as following
from bookings.services.payments.disputes import record_dispute
from bookings.services.payments.follow_notices import follow_notices
from tests.support.api import shown
from tests.support.bookings import (
    a_booked_booking,
    an_initiated_booking,
    let_time_pass,
    one_pass,
    pay,
    payment_states,
)
from tests.support.fakes import ChargeFault
from tests.support.invariants import assert_in_step, violations
from tests.support.notices import RingingPayments, follow, ring
from tests.support.signed_notices import a_dispute, an_event
from tests.support.wired import use_gateway

pytestmark = pytest.mark.django_db

_events = itertools.count(1)


@pytest.fixture
def payments(monkeypatch):
    """A payment gateway that rings."""
    gateway = RingingPayments()
    use_gateway(monkeypatch, gateway)
    return gateway


@pytest.fixture
def unsettled(flights, payments):
    """A payment whose money came in, which this service does not know yet."""
    booking = an_initiated_booking(flights)
    payments.fail_next(ChargeFault.UNKNOWN_MOVED)
    pay(booking, payments)
    return Payment.objects.get()


@pytest.fixture
def paid(flights, payments):
    """A payment that has succeeded."""
    a_booked_booking(flights, payments)
    return Payment.objects.get()


def tell(about, what="payment_intent", **metadata):
    assert ring(an_event(f"evt_{next(_events)}", about, what, **metadata), gateway="fake").status_code == 200


def tell_of(payment, **more):
    tell("fake-id", payment=str(payment.gateway_key), **more)


def notices(column="state"):
    return list(GatewayNotice.objects.order_by("pk").values_list(column, flat=True))


def known_as(payment, gateway_id):
    Payment.objects.filter(pk=payment.pk).update(gateway_id=gateway_id)


# --- payments -----------------------------------------------------------------------------------------


def test_a_notice_settles_what_has_no_answer_yet(unsettled, flights, payments):
    let_time_pass(seconds=15)
    tell_of(unsettled)

    assert follow(payments) == 1

    assert (payment_states(), notices()) == (["succeeded"], ["done"])
    assert Booking.objects.get().status == "booked"
    assert_in_step(flights, payments)


@pytest.mark.slow
def test_a_pass_follows_notices(unsettled, flights, payments):
    let_time_pass(seconds=15)
    tell_of(unsettled)

    assert one_pass(flights, payments).notices_followed == 1

    assert notices() == ["done"]


@pytest.mark.slow
def test_a_notice_that_comes_again_does_nothing_more(unsettled, payments):
    let_time_pass(seconds=15)
    for _ in range(3):
        tell_of(unsettled)
        follow(payments)

    assert (payment_states(), notices()) == (["succeeded"], ["done"] * 3)
    assert violations() == []
    assert BookingEvent.objects.filter(what="booked").count() == 1


def test_one_look_is_enough_for_all_that_was_told_of_an_object_before_it(unsettled, payments):
    let_time_pass(seconds=15)
    for _ in range(3):
        tell_of(unsettled)
    payments.looks = 0

    assert follow(payments) == 3

    assert (payments.looks, notices()) == (1, ["done"] * 3)


@pytest.mark.slow
def test_what_cannot_be_looked_at_is_put_off_and_the_others_keep_their_turn(unsettled, payments):
    let_time_pass(seconds=15)
    for _ in range(2):
        tell_of(unsettled)
    payments.says("look", Unknown("no answer"))

    assert follow(payments) == 2  # the first was asked about, the second by another look

    assert notices() == ["new", "done"]


@pytest.mark.slow
def test_all_that_is_due_is_followed_however_much_it_is(payments, monkeypatch):
    monkeypatch.setattr(following, "CALLS_PER_PASS", 2)
    for number in range(7):
        tell(f"pi_{number}")

    assert follow(payments) == 7

    assert notices() == ["foreign"] * 7


def test_a_payment_is_found_by_the_gateways_name_as_well(unsettled, payments):
    known_as(unsettled, "pi_7")
    let_time_pass(seconds=15)

    tell("pi_7")
    follow(payments)

    assert (payment_states(), notices()) == (["succeeded"], ["done"])


@pytest.mark.slow
def test_a_payment_that_is_being_asked_about_is_followed_two_seconds_later(unsettled, payments):
    lease_is_not_over = database_time() + timedelta(seconds=10)
    Payment.objects.update(lease=uuid.uuid4(), next_at=lease_is_not_over)
    tell_of(unsettled)
    payments.looks = 0

    follow(payments)
    at_once = follow(payments)

    row = GatewayNotice.objects.get()
    assert (row.state, row.lease, at_once, payments.looks) == ("new", None, 0, 0)
    assert timedelta(seconds=1) < row.next_at - database_time() <= timedelta(seconds=2)
    let_time_pass(seconds=15)
    GatewayNotice.objects.update(next_at=database_time())
    follow(payments)
    assert (payment_states(), notices()) == (["succeeded"], ["done"])


def test_a_gateway_that_does_not_answer_is_asked_again_later(unsettled, payments):
    let_time_pass(seconds=15)
    tell_of(unsettled)
    payments.down = True

    follow(payments)

    row = GatewayNotice.objects.get()
    assert (row.state, row.lease, row.last_error, row.next_at > database_time()) == ("new", None, "no answer", True)


def test_what_could_not_be_followed_for_a_day_is_dead(unsettled, payments):
    let_time_pass(seconds=15)
    tell_of(unsettled)
    payments.down = True
    follow(payments)
    GatewayNotice.objects.update(
        next_at=database_time(), first_sent_at=database_time() - timedelta(hours=24, seconds=1)
    )

    assert follow(payments) == 0

    row = GatewayNotice.objects.get()
    assert (row.state, row.last_error, row.next_at) == ("dead", "no answer", None)
    assert row.done_at is not None


def test_nothing_is_claimed_while_the_gateway_rests(unsettled, payments):
    tell_of(unsettled)
    payments.resting = True

    assert follow(payments) == 0

    assert notices("claims") == [0]


def test_nothing_is_claimed_of_a_gateway_that_is_not_there_any_more(unsettled, payments):
    tell_of(unsettled)

    assert follow_notices(payments={}, deadline=Deadline(20)) == 0

    assert notices("claims") == [0]


def test_what_the_gateway_does_not_understand_is_asked_again_later(unsettled, payments, monkeypatch):
    tell_of(unsettled)
    let_time_pass(seconds=15)
    monkeypatch.setattr(payments, "look", lambda intent, *, seconds: Mistake("no such payment"))

    follow(payments)

    assert (notices(), notices("last_error")) == (["new"], ["no such payment"])


def test_a_notice_about_another_system_is_foreign(payments):
    tell("pi_of-a-shop")

    follow(payments)

    assert (notices(), payments.looks) == (["foreign"], 0)


def test_our_mark_without_a_payment_of_ours_is_for_operators(payments, caplog):
    tell("pi_7", payment=str(uuid.uuid4()))

    follow(payments)

    assert (notices(), payments.looks) == (["dead"], 0)
    assert notices("last_error") == ["it has our mark, and no payment here has its key"]


def test_a_notice_that_another_worker_took_meanwhile_is_left_to_it(unsettled, payments, monkeypatch):
    tell_of(unsettled)
    let_time_pass(seconds=15)
    theirs = uuid.uuid4()
    look = payments.look

    def look_for_long(intent, *, seconds):
        GatewayNotice.objects.update(lease=theirs)
        return look(intent, seconds=seconds)

    monkeypatch.setattr(payments, "look", look_for_long)

    follow(payments)

    row = GatewayNotice.objects.get()
    assert (row.state, row.lease) == ("new", theirs)


def test_a_notice_that_is_claimed_just_now_is_passed_over(unsettled, payments, monkeypatch):
    tell_of(unsettled)
    let_time_pass(seconds=15)
    claim = following._claim

    def claim_late(notice_id, *, lease):
        claim(notice_id, lease=uuid.uuid4())
        return claim(notice_id, lease=lease)

    monkeypatch.setattr(following, "_claim", claim_late)
    payments.looks = 0

    assert follow(payments) == 0
    assert payments.looks == 0


@pytest.mark.slow
def test_money_that_came_in_for_a_booking_that_has_expired_goes_back(api, flights, payments):
    booking = shown(api.create())
    payments.fail_next(ChargeFault.UNKNOWN_MOVED)
    api.pay(booking)
    payment = Payment.objects.get()
    Payment.objects.update(next_at=database_time() + timedelta(hours=1))
    let_time_pass(minutes=50)
    Payment.objects.update(next_at=database_time() + timedelta(seconds=20), lease=None)
    one_pass(flights, payments)

    tell_of(payment)
    follow(payments)

    assert notices() == ["done"]
    assert Payment.objects.get().state in (PaymentState.REFUND_DUE, PaymentState.REFUNDED)


# --- disputes -----------------------------------------------------------------------------------------


def disputed(payments, payment, **changed):
    known_as(payment, "pi_7")
    payments.disputes["dp_1"] = a_dispute("pi_7", **changed)
    tell("dp_1", "dispute")
    follow(payments)


def test_a_dispute_is_a_row_and_a_line_in_the_timeline(paid, payments):
    before = Booking.objects.values().get()

    disputed(payments, paid)

    row = Dispute.objects.get()
    assert (row.payment, row.gateway, row.gateway_id, str(row.money)) == (paid, "fake", "dp_1", str(paid.money))
    assert (row.reason, row.standing, row.refundable, row.closed_at) == ("fraudulent", "needs_response", False, None)
    assert row.answer_by - row.opened_at == timedelta(days=7)
    assert notices() == ["done"]
    assert list(BookingEvent.objects.filter(what="disputed").values_list("note", flat=True)) == [
        f"{paid.money}: fraudulent"
    ]
    assert Booking.objects.values().get() == before


@pytest.mark.slow
def test_a_dispute_follows_the_gateway_and_ends_once(paid, payments):
    disputed(payments, paid)
    disputed(payments, paid, status="under_review", answer_by=None)
    assert Dispute.objects.get().closed_at is None
    for _ in range(2):
        disputed(payments, paid, status="lost", is_open=False, outcome="lost")

    row = Dispute.objects.get()
    assert (row.standing, row.outcome) == ("lost", "lost")
    assert row.closed_at is not None
    assert list(
        BookingEvent.objects.order_by("pk").filter(what__startswith="disput").values_list("what", flat=True)
    ) == [
        "disputed",
        "dispute_closed",
    ]
    assert Payment.objects.get().state == "succeeded"


def test_a_dispute_that_was_over_before_it_was_seen_has_both_lines(paid, payments):
    disputed(payments, paid, status="won", is_open=False, outcome="won")

    assert BookingEvent.objects.filter(what__in=["disputed", "dispute_closed"]).count() == 2


@pytest.mark.slow
def test_what_an_earlier_look_has_shown_does_not_replace_a_later_one(paid, payments):
    disputed(payments, paid, status="lost", is_open=False, outcome="lost")
    earlier = Dispute.objects.get().looked_at - timedelta(seconds=1)

    changed = record_dispute(paid.pk, seen=a_dispute("pi_7"), looked_at=earlier)

    assert changed is False
    assert Dispute.objects.get().standing == "lost"


def test_a_customer_is_not_told_of_a_dispute(api, paid, payments):
    disputed(payments, paid)

    told = api.get(f"/api/v1/bookings/{paid.booking_id}/events").json()["data"]

    assert "disputed" not in str(told)


def test_a_dispute_of_another_system_is_foreign(payments):
    payments.disputes["dp_1"] = a_dispute("pi_of-a-shop")
    tell("dp_1", "dispute")

    follow(payments)

    assert (notices(), Dispute.objects.count()) == (["foreign"], 0)


def test_a_dispute_whose_payment_has_only_our_mark_is_found_by_it(paid, payments):
    payments.disputes["dp_1"] = a_dispute("pi_unknown-yet")
    tell("dp_1", "dispute", payment=str(paid.gateway_key))

    follow(payments)

    assert Dispute.objects.get().payment == paid


@pytest.mark.parametrize("is_down", [True, False], ids=["no answer", "no such dispute"])
def test_a_dispute_that_is_not_shown_is_asked_about_again(paid, payments, is_down):
    payments.down = is_down
    tell("dp_2", "dispute")

    follow(payments)

    assert (notices(), Dispute.objects.count()) == (["new"], 0)
