"""A process is killed while it keeps a notice, or follows it: what it was about is settled, once."""

import itertools

import pytest

from bookings.models import BookingEvent, Dispute, GatewayNotice, Payment
from tests.crashes.world import SIGKILLED, TRIES
from tests.support.bookings import a_booked_booking, an_initiated_booking, let_time_pass, pay
from tests.support.durable_payments import DurablePayments
from tests.support.notices import ring
from tests.support.signed_notices import an_event

pytestmark = [pytest.mark.server, pytest.mark.django_db(transaction=True)]

_events = (f"evt_{number}" for number in itertools.count(1))


def an_unsettled_payment(world):
    never_heard = DurablePayments(world.payments.file, drop_rate=1.0)
    pay(an_initiated_booking(world.flights), never_heard)
    let_time_pass(seconds=60)
    payment = Payment.objects.latest("pk")
    return {"about": f"durable-{payment.gateway_key}", "payment": str(payment.gateway_key)}


def a_disputed_payment(world):
    a_booked_booking(world.flights, world.payments)
    payment = Payment.objects.latest("pk")
    about = f"durable-{payment.gateway_key}"
    Payment.objects.filter(pk=payment.pk).update(gateway_id=about)
    return {"about": f"dp_{about}", "what": "dispute"}


def states():
    return set(GatewayNotice.objects.values_list("state", flat=True))


@pytest.mark.slow
def test_a_notice_whose_request_dies_is_kept_and_known_when_it_comes_again(world):
    about, event = an_unsettled_payment(world), next(_events)

    world.dies("notice.stored", act="ring", event=event, about=about)

    assert ring(an_event(event, **about), gateway="durable").content == b"known"
    assert world.recovers() == []
    assert states() == {"done"}
    assert Payment.objects.get().state == "succeeded"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("point", "prepare"),
    [
        ("notice.claim", an_unsettled_payment),
        ("notice.done", an_unsettled_payment),
        ("notice.claim", a_disputed_payment),
        ("dispute.seen", a_disputed_payment),
        ("notice.done", a_disputed_payment),
    ],
)
def test_a_worker_that_dies_leaves_the_notice_to_the_next(world, point, prepare):
    for _ in range(TRIES):
        about = prepare(world)
        assert ring(an_event(next(_events), **about), gateway="durable").content == b"stored"
        if world.mortals.live(point=point, act="pass") == SIGKILLED:
            break
    else:
        pytest.fail(f"no worker came to {point}")

    assert world.recovers() == []
    assert states() == {"done"}
    for dispute in Dispute.objects.all():
        assert BookingEvent.objects.filter(booking=dispute.payment.booking, what="disputed").count() == 1
