"""What a benchmark asks of its private MariaDB: counters, empty tables, and bookings that are there already."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

import MySQLdb

from devtools.bulk_rows import insert_select, key_of
from devtools.mariadb import DATABASE
from devtools.processes import HOST

if TYPE_CHECKING:
    from types import TracebackType

TABLES = ("booking_event", "payment", "idempotency_record", "booking", "seat_call", "django_q_ormq")
# Transaction control, and what a connection says when it opens, are not among them.
COUNTED = ("Com_select", "Com_insert", "Com_update", "Com_delete")
# Every booking needs a different one, and six characters are enough for two billion.
REFERENCE = "LPAD(CONV(seq, 10, 36), 6, '0')"


class Statements(NamedTuple):
    """Counts since the server started: statements that read or write rows, and everything a client sent."""

    sql: int
    all: int


class Held(NamedTuple):
    """A booking whose seats are held and not paid for."""

    booking_id: int
    user_id: int
    total_cost: int


class BenchDatabase:
    """One connection to a private MariaDB; used as a context manager. It destroys what it finds."""

    def __init__(self, port: int) -> None:
        self._session = MySQLdb.connect(
            host=HOST, port=port, user="root", db=DATABASE, autocommit=True, init_command="SET time_zone='+00:00'"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def version(self) -> str:
        return str(self._rows("SELECT VERSION()")[0][0])

    def statements(self) -> Statements:
        """Read the server's counters. Reading them is not counted in `sql`."""
        counters = {str(name): int(value) for name, value in self._rows("SHOW GLOBAL STATUS LIKE 'Com\\_%'")}
        questions = int(self._rows("SHOW GLOBAL STATUS LIKE 'Questions'")[0][1])
        return Statements(
            sql=sum(counters[name] for name in COUNTED),
            # A health check is a packet of its own, and no question.
            all=questions + counters["Com_admin_commands"],
        )

    def empty(self) -> None:
        """Delete every booking and all that belongs to one, so that each scenario begins the same."""
        self._rows("SET foreign_key_checks=0")
        for table in TABLES:
            self._rows(f"TRUNCATE TABLE {table}")
        self._rows("SET foreign_key_checks=1")

    def hold(self, bookings: int, *, flights: int) -> list[Held]:
        """Make bookings of one seat as a create leaves them, spread evenly over the flights 1 to `flights`."""
        now = "UTC_TIMESTAMP(6)"
        self._rows(
            insert_select(
                *("booking", f"seq_1_to_{int(bookings)}"),
                reference=REFERENCE,
                user_id="1000 + seq",
                flight_id=f"1 + seq MOD {int(flights)}",
                no_of_seats="1",
                total_cost="2000",
                **dict.fromkeys(("created_at", "updated_at", "held_at", "first_sent_at"), now),
                expires_at=f"{now} + INTERVAL 15 MINUTE",
                request_id="'bench'",
                hold_key=key_of("bench", "seq"),
            )
        )
        return [Held(*row) for row in self._rows("SELECT id, user_id, total_cost FROM booking ORDER BY id")]

    def close_payment_windows(self) -> None:
        """Make every booking due to expire, now."""
        self._rows(
            "UPDATE booking SET created_at = UTC_TIMESTAMP(6) - INTERVAL 15 MINUTE, expires_at = UTC_TIMESTAMP(6)"
        )

    def seats_are_back(self) -> bool:
        """Tell whether no booking holds seats, and every give-back is acknowledged."""
        ((held, owed, unanswered),) = self._rows(
            "SELECT EXISTS(SELECT 1 FROM booking WHERE status IN ('pending', 'initiated')),"
            " EXISTS(SELECT 1 FROM booking WHERE next_at IS NOT NULL),"
            " EXISTS(SELECT 1 FROM seat_call WHERE state <> 'done')"
        )
        return not (held or owed or unanswered)

    def has_finished_a_pass(self) -> bool:
        """Tell whether the worker is at work."""
        return bool(self._rows("SELECT 1 FROM heartbeat LIMIT 1"))

    def _rows(self, statement: str) -> tuple[tuple[int, ...], ...]:
        with self._session.cursor() as cursor:
            cursor.execute(statement)
            rows: tuple[tuple[int, ...], ...] = cursor.fetchall()
            return rows
