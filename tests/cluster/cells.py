"""
Kills one of two cells under load, and lets it come back: `python -m tests.cluster.cells [--requests 5000]`.

The processes are those of `make cells`, haproxy before them. Clients hold, pay, cancel and read by one address; some
send one key with flights of two cells at once. It fails if a booking is in the wrong cell, if one key made two, if
anything acknowledged is lost, if a list lacked a booking and did not say so, if both sides' seats differ, and if a
client of the cell that lived has met a single failure.
"""

import itertools
import random
import sys
import threading
import time
import uuid
from argparse import ArgumentParser
from collections import Counter
from dataclasses import dataclass, field

from bookings.text.cells import Cell
from devtools.cells import BOOKINGS, CELLS, FLIGHTS, Heard, TwoCells, ask

# Half of them want flights of both cells, and wait for the one that is dead; the others those of the other cell alone.
CLIENTS = 6
DEAD_SECONDS = 6.0
# Fewer show nothing of the cell that lived.
FEWEST_MEANWHILE = 20
PATIENCE_SECONDS = 120.0
PAUSE_SECONDS = 0.5
NOT_DECIDED = {0, 202, 429, 502, 503, 504}
NOT_DECIDED_CODES = {"request_in_progress", "payment_in_progress", "not_payable_yet"}


@dataclass
class Journal:
    """What clients have asked and heard."""

    limit: int
    lock: threading.Lock = field(default_factory=threading.Lock)
    asked: int = 0
    # Answers of no use, by the cell that the request was for; 0: for all.
    failed: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    # What the last answer about a booking said of it.
    status: dict[int, str] = field(default_factory=dict)
    keys: dict[str, set[int]] = field(default_factory=dict)
    lists: Counter[int] = field(default_factory=Counter)
    is_dead: bool = False
    # Good answers for the cell that lived, while the other was dead.
    meanwhile: int = 0

    def is_over(self) -> bool:
        return self.asked >= self.limit

    def note(self, cell: int, heard: Heard) -> None:
        with self.lock:
            self.asked += 1
            if heard.status == 0 or heard.status >= 500:
                self.failed[cell] += 1
            elif self.is_dead and cell == 2:
                self.meanwhile += 1
            if heard.status == 404 or heard.code == "wrong_cell":
                self.wrong.append(f"{heard.status} {heard.code}")


class Client:
    """One client with a user of its own, so that it knows what a list of that user must have."""

    def __init__(self, cells: TwoCells, journal: Journal, user: int, *, flights: range) -> None:
        self.cells, self.journal, self.user, self.flights = cells, journal, user, flights
        self.dice = random.Random(user)  # a dice, not a secret
        self.held: list[dict] = []
        self.own: set[int] = set()

    def live(self) -> None:
        while not self.journal.is_over():
            act = self.dice.choices(
                (self.book, self.pay, self.cancel, self.read, self.look_at_all, self.mistake), (8, 5, 2, 4, 1, 1)
            )[0]
            act()

    def book(self) -> None:
        flight, key = self.dice.choice(self.flights), uuid.uuid4().hex
        order = {"flightId": flight, "userId": self.user, "noOfSeats": self.dice.randint(1, 2)}
        heard = self.decided(flight, "POST", BOOKINGS, order, key)
        if heard.status == 201:
            self.held.append(heard.data)
            self.remember(key, heard)
            if self.dice.random() < 0.2:
                self.remember(key, self.decided(flight, "POST", BOOKINGS, order, key))

    def mistake(self) -> None:
        """Send one key with a flight of each cell, at once."""
        if len(self.flights) < FLIGHTS:
            return
        key, heard = uuid.uuid4().hex, {}
        first = self.dice.randrange(1, FLIGHTS, 2)

        def send(flight: int) -> None:
            order = {"flightId": flight, "userId": self.user, "noOfSeats": 1}
            heard[flight] = self.decided(flight, "POST", BOOKINGS, order, key)

        both = [threading.Thread(target=send, args=(flight,)) for flight in (first, first + 1)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        said = sorted(each.status for each in heard.values())
        if said != [201, 422]:
            self.journal.wrong.append(f"one key with two flights: {said}")
        for each in heard.values():
            if each.status == 201:
                self.remember(key, each)

    def pay(self) -> None:
        if self.held:
            booking = self.held.pop(0)
            body = {"bookingId": booking["id"], "userId": self.user, "totalCost": booking["totalCost"]}
            self.learn(self.decided(booking["id"], "POST", f"{BOOKINGS}/payments", body, uuid.uuid4().hex))

    def cancel(self) -> None:
        if self.held:
            booking = self.held.pop(0)
            path = f"{BOOKINGS}/{booking['id']}/cancel"
            self.learn(self.decided(booking["id"], "POST", path, {"userId": self.user}, uuid.uuid4().hex))

    def read(self) -> None:
        if self.held:
            booking = self.dice.choice(self.held)
            name = self.dice.choice((booking["id"], booking["reference"].lower()))
            heard = self.cells.ask("GET", f"{BOOKINGS}/{name}")
            self.journal.note(cell_of(booking["id"]), heard)

    def look_at_all(self) -> None:
        """Read all own bookings, page by page: each that it was told of must be there, unless a page was refused."""
        must, found = set(self.own), set()
        path = f"{BOOKINGS}?userId={self.user}&limit=50"
        while path:
            heard = self.cells.ask("GET", path)
            self.journal.note(0, heard)
            if heard.status != 200:
                self.journal.lists[heard.status] += 1
                return
            found |= {each["id"] for each in heard.data["results"]}
            path = (heard.data["next"] or "").partition("localhost")[2]
        self.journal.lists[200] += 1
        if must - found:
            self.journal.wrong.append(f"a list lacked {must - found}")

    def decided(self, number: int, method: str, path: str, body: object, key: str) -> Heard:
        """Send a request with a key until it is decided."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            heard = self.cells.ask(method, path, body, key=key)
            self.journal.note(cell_of(number), heard)
            if heard.status not in NOT_DECIDED and heard.code not in NOT_DECIDED_CODES:
                return heard
            if time.monotonic() > deadline:
                self.journal.wrong.append(f"{method} {path} was not decided: {heard.status} {heard.code}")
                return heard
            time.sleep(PAUSE_SECONDS)

    def remember(self, key: str, heard: Heard) -> None:
        with self.journal.lock:
            self.journal.keys.setdefault(key, set()).add(heard.data["id"])
            self.journal.status.setdefault(heard.data["id"], heard.data["status"])
        self.own.add(heard.data["id"])

    def learn(self, heard: Heard) -> None:
        if heard.status in (200, 201):
            with self.journal.lock:
                self.journal.status[heard.data["id"]] = heard.data["status"]


def cell_of(number: int) -> int:
    return Cell(1, len(CELLS)).cell_of(number)


def play(requests: int) -> int:
    """Play it once, and print what was seen; 0 if nothing was wrong."""
    journal = Journal(requests)
    with TwoCells(capacity=5_000) as cells:
        began = time.monotonic()
        both, of_cell_2 = range(1, FLIGHTS + 1), range(2, FLIGHTS + 1, 2)
        clients = [
            Client(cells, journal, 1001 + number, flights=of_cell_2 if number % 2 else both)
            for number in range(CLIENTS)
        ]
        threads = [threading.Thread(target=each.live) for each in clients]
        for thread in threads:
            thread.start()
        wait_for(lambda: journal.asked >= requests // 3)
        cells.kill(1)
        journal.is_dead = True
        time.sleep(DEAD_SECONDS)
        journal.is_dead = False
        cells.start(1)
        for thread in threads:
            thread.join()
        took = time.monotonic() - began
        wait_for(lambda: not any(open_work(cells, number) for number in CELLS))
        wrong = [*journal.wrong, *problems(cells, journal)]
    print(
        f"{journal.asked} requests in {took:.0f} s, {len(journal.status)} bookings under {len(journal.keys)} keys; "
        f"cell 1 was dead for {DEAD_SECONDS:.0f} s: {journal.failed[1]} answers of no use for its flights, "
        f"{journal.failed[2]} for those of cell 2, and {journal.meanwhile} good ones meanwhile; "
        f"lists of both by status: {dict(sorted(journal.lists.items()))}"
    )
    for each in wrong[:20]:
        print(f"wrong: {each}")
    print("in step" if not wrong else f"{len(wrong)} wrong")
    return 1 if wrong else 0


def wait_for(is_so) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.1)


def open_work(cells: TwoCells, number: int) -> int:
    """Count what a cell has still to tell the Flight Service, or does not know of it."""
    sql = "SELECT COUNT(*) FROM booking b LEFT JOIN seat_call c ON c.id = b.give_back_id WHERE b.hold = 'asking'"
    sql += " OR (b.hold = 'giving_back' AND (c.id IS NULL OR c.state <> 'done'))"
    return int(cells.rows(number, sql)[0][0])


def problems(cells: TwoCells, journal: Journal) -> list[str]:
    """Compare what clients heard with the tables of both cells and the seats of the Flight Service."""
    found, status, held, hashes = [], {}, Counter(), {}
    for number in CELLS:
        this = Cell(number, len(CELLS))
        columns = "id, flight_id, reference, status, no_of_seats, hold"
        for pk, flight, reference, state, seats, hold in cells.rows(number, f"SELECT {columns} FROM booking"):
            if not (this.owns(pk) and this.owns(flight) and this.cell_of_reference(reference) == number):
                found.append(f"booking {pk} {reference} of flight {flight} is in cell {number}")
            status[pk] = state
            held[flight] += seats if hold == "held" else 0
        keyed = "SELECT key_hash FROM idempotency_record WHERE endpoint = 'POST /bookings'"
        hashes[number] = {key for (key,) in cells.rows(number, keyed)}
    if journal.failed[2]:
        found.append(f"{journal.failed[2]} failures for flights of the cell that lived")
    if journal.meanwhile < FEWEST_MEANWHILE:
        found.append(f"only {journal.meanwhile} answers of the other cell meanwhile: this showed nothing")
    if both := hashes[1] & hashes[2]:
        found.append(f"{len(both)} keys in both cells")
    found += [f"key {key} made {ids}" for key, ids in journal.keys.items() if len(ids) > 1]
    known = set(itertools.chain.from_iterable(journal.keys.values()))
    if set(status) - known:
        found.append(f"{len(set(status) - known)} bookings that no client was told of")
    for pk, said in journal.status.items():
        if status.get(pk) != said:
            found.append(f"booking {pk} was said to be {said}, and is {status.get(pk)}")
    for flight in ask(cells.flights_port, "GET", "/__ledger").content["flights"]:
        taken, pk = flight["capacity"] - flight["remaining"], flight["id"]
        if taken != held[pk]:
            found.append(f"flight {pk}: {held[pk]} held here, {taken} taken there")
    return found


def main() -> int:
    parser = ArgumentParser(prog="python -m tests.cluster.cells", description=__doc__)
    parser.add_argument("--requests", type=int, default=5_000, help="how many in all (default: %(default)s)")
    return play(parser.parse_args().requests)


if __name__ == "__main__":
    sys.exit(main())
