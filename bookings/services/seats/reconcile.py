"""Compare the seats that are held here with those that the Flight Service says are taken. Changes neither."""

from collections.abc import Iterable
from datetime import datetime

import structlog

from bookings.conf import CLOCK_TOLERANCE, DRIFTING_FLIGHTS_NAMED
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.deadline import Deadline
from bookings.models import Reconciliation
from bookings.observability import metrics
from bookings.ports import FlightService
from bookings.queries.seats.held import last_reconciliation
from bookings.queries.seats.to_compare import in_turn, is_wanted
from bookings.services.seats.compare import Compared, compare

log = structlog.get_logger(__name__)

# At one in five minutes, those of a week.
COMPARISONS_KEPT = 2_000


def reconcile_seats(*, flights: FlightService, deadline: Deadline, flight_id: int | None = None) -> Reconciliation:
    """
    Compare flight by flight until the time is up, and return what was found.

    Flights that differed the last time go first, then those that changed last: see Note [Busy flights first, and each
    in its turn] in `bookings.queries.seats.to_compare`. A flight is skipped while a call about it is unanswered or
    waits for staff, if a booking changes during the look, and if its capacity is not known. A comparison of all flights
    is kept, unless it could compare none; that of one flight is not kept, as it would replace the last comparison of
    all. A flight that was not compared keeps the difference that was seen last.
    """
    now, last = database_time(), last_reconciliation() if flight_id is None else None
    standing = [row for row in (last.drift if last else []) if is_wanted(row["flight"], now)]
    looks = _Looks(flights=flights, deadline=deadline, walked_to=last.walked_to if last else 0)
    looks.at_all([(row["flight"], False) for row in standing] if flight_id is None else [(flight_id, False)])
    if flight_id is None:
        looks.at_all(in_turn(now, after=looks.walked_to))
    compared = looks.compared
    drifting = sorted((row for row in compared.values() if row.drift), key=lambda row: (-row.drift, row.flight))
    drift = [row.as_row() for row in drifting]
    for row in drifting:
        if row.missing:
            metrics.COUNTER_ALARMS.labels("seat_missing").inc()
            log.error("flights.seat_missing", flight=row.flight, item=",".join(row.missing))
    drift += [row for row in standing if row["flight"] not in compared]
    found = Reconciliation(
        finished_at=database_time(),
        flights_compared=len(compared),
        flights_skipped=len(looks.skipped),
        seats_held=sum(row.held for row in compared.values()),
        # Below zero they would have more free seats than seats: the drift says so.
        seats_taken=max(0, sum(row.taken for row in compared.values())),
        drift=drift[:DRIFTING_FLIGHTS_NAMED],
        walked_to=looks.walked_to,
    )
    tell = log.warning if drift else log.info
    tell(
        "seats.reconciled",
        seats=found.seats_held,
        outcome=f"{len(compared)} compared, {found.flights_skipped} skipped, {len(drift)} differ"
        + ("; the time was up" if looks.left_some else ""),
    )
    if flight_id is None and (compared or not (looks.skipped or looks.left_some)):
        _keep(found, finished_at=found.finished_at)
    return found


class _Looks:
    """What one comparison has seen, flight by flight, and whose turn came last."""

    def __init__(self, *, flights: FlightService, deadline: Deadline, walked_to: int) -> None:
        self._flights, self._deadline = flights, deadline
        self.walked_to, self.left_some = walked_to, False
        self.compared: dict[int, Compared] = {}
        self.skipped: set[int] = set()

    def at_all(self, in_turn: Iterable[tuple[int, bool]]) -> None:
        """Look at each that was not looked at yet, until the time is up."""
        for flight_id, is_its_turn in in_turn:
            if not self._deadline:
                self.left_some = True
                return
            if is_its_turn:
                self.walked_to = flight_id
            if flight_id not in self.compared and flight_id not in self.skipped:
                self._look(flight_id)

    def _look(self, flight_id: int) -> None:
        compared = compare(flight_id, flights=self._flights, deadline=self._deadline)
        if compared is None:
            self.skipped.add(flight_id)
        else:
            self.compared[flight_id] = compared


@in_transaction("seats.reconciled")
def _keep(found: Reconciliation, *, finished_at: datetime) -> None:
    """Insert the comparison; delete the oldest ones beyond the number that is kept, and those in the future."""
    if not Reconciliation.objects.filter(finished_at=finished_at).exists():  # the COMMIT before may have been lost
        found.pk = None
        found.save(force_insert=True)
    # Kept by a clock that was ahead, it would be the last one until then.
    Reconciliation.objects.filter(finished_at__gt=finished_at + CLOCK_TOLERANCE).delete()
    newest = Reconciliation.objects.order_by("-finished_at", "-pk")
    old = list(newest.values_list("pk", flat=True)[COMPARISONS_KEPT : 2 * COMPARISONS_KEPT])
    Reconciliation.objects.filter(pk__in=old).delete()
