"""
The stand-in's own database: Stripe's objects as JSON, the answers under idempotency keys, the notices to send.

SQLite, one connection, one thread. In WAL mode with `synchronous=NORMAL` a commit survives the death of the process at
any point (kill -9 included), though not always that of the machine: enough for a stand-in.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

# Another tool may have the file open; all clients wait while it holds a lock.
LOCK_WAIT_SECONDS = 0.5

_SCHEMA = """
CREATE TABLE IF NOT EXISTS thing (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    intent TEXT,
    created INTEGER NOT NULL,
    shown TEXT NOT NULL,
    hidden TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS thing_of_kind ON thing (kind, number);
CREATE INDEX IF NOT EXISTS thing_of_intent ON thing (intent, kind, number);
CREATE TABLE IF NOT EXISTS kept_answer (
    key TEXT PRIMARY KEY NOT NULL,
    address TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    body BLOB NOT NULL,
    request_id TEXT NOT NULL,
    kept_at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS delivery (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    event TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    fault TEXT NOT NULL,
    tries INTEGER NOT NULL,
    due_at REAL NOT NULL,
    status INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS delivery_due ON delivery (status, due_at);
CREATE INDEX IF NOT EXISTS delivery_of_event ON delivery (event);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL);
"""

# The status of a delivery that is not over; afterwards it is the HTTP status, or GIVEN_UP.
WAITING = 0
GIVEN_UP = -1


@dataclass(slots=True)
class Thing:
    """One object of Stripe: what the API shows of it, and what only this program knows."""

    id: str
    kind: str
    intent: str | None
    created: int
    shown: dict[str, Any]
    hidden: dict[str, Any] = field(default_factory=dict)


class KeptAnswer(NamedTuple):
    """What was asked under a key, and what was answered."""

    key: str
    address: str
    fingerprint: str
    status: int
    body: bytes
    request_id: str
    kept_at: int


class Delivery(NamedTuple):
    """One event on its way to one endpoint; `fault` names what is wrong with it on purpose."""

    number: int
    event: str
    endpoint: str
    fault: str
    tries: int
    due_at: float
    status: int


class Wanted(NamedTuple):
    """Which objects a list has: of an intent, created in a span, with these values, behind or before one."""

    intent: str | None = None
    first: int | None = None
    last: int | None = None
    values: Mapping[str, tuple[object, ...]] = {}
    after: str | None = None
    before: str | None = None


class Store:
    """The open database; whatever writes runs inside `transaction()`."""

    def __init__(self, path: Path) -> None:
        """
        Open the file, made with its folder where it is missing.

        :raises OSError: if the folder cannot be made
        :raises sqlite3.Error: if the file is no database of this kind, or another process keeps it locked
        """
        path.parent.mkdir(parents=True, exist_ok=True)
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

    def start_over(self) -> None:
        """Forget everything but the endpoint that the command line names."""
        self._connection.execute("DELETE FROM thing WHERE COALESCE(json_extract(hidden, '$.configured'), 0) = 0")
        self._connection.execute("DELETE FROM kept_answer")
        self._connection.execute("DELETE FROM delivery")
        self._connection.execute("DELETE FROM setting")

    # Objects

    def add(self, thing: Thing) -> None:
        """Add an object."""
        row = (thing.id, thing.kind, thing.intent, thing.created, json.dumps(thing.shown), json.dumps(thing.hidden))
        self._connection.execute(
            "INSERT INTO thing (id, kind, intent, created, shown, hidden) VALUES (?, ?, ?, ?, ?, ?)", row
        )

    def save(self, thing: Thing) -> None:
        """Write what has changed of an object."""
        row = (json.dumps(thing.shown), json.dumps(thing.hidden), thing.id)
        self._connection.execute("UPDATE thing SET shown = ?, hidden = ? WHERE id = ?", row)

    def find(self, kind: str, name: str) -> Thing | None:
        """Return the object of this kind and id, or None."""
        query = "SELECT id, kind, intent, created, shown, hidden FROM thing WHERE id = ? AND kind = ?"
        row = self._connection.execute(query, (name, kind)).fetchone()
        return None if row is None else _thing(row)

    def of_intent(self, kind: str, intent: str) -> list[Thing]:
        """Return all objects of this kind that belong to an intent, the oldest first."""
        return self.some(kind, Wanted(intent=intent), limit=-1)[::-1]

    def some(self, kind: str, wanted: Wanted, *, limit: int) -> list[Thing]:
        """Return the wanted objects, the newest first; a limit below zero is none."""
        terms: list[str] = ["kind = ?"]
        bound: list[object] = [kind]
        for term, value in (
            ("intent = ?", wanted.intent),
            ("created >= ?", wanted.first),
            ("created <= ?", wanted.last),
            ("number < (SELECT number FROM thing WHERE id = ?)", wanted.after),
            ("number > (SELECT number FROM thing WHERE id = ?)", wanted.before),
        ):
            if value is not None:
                terms.append(term)
                bound.append(value)
        for name, choices in wanted.values.items():
            terms.append(f"json_extract(shown, '$.{name}') IN ({', '.join('?' * len(choices))})")
            bound.extend(choices)
        # Before a place means next to it, so those are read from the other end.
        order = "ASC" if wanted.before is not None else "DESC"
        query = (  # Every term is written above, every value is bound.
            "SELECT id, kind, intent, created, shown, hidden FROM thing "  # noqa: S608  # nosec B608
            f"WHERE {' AND '.join(terms)} ORDER BY number {order} LIMIT ?"
        )
        found = [_thing(row) for row in self._connection.execute(query, [*bound, limit])]
        return found[::-1] if wanted.before is not None else found

    # Idempotency keys

    def kept(self, key: str) -> KeptAnswer | None:
        """Return what was answered under this key, or None."""
        row = self._connection.execute("SELECT * FROM kept_answer WHERE key = ?", (key,)).fetchone()
        return None if row is None else KeptAnswer._make(row)

    def keep(self, answer: KeptAnswer) -> None:
        """Keep an answer under its key, in the place of one that has been forgotten."""
        self._connection.execute("INSERT OR REPLACE INTO kept_answer VALUES (?, ?, ?, ?, ?, ?, ?)", answer)

    def forget(self, key: str | None) -> int:
        """Forget what was answered under a key, or under all, and return how many were known."""
        if key is None:
            return self._connection.execute("DELETE FROM kept_answer").rowcount
        return self._connection.execute("DELETE FROM kept_answer WHERE key = ?", (key,)).rowcount

    # Deliveries

    def add_delivery(self, event: str, endpoint: str, fault: str, due_at: float) -> None:
        """Add an event that is to be sent to an endpoint."""
        self._connection.execute(
            "INSERT INTO delivery (event, endpoint, fault, tries, due_at, status) VALUES (?, ?, ?, 0, ?, ?)",
            (event, endpoint, fault, due_at, WAITING),
        )

    def deliveries(self, *, event: str | None = None) -> list[Delivery]:
        """Return the deliveries of an event, or all, in the order of their making."""
        if event is not None:
            rows = self._connection.execute("SELECT * FROM delivery WHERE event = ? ORDER BY number", (event,))
        else:
            rows = self._connection.execute("SELECT * FROM delivery ORDER BY number")
        return [Delivery._make(row) for row in rows]

    def due(self, now: float, *, limit: int) -> list[Delivery]:
        """Return so many of the deliveries that wait and are due, those that wait longest first."""
        query = "SELECT * FROM delivery WHERE status = ? AND due_at <= ? ORDER BY due_at, number LIMIT ?"
        return [Delivery._make(row) for row in self._connection.execute(query, (WAITING, now, limit))]

    def next_due(self) -> float | None:
        """Return when the next delivery is due; None if none waits."""
        query = "SELECT MIN(due_at) FROM delivery WHERE status = ?"
        (due_at,) = self._connection.execute(query, (WAITING,)).fetchone()
        return None if due_at is None else float(due_at)

    def update_delivery(self, number: int, *, tries: int, due_at: float, status: int) -> None:
        """Write down how a try went."""
        self._connection.execute(
            "UPDATE delivery SET tries = ?, due_at = ?, status = ? WHERE number = ?", (tries, due_at, status, number)
        )

    # Settings

    def setting(self, name: str, default: str = "") -> str:
        """Return a setting that outlives the process."""
        row = self._connection.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return default if row is None else str(row[0])

    def set(self, name: str, value: str) -> None:
        """Change a setting that outlives the process."""
        self._connection.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, value))


def _thing(row: tuple[Any, ...]) -> Thing:
    return Thing(row[0], row[1], row[2], row[3], json.loads(row[4]), json.loads(row[5]))
