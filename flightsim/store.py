"""
The Flight Service's own database: flights and, in keyed mode, decisions.

SQLite, one connection, one thread. In WAL mode with `synchronous=NORMAL` a commit survives the death of the
process at any point (kill -9 included), though not always that of the machine: enough for a stand-in.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

# A seat counter is a 32-bit column in the original; nothing sensible comes near it.
MAX_SEATS = 2**31 - 1

# Another tool may have the file open; all clients wait while it holds a lock.
LOCK_WAIT_SECONDS = 0.5

_SCHEMA = """
CREATE TABLE IF NOT EXISTS flight (
    id INTEGER PRIMARY KEY,
    flight_number TEXT NOT NULL,
    airplane_id INTEGER NOT NULL,
    departure_airport_id TEXT NOT NULL,
    arrival_airport_id TEXT NOT NULL,
    arrival_time TEXT NOT NULL,
    departure_time TEXT NOT NULL,
    price INTEGER NOT NULL,
    currency TEXT,
    boarding_gate TEXT NOT NULL,
    capacity INTEGER NOT NULL,
    remaining INTEGER NOT NULL,
    taken INTEGER NOT NULL,
    given_back INTEGER NOT NULL,
    mapped INTEGER NOT NULL,
    map_version INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    CONSTRAINT flight_books_balance CHECK (capacity - remaining = taken - given_back)
);
CREATE TABLE IF NOT EXISTS decision (
    key TEXT PRIMARY KEY NOT NULL,
    flight_id INTEGER NOT NULL,
    seats INTEGER NOT NULL,
    dec INTEGER NOT NULL,
    numbers TEXT NOT NULL,
    in_place_of TEXT NOT NULL,
    status INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS seat (
    flight_id INTEGER NOT NULL,
    number TEXT NOT NULL,
    blocked INTEGER NOT NULL,
    taken_by TEXT,
    PRIMARY KEY (flight_id, number)
) WITHOUT ROWID;
"""

# What takes seats needs them, and what gives some back must have room for them; an even exchange changes no count.
_CHANGE = """
UPDATE flight SET remaining = remaining + :given - :taken, taken = taken + :taken, given_back = given_back + :given,
    updated_at = :now
WHERE id = :id AND (:taken <= :given OR remaining + :given >= :taken)
    AND (:given <= :taken OR remaining + :given - :taken <= capacity) RETURNING *
"""
_RESIZE = """
UPDATE flight SET capacity = capacity + :seats, remaining = remaining + :seats, map_version = map_version + 1,
    updated_at = :now
WHERE id = :id AND remaining + :seats >= 0
"""
_CHANGE_UNCHECKED = """
UPDATE flight SET remaining = remaining + :change, taken = taken + max(-:change, 0),
    given_back = given_back + max(:change, 0), updated_at = :now
WHERE id = :id
"""


class Flight(NamedTuple):
    """
    A row of `flight`; `price` in minor units of `currency`, if that is shown; times as ISO 8601 text in UTC.

    `mapped` is how many seats its map shows, 0 where it has none.
    """

    id: int
    flight_number: str
    airplane_id: int
    departure_airport_id: str
    arrival_airport_id: str
    arrival_time: str
    departure_time: str
    price: int
    currency: str | None
    boarding_gate: str
    capacity: int
    remaining: int
    taken: int
    given_back: int
    mapped: int
    map_version: int
    created_at: str
    updated_at: str


class Decision(NamedTuple):
    """A row of `decision`: what was asked under a key, and what was answered."""

    key: str
    flight_id: int
    seats: int
    dec: int
    numbers: str
    in_place_of: str
    status: int
    body: bytes


def now_text() -> str:
    """Return the time as the original writes it: ISO 8601, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Store:
    """
    The open database.

    Every method but `close` belongs inside `transaction()`; none opens one itself. A decision is kept until
    the next reset: there is no retention period, and the file grows by about half a kilobyte for each.

    :raises sqlite3.Error: if the file is no such database, or cannot be written
    :raises OSError: if its folder cannot be made
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Transactions are begun and ended by hand: isolation_level=None keeps Python's own out of the way.
        self._connection = sqlite3.connect(path, timeout=LOCK_WAIT_SECONDS, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file; moves the write-ahead log into it."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what the block does, or none of it if it raises."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def flights(self) -> list[Flight]:
        """Return all flights by id."""
        return [Flight._make(row) for row in self._connection.execute("SELECT * FROM flight ORDER BY id")]

    def flight(self, flight_id: int) -> Flight | None:
        """Return a flight, or None if there is none of this id."""
        row = self._connection.execute("SELECT * FROM flight WHERE id = ?", (flight_id,)).fetchone()
        return None if row is None else Flight._make(row)

    def change(self, flight_id: int, *, taken: int, given: int) -> Flight | None:
        """Take and give back at once, and return the flight after it; None, and no change, if that does not fit."""
        bound = {"id": flight_id, "taken": taken, "given": given, "now": now_text()}
        # Read to the end: an UPDATE whose rows are not all fetched is not finished, and blocks the commit.
        rows = self._connection.execute(_CHANGE, bound).fetchall()
        return Flight._make(rows[0]) if rows else None

    def seats_kept(self, flight_id: int) -> dict[str, tuple[bool, str | None]]:
        """Return, by number, whether a seat is blocked and who has taken it; most free seats have no row."""
        rows = self._connection.execute("SELECT number, blocked, taken_by FROM seat WHERE flight_id = ?", (flight_id,))
        return {number: (bool(blocked), taken_by) for number, blocked, taken_by in rows}

    def keep_seats(self, flight_id: int, seats: Mapping[str, tuple[bool, str | None]]) -> None:
        """Write down how seats stand, by number, in the form of `seats_kept`."""
        rows = [(flight_id, number, blocked, taken_by) for number, (blocked, taken_by) in seats.items()]
        self._connection.executemany("INSERT OR REPLACE INTO seat VALUES (?, ?, ?, ?)", rows)

    def resize(self, flight_id: int, seats: int) -> bool:
        """Add seats to the flight, or take free ones away; False, and no change, if too few are free."""
        bound = {"id": flight_id, "seats": seats, "now": now_text()}
        return self._connection.execute(_RESIZE, bound).rowcount == 1

    def change_unchecked(self, flight_id: int, change: int) -> None:
        """Add `change` to what is left, below zero and beyond the capacity too."""
        self._connection.execute(_CHANGE_UNCHECKED, {"id": flight_id, "change": change, "now": now_text()})

    def decision(self, key: str) -> Decision | None:
        """Return what was decided under this key, or None if nothing was."""
        row = self._connection.execute("SELECT * FROM decision WHERE key = ?", (key,)).fetchone()
        return None if row is None else Decision._make(row)

    def remember(self, decision: Decision) -> None:
        """
        Store a decision, for good.

        :raises sqlite3.IntegrityError: if there is one under its key
        """
        self._connection.execute("INSERT INTO decision VALUES (?, ?, ?, ?, ?, ?, ?, ?)", decision)

    def add_missing(self, flights: Iterable[Flight]) -> None:
        """Add the flights whose ids are not there; those that are stay as they are."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO flight VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", flights
        )

    def start_over(self, flights: Iterable[Flight]) -> None:
        """Forget all flights and decisions; these flights are all there is."""
        self._connection.execute("DELETE FROM decision")
        self._connection.execute("DELETE FROM seat")
        self._connection.execute("DELETE FROM flight")
        self.add_missing(flights)
