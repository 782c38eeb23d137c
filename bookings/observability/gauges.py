"""The numbers that an operator watches and the tables know: short ranges of indexes, read at each scrape."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection
from django.db.models import Count, Min, QuerySet

from bookings.db.clock import database_time
from bookings.lifecycle import UNPAID, Hold
from bookings.models import Booking, Payment, SeatCall
from bookings.models.payments import DEAD, DUE
from bookings.models.seats.seat_call import SeatCallState
from bookings.queries.seats import owed
from bookings.queries.seats.held import last_reconciliation
from bookings.queries.upkeep import background

UNSETTLED = (*DUE, *DEAD)

# Labels and value.
Number = tuple[dict[str, str], float]
# Name, meaning, and values; none where there is nothing to say.
Numbers = tuple[str, str, list[Number]]


def numbers() -> list[Numbers]:
    """Read everything, in a fixed number of statements, however full the tables are."""
    now = database_time()
    return [*_waiting(now), *_background(now), *_compared(now), *_connections()]


def _waiting(now: datetime) -> list[Numbers]:
    """Bookings and calls that wait for somebody, and how long the oldest has."""
    unresolved = Booking.objects.filter(next_at__isnull=False, hold=Hold.ASKING)
    # Without the null, which a stuck row always has, this would walk the whole index.
    stuck = Booking.objects.filter(next_at=None, hold=Hold.STUCK)
    takes, takes_age = _count_and_age(unresolved, now)
    stuck_takes, stuck_age = _count_and_age(stuck, now)
    open_calls, open_age = _count_and_age(SeatCall.objects.filter(state=SeatCallState.OPEN), now)
    dead_calls, dead_age = _count_and_age(SeatCall.objects.filter(state=SeatCallState.DEAD), now)
    unpaid = _counted(Booking, "status", UNPAID)
    unsettled = _counted(Payment, "state", UNSETTLED)
    return [
        ("unpaid", "Bookings that wait for their seats or their payment.", unpaid),
        ("takes_unresolved", "Takes whose outcome is not known.", takes),
        ("take_oldest_unresolved_seconds", "Age of the oldest of them.", takes_age),
        ("takes_stuck", "Takes that wait for staff.", stuck_takes),
        ("take_oldest_stuck_seconds", "Age of the oldest of them.", stuck_age),
        (
            "seats_owed",
            "Seats of cancelled bookings that are not given back yet.",
            _plain(owed.seats_still_owed()),
        ),
        ("give_backs_open", "Give-back calls without an answer.", open_calls),
        ("give_back_oldest_open_seconds", "Age of the oldest of them.", open_age),
        ("give_backs_dead", "Give-back calls that wait for staff.", dead_calls),
        ("give_back_oldest_dead_seconds", "Age of the oldest of them.", dead_age),
        ("payments_unsettled", "Payments that wait for the gateway or for staff.", unsettled),
    ]


def _background(now: datetime) -> list[Numbers]:
    """Whether the background work keeps up."""
    oldest_due = Booking.objects.past_deadline(now).aggregate(at=Min("expires_at"))["at"]
    finished_at = background.last_pass_finished_at()
    return [
        (
            "expiry_lag_seconds",
            "How long the oldest unpaid booking is past its deadline.",
            _plain(_age(oldest_due, now)),
        ),
        (
            "pass_age_seconds",
            "Since the background work last went through; -1 if it never did.",
            # From a clock that was ahead it is as wrong as one of long ago: no pass has gone through since.
            _plain(-1.0 if finished_at is None else abs((now - finished_at).total_seconds())),
        ),
    ]


def _compared(now: datetime) -> list[Numbers]:
    """The last comparison with the Flight Service; nothing before there was one."""
    last = last_reconciliation()
    flights = last.drift if last else []
    return [
        (
            "seats_drift",
            "Seats by which the two sides differed when they were last compared, flight by flight.",
            _plain(sum(abs(flight["taken"] - flight["held"]) for flight in flights)) if last else [],
        ),
        ("flights_drifting", "Flights on which they differed.", _plain(len(flights)) if last else []),
        (
            "seats_compared_age_seconds",
            "Since they were last compared.",
            _plain(_age(last.finished_at, now)) if last else [],
        ),
    ]


def _connections() -> list[Numbers]:
    """Connections of everybody to the database server. SQLite has none."""
    current: list[Number] = []
    most: list[Number] = []
    if connection.vendor == "mysql":
        with connection.cursor() as cursor:
            cursor.execute("SHOW GLOBAL STATUS LIKE 'Threads_connected'")
            current = _plain(float(cursor.fetchone()[1]))
            cursor.execute("SELECT @@max_connections")
            most = _plain(float(cursor.fetchone()[0]))
    return [
        ("database_connections", "Connections to the database server, of whomever.", current),
        ("database_connections_limit", "Connections that it takes at most.", most),
    ]


def _plain(number: float) -> list[Number]:
    return [({}, number)]


def _age(moment: datetime | None, now: datetime) -> float:
    return 0.0 if moment is None else max(0.0, (now - moment).total_seconds())


def _count_and_age(rows: QuerySet[Booking] | QuerySet[SeatCall], now: datetime) -> tuple[list[Number], list[Number]]:
    found = rows.aggregate(count=Count("pk"), since=Min("created_at"))
    return _plain(found["count"]), _plain(_age(found["since"], now))


def _counted(model: type[Booking | Payment], column: str, words: Sequence[str]) -> list[Number]:
    """Count the rows of each word; a word without rows is a zero, not a gap."""
    rows = model._default_manager.filter(**{f"{column}__in": words}).values_list(column)
    found = dict(rows.annotate(rows=Count("pk")))
    return [({column: str(word)}, found.get(word, 0)) for word in words]
