"""The pages of the back office as a whole, in full tables: how long each may take."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import NamedTuple

from django.contrib.auth import get_user_model
from django.test import Client

from bookings.db.clock import database_time
from bookings.lifecycle import CancelReason
from bookings.models import Booking
from bookings.queries.bookings.pages import PAGE
from bookings.queries.bookings.selection import VIEWS

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
    oldest, newest = Booking.objects.earliest("pk"), Booking.objects.latest("pk")
    paid, unpaid = (Booking.objects.filter(status=status).latest("pk") for status in ("booked", "initiated"))
    long_ago = f"{database_time() - timedelta(days=28):%Y-%m-%d}"
    month, flight = {"from": long_ago, "to": f"{database_time():%Y-%m-%d}"}, str(oldest.flight_id)
    typed = {
        "reference": paid.reference.lower(),
        "reference that no booking has": "0O1LXX",
        "booking id": str(paid.pk),
        "user id": str(paid.user_id),
        "flight id": str(paid.flight_id),
        "key that was never used": uuid.uuid4().hex,
        "request id": paid.request_id,
    }
    lists: dict[str, dict[str, str]] = {
        "all": {},
        **{f"view {view}": {"view": view} for view in VIEWS},
        "cancelled today, fraud": {"view": "cancelled_today", "reason": "fraud"},
        "cancelled today, of a month": {"view": "cancelled_today", **month},
        "status booked": {"status": "booked"},
        "reason expired": {"reason": "expired"},
        "reason that none has": {"reason": CancelReason.ABANDONED.value},
        "flight and reason": {"flight": flight, "reason": "expired"},
        "user": {"user": str(oldest.user_id)},
        "a month": month,
        "a month, of a flight": {**month, "flight": flight},
        f"all, page {DEEP_PAGE}": {"older": str(newest.pk - DEEP_PAGE * PAGE)},
        "a reason, half way down": {"reason": "expired", "older": str((oldest.pk + newest.pk) // 2)},
    }
    tables = ("bulkcancel", "seatcall", "payment", "bookingevent", "idempotencyrecord", "reconciliation")
    addresses = {
        "start page": "/admin/",
        "a paid booking": f"{OFFICE}/booking/{paid.pk}/change/",
        "to cancel it": f"{OFFICE}/booking/{paid.pk}/cancel/",
        "an unpaid booking": f"{OFFICE}/booking/{unpaid.pk}/change/",
        "to cancel all of a flight": f"{OFFICE}/bulkcancel/new/?flight={paid.flight_id}",
        **{name: f"{OFFICE}/{name}/" for name in tables},
        **{f"{name}, page 100": f"{OFFICE}/{name}/?p=100" for name in ("payment", "bookingevent")},
        **{name: f"/admin/django_q/{name}/" for name in ("schedule", "success", "failure", "ormq")},
    }
    yield from (
        Page(f"search: {name}", "/admin/search/", {"q": text}, LIMIT_OF_SEARCH_MS) for name, text in typed.items()
    )
    yield from (Page(f"list: {name}", f"{OFFICE}/booking/", query) for name, query in lists.items())
    yield from (Page(name, address, {}) for name, address in addresses.items())
    yield Page("export of a day", f"{OFFICE}/booking/export/", {"from": long_ago, "to": long_ago}, LIMIT_OF_FILE_MS)
