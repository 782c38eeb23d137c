"""What payment gateways have told and shown, in the back office: to be read, in plain words, at a fixed cost."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.db.clock import database_time
from bookings.models import Booking, Dispute, Refund
from bookings.office.upkeep.open_work import counts as counts_of_the_menu
from tests.support.bookings import a_dispute_row, a_notice_row, a_payment_comparison, a_refund_row, an_owed_refund
from tests.support.people import a_person, desk_of, text_of

pytestmark = pytest.mark.django_db

NOTICES, DISPUTES, COMPARISONS, PAYMENTS, REFUNDS = (
    f"/admin/bookings/{name}/" for name in ("gatewaynotice", "dispute", "paymentcomparison", "payment", "refund")
)


@pytest.fixture
def desk():
    return desk_of(a_person(group="Support"))


def rows_of(answer):
    return [row.pk for row in answer.context["cl"].result_list]


def some_rows(count):
    for _ in range(count):
        number = uuid.uuid4().int % 10**9
        a_notice_row(number)
        a_refund_row(a_dispute_row(number).payment, amount=1)
        a_payment_comparison(differences=[{"kind": "money", "gateway": "fake"}])


@pytest.mark.slow
@pytest.mark.parametrize("address", [NOTICES, DISPUTES, COMPARISONS, PAYMENTS, REFUNDS])
def test_a_list_costs_as_many_statements_with_many_rows_as_with_one(desk, address):
    desk.get("/admin/bookings/")  # the first page of a session writes to it
    counts = []
    for rows in (1, 10):
        some_rows(rows)
        counts_of_the_menu.forget()
        with CaptureQueriesContext(connection) as captured:
            answer = desk.get(address)
        counts.append((answer.status_code, len(captured)))

    assert counts[0] == counts[1]


@pytest.mark.slow
def test_a_notice_is_shown_with_what_it_is_about(desk):
    key = uuid.uuid4()
    row = a_notice_row(7, payment_key=key, last_error="no answer", kind="refund")

    listed, shown = text_of(desk.get(NOTICES)), text_of(desk.get(f"{NOTICES}{row.pk}/change/"))

    assert "refunds of a payment" in listed
    assert "To be looked into" in listed
    for said in ("evt_7", "pi_7", str(key), "no answer"):
        assert said in shown


@pytest.mark.slow
@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("done", "Looked into"),
        ("foreign", "About another system"),
        ("dead", "Not known here, or no answer"),
    ],
)
def test_notices_are_listed_by_their_state(desk, state, said):
    rows = {each: a_notice_row(number, state=each) for number, each in enumerate(("new", "done", "foreign", "dead"))}

    answer = desk.get(f"{NOTICES}?is={state}")

    assert rows_of(answer) == [rows[state].pk]
    assert said in text_of(answer)


@pytest.mark.slow
def test_disputes_stand_in_the_order_in_which_they_must_be_answered(desk):
    now = database_time()
    over = a_dispute_row(1, closed_at=now, outcome="lost", standing="lost", answer_by=now - timedelta(days=1))
    later = a_dispute_row(2, answer_by=now + timedelta(days=5))
    soon = a_dispute_row(3, answer_by=now + timedelta(days=2))
    bank = a_dispute_row(4, answer_by=None, standing="under_review")

    answer = desk.get(DISPUTES)

    assert rows_of(answer) == [bank.pk, soon.pk, later.pk, over.pk]
    for said in ("To be answered", "The bank decides", "Over", later.payment.booking.reference):
        assert said in text_of(answer)


@pytest.mark.slow
@pytest.mark.parametrize(("refundable", "said"), [(True, "yes"), (False, "no: the money is gone")])
def test_a_dispute_says_whether_a_refund_ends_it(desk, refundable, said):
    row = a_dispute_row(refundable=refundable)

    shown = text_of(desk.get(f"{DISPUTES}{row.pk}/change/"))

    assert f"A refund ends it {said}" in " ".join(shown.split())
    assert "fraudulent" in shown


@pytest.mark.slow
def test_a_dispute_that_must_be_answered_is_a_decision_of_the_start_page(desk, flights):
    row = a_dispute_row()

    (decision,) = desk.get("/admin/").context["decisions"]

    reference = Booking.objects.get().reference
    assert decision.name == (
        f"Dispute of {row.money} for booking {reference}: answer it at the gateway by {row.answer_by:%Y-%m-%d}"
    )
    assert decision.address == f"{DISPUTES}{row.pk}/change/"


@pytest.mark.slow
def test_a_comparison_names_what_differs(desk, flights):
    row = a_payment_comparison(
        differences=[
            {"kind": "unknown", "gateway": "fake", "payment": "pi_lost", "amount": "40.00 EUR"},
            {"kind": "refunds", "gateway": "fake", "payment": "pi_2", "booking": "ABCDEFGH"},
        ]
    )

    shown = text_of(desk.get(f"{COMPARISONS}{row.pk}/change/"))

    assert "Charged there, and not known here: 40.00 EUR, fake, pi_lost" in shown
    assert "Other refunds there: ABCDEFGH, fake, pi_2" in shown
    assert b'href="/admin/search/?q=ABCDEFGH"' in desk.get(f"{COMPARISONS}{row.pk}/change/").content
    assert [each.name for each in desk.get("/admin/").context["decisions"]] == [
        "2 payments are not at the gateway as they are here"
    ]


@pytest.mark.slow
def test_what_a_gateway_writes_is_shown_as_text(desk):
    row = a_dispute_row(reason="<b>x</b>", standing="<i>y</i>")

    page = desk.get(f"{DISPUTES}{row.pk}/change/").content.decode()

    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "<b>x</b>" not in page


def test_money_that_came_too_late_is_listed(desk):
    an_owed_refund()
    late = an_owed_refund()
    Refund.objects.exclude(pk=late.pk).update(cause="booking_ended")
    Refund.objects.filter(pk=late.pk).update(cause="paid_too_late")

    assert rows_of(desk.get("/admin/bookings/refund/?why=paid_too_late")) == [late.pk]


@pytest.mark.parametrize("address", [NOTICES, DISPUTES, COMPARISONS])
def test_who_may_not_see_them_does_not(address):
    assert desk_of(a_person()).get(address).status_code == 403


def test_nothing_is_changed_here(admin_client):
    row = a_dispute_row()

    answer = admin_client.post(f"{DISPUTES}{row.pk}/change/", {"standing": "won"})

    assert answer.status_code == 403
    assert Dispute.objects.get().standing == "needs_response"
