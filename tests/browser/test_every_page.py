"""What holds for every page of the back office: no barriers, and no scrolling sideways, in all looks and sizes."""

import uuid
from datetime import timedelta

import pytest

from bookings.db.clock import database_time
from bookings.models import ApiKey, Booking, BookingSeat, Payment
from bookings.ports.webhooks import TurnedDown
from bookings.queries.bookings.selection import Selection
from tests.browser.axe import barriers
from tests.browser.office import a_member
from tests.support.archive import archive_all
from tests.support.bookings import (
    a_booked_booking,
    a_call_row,
    a_cancelled_booking,
    a_dispute_row,
    a_notice_row,
    a_payment_comparison,
    a_payment_row,
    a_refund_row,
    a_saved_row,
    an_exchange_row,
    an_initiated_booking,
    an_owed_refund,
    many_rows,
)
from tests.support.bulk import start
from tests.support.callers import a_service_key
from tests.support.calls import a_dead_payment, a_dead_refund
from tests.support.cases import move
from tests.support.messages import a_refused_message
from tests.support.webhooks import FakeWebhooks, a_report, an_endpoint, announcements, send_due, to_deliver

pytestmark = [pytest.mark.server, pytest.mark.long, pytest.mark.django_db(transaction=True)]

# Where it is, and who looks: a group, with rights besides, or nobody who has logged in. The names in braces are of
# what `rows` makes.
PAGES = {
    "log-in": ("/admin/login/", None),
    "start page": ("/admin/", "Supervisor"),
    "bookings": ("/admin/bookings/booking/", "Support"),
    "booking, held": ("/admin/bookings/booking/{held}/change/", "Support"),
    "booking, paid": ("/admin/bookings/booking/{paid}/change/", "Supervisor"),
    "booking, cancelled": ("/admin/bookings/booking/{cancelled}/change/", "Auditor"),
    "cancel": ("/admin/bookings/booking/{paid}/cancel/", "Support"),
    "longer to pay": ("/admin/bookings/booking/{held}/extend/", "Support"),
    "booking of the archive": ("/admin/bookings/booking/archived/{archived}/", "Auditor"),
    "booking whose seats are being exchanged": ("/admin/bookings/booking/{exchanging}/change/", "Supervisor"),
    "flight": ("/admin/bookings/flight/12/?booking={seated}", "Support"),
    "change seats": ("/admin/bookings/booking/{has_seats}/seats/", "Support"),
    "change seats, not now": ("/admin/bookings/booking/{seated}/seats/", "Supervisor"),
    "flight that the Flight Service does not know": ("/admin/bookings/flight/9001/", "Auditor"),
    "exchange, decide": ("/admin/bookings/booking/exchange/{exchange}/applied/", "Supervisor"),
    "customer": ("/admin/customer/?user=1001", "Support"),
    "search with many hits": ("/admin/search/?q=1001", "Support"),
    "bulk cancellation": ("/admin/bookings/bulkcancel/new/?flight=1", "Supervisor"),
    "bulk cancellation, left out": ("/admin/bookings/bulkcancel/new/?flight=1&without={held}", "Supervisor"),
    "bulk cancellation, to approve": ("/admin/bookings/bulkcancel/{waiting}/change/", "Supervisor"),
    "note on many bookings": ("/admin/bookings/booking/note/?flight=1", "Support"),
    "case of a colleague": ("/admin/bookings/booking/{case}/change/", "Supervisor"),
    "cases of a colleague": ("/admin/bookings/booking/?owner=tess", "Support"),
    "bulk cancellation, started": ("/admin/bookings/bulkcancel/{bulk}/change/", "Supervisor"),
    "calls": ("/admin/bookings/seatcall/", "Supervisor"),
    "calls of one kind": ("/admin/bookings/seatcall/?show=dead", "Supervisor"),
    "call": ("/admin/bookings/seatcall/{call}/change/", "Supervisor"),
    "decision about a call": ("/admin/bookings/seatcall/{call}/not-applied/", "Supervisor"),
    "payments": ("/admin/bookings/payment/", "Auditor"),
    "activity": ("/admin/bookings/bookingevent/", "Supervisor"),
    "activity of everyone": ("/admin/bookings/bookingevent/?who=all", "Support"),
    "idempotency records": ("/admin/bookings/idempotencyrecord/", "Support"),
    "payments that need a decision": ("/admin/bookings/payment/?needs=decision", "Supervisor"),
    "booking with a dead payment": ("/admin/bookings/booking/{unsettled}/change/", "Supervisor"),
    "payment, dead": ("/admin/bookings/payment/{payment}/change/", "Supervisor"),
    "decision about a payment": ("/admin/bookings/payment/{payment}/retry/", "Supervisor"),
    "refunds": ("/admin/bookings/refund/", "Support"),
    "refunds that need a decision": ("/admin/bookings/refund/?needs=undecided", "Supervisor"),
    "refund, failed": ("/admin/bookings/refund/{failed}/change/", "Supervisor"),
    "decision about a failed refund": ("/admin/bookings/refund/{failed}/failed/", "Supervisor"),
    "refund, dead": ("/admin/bookings/refund/{unknown}/change/", "Supervisor"),
    "decision about a dead refund": ("/admin/bookings/refund/{unknown}/applied/", "Supervisor"),
    "refund of a payment": ("/admin/bookings/payment/{kept}/refund/", "Supervisor"),
    "booking with refunds": ("/admin/bookings/booking/{partly}/change/", "Supervisor"),
    "payments that wait for the payer": ("/admin/bookings/payment/?needs=payer", "Support"),
    "payment, waits for the payer": ("/admin/bookings/payment/{at_bank}/change/", "Support"),
    "payment, refunded in part": ("/admin/bookings/payment/{kept}/change/", "Supervisor"),
    "booking, waits for the payer": ("/admin/bookings/booking/{being_paid}/change/", "Support"),
    "cancel, waits for the payer": ("/admin/bookings/booking/{being_paid}/cancel/", "Support"),
    "refunds on the gateway's pages": ("/admin/bookings/refund/?from=gateway", "Auditor"),
    "refunds of what was paid too late": ("/admin/bookings/refund/?why=paid_too_late", "Auditor"),
    "disputes": ("/admin/bookings/dispute/", "Support"),
    "dispute": ("/admin/bookings/dispute/{dispute}/change/", "Support"),
    "booking with a dispute": ("/admin/bookings/booking/{disputed}/change/", "Supervisor"),
    "notices of gateways": ("/admin/bookings/gatewaynotice/", "Support"),
    "notices about payments nobody knows": ("/admin/bookings/gatewaynotice/?is=dead", "Support"),
    "notice": ("/admin/bookings/gatewaynotice/{notice}/change/", "Support"),
    "comparisons of payments": ("/admin/bookings/paymentcomparison/", "Support"),
    "comparison of payments": ("/admin/bookings/paymentcomparison/{compared}/change/", "Support"),
    "periodic work": ("/admin/django_q/schedule/", "Auditor"),
    "own log-in": ("/admin/log-in/", "Support"),
    "second factor, new": ("/admin/second-factor/add/", "Support"),
    "user": ("/admin/auth/user/{user}/change/", "Supervisor"),
    "link for a new password": ("/admin/log-in/{user}/link/", "Supervisor"),
    "link that is used": ("/admin/set-password/MQ/none/", None),
    "seat comparisons": ("/admin/bookings/reconciliation/?needs=difference", "Support"),
    "bulk cancellations under way": ("/admin/bookings/bulkcancel/?needs=worker", "Auditor"),
    "webhook endpoints": ("/admin/bookings/webhookendpoint/", "Support"),
    "webhook endpoints that fail": ("/admin/bookings/webhookendpoint/?is=failing", "Supervisor"),
    "webhook endpoint": ("/admin/bookings/webhookendpoint/{endpoint}/change/", "Supervisor"),
    "webhook endpoint, to see": ("/admin/bookings/webhookendpoint/{endpoint}/change/", "Auditor"),
    "webhook endpoint, replay": ("/admin/bookings/webhookendpoint/{endpoint}/replay/", "Supervisor"),
    "webhook endpoint, disable": ("/admin/bookings/webhookendpoint/{endpoint}/disable/", "Supervisor"),
    "webhook endpoint, retire": ("/admin/bookings/webhookendpoint/{endpoint}/retire/", "Supervisor"),
    "deliveries of webhooks": ("/admin/bookings/webhookdelivery/", "Support"),
    "delivery of a webhook": ("/admin/bookings/webhookdelivery/{delivery}/change/", "Supervisor"),
    "delivery of a webhook, again": ("/admin/bookings/webhookdelivery/{delivery}/again/", "Supervisor"),
    "booking that others were told of": ("/admin/bookings/booking/{told}/change/", "Support"),
    "booking whose traveler was told": ("/admin/bookings/booking/{mailed}/change/", "Supervisor"),
    "contact, erase": ("/admin/bookings/booking/{mailed}/contact/", "Supervisor"),
    "message, again": ("/admin/bookings/booking/{mailed}/message/{message}/", "Supervisor"),
    "search by address": ("/admin/search-by-email/", "Support"),
    "API keys": ("/admin/bookings/apikey/", "Auditor"),
    "API key": ("/admin/bookings/apikey/{key}/change/", "Auditor"),
    "API key, new": ("/admin/bookings/apikey/add/", "Auditor", "manage_api_keys"),
    "API key, rotate": ("/admin/bookings/apikey/{key}/rotate/", "Auditor", "manage_api_keys"),
    "API key, revoke": ("/admin/bookings/apikey/{key}/revoke/", "Auditor", "manage_api_keys"),
}

IS_TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
TABLE_IS_CUT_OFF = """
    [...document.querySelectorAll('.results, .table-scroll')].some(one => one.scrollWidth > one.clientWidth + 1)"""


@pytest.fixture
def rows(office, settings):
    """A booking of every kind, a dead call, a dead payment, bulk cancellations, a case, and an API key."""
    a_service_key(name="gate agent")
    call = a_call_row(state="dead", first_sent_at=database_time(), last_error="400 invalid_request")
    a_saved_row("cancelled", hold="giving_back", give_back=call, flight_id=2)
    an_initiated_booking(office.flights, flight_id=3)
    payment = a_dead_payment()
    paid = a_booked_booking(office.flights, office.payments)
    kept = Payment.objects.get(booking=paid)
    for state in ("done", "failed"):
        a_refund_row(kept, state, 500, cause="goodwill", note="late", last_error="expired_or_canceled_card")
    return {
        **rows_of_gateways(),
        **rows_of_webhooks(),
        **rows_of_mail(settings),
        **rows_of_the_archive(settings),
        **rows_of_an_exchange(),
        **rows_of_seats(),
        "has_seats": a_booking_by_number(office, settings).pk,
        "failed": an_owed_refund("failed", last_error="expired_or_canceled_card").pk,
        "unknown": a_dead_refund().pk,
        "kept": kept.pk,
        "partly": paid.pk,
        "payment": payment.pk,
        "unsettled": payment.booking_id,
        "call": call.pk,
        "bulk": start(Selection(flight=3)).pk,
        "waiting": a_large_bulk_cancellation(settings).pk,
        "case": a_case(office).pk,
        "held": an_initiated_booking(office.flights).pk,
        "paid": a_link_of_a_chain(a_booked_booking(office.flights, office.payments)).pk,
        "cancelled": a_cancelled_booking(office.flights).pk,
        "key": ApiKey.objects.get().pk,
        "user": a_member("Support").pk,
    }


def a_link_of_a_chain(booking):
    """This booking, which replaces one and is replaced by others."""
    older = a_saved_row("cancelled", hold="refused")
    Booking.objects.filter(pk=booking.pk).update(replaces_id=older.pk)
    for status in ("booked", "initiated", "pending"):
        a_saved_row(status, user_id=1003, replaces_id=booking.pk)
    return booking


def rows_of_gateways():
    """What payers, banks and gateways do by themselves, with names as long as Stripe's."""
    now, number = database_time(), "3QaB7cLkdIwHu7ix0aB1c2D3"
    waiting = a_payment_row(an_amount("initiated"), step="payer", by_payer=True, gateway_id=f"pi_{number}")
    known = {"gateway_id": f"pi_{number[:-1]}4", "charge_id": f"ch_{number}", "settled_at": now}
    disputed = a_payment_row(an_amount("booked"), "succeeded", **known)
    Booking.objects.filter(pk=disputed.booking_id).update(active_payment_id=disputed.pk)
    a_dispute_row(2, answer_by=None, standing="warning_under_review")
    an_owed_refund("done", source="gateway", gateway_id=f"re_{number}", cause="other")
    an_owed_refund(cause="paid_too_late")
    dead = {"object_id": f"pi_{number[:-1]}5", "payment_key": uuid.uuid4(), "last_error": "no payment has this key"}
    for place, state in enumerate(("new", "done", "foreign")):
        a_notice_row(place, state=state, event_id=f"evt_{place}{number}", kind=("payment", "refund", "dispute")[place])
    differs = {"gateway": "stripe", "payment": f"pi_{number}", "key": str(uuid.uuid4()), "amount": "12,220.00 INR"}
    return {
        "at_bank": waiting.pk,
        "being_paid": waiting.booking_id,
        "disputed": disputed.booking_id,
        "dispute": a_dispute_row(1, payment=disputed, gateway_id=f"du_{number}", reason="product_not_received").pk,
        "notice": a_notice_row(9, state="dead", event_id=f"evt_9{number}", **dead).pk,
        "compared": a_payment_comparison(
            differences=[{"kind": "unknown", **differs}, {"kind": "refunds", "booking": "K7M2QX3A", **differs}]
        ).pk,
    }


def rows_of_webhooks():
    """An endpoint with a long address that fails, and what it was to be told of a booking."""
    address = "https://webhooks.partners.example.org/bookings/v2/" + "tenant-0123456789/" * 6
    endpoint = an_endpoint(address).endpoint
    delivery = to_deliver(endpoint, announcements(1))[-1]
    receivers = FakeWebhooks()
    receivers.says(TurnedDown(500, answer="<html>" + "x" * 150), url=address)
    send_due(receivers)
    a_report(endpoint, kind="failing_hour", state="refused", last_error="550 " + "no-such-mailbox/" * 9)
    return {"endpoint": endpoint.pk, "delivery": delivery.pk, "told": delivery.announcement.booking_id}


def rows_of_mail(settings):
    """A booking whose traveler was sent a mail."""
    message = a_refused_message(settings)
    return {"mailed": message.announcement.booking_id, "message": message.pk}


def rows_of_the_archive(settings):
    """A booking that ended long ago, with what was kept of its money."""
    settings.KEEP_MONTHS = 12
    long_past = database_time() - timedelta(days=900)
    booking = a_saved_row("cancelled", created_at=long_past, client_reference="trip " * 20, last_error="sold out")
    payment = a_payment_row(booking, "refunded", gateway_id="pi_3QaB7cLkdIwHu7ix0aB1c2D9", created_at=long_past)
    a_dispute_row(7, payment=payment, outcome="lost", closed_at=long_past)
    Booking.objects.filter(pk=booking.pk).update(updated_at=long_past)
    assert archive_all() == 1
    settings.KEEP_MONTHS = 0
    return {"archived": booking.pk}


def rows_of_an_exchange():
    """A booking of a family, and its other seats, of which nobody knows whether it has them."""
    has, wants = (
        ",".join(f"{row}{letter}" for row in rows for letter in "ABC") for rows in ((12, 13, 14), (31, 32, 33))
    )
    booking = a_saved_row("initiated", user_id=1002, no_of_seats=9, seat_numbers=has, wanted_seats=wants)
    error = "the answer names other seats than were asked for"
    exchange = an_exchange_row(
        booking, state="stuck", seats=9, take_numbers=wants, give_numbers=has, claims=9, last_error=error
    )
    return {"exchanging": booking.pk, "exchange": exchange.pk}


def rows_of_seats():
    """A booking by number on a wide flight, that has lost its seats there; and one on a flight that is gone."""
    booking = a_saved_row("booked", flight_id=12, user_id=1003, no_of_seats=2, seat_numbers="12A,12B")
    for number in ("12A", "12B"):
        BookingSeat.objects.create(flight_id=12, seat_number=number, booking=booking)
    a_saved_row("booked", flight_id=9001)
    return {"seated": booking.pk}


def a_booking_by_number(office, settings):
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = True
    return an_initiated_booking(office.flights, flight_id=11, user_id=1077, numbers=("3A", "3B"))


def an_amount(status):
    """A booking of much money."""
    return a_saved_row(status, seat_price=99_999_900, no_of_seats=9, currency="INR")


def a_large_bulk_cancellation(settings):
    """One that waits for a second person."""
    settings.BULK_APPROVAL_BOOKINGS = 1
    many_rows(2, flight_id=4)
    return start(Selection(flight=4))


def a_case(office):
    """A booking that a colleague works on, and that is due."""
    booking = an_initiated_booking(office.flights, flight_id=3)
    move(booking, "take", by="tess")
    move(booking, "date", by="tess", follow_up_on=database_time().date())
    return booking


def what_is_wrong(page):
    """Look at the page in both color schemes, once as wide as on a desk and once as narrow as on a phone."""
    found = []
    for scheme, width in (("light", 1280), ("dark", 360)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 800})
        wrong = barriers(page) + (["it scrolls sideways"] if page.evaluate(IS_TOO_WIDE) else [])
        if width == 1280 and page.evaluate(TABLE_IS_CUT_OFF):
            wrong.append("a column of a table is beside the page")
        found += [f"{scheme}, {width} px: {what}" for what in wrong]
    return "\n".join(found)


@pytest.mark.parametrize(("address", "group", "rights"), [(a, g, r) for a, g, *r in PAGES.values()], ids=PAGES)
def test_a_page_has_no_barriers_and_fits(office, page, rows, address, group, rights):
    if group:
        office.sign_in(page, group, *rights)

    answer = page.goto(address.format(**rows))

    assert (answer.status, page.url) == (200, office.url + address.format(**rows))
    assert what_is_wrong(page) == ""


def test_a_refusal_has_no_barriers_and_fits(office, page):
    office.sign_in(page, "Support")

    answer = page.goto("/admin/bookings/apikey/add/")

    assert answer.status == 403
    assert what_is_wrong(page) == ""


def test_an_address_that_is_not_understood_has_no_barriers_and_fits(office, page):
    office.sign_in(page, "Support")

    answer = page.goto("/admin/bookings/booking/?nonsense=1")

    assert answer.status == 400
    assert what_is_wrong(page) == ""
