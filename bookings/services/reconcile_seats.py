"""Compare the seats that are held here with those that the Flight Service says are taken. Changes neither."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import structlog

from bookings.clock import database_time
from bookings.conf import DRIFTING_FLIGHTS_NAMED, RECONCILIATIONS_KEPT, WORKER_CALL_SECONDS
from bookings.models import Reconciliation
from bookings.ports import FlightService, FlightsUnreachable, UnknownFlight
from bookings.queries.seats import flights_to_compare, known_capacity, seats_of
from bookings.services.deadline import Deadline
from bookings.transactions import in_transaction

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Compared:
    """The seats of one flight, as either side counts them while nothing is under way."""

    flight: int
    held: int
    taken: int

    @property
    def drift(self) -> int:
        return abs(self.taken - self.held)


def reconcile_seats(*, flights: FlightService, deadline: Deadline, flight_id: int | None = None) -> Reconciliation:
    """
    Compare flight by flight until the time is up, and return what was found.

    A flight is skipped while a call about it is unanswered or waits for staff, where a booking changes during
    the look, and where the capacity is known from nobody. A comparison of all flights is kept; that
    of one flight is not, as it would stand in the place of the last of all.
    """
    wanted = flights_to_compare(database_time()) if flight_id is None else {flight_id}
    compared = list(_compare_all(wanted, flights=flights, deadline=deadline))
    drifting = sorted((row for row in compared if row.drift), key=lambda row: (-row.drift, row.flight))
    found = Reconciliation(
        finished_at=database_time(),
        flights_compared=len(compared),
        flights_skipped=len(wanted) - len(compared),
        seats_held=sum(row.held for row in compared),
        # Below zero they would have more free seats than seats: the drift says so.
        seats_taken=max(0, sum(row.taken for row in compared)),
        drift=[
            {"flight": row.flight, "held": row.held, "taken": row.taken}
            for row in drifting[:DRIFTING_FLIGHTS_NAMED]
        ],
    )
    tell = log.warning if drifting else log.info
    tell(
        "seats.reconciled",
        seats=found.seats_held,
        outcome=f"{len(compared)} compared, {found.flights_skipped} skipped, {len(drifting)} differ",
    )
    if flight_id is None:
        _keep(found, finished_at=found.finished_at)
    return found


def _compare_all(wanted: set[int], *, flights: FlightService, deadline: Deadline) -> Iterator[_Compared]:
    # In another order each time: where the time is too short for all, none is left out for ever.
    for flight_id in random.sample(sorted(wanted), len(wanted)):  # no secret  # nosec B311
        if not deadline:
            break
        compared = _compare(flight_id, flights=flights, deadline=deadline)
        if compared is not None:
            yield compared


def _compare(flight_id: int, *, flights: FlightService, deadline: Deadline) -> _Compared | None:
    before = seats_of(flight_id)
    if before.under_way:
        return None
    try:
        flight = flights.get_flight(flight_id, seconds=min(WORKER_CALL_SECONDS, deadline.left()))
    except (UnknownFlight, FlightsUnreachable):
        return None
    capacity = known_capacity(flight_id) if flight.capacity is None else flight.capacity
    if capacity is None or seats_of(flight_id) != before:
        return None
    return _Compared(flight_id, held=before.held, taken=capacity - flight.seats_left + flight.oversold)


@in_transaction("seats.reconciled")
def _keep(found: Reconciliation, *, finished_at: datetime) -> None:
    """Insert the comparison, and delete the oldest ones beyond the number that is kept."""
    if not Reconciliation.objects.filter(finished_at=finished_at).exists():  # the COMMIT before may have been lost
        found.pk = None
        found.save(force_insert=True)
    newest = Reconciliation.objects.order_by("-finished_at", "-pk")
    old = list(newest.values_list("pk", flat=True)[RECONCILIATIONS_KEPT : 2 * RECONCILIATIONS_KEPT])
    Reconciliation.objects.filter(pk__in=old).delete()
