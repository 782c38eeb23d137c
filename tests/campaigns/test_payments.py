"""What the campaign of payments says of books that differ, and a short one."""

import copy
from argparse import ArgumentParser

import pytest

from bookings.db.clock import database_time
from bookings.models import Booking, Payment, Refund
from tests.campaigns import payments as campaign
from tests.campaigns.paying.books import Books, differences
from tests.campaigns.paying.kills import start_kills
from tests.campaigns.paying.scene import let_time_be_over, start_scene
from tests.campaigns.paying.shoppers import GOOD
from tests.races.payers import believe_it_is_closed
from tests.support.bookings import a_payment_row, a_refund_row, a_saved_row
from tests.support.servers import empty_the_database

A_DAY = 24 * 3600


# --- the verdict ----------------------------------------------------------------------------------------


def shown(payment, status="succeeded", **changed):
    """A payment as the gateway shows it."""
    metadata = {"payment_key": str(payment.gateway_key), "booking": payment.booking.reference}
    received = payment.amount if status == "succeeded" else 0
    usual = {"id": payment.gateway_id, "status": status, "amount_received": received, "metadata": metadata}
    return {**usual, "canceled_at": int(database_time().timestamp()), **changed}


def shown_refund(refund, **changed):
    metadata = {"refund_key": str(refund.key)}
    usual = {"id": "re_1", "payment_intent": refund.payment.gateway_id, "amount": refund.amount, "metadata": metadata}
    return {**usual, "status": "succeeded", **changed}


def a_paid_booking():
    booking = a_saved_row("booked", active_payment_id=1)
    return a_payment_row(booking, "succeeded", gateway="stripe", gateway_id="pi_1")


@pytest.fixture
def books(db):
    """A booking that was paid and refunded in part, and one that expired after its payment was closed."""
    paid = a_paid_booking()
    refund = a_refund_row(paid, "done", 500)
    expired = a_saved_row("cancelled", cancel_reason="expired")
    closed = a_payment_row(expired, "failed", gateway="stripe", gateway_id="pi_2", by_payer=True)
    Booking.objects.filter(pk=expired.pk).update(cancelled_at=database_time())
    return Books({"pi_1": shown(paid), "pi_2": shown(closed, "canceled")}, {"re_1": shown_refund(refund)})


def another(books, of, **changed):
    """The same payment or refund once more, under an id of its own."""
    kind = books.payments if of in books.payments else books.refunds
    kind["another"] = {**copy.deepcopy(kind[of]), "id": "another", **changed}


def test_books_that_agree_have_no_differences(books):
    assert differences(books) == []


def test_each_difference_is_named(books):
    paid, closed = (dict(books.payments[name]) for name in ("pi_1", "pi_2"))
    unknown = {**paid["metadata"], "payment_key": "another"}
    cases = {
        "charged 2 times": lambda b: another(b, "pi_1"),
        "a payment that is unknown here": lambda b: another(b, "pi_1", metadata=unknown),
        "two payments for one of ours": lambda b: another(b, "pi_1", status="canceled"),
        "a payment that is unknown there: pi_1": lambda b: b.payments.pop("pi_1") and b.refunds.clear(),
        "pi_1 is canceled there, and succeeded here": lambda b: b.payments.update(
            pi_1={**paid, "status": "canceled", "amount_received": 0}
        ),
        "pi_1 is succeeded there, and succeeded here": lambda b: b.payments["pi_1"].update(amount_received=3999),
        "pi_2 is requires_action there, and failed here": lambda b: b.payments["pi_2"].update(status="requires_action"),
        "pi_2 is succeeded there, and failed here": lambda b: b.payments.update(
            pi_2={**closed, "status": "succeeded", "amount_received": 4000}
        ),
        "paid without seats": lambda b: b.payments["pi_2"].update(status="succeeded", amount_received=4000),
        "ended as expired, and charged": lambda b: b.payments["pi_2"].update(status="succeeded", amount_received=4000),
        "could be paid when its seats were given away": lambda b: b.payments["pi_2"].update(
            canceled_at=closed["canceled_at"] + A_DAY
        ),
        "more went back than came in": lambda b: b.refunds["re_1"].update(amount=4001),
        "a refund that is unknown here": lambda b: another(b, "re_1", metadata={}),
        "another refund than ours": lambda b: b.refunds["re_1"].update(amount=499),
        "re_1 is failed there, and done here": lambda b: b.refunds["re_1"].update(status="failed"),
        "made 2 times": lambda b: another(b, "re_1"),
        "given back here, and not there": lambda b: b.refunds.clear(),
    }
    for said, change in cases.items():
        changed = copy.deepcopy(books)
        change(changed)

        assert any(found.startswith(said) for found in differences(changed)), (said, differences(changed))


def test_a_charge_of_ours_that_was_never_opened_is_named(books):
    Refund.objects.all().delete()
    Payment.objects.filter(gateway_id="pi_1").update(gateway_id=None)

    assert any(found.startswith("charged here, and never opened") for found in differences(Books({}, {})))


def test_what_no_payer_ever_had_a_part_in_may_stay_open_at_the_gateway(books):
    books.payments["pi_2"]["status"] = "requires_payment_method"

    Payment.objects.filter(gateway_id="pi_2").update(by_payer=False, claims=1)
    assert differences(books) == []

    Payment.objects.filter(gateway_id="pi_2").update(by_payer=False, claims=2)
    assert differences(books) != []


# --- a short one ----------------------------------------------------------------------------------------

SHORT = ["--payments", "40", "--shoppers", "12", "--deadlines", "20", "--tabs", "5", "--refunds", "1", "--seed", "3"]


@pytest.fixture
def scene():
    with start_scene() as running:
        yield running
    empty_the_database()


def options():
    parser = ArgumentParser()
    campaign.add_options(parser)
    return parser.parse_args(SHORT)


@pytest.mark.server
@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_a_few_payments_of_each_part_leave_the_books_alike(scene):
    for part in campaign.PARTS.values():
        result = part(scene, options())

        assert result.faults() == []
        assert result.figures["payments"] >= 1


@pytest.mark.server
@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_a_process_that_dies_at_some_of_the_points_leaves_the_books_alike():
    with start_kills(seed=1) as kills:
        for point in ("charge.sent", "close.sent", "notice.stored"):
            result = kills.at(point, rounds=1)

            assert result.faults() == []
            assert result.figures == {"kills": 1}


@pytest.mark.server
@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_twin_that_takes_any_payment_for_closed_is_found_out(monkeypatch):
    with start_kills(seed=1) as kills:
        booking = kills.hold()
        secret = kills.waits_for_its_payer(booking)
        let_time_be_over([booking.pk], at=database_time())
        believe_it_is_closed(monkeypatch)
        kills.recover()

        assert kills.paysim.payer(secret, "confirm", card=GOOD)["status"] == "succeeded"

        found = " ".join(differences(Books.of(kills.paysim)))
        assert f"ended as expired, and charged: {booking.reference}" in found
        assert f"paid without seats: {booking.reference}" in found
