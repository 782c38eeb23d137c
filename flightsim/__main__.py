"""`python -m flightsim`: reads the options, starts the process, stops it cleanly."""

import argparse
import asyncio
import errno
import signal
import socket
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from flightsim.demo_flights import demo_flights
from flightsim.faults import FAULTS_ON, FaultPlan, Faults, InvalidFaults
from flightsim.fixed_flights import FixedFlights, fixed_flights
from flightsim.freezing import Pool
from flightsim.routes import FlightService
from flightsim.seat_map import SeatNumbers
from flightsim.server import Connection, Desk
from flightsim.store import MAX_SEATS, Store
from flightsim.tally import Tally

# Enough for a burst of a few hundred clients that connect in the same instant.
LISTEN_BACKLOG = 1024

# More would only make the list of all flights and the ledger slow.
MAX_FLIGHTS = 10_000


class OneLineParser(argparse.ArgumentParser):
    """Says in one line what makes no sense, so that what starts this process can show it as it is."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; --help lists the options\n")


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; says so and exits with 2 where it makes no sense."""
    parser = OneLineParser(prog="flightsim", description="A stand-in for the Flight Service.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8001, help="0 picks a free one (default: %(default)s)")
    parser.add_argument("--store", type=Path, default=Path("var/flightsim.sqlite3"), help="SQLite file")
    parser.add_argument("--unkeyed", action="store_true", help="imitate the original, which knows no keys")
    parser.add_argument("--flights", type=int, default=12, metavar="N", help="flights (default: %(default)s)")
    parser.add_argument("--capacity", type=int, metavar="N", help="seats of every flight of a new store")
    parser.add_argument(
        "--currency", metavar="CODE", help="of all prices of a new store, as in INR; shown only if given"
    )
    parser.add_argument("--allow-reset", action="store_true", help="serve POST /__reset and POST /__faults")
    parser.add_argument(
        "--freeze-seconds",
        type=int,
        default=60,
        metavar="N",
        help="with --unkeyed: stand still for so long at five PATCHes at once; 0: never (default: %(default)s)",
    )
    by_number = parser.add_mutually_exclusive_group()
    by_number.add_argument("--no-seat-maps", action="store_true", help="know no seats by number")
    by_number.add_argument(
        "--ignore-seat-numbers", action="store_true", help="show maps, and count where seats are named"
    )
    faults = parser.add_argument_group("faults", "shares (0 to 1) of the GETs and PATCHes of flights")
    faults.add_argument("--latency-ms", type=int, default=0, metavar="N", help="wait before deciding")
    faults.add_argument("--fail-rate", type=float, default=0.0, metavar="P", help="500, nothing decided")
    faults.add_argument("--drop-reply-rate", type=float, default=0.0, metavar="P", help="done, not answered")
    faults.add_argument("--drop-request-rate", type=float, default=0.0, metavar="P", help="not done, hang up")
    faults.add_argument("--hang-rate", type=float, default=0.0, metavar="P", help="not done, never answered")
    faults.add_argument("--garbage-rate", type=float, default=0.0, metavar="P", help="done, answered by nonsense")
    faults.add_argument("--informational-rate", type=float, default=0.0, metavar="P", help="done, 103s first")
    faults.add_argument("--drip-rate", type=float, default=0.0, metavar="P", help="done, answered byte by byte")
    faults.add_argument("--unusable-flight", type=int, default=0, metavar="N", help="shown without a price")
    faults.add_argument("--faults-on", choices=FAULTS_ON, default="both", help="(default: %(default)s)")
    faults.add_argument("--seed", type=int, metavar="N", help="makes the same faults hit the same requests")
    options = parser.parse_args(arguments)
    if not 0 <= options.freeze_seconds <= 600:
        parser.error("--freeze-seconds must be from 0 to 600")
    if not 1 <= options.flights <= MAX_FLIGHTS:
        parser.error(f"--flights must be from 1 to {MAX_FLIGHTS}")
    if options.capacity is not None and not 1 <= options.capacity <= MAX_SEATS:
        parser.error(f"--capacity must be from 1 to {MAX_SEATS}")
    try:
        options.plan = plan_of(options)
    except InvalidFaults as error:
        parser.error(str(error))
    return options


def plan_of(options: argparse.Namespace) -> FaultPlan:
    """
    Gather the faults named on the command line.

    :raises InvalidFaults: if a rate or the latency is out of range
    """
    return FaultPlan(
        latency_ms=options.latency_ms,
        fail_rate=options.fail_rate,
        drop_reply_rate=options.drop_reply_rate,
        drop_request_rate=options.drop_request_rate,
        hang_rate=options.hang_rate,
        garbage_rate=options.garbage_rate,
        informational_rate=options.informational_rate,
        drip_rate=options.drip_rate,
        unusable_flight=options.unusable_flight,
        faults_on=options.faults_on,
    )


def numbers_of(options: argparse.Namespace) -> SeatNumbers:
    """Return what becomes of seat numbers; without keys they are unknown, as to the original."""
    if options.ignore_seat_numbers:
        return SeatNumbers.IGNORED
    return SeatNumbers.UNKNOWN if options.no_seat_maps else SeatNumbers.KEPT


def desk_of(options: argparse.Namespace, store: Store) -> Desk:
    """
    Put the parts together, and fill the store if it lacks flights.

    :raises sqlite3.Error: if the store cannot be written
    """
    first_state = [
        *demo_flights(options.flights, capacity=options.capacity, currency=options.currency),
        *fixed_flights(currency=options.currency),
    ]
    with store.transaction():
        store.add_missing(first_state)
        tally = Tally(flight.id for flight in store.flights())
    faults, fixed = Faults(options.plan, seed=options.seed), FixedFlights()
    service = FlightService(
        store=store,
        tally=tally,
        faults=faults,
        fixed=fixed,
        first_state=first_state,
        keyed=not options.unkeyed,
        numbers=numbers_of(options),
        allow_reset=options.allow_reset,
    )
    return Desk(service, faults, fixed, tally, Pool(seconds=options.freeze_seconds if options.unkeyed else 0))


async def serve(listener: socket.socket, desk: Desk, *, mode: str) -> None:
    """
    Serve until SIGTERM or SIGINT, then close all connections.

    What has reached the desk is still decided; what waits for its latency to pass is not.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    connections: set[Connection] = set()
    server = await loop.create_server(
        lambda: Connection(desk.accept, connections), sock=listener, backlog=LISTEN_BACKLOG
    )
    host, port = listener.getsockname()[:2]
    print(f"flightsim listening on http://{host}:{port} ({mode})", flush=True)

    await stop.wait()

    server.close()
    desk.answer_turn()
    for connection in tuple(connections):
        connection.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the process; the exit code is 0 after a clean stop and 1 if it could not start."""
    options = read_options(arguments)
    try:
        listener = socket.create_server((options.host, options.port), backlog=LISTEN_BACKLOG)
    except (OSError, OverflowError) as error:
        taken = getattr(error, "errno", None) == errno.EADDRINUSE
        reason = "the port is taken" if taken else error
        print(f"flightsim: cannot listen on {options.host}:{options.port}: {reason}", file=sys.stderr)
        return 1
    with listener:
        try:
            store = Store(options.store)
            desk = desk_of(options, store)
        except (OSError, sqlite3.Error) as error:
            print(f"flightsim: cannot use the store {options.store}: {error}", file=sys.stderr)
            return 1
        asyncio.run(serve(listener, desk, mode="unkeyed" if options.unkeyed else "keyed"))
        store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
