"""
Ask the same of ten thousand bookings, of a million and of ten million, and compare how long it takes.

Each size has a private MariaDB with the durability of production, and a web server of its own; they are asked in turns,
by one client, so that what else the machine does meets all of them. Prints milliseconds in the median, and of CPU
of web and database. Wrong is what takes more than 1.3 times as long in the largest tables as in the smallest.
"""

import itertools
import signal
import statistics
import subprocess
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db import connection
from django.test import Client
from django.test.utils import override_settings

from benchmarks.cells import Cell, Made, Requests
from benchmarks.load import Clients, get, post
from benchmarks.meters import readings
from benchmarks.stack import MARIADB_OPTIONS
from benchmarks.targets import stub
from bookings.db.clock import database_time
from bookings.models import Booking
from bookings.ports import Applied, SeatChange, SeatOutcome
from bookings.services.upkeep.run_pass import PassResult, run_pass
from devtools.mariadb import PrivateMariaDB
from devtools.processes import HOST, ends_with_parent, port_is_free
from tests.campaigns.guests import FIRST_USER, SETTINGS, production_web
from tests.campaigns.stack import look_at, private_database
from tests.campaigns.verdict import Round
from tests.support.api import BOOKINGS
from tests.support.fakes import FakeFlights, FakePayments
from tests.support.servers import Web, environment
from tests.support.waiting import await_that
from tests.volume.fill import analyze_tables, fill, quick_server
from tests.volume.pages import a_desk
from tests.volume.questions import PAGE, place_of

MOST_RATIO = 1.3
# Of the median: passes and searches that are made in this process, for each measurement.
TIMES = 15
READ = 1_000
FLIGHTS = 50
GIGABYTE = 1 << 30


class Effort(NamedTuple):
    """What one request takes: milliseconds in the median, and of CPU, of the database and of what answers together."""

    median: float
    cpu: float


@dataclass
class Place:
    """The tables of one size, the server that keeps them, and the web server before it."""

    bookings: int
    database: PrivateMariaDB
    web: Web
    made: Made = field(default_factory=Made)


Measure = Callable[[Place, float], Effort]


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--sizes", default="10000,1000000,10000000", help="bookings of each (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=1.5, help="of each measurement (default: %(default)s)")
    parser.add_argument("--memory", type=int, default=4, help="what each MariaDB may keep in memory, in GB (4)")


def play(options: Namespace) -> Iterator[Round]:
    sizes = [int(size) for size in options.sizes.split(",")]
    with ExitStack() as running, override_settings(ALLOWED_HOSTS=["testserver"]):
        flights = start_stub(running)
        servers = [filled(running, size, memory=options.memory * GIGABYTE) for size in sizes]
        places = [
            Place(size, server, serve(running, server, flights=flights))
            for size, server in zip(sizes, servers, strict=True)
        ]
        for place in places:
            do_what_is_due(place)
        yield from compare(places, rounds=options.rounds, seconds=options.seconds)


def start_stub(running: ExitStack) -> str:
    """Start a Flight Service that costs next to nothing, and give its address."""
    target = stub()
    surroundings = target.surroundings(mariadb_port=0, flights="")
    process = subprocess.Popen([*ends_with_parent(signal.SIGKILL), *target.command], env=surroundings)
    running.callback(process.wait)
    running.callback(process.kill)
    await_that(lambda: not port_is_free(target.port))
    return f"http://{HOST}:{target.port}"


def filled(running: ExitStack, bookings: int, *, memory: int) -> PrivateMariaDB:
    """Start a MariaDB, and fill it. What is inserted here is no part of its binary log."""
    server = running.enter_context(private_database(PrivateMariaDB(*MARIADB_OPTIONS)))
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION sql_log_bin = 0")
    with quick_server(memory=memory):
        for table, seconds in fill(bookings):
            print(f"{bookings:,}: {table}: {seconds:.0f} s", flush=True)
        analyze_tables()
    return server


def serve(running: ExitStack, server: PrivateMariaDB, *, flights: str) -> Web:
    """Start a web server on these tables."""
    (web,) = production_web(environment(**{**SETTINGS, "DATABASE_URL": server.url, "FLIGHT_SERVICE_URL": flights}))
    running.callback(web.kill)
    web.serve()
    return web


def do_what_is_due(place: Place) -> None:
    """Let everything that waits be due, and run passes until nothing is left."""
    look_at(place.database)
    Booking.objects.filter(next_at__isnull=False).update(next_at=database_time())
    while Booking.objects.filter(next_at__isnull=False).exists():
        a_pass()


def compare(places: Sequence[Place], *, rounds: int, seconds: float) -> Iterator[Round]:
    """Measure everything in each place, round by round, and compare the last place with the first."""
    found: dict[str, list[list[Effort]]] = {name: [] for name in MEASURES}
    for number, (name, measure) in itertools.product(range(rounds), MEASURES.items()):
        first = number % len(places)
        efforts = {}
        for place in [*places[first:], *places[:first]]:
            look_at(place.database)
            efforts[place.bookings] = measure(place, seconds)
        found[name].append([efforts[place.bookings] for place in places])
    for name, each_round in found.items():
        yield judged(name, [place.bookings for place in places], each_round)


def judged(name: str, sizes: Sequence[int], rounds: Sequence[Sequence[Effort]]) -> Round:
    """Put the rounds of one question together, and say whether it takes too long in the largest tables."""
    result = Round(name, recovered_after=0.0)
    for column in ("median", "cpu"):
        values = [[getattr(effort, column) for effort in efforts] for efforts in rounds]
        for size, of_size in zip(sizes, zip(*values, strict=True), strict=True):
            result.figures[f"{column}, {size:,}"] = f"{statistics.median(of_size):.2f}"
        ratio = statistics.median(of_round[-1] / of_round[0] for of_round in values)
        result.figures[f"{column}, ratio"] = f"{ratio:.2f}"
        if column == "median" and ratio > MOST_RATIO:
            result.wrong.append(f"{ratio:.2f} times as long")
    return result


def over_http(place: Place, requests: Iterator[bytes], seconds: float, *, keep: bool = False) -> Effort:
    """Let one client send these requests one after the other; `keep` what creates have made."""
    roots = {"web": place.web.pid, "database": place.database.pid}
    with Clients(place.web.port, count=1) as clients:
        clients.drive(requests, seconds=seconds / 10)
        before = readings(roots, connection)
        load = clients.drive(requests, seconds=seconds)
        after = readings(roots, connection)
    if load.failed or not load.latencies:
        raise RuntimeError(f"answers were {dict(load.failed)} of {len(load.latencies)}")
    if keep:
        place.made.add(load.bodies)
    cpu = sum(after[name] - before[name] for name in roots)
    return Effort(1000 * statistics.median(load.latencies), 1000 * cpu / len(load.latencies))


def here(place: Place, ask: Callable[[], object]) -> Effort:
    """Do something in this process some times."""
    ask()
    roots, times = {"database": place.database.pid}, []
    before, own = readings(roots, connection), time.process_time()
    for _ in range(TIMES):
        began = time.perf_counter()
        ask()
        times.append(time.perf_counter() - began)
    cpu = readings(roots, connection)["database"] - before["database"] + time.process_time() - own
    return Effort(1000 * statistics.median(times), 1000 * cpu / TIMES)


def create(place: Place, seconds: float) -> Effort:
    orders = ({"flightId": 1 + user % FLIGHTS, "userId": user, "noOfSeats": 1} for user in users)
    return over_http(place, (post(BOOKINGS, order) for order in orders), seconds, keep=True)


def consume(scenario: str, *, share: int) -> Measure:
    def measure(place: Place, seconds: float) -> Effort:
        requests = Requests().of(Cell(scenario, 1, 0), place.made, share=share, seconds=seconds)
        return over_http(place, requests, seconds)

    return measure


def read(place: Place, seconds: float) -> Effort:
    """Of bookings from all over the year."""
    step = max(1, place.bookings // READ)
    ids = itertools.cycle(range(1, place.bookings, step))
    return over_http(place, (get(f"{BOOKINGS}/{each}") for each in ids), seconds)


def listed(page: int) -> Measure:
    def measure(place: Place, seconds: float) -> Effort:
        """The smallest tables have less than 10,000 pages: it is their last one then."""
        newest = Booking.objects.latest("pk").pk
        below = place_of(max(2 * PAGE, newest - (page - 1) * PAGE), Client())
        query = f"?limit={PAGE}" if page == 1 else f"?limit={PAGE}&cursor={below}"
        return over_http(place, itertools.repeat(get(f"{BOOKINGS}{query}")), seconds)

    return measure


def search(place: Place, _seconds: float) -> Effort:
    """Of what an operator types who has the number of a user."""
    user_id = Booking.objects.get(pk=place.bookings // 2 + 1).user_id
    with a_desk() as desk:
        return here(place, lambda: searched(desk, user_id))


def searched(desk: Client, user_id: int) -> None:
    assert desk.get("/admin/search/", {"q": str(user_id)}).status_code == 200


def pass_over(place: Place, _seconds: float) -> Effort:
    return here(place, a_pass)


class Agreeable(FakeFlights):
    """A Flight Service that carries out every change."""

    def change_seats(self, change: SeatChange, *, seconds: float) -> SeatOutcome:
        return Applied()


def a_pass() -> PassResult:
    return run_pass(flights=Agreeable(), payments=FakePayments())


users = itertools.count(FIRST_USER)

MEASURES: Mapping[str, Measure] = {
    "create": create,
    "pay": consume("pay", share=2),
    "cancel": consume("cancel", share=1),
    "read": read,
    "list, page 1": listed(1),
    "list, page 10,000": listed(10_000),
    "search by user": search,
    "a pass, nothing due": pass_over,
}
