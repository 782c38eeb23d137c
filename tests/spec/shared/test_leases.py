"""The lease of a call to another system: one worker sends it, under one key, for a day at most."""

import uuid
from datetime import timedelta

import pytest

from bookings.db.clock import database_time
from bookings.ports import Unknown
from bookings.services.payments.look import claim_look
from bookings.services.payments.refund import claim_refund, settle_refund
from bookings.services.payments.settle import settle_payment
from bookings.services.seats import release
from bookings.services.seats.reserve import Waiting, claim_reservation, settle_reservation
from tests.support.bookings import a_call_row, a_payment_row, a_saved_row, an_owed_refund, one_pass

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


class Reservation:
    given_up = "stuck"
    clock = "bookings.services.shared.leases.clock_is_proven"
    is_left_in_doubt = True

    def row(self, **columns):
        return a_saved_row("pending", **columns)

    def claim(self, row, lease):
        return claim_reservation(row.pk, lease=lease)

    def no_answer(self, row, lease):
        settle_reservation(row, lease=lease, outcome=Unknown("late"), waiting=Waiting.NO_CLIENT)

    def state(self, row):
        return row.hold


class Release:
    given_up = "dead"
    clock = Reservation.clock
    is_left_in_doubt = True

    def row(self, **columns):
        return a_call_row(**columns)

    def claim(self, row, lease):
        return release._claim(row.pk, lease=lease)

    def no_answer(self, row, lease):
        row.lease = lease
        release._settle(row, Unknown("late"))

    def state(self, row):
        return row.state


class Charge(Release):
    clock = "bookings.services.payments.closing.clock_is_proven"
    # To look at it changes nothing, so that goes on.
    is_left_in_doubt = False

    def row(self, **columns):
        return a_payment_row(a_saved_row("initiated"), "processing", **columns)

    def claim(self, row, lease):
        return claim_look(row.pk, lease=lease, at_once=False)

    def no_answer(self, row, lease):
        settle_payment(row.pk, lease=lease, outcome=Unknown("late"))


class Refund(Charge):
    clock = Reservation.clock
    is_left_in_doubt = True

    def row(self, **columns):
        return an_owed_refund(**columns)

    def claim(self, row, lease):
        return claim_refund(row.pk, lease=lease)

    def no_answer(self, row, lease):
        settle_refund(row.pk, lease=lease, outcome=Unknown("late"))


@pytest.fixture(params=[Reservation, Release, Charge, Refund], ids=lambda kind: kind.__name__.lower())
def kind(request):
    return request.param()


@pytest.fixture
def due(kind):
    """A call whose first answer got lost, as long ago as it says; its pause is over."""

    def make(*, first_sent_ago=timedelta(minutes=1)):
        now = database_time()
        return kind.row(claims=1, next_at=now, first_sent_at=now - first_sent_ago)

    return make


def test_one_worker_at_a_time_has_a_call(kind, due):
    call = due()

    first = kind.claim(call, uuid.uuid4())
    second = kind.claim(call, uuid.uuid4())

    assert first.claims == 2
    assert second is None


def test_a_claim_whose_commit_was_unclear_finds_itself(kind, due):
    call, lease = due(), uuid.uuid4()
    kind.claim(call, lease)

    again = kind.claim(call, lease)

    assert (again.lease, again.claims) == (lease, 2)


def test_a_late_unknown_does_not_end_the_lease_of_another_claim(kind, due):
    call, theirs = due(), uuid.uuid4()
    claimed = kind.claim(call, theirs)

    kind.no_answer(call, uuid.uuid4())

    call.refresh_from_db()
    assert (call.lease, call.next_at) == (theirs, claimed.next_at)


def test_a_call_without_an_answer_is_due_again_after_its_pause(kind, due):
    call, lease = due(), uuid.uuid4()
    claimed = kind.claim(call, lease)

    kind.no_answer(claimed, lease)

    call.refresh_from_db()
    assert (call.lease, call.last_error, call.first_sent_at) == (None, "late", claimed.first_sent_at)
    assert call.next_at < claimed.next_at


def test_for_a_day_a_call_keeps_the_time_of_its_first_sending(kind, due):
    call = due(first_sent_ago=DAY - timedelta(minutes=1))

    claimed = kind.claim(call, uuid.uuid4())

    assert claimed.first_sent_at == call.first_sent_at


def test_after_a_day_a_call_is_not_sent_again_as_its_key_may_be_forgotten(kind, due, flights, payments):
    call = due(first_sent_ago=DAY)

    one_pass(flights, payments)

    call.refresh_from_db()
    assert (kind.state(call), call.lease, call.next_at) == (kind.given_up, None, None)
    assert (flights.arrived, payments.asked) == ([], [])


def test_nothing_is_given_up_while_the_clock_is_in_doubt(kind, due, monkeypatch):
    call = due(first_sent_ago=DAY)
    before = kind.state(call)
    monkeypatch.setattr(kind.clock, lambda: False)

    claimed = kind.claim(call, uuid.uuid4())

    call.refresh_from_db()
    assert (claimed is None, kind.state(call)) == (kind.is_left_in_doubt, before)
