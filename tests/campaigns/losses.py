"""What a failover has lost: what clients were told against the rows, and the dead primary against its replica."""

from collections.abc import Iterable
from typing import Any

from bookings.lifecycle import BookingStatus, CancelReason
from bookings.models import Booking
from devtools.mariadb import PrivateMariaDB
from devtools.mariadb_pair import run
from tests.failover.load import Heard

Snapshot = dict[str, tuple[Any, ...]]


def snapshot(server: PrivateMariaDB) -> Snapshot:
    """Give what a server knows of each booking, by reference: the flight first."""
    rows = run(server, "SELECT reference, flight_id, status, hold, version FROM booking")
    return {reference: rest for reference, *rest in rows}


def flights_that_lack(replica: Snapshot, primary: Snapshot) -> set[int]:
    """Name the flights of which the primary knew a booking, or a change of one, that the replica did not."""
    return {known[0] for reference, known in primary.items() if replica.get(reference) != known}


def lost(heard: Iterable[Heard]) -> list[Heard]:
    """Give what clients were told and the tables do not know."""
    return [told for told in heard if not _is_known(told)]


def ids_used_twice(heard: Iterable[Heard]) -> list[str]:
    """Name the bookings under whose id there is another one now."""
    return [
        told.name
        for told in heard
        if Booking.objects.filter(pk=told.booking["id"]).exclude(reference=told.booking["reference"]).exists()
    ]


def _is_known(told: Heard) -> bool:
    rows = Booking.objects.filter(pk=told.booking["id"], reference=told.booking["reference"])
    match told.what:
        case "paid":
            rows = rows.filter(status=BookingStatus.BOOKED)
        case "cancelled":
            rows = rows.filter(cancel_reason=CancelReason.CUSTOMER_REQUEST)
    return rows.exists()
