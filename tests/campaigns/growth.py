"""
Ask the same of ten thousand bookings, of a million and of ten million, and compare how long it takes.

Each size has a private MariaDB with the durability of production, and a web server of its own. One client asks them in
turns, a moment each, so that what else the machine does meets all of them. All tables that grow are filled. Prints
milliseconds in the median, and of CPU of web and database. Wrong is what takes more than 1.3 times as long in the
largest tables as in the smallest.
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
from urllib.parse import quote

from django.db import connection
from django.test import Client
from django.test.utils import override_settings

from benchmarks.cells import Cell, Made, Requests
from benchmarks.load import Clients, get, post
from benchmarks.meters import cpu_seconds
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
from tests.support.bookings import gateways_of
from tests.support.fakes import FakeFlights, FakePayments
from tests.support.servers import Web, environment
from tests.support.waiting import await_that
from tests.volume.fill import SORTS_IN_MEMORY, analyze_tables, fill, quick_server, see_that_disk_is_free
from tests.volume.pages import a_desk
from tests.volume.questions import PAGE, place_of

MOST_RATIO = 1.3
# Of the median: passes and searches that are made in this process, for each measurement.
TIMES = 15
# How often the client comes back to each place within one measurement, and before it.
TURNS, TURNS_BEFORE = 10, 2
# That one client reads in turns where it reads far down a list.
PAGES = 20
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

    def cpu_seconds(self) -> float:
        """Tell how much its processes have used since they were started."""
        return cpu_seconds(self.web.pid) + cpu_seconds(self.database.pid)


Ask = Callable[[Place], Iterator[bytes]]


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--sizes", default="10000,1000000,10000000", help="bookings of each (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=1.5, help="of each measurement (default: %(default)s)")
    parser.add_argument("--memory", type=int, default=4, help="what each MariaDB may keep in memory, in GB (4)")


def play(options: Namespace) -> Iterator[Round]:
    sizes = [int(size) for size in options.sizes.split(",")]
    see_that_disk_is_free(sum(sizes))
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
    server = running.enter_context(private_database(PrivateMariaDB(*MARIADB_OPTIONS, SORTS_IN_MEMORY)))
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION sql_log_bin = 0")
    with quick_server(memory=memory):
        for table, seconds in fill(bookings, at_once=True):
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
    found: dict[str, list[list[Effort]]] = {name: [] for name in (*OVER_HTTP, *HERE)}
    for number in range(rounds):
        first = number % len(places)
        turned = [*places[first:], *places[:first]]
        for name, ask in OVER_HTTP.items():
            efforts = over_http(turned, ask, seconds, keep=name == "create")
            found[name].append([efforts[place.bookings] for place in places])
        for name, measure in HERE.items():
            efforts = {place.bookings: measure(place) for place in turned}
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


def over_http(places: Sequence[Place], ask: Ask, seconds: float, *, keep: bool = False) -> dict[int, Effort]:
    """Let one client send these requests to each place, one after the other; `keep` what creates have made."""
    times: dict[int, list[float]] = {place.bookings: [] for place in places}
    with ExitStack() as connected:
        clients = {place.bookings: connected.enter_context(Clients(place.web.port, count=1)) for place in places}
        requests = {place.bookings: requests_of(place, ask) for place in places}

        def turn(place: Place) -> list[float]:
            load = clients[place.bookings].drive(requests[place.bookings], seconds=seconds / TURNS)
            if load.failed:
                last = load.bodies[-1].decode()
                raise RuntimeError(f"answers were {dict(load.failed)} of {len(load.latencies)}; the last: {last}")
            if keep:
                place.made.add(load.bodies)
            return load.latencies

        for _, place in itertools.product(range(TURNS_BEFORE), places):
            turn(place)
        before = {place.bookings: place.cpu_seconds() for place in places}
        for _, place in itertools.product(range(TURNS), places):
            times[place.bookings] += turn(place)
    return {
        place.bookings: effort_of(times[place.bookings], place.cpu_seconds() - before[place.bookings])
        for place in places
    }


def requests_of(place: Place, ask: Ask) -> Iterator[bytes]:
    look_at(place.database)
    return ask(place)


def effort_of(times: Sequence[float], cpu_seconds: float) -> Effort:
    return Effort(1000 * statistics.median(times), 1000 * cpu_seconds / len(times))


def here(place: Place, ask: Callable[[], object]) -> Effort:
    """Do something in this process some times."""
    ask()
    times = []
    before, own = cpu_seconds(place.database.pid), time.process_time()
    for _ in range(TIMES):
        began = time.perf_counter()
        ask()
        times.append(time.perf_counter() - began)
    cpu = cpu_seconds(place.database.pid) - before + time.process_time() - own
    return effort_of(times, cpu)


def create(_place: Place) -> Iterator[bytes]:
    return (post(BOOKINGS, {"flightId": 1 + user % FLIGHTS, "userId": user, "noOfSeats": 1}) for user in users)


def consume(scenario: str, *, share: int) -> Ask:
    return lambda place: Requests().of(Cell(scenario, 1, 0), place.made, share=share, seconds=1.0)


def read(place: Place) -> Iterator[bytes]:
    """Of bookings from all over the year."""
    step = max(1, place.bookings // READ)
    return (get(f"{BOOKINGS}/{each}") for each in itertools.cycle(range(1, place.bookings, step)))


def first_page(_place: Place) -> Iterator[bytes]:
    return itertools.repeat(get(f"{BOOKINGS}?limit={PAGE}"))


def far_pages(_place: Place) -> Iterator[bytes]:
    """
    Read some pages from number 10,000 on, in turns: full ones, and each has one before and one after it.

    The smallest tables have fewer pages; it is their last ones then, as far as they are full.
    """
    newest = Booking.objects.latest("pk").pk
    first = max((PAGES + 1) * PAGE, newest - 9_999 * PAGE)
    cursors = [quote(place_of(first - number * PAGE, Client()), safe="") for number in range(PAGES)]
    return itertools.cycle([get(f"{BOOKINGS}?limit={PAGE}&cursor={cursor}") for cursor in cursors])


def search(place: Place) -> Effort:
    """Of what an operator types who has the number of a user."""
    look_at(place.database)
    user_id = Booking.objects.get(pk=place.bookings // 2 + 1).user_id
    with a_desk() as desk:
        return here(place, lambda: searched(desk, user_id))


def searched(desk: Client, user_id: int) -> None:
    assert desk.get("/admin/search/", {"q": str(user_id)}).status_code == 200


def pass_over(place: Place) -> Effort:
    look_at(place.database)
    return here(place, a_pass)


class Agreeable(FakeFlights):
    """A Flight Service that carries out every change."""

    def change_seats(self, change: SeatChange, *, seconds: float) -> SeatOutcome:
        return Applied()


def a_pass() -> PassResult:
    return run_pass(flights=Agreeable(), payments=gateways_of(FakePayments()))


users = itertools.count(FIRST_USER)

OVER_HTTP: Mapping[str, Ask] = {
    "create": create,
    "pay": consume("pay", share=2),
    "cancel": consume("cancel", share=1),
    "read": read,
    "list, page 1": first_page,
    "list, page 10,000": far_pages,
}
HERE: Mapping[str, Callable[[Place], Effort]] = {"search by user": search, "a pass, nothing due": pass_over}
