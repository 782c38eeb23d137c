"""The gauges that are read from tables at each scrape: short ranges of indexes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Count, Min, QuerySet

from bookings.db.clock import database_time
from bookings.lifecycle import UNPAID
from bookings.models import Booking, Payment, Refund, SeatCall
from bookings.models.payments import UNANSWERED
from bookings.models.refunds import UNFINISHED, RefundState
from bookings.models.seats.seat_call import SeatCallState
from bookings.queries.seats import owed
from bookings.queries.seats.held import last_reconciliation
from bookings.queries.upkeep import background

# Labels and value.
Number = tuple[dict[str, str], float]
# Name, meaning, and values; none where there is nothing to say.
Numbers = tuple[str, str, list[Number]]


def numbers() -> list[Numbers]:
    """Read everything, in a fixed number of statements, however full the tables are."""
    now = database_time()
    return [*_waiting(now), *_background(now), *_compared(now), *_connections()]


def _waiting(now: datetime) -> list[Numbers]:
    """Bookings, calls and payments that wait for another system or for staff, and since when the oldest does."""
    unresolved, unresolved_age = _count_and_age(Booking.objects.unanswered(), now)
    stuck, stuck_age = _count_and_age(Booking.objects.stuck(), now)
    open_calls, open_age = _count_and_age(SeatCall.objects.filter(state=SeatCallState.OPEN), now)
    dead_calls, dead_age = _count_and_age(SeatCall.objects.filter(state=SeatCallState.DEAD), now)
    unpaid = _counted(Booking.objects.all(), "status", UNPAID)
    unsettled = _counted(Payment.objects.all(), "state", UNANSWERED)
    refunds = _counted(Refund.objects.filter(decision=""), "state", (*UNFINISHED, RefundState.FAILED))
    return [
        ("unpaid", "Bookings that wait for their seats or their payment.", unpaid),
        ("reservations_unresolved", "Reservations whose outcome is not known yet.", unresolved),
        ("reservations_oldest_unresolved_seconds", "Age of the oldest reservation of unknown outcome.", unresolved_age),
        ("reservations_stuck", "Reservations that wait for a decision by staff.", stuck),
        ("reservations_oldest_stuck_seconds", "Age of the oldest reservation that waits for staff.", stuck_age),
        (
            "seats_owed",
            "Seats of cancelled bookings that are not given back yet.",
            _plain(owed.seats_still_owed()),
        ),
        ("releases_open", "Releases and corrections that have no answer yet.", open_calls),
        ("releases_oldest_open_seconds", "Age of the oldest release or correction without an answer.", open_age),
        ("releases_dead", "Releases and corrections that wait for a decision by staff.", dead_calls),
        ("releases_oldest_dead_seconds", "Age of the oldest release or correction that waits for staff.", dead_age),
        ("payments_unsettled", "Payments that wait for the gateway or for staff.", unsettled),
        ("refunds_open", "Refunds that wait for the gateway or for staff.", refunds),
    ]


def _background(now: datetime) -> list[Numbers]:
    """Whether the background work keeps up."""
    oldest_due = Booking.objects.past_deadline(now).aggregate(at=Min("expires_at"))["at"]
    finished_at = background.last_pass_finished_at()
    return [
        (
            "expiry_lag_seconds",
            "How long ago the payment window of the oldest booking that is due to expire closed.",
            _plain(_age(oldest_due, now)),
        ),
        (
            "pass_age_seconds",
            "Time since the last pass of the background work finished; -1 if none ever did.",
            # A time in the future was written by a clock that was ahead: it is as wrong as one of long ago.
            _plain(-1.0 if finished_at is None else abs((now - finished_at).total_seconds())),
        ),
    ]


def _compared(now: datetime) -> list[Numbers]:
    """The last comparison with the Flight Service; no values before the first one."""
    last = last_reconciliation()
    flights = last.drift if last else []
    return [
        (
            "seats_drift",
            "Seats by which bookings and Flight Service differed at the last comparison, summed over flights.",
            _plain(sum(abs(flight["taken"] - flight["held"]) for flight in flights)) if last else [],
        ),
        (
            "flights_drifting",
            "Flights on which the two differed at the last comparison.",
            _plain(len(flights)) if last else [],
        ),
        (
            "seats_compared_age_seconds",
            "Time since seats were last compared with the Flight Service.",
            _plain(_age(last.finished_at, now)) if last else [],
        ),
    ]


def _connections() -> list[Numbers]:
    """Connections of all clients to the database server. SQLite has none."""
    current: list[Number] = []
    most: list[Number] = []
    if connection.vendor == "mysql":
        with connection.cursor() as cursor:
            cursor.execute("SHOW GLOBAL STATUS LIKE 'Threads_connected'")
            current = _plain(float(cursor.fetchone()[1]))
            cursor.execute("SELECT @@max_connections")
            most = _plain(float(cursor.fetchone()[0]))
    return [
        ("database_connections", "Open connections to the database server, of all clients.", current),
        ("database_connections_limit", "The most connections that the database server accepts.", most),
    ]


def _plain(number: float) -> list[Number]:
    return [({}, number)]


def _age(moment: datetime | None, now: datetime) -> float:
    return 0.0 if moment is None else max(0.0, (now - moment).total_seconds())


def _count_and_age(rows: QuerySet[Booking] | QuerySet[SeatCall], now: datetime) -> tuple[list[Number], list[Number]]:
    found = rows.aggregate(count=Count("pk"), since=Min("created_at"))
    return _plain(found["count"]), _plain(_age(found["since"], now))


def _counted(rows: QuerySet[Any], column: str, words: Sequence[str]) -> list[Number]:
    """Count the rows of each word; a word without rows is a zero, not a gap."""
    named = rows.filter(**{f"{column}__in": words}).values_list(column)
    found = dict(named.annotate(rows=Count("pk")))
    return [({column: str(word)}, found.get(word, 0)) for word in words]
