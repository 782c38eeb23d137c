"""Compare the seats that are held here with those that the Flight Service says are taken. Changes neither."""

import random
from collections.abc import Iterator
from datetime import datetime

import structlog

from bookings.conf import CLOCK_TOLERANCE, DRIFTING_FLIGHTS_NAMED, RECONCILIATIONS_KEPT
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.deadline import Deadline
from bookings.models import Reconciliation
from bookings.ports import FlightService
from bookings.queries.seats.held import flights_to_compare, last_reconciliation
from bookings.services.seats.compare import Compared, compare

log = structlog.get_logger(__name__)


def reconcile_seats(*, flights: FlightService, deadline: Deadline, flight_id: int | None = None) -> Reconciliation:
    """
    Compare flight by flight until the time is up, and return what was found.

    A flight is skipped while a call about it is unanswered or waits for staff, if a booking changes during the look,
    and if its capacity is not known. A comparison of all flights is kept, unless it could compare none; that of one
    flight is not kept, as it would replace the last comparison of all. A flight that is skipped keeps the difference
    that was seen last.
    """
    wanted = flights_to_compare(database_time()) if flight_id is None else {flight_id}
    compared = list(_compare_all(wanted, flights=flights, deadline=deadline))
    drifting = sorted((row for row in compared if row.drift), key=lambda row: (-row.drift, row.flight))
    drift = [{"flight": row.flight, "held": row.held, "taken": row.taken} for row in drifting]
    if flight_id is None:
        drift += _still_standing(wanted - {row.flight for row in compared})
    found = Reconciliation(
        finished_at=database_time(),
        flights_compared=len(compared),
        flights_skipped=len(wanted) - len(compared),
        seats_held=sum(row.held for row in compared),
        # Below zero they would have more free seats than seats: the drift says so.
        seats_taken=max(0, sum(row.taken for row in compared)),
        drift=drift[:DRIFTING_FLIGHTS_NAMED],
    )
    tell = log.warning if drift else log.info
    tell(
        "seats.reconciled",
        seats=found.seats_held,
        outcome=f"{len(compared)} compared, {found.flights_skipped} skipped, {len(drift)} differ",
    )
    if flight_id is None and (compared or not wanted):
        _keep(found, finished_at=found.finished_at)
    return found


def _still_standing(skipped: set[int]) -> list[dict[str, int]]:
    """Give the differences of the last comparison on flights that this one could not look at."""
    last = last_reconciliation()
    return [row for row in last.drift if row["flight"] in skipped] if last is not None else []


def _compare_all(wanted: set[int], *, flights: FlightService, deadline: Deadline) -> Iterator[Compared]:
    # In another order each time: if the time is too short for all, no flight is left out every time.
    for flight_id in random.sample(sorted(wanted), len(wanted)):  # no secret  # nosec B311
        if not deadline:
            break
        compared = compare(flight_id, flights=flights, deadline=deadline)
        if compared is not None:
            yield compared


@in_transaction("seats.reconciled")
def _keep(found: Reconciliation, *, finished_at: datetime) -> None:
    """Insert the comparison; delete the oldest ones beyond the number that is kept, and those in the future."""
    if not Reconciliation.objects.filter(finished_at=finished_at).exists():  # the COMMIT before may have been lost
        found.pk = None
        found.save(force_insert=True)
    # Kept by a clock that was ahead, it would be the last one until then.
    Reconciliation.objects.filter(finished_at__gt=finished_at + CLOCK_TOLERANCE).delete()
    newest = Reconciliation.objects.order_by("-finished_at", "-pk")
    old = list(newest.values_list("pk", flat=True)[RECONCILIATIONS_KEPT : 2 * RECONCILIATIONS_KEPT])
    Reconciliation.objects.filter(pk__in=old).delete()
