"""Checks of one of several installations that share the flights."""

from collections.abc import Iterator, Mapping
from itertools import chain

from django.conf import settings
from django.utils.module_loading import import_string

from bookings.cells import cell
from bookings.diagnostics.finding import Finding, fail, ok, warn
from bookings.gateways.diagnostic_probes import Unreachable
from bookings.models import Booking
from bookings.text.cells import ONLY_ONE

# Of the oldest bookings and of the newest: those before the cells were made, and what a router sends now.
LOOKED_AT = 100

# What the Redis of all cells must be set to, and what becomes of keys otherwise.
OF_REDIS: Mapping[str, tuple[str, str]] = {
    "maxmemory-policy": ("noeviction", "keys of clients are dropped when it is full"),
    "appendonly": ("yes", "all keys of clients are forgotten when it restarts"),
    "appendfsync": ("always", "a power cut forgets the keys of the last second"),
}


def check_cell() -> Iterator[Finding]:
    """
    Look whether all bookings are of this cell.

    :raises DatabaseError: if the database does not answer any more
    """
    this = cell()
    if this == ONLY_ONE:
        return
    rows = Booking.objects.values_list("pk", "flight_id")
    strangers = [
        pk
        for pk, flight_id in chain(rows.order_by("pk")[:LOOKED_AT], rows.order_by("-pk")[:LOOKED_AT])
        if not (this.owns(pk) and this.owns(flight_id))
    ]
    if strangers:
        yield fail(
            "cell",
            f"this is cell {this}, and booking {strangers[0]} is not of it: no request finds it",
            "CELL never changes once there are bookings. Set it as it was; see docs/cells.md.",
        )
    else:
        yield ok("cell", f"{this}: flights and bookings {this.number}, {this.number + this.of} …")


def check_keys_of_cells() -> Iterator[Finding]:
    """Ask the Redis that all cells share whether it keeps what it is told."""
    if settings.CELL == ONLY_ONE:
        return
    try:
        found = import_string("bookings.gateways.redis_probe.redis_settings")(settings.REDIS_URL, [*OF_REDIS])
    except Unreachable as error:
        yield fail(
            "keys of cells", f"Redis does not answer ({error}): no request with a key is taken", "Bring it back."
        )
        return
    wrong = {name: why for name, (wanted, why) in OF_REDIS.items() if found.get(name) != wanted}
    for name, why in wrong.items():
        yield warn("keys of cells", f"Redis has {name}={found.get(name)}: {why}", f"Set {name} {OF_REDIS[name][0]}.")
    if not wrong:
        yield ok("keys of cells", "Redis keeps them on its disk")
