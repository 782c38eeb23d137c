"""
Measure the pages of the back office in full tables: `python -m tests.office.measure`.

Reads the database of `DATABASE_URL` through Django's client, as a superuser that it makes and takes away again;
nothing else is changed. Fill it first, and compare only runs on one machine:

    python -m devtools.mariadb                    # prints a DATABASE_URL; export it, with DEBUG=true ENV_FILE=
    python -m flightsim --flights 300 --capacity 5000 --store /tmp/flights.sqlite3
    python manage.py migrate && python -m devtools.demo --bookings 1000000
    python -m tests.office.measure

Prints a table: of each page the SQL statements, and the median and the worst of five runs, in milliseconds.
Ends with 1 if a page took longer than it may.
"""

import os
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookingsite.settings")
os.environ.setdefault("LOG_LEVEL", "ERROR")

import django

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402  # models can be had only now
from django.db import connection, reset_queries  # noqa: E402
from django.http.response import HttpResponseBase  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import override_settings  # noqa: E402

from bookings.db.clock import database_time  # noqa: E402
from bookings.lifecycle import CancelReason  # noqa: E402
from bookings.models import Booking  # noqa: E402
from bookings.queries.bookings.pages import PAGE  # noqa: E402
from bookings.queries.bookings.selection import VIEWS, Selection  # noqa: E402

RUNS = 5
# Somebody is on the telephone while a search runs; a page of a list may take a little longer.
LIMIT_OF_SEARCH_MS = 300
LIMIT_MS = 500
# A file is not a page: it may take this long for each thousand bookings.
LIMIT_OF_THOUSAND_MS = 200
EXPORTED = 10_000
DEEP_PAGE = 100

LIST, SEARCH, EXPORT = "/admin/bookings/booking/", "/admin/search/", "/admin/bookings/booking/export/"


@contextmanager
def a_desk() -> Iterator[Client]:
    """A browser of somebody who may do everything, for the length of the block."""
    user = get_user_model().objects.create_superuser(username=f"measure-{uuid.uuid4().hex}")
    client = Client()
    client.force_login(user)
    try:
        yield client
    finally:
        client.logout()
        user.delete()


def searches() -> dict[str, str]:
    """What is typed into the box, by what it is."""
    booking = Booking.objects.filter(status="booked").latest("pk")
    misread = booking.reference.replace("Q", "0").replace("D", "O").replace("J", "1").replace("7", "1")
    return {
        "reference": booking.reference.lower(),
        "reference, misread": misread,
        "reference that nobody has": "0O1LXX",
        "booking id": str(booking.pk),
        "user id": str(booking.user_id),
        "flight id": str(booking.flight_id),
        "key that nobody used": uuid.uuid4().hex,
        "request id": booking.request_id,
        "request id of a payment": f"{booking.request_id}-pay",
    }


def lists() -> dict[str, dict[str, str]]:
    """The filters of lists, by what they show."""
    now, oldest, newest = database_time(), Booking.objects.earliest("pk"), Booking.objects.latest("pk")
    long_ago = f"{now - timedelta(days=28):%Y-%m-%d}"
    month = {"from": long_ago, "to": f"{now:%Y-%m-%d}"}
    flight = str(oldest.flight_id)
    return {
        "all": {},
        **{f"view {view}": {"view": view} for view in VIEWS},
        "cancelled today, by status": {"view": "cancelled_today", "status": "cancelled"},
        "cancelled today, fraud": {"view": "cancelled_today", "reason": "fraud"},
        "cancelled today, of a month": {"view": "cancelled_today", **month},
        "cancelled today, of a flight": {"view": "cancelled_today", "flight": flight},
        "status booked": {"status": "booked"},
        "status pending": {"status": "pending"},
        "reason expired": {"reason": "expired"},
        "reason fraud": {"reason": "fraud"},
        "reason that none has": {"reason": CancelReason.ABANDONED.value},
        "a reason of what is not cancelled": {"reason": "expired", "status": "booked"},
        "flight": {"flight": flight},
        "flight and reason": {"flight": flight, "reason": "expired"},
        "user": {"user": str(oldest.user_id)},
        "a day of last month": {"from": long_ago, "to": long_ago},
        "a month": month,
        "a month, of a flight": {**month, "flight": flight},
        "a month, unpaid": {**month, "status": "initiated"},
        "a month, fraud": {**month, "reason": "fraud"},
        f"all, page {DEEP_PAGE}": {"older": str(newest.pk - DEEP_PAGE * PAGE)},
        "all, the last page": {"older": str(oldest.pk + PAGE)},
        "a reason, half way down": {"reason": "expired", "older": str((oldest.pk + newest.pk) // 2)},
    }


def others() -> dict[str, str]:
    """The addresses of what is neither a search nor the list of bookings, by what they show."""
    paid, unpaid = (Booking.objects.filter(status=status).latest("pk") for status in ("booked", "initiated"))
    office = "/admin/bookings"
    return {
        "a paid booking": f"{office}/booking/{paid.pk}/change/",
        "to cancel it": f"{office}/booking/{paid.pk}/cancel/",
        "an unpaid booking": f"{office}/booking/{unpaid.pk}/change/",
        "to cancel all of a flight": f"{office}/bulkcancel/new/?flight={paid.flight_id}",
        **{name: f"{office}/{name}/" for name in ("bulkcancel", "seatcall", "payment", "bookingevent")},
        **{f"{name}, page 100": f"{office}/{name}/?p=100" for name in ("payment", "bookingevent")},
        "payments refunded": f"{office}/payment/?state=refunded",
        "answers under keys": f"{office}/idempotencyrecord/",
        "comparisons": f"{office}/reconciliation/",
        **{name: f"/admin/django_q/{name}/" for name in ("schedule", "success", "failure", "ormq")},
    }


def a_file() -> tuple[dict[str, str], int]:
    """The first days that have as many bookings as the file of an export shall, and how many they have."""
    first = Booking.objects.earliest("created_at").created_at.date()
    for days in range(365):
        selection = Selection(since=first, until=first + timedelta(days=days))
        count = selection.rows(database_time()).count()
        if count >= EXPORTED:
            break
    return selection.named(), count


def measure(name: str, ask: Callable[[], HttpResponseBase], *, limit: float = LIMIT_MS) -> bool:
    """Ask five times, print a line of the table, and say whether it was fast enough."""
    times, statements, size = [], 0, 0
    for _ in range(RUNS):
        reset_queries()
        began = time.perf_counter()
        answer = ask()
        size = len(b"".join(answer) if answer.streaming else answer.content)  # type: ignore[attr-defined]
        times.append(1000 * (time.perf_counter() - began))
        statements = len(connection.queries)
        if answer.status_code not in (200, 302):
            raise AssertionError(f"{name}: {answer.status_code}")
    worst = max(times)
    print(f"| {name} | {statements} | {statistics.median(times):.0f} | {worst:.0f} | {size:,} |", flush=True)
    return worst <= limit


def main() -> int:
    """Measure every page, print the table, and return 1 if one was slower than it may be."""
    print(f"{Booking.objects.count():,} bookings, {connection.vendor}\n")
    print("| page | statements | median ms | worst ms | bytes |\n|---|---|---|---|---|")

    with override_settings(ALLOWED_HOSTS=["testserver"], DEBUG=True), a_desk() as desk:
        desk.get("/admin/password_change/")  # what every process pays once: addresses, templates
        quick = [measure("start page", lambda: desk.get("/admin/"))]
        quick += [
            measure(f"search: {name}", lambda: desk.get(SEARCH, {"q": typed}), limit=LIMIT_OF_SEARCH_MS)  # noqa: B023  # called at once
            for name, typed in searches().items()
        ]
        quick += [
            measure(f"list: {name}", lambda: desk.get(LIST, query))  # noqa: B023  # called at once
            for name, query in lists().items()
        ]
        quick += [
            measure(name, lambda: desk.get(address))  # noqa: B023  # called at once
            for name, address in others().items()
        ]
        query, count = a_file()
        quick.append(
            measure(
                f"export of {count:,} bookings",
                lambda: desk.get(EXPORT, query),
                limit=LIMIT_OF_THOUSAND_MS * count / 1000,
            )
        )
    return 0 if all(quick) else 1


if __name__ == "__main__":
    sys.exit(main())
