"""The pages of the back office as a whole, in full tables: how long each may take."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import NamedTuple

from django.contrib.auth import get_user_model
from django.test import Client

from bookings.db.clock import database_time
from bookings.models import Booking, Payment
from bookings.queries.bookings.pages import PAGE
from tests.volume.fill import AGENT
from tests.volume.questions import activities, middle_of, newest_paid, office_lists, searches

# Support staff are on the telephone while a search runs; a page of a list may take a little longer.
LIMIT_OF_SEARCH_MS, LIMIT_MS = 300, 500
# A file is not a page. Of all of a day's bookings.
LIMIT_OF_FILE_MS = 10_000
DEEP_PAGE = 100

OFFICE = "/admin/bookings"


class Page(NamedTuple):
    """An address of the back office, and how many milliseconds it may take at worst."""

    name: str
    address: str
    query: dict[str, str]
    limit: float = LIMIT_MS


@contextmanager
def a_desk() -> Iterator[Client]:
    """A browser of an operator with every right, for the length of the block."""
    user = get_user_model().objects.create_superuser(username=f"measure-{uuid.uuid4().hex}")
    client = Client()
    client.force_login(user)
    client.get("/admin/password_change/")  # what every process pays once: addresses, templates
    try:
        yield client
    finally:
        client.logout()
        user.delete()


def all_pages() -> Iterator[Page]:
    """Everything that an operator looks at."""
    newest = Booking.objects.latest("pk")
    middle, paid = middle_of(newest), newest_paid()
    unpaid = Booking.objects.filter(status="initiated").latest("pk")
    month = {"from": f"{database_time() - timedelta(days=28):%Y-%m-%d}", "to": f"{database_time():%Y-%m-%d}"}
    lists = {
        **office_lists(middle),
        "cancelled today, of a month": {"view": "cancelled_today", **month},
        "a month": month,
        f"all, page {DEEP_PAGE}": {"older": str(newest.pk - DEEP_PAGE * PAGE)},
        "a reason, half way down": {"reason": "expired", "older": str(middle.pk)},
    }
    tables = (
        *("bulkcancel", "seatcall", "payment", "refund", "bookingevent", "idempotencyrecord", "reconciliation"),
        *("dispute", "gatewaynotice", "paymentcomparison", "webhookendpoint", "webhookdelivery"),
    )
    addresses = {
        "start page": "/admin/",
        "a paid booking": f"{OFFICE}/booking/{paid.pk}/change/",
        "to cancel it": f"{OFFICE}/booking/{paid.pk}/cancel/",
        "an unpaid booking": f"{OFFICE}/booking/{unpaid.pk}/change/",
        "a customer": f"/admin/customer/?user={paid.user_id}",
        "a customer with 1 % of all": f"/admin/customer/?user={AGENT}",
        "a customer with 1 % of all, half way down": f"/admin/customer/?user={AGENT}&older={middle.pk}",
        "to cancel all of a flight": f"{OFFICE}/bulkcancel/new/?flight={paid.flight_id}",
        **{name: f"{OFFICE}/{name}/" for name in tables},
        "payment, page 100": f"{OFFICE}/payment/?p=100",
        **{f"payments, {state}": f"{OFFICE}/payment/?is={state}" for state in ("failed", "refunded", "dead")},
        "payments, succeeded": f"{OFFICE}/payment/?is=succeeded",
        "payments, succeeded, page 100": f"{OFFICE}/payment/?is=succeeded&p=100",
        "payments, found by a key": f"{OFFICE}/payment/?q={Payment.objects.get(booking=paid).gateway_key}",
        **{
            f"refunds, {state}": f"{OFFICE}/refund/?is={state}"
            for state in ("done", "failed", "again", "elsewhere", "dead")
        },
        "refunds made on the gateway's pages": f"{OFFICE}/refund/?from=gateway",
        "refunds of what was paid too late": f"{OFFICE}/refund/?why=paid_too_late",
        "payments that wait for the payer": f"{OFFICE}/payment/?needs=payer",
        "disputes to answer": f"{OFFICE}/dispute/?needs=dispute",
        **{f"notices, {state}": f"{OFFICE}/gatewaynotice/?is={state}" for state in ("done", "foreign", "dead")},
        **{
            f"deliveries of webhooks, {name}": f"{OFFICE}/webhookdelivery/?{query}"
            for name, query in {
                "waiting": "endpoint=2",
                "dead": "endpoint=2&is=dead",
                "delivered": "endpoint=2&is=delivered",
                "all delivered": "is=delivered",
                "page 100": "is=delivered&p=100",
            }.items()
        },
        "notices, page 100": f"{OFFICE}/gatewaynotice/?p=100",
        "to refund a payment": f"{OFFICE}/payment/{Payment.objects.get(booking=paid).pk}/refund/",
        "refund, page 100": f"{OFFICE}/refund/?p=100",
        "records, running": f"{OFFICE}/idempotencyrecord/?is=running",
        "records of a caller": f"{OFFICE}/idempotencyrecord/?q=user:{paid.user_id}",
        **{f"activity: {name}": f"{OFFICE}/bookingevent/?{query}" for name, query in activities(middle).items()},
        **{name: f"/admin/django_q/{name}/" for name in ("schedule", "success", "failure", "ormq")},
    }
    yield from (
        Page(f"search: {name}", "/admin/search/", {"q": text}, LIMIT_OF_SEARCH_MS)
        for name, text in searches(paid).items()
    )
    yield from (Page(f"list: {name}", f"{OFFICE}/booking/", query) for name, query in lists.items())
    yield from (Page(name, address, {}) for name, address in addresses.items())
    yield Page(
        "export of a day", f"{OFFICE}/booking/export/", office_lists(middle)["a day half a year ago"], LIMIT_OF_FILE_MS
    )
