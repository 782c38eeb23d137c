"""
Fill a MariaDB with a year of bookings, move those that ended half a year ago to the archive, and compare the bytes.

The server is private, thrown away, and keeps what is committed as in production. Prints the size of each table before
and after, what a booking takes here and there, and how fast it was; and from these bytes, how large the tables become
in a year and in five, by bookings a year, with an archive and without. Wrong is a booking that is lost, or is twice.
"""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import NamedTuple

from django.db import connection
from django.test.utils import override_settings

from bookings.deadline import Deadline
from bookings.models import ArchivedBooking, Booking
from bookings.services.bookings.archive import archive_bookings
from bookings.services.upkeep.run_pass import run_pass
from devtools.mariadb import PrivateMariaDB
from tests.campaigns.stack import private_database
from tests.campaigns.verdict import Round
from tests.support.bookings import gateways_of
from tests.support.fakes import FakeFlights, FakePayments
from tests.support.invariants import violations
from tests.volume.fill import SORTS_IN_MEMORY, analyze_tables, fill, see_that_disk_is_free

MONTHS, PATIENCE_SECONDS = 6, 24 * 3600.0
# What leaves with a booking.
LEAVES = ("booking", "booking_event", "payment", "refund", "dispute", "booking_case", "seat_call")
ARCHIVE = "archived_booking"

BOOKINGS_A_YEAR = (1_000_000, 10_000_000, 100_000_000)


class Size(NamedTuple):
    """Rows of a table, and the bytes of its rows and of its indexes."""

    rows: int
    data: int
    indexes: int


def sizes() -> dict[str, Size]:
    """Measure the tables, once their files have no room left that deleted rows had."""
    found = {}
    with connection.cursor() as cursor:
        for table in (*LEAVES, ARCHIVE):
            cursor.execute(f"OPTIMIZE TABLE {table}")
            cursor.fetchall()
            cursor.execute(f"ANALYZE TABLE {table}")
            cursor.fetchall()
            cursor.execute(f"SELECT COUNT(*) FROM {table}")
            (rows,) = cursor.fetchone()
            cursor.execute(
                "SELECT data_length, index_length FROM information_schema.tables"
                " WHERE table_schema = DATABASE() AND table_name = %s",
                [table],
            )
            found[table] = Size(rows, *cursor.fetchone())
    return found


def say_growth(here: float, archived: float, indexes_here: float, indexes_archived: float) -> None:
    """Print how large tables become, by bytes for a booking."""
    print("\n| bookings a year | after | all stay, GB | of it indexes | KEEP_MONTHS=12: tables | and archive |")
    print("|---|---|---|---|---|---|")
    for number in BOOKINGS_A_YEAR:
        for years, said in ((1, "a year"), (5, "five years")):
            every, old = number * years / 1e9, number * (years - 1) / 1e9
            stay = number / 1e9
            print(
                f"| {number:,} | {said} | {every * here:,.1f} | {every * indexes_here:,.1f}"
                f" | {stay * here:,.1f}, indexes {stay * indexes_here:,.1f}"
                f" | {old * archived:,.1f}, indexes {old * indexes_archived:,.1f} |"
            )


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--bookings", type=int, default=100_000)


def play(options: Namespace) -> Iterator[Round]:
    """Fill, measure, move, and measure again."""
    see_that_disk_is_free(options.bookings)
    began = time.monotonic()
    with private_database(PrivateMariaDB(SORTS_IN_MEMORY)), override_settings(KEEP_MONTHS=MONTHS):
        for _table in fill(options.bookings):
            pass
        analyze_tables()
        # The clock is proven by it.
        run_pass(flights=FakeFlights(), payments=gateways_of(FakePayments()))
        before, started = sizes(), time.monotonic()
        moved = archive_bookings(deadline=Deadline(PATIENCE_SECONDS), at_once=True)
        seconds, after = time.monotonic() - started, sizes()
        # What is filled in breaks other rules that no row of it needs.
        wrong = [each for each in violations() if each.startswith("Q23")]
        if Booking.objects.count() + ArchivedBooking.objects.count() != options.bookings:
            wrong.append("a booking is lost")
    print("| table | rows before | MB, of it indexes | rows after | MB, of it indexes |\n|---|---|---|---|---|")
    for table in before:
        cells = [
            f"{size.rows:,} | {(size.data + size.indexes) / 1e6:,.1f}, {size.indexes / 1e6:,.1f}"
            for size in (before[table], after[table])
        ]
        print(f"| `{table}` | {' | '.join(cells)} |")
    here, indexes = (
        sum(part) / options.bookings
        for part in zip(
            *((size.data + size.indexes, size.indexes) for name, size in before.items() if name != ARCHIVE), strict=True
        )
    )
    archived = after[ARCHIVE]
    there, beside = (archived.data + archived.indexes) / moved, archived.indexes / moved
    print(f"\n{moved:,} of {options.bookings:,} moved in {seconds:,.0f} s, {moved / seconds:,.0f} a second")
    print(f"For each booking {here:,.0f} bytes in the tables, {indexes:,.0f} of them indexes;", end=" ")
    print(f"{there:,.0f} in the archive, {beside:,.0f} of them indexes.")
    say_growth(here, there, indexes, beside)
    yield Round(f"{moved:,} moved", recovered_after=time.monotonic() - began, wrong=wrong)
