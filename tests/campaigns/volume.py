"""
Fill a MariaDB with a year of bookings, ten million unless told otherwise, and ask it everything; or a PostgreSQL.

The server is private and thrown away. Prints how long each table took and how large it is; then, of everything
that the service asks on a schedule or in a request, the indexes used, rows read, rows sorted, and milliseconds.
Wrong is a question that reads more rows than it may, as more of them would be slower with more bookings; and a page of
the back office that takes longer than it may.
"""

import statistics
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection, reset_queries
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings

from devtools.mariadb import PrivateMariaDB
from devtools.postgresql import PrivatePostgreSQL
from devtools.private_server import PrivateServer
from tests.campaigns.stack import private_database
from tests.campaigns.verdict import Round
from tests.support.volume import COUNTERS, effort_of, plans_of
from tests.volume.fill import (
    QUICK_POSTGRESQL,
    SORTS_IN_MEMORY,
    TABLES,
    analyze_tables,
    fill,
    quick_server,
    see_that_disk_is_free,
)
from tests.volume.leftovers import leave_behind, reap
from tests.volume.pages import Page, a_desk, all_pages
from tests.volume.questions import Question, all_questions

RUNS = 5
GIGABYTE = 1 << 30

SIZES = {
    "mysql": "SELECT table_name, table_rows, data_length, index_length FROM information_schema.tables"
    " WHERE table_schema = DATABASE() AND table_name IN %s ORDER BY data_length + index_length DESC",
    "postgresql": "SELECT relname, reltuples::bigint, pg_table_size(oid), pg_indexes_size(oid) FROM pg_class"
    " WHERE relkind = 'r' AND relname = ANY(%s) ORDER BY pg_total_relation_size(oid) DESC",
}


def answer(question: Question) -> bool:
    """Ask some times, print a line of the table, and say whether no more was read than may be."""
    times = [_milliseconds(question.ask)]
    reset_queries()
    with CaptureQueriesContext(connection) as captured:
        effort = effort_of(question.ask)
    # To read the counters is a statement as well.
    statements = [query["sql"] for query in captured if not query["sql"].startswith(COUNTERS)]
    times += [_milliseconds(question.ask) for _ in range(RUNS)]
    indexes = ", ".join(sorted({_index_of(plan) for plan in plans_of(statements)}))
    is_few = effort.read <= question.most
    print(
        f"| {question.name} | {len(statements)} | {effort.read:,} | {effort.sorted:,} | {times[0]:,.1f}"
        f" | {statistics.median(times[1:]):,.1f} | {indexes}{'' if is_few else ' **too many**'} |",
        flush=True,
    )
    return is_few


def _index_of(plan: dict[str, Any]) -> str:
    if plan["key"] == "PRIMARY":
        return f"{plan['table']} by its key"
    return str(plan["key"] or f"**none of {plan['table']}**")


def _milliseconds(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return 1000 * (time.perf_counter() - began)


def is_quick(desk: Client, page: Page) -> bool:
    """Look at a page some times, print a line of the table, and say whether it took no longer than it may."""
    times = []
    with CaptureQueriesContext(connection) as captured:
        for _ in range(RUNS):
            began = time.perf_counter()
            answer = desk.get(page.address, page.query)
            size = len(b"".join(answer) if answer.streaming else answer.content)
            times.append(1000 * (time.perf_counter() - began))
            assert answer.status_code in (200, 302), f"{page.name}: {answer.status_code}"
    statements, median = len(captured) // RUNS, statistics.median(times)
    print(f"| {page.name} | {statements} | {median:.0f} | {max(times):.0f} | {size:,} |", flush=True)
    return max(times) <= page.limit


def say_sizes(bookings: int) -> None:
    """Print how large the tables are."""
    with connection.cursor() as cursor:
        cursor.execute(SIZES[connection.vendor], [list(TABLES)])
        rows = cursor.fetchall()
    print("\n| table | rows, about | data, MB | indexes, MB | bytes for each row |\n|---|---|---|---|---|")
    for name, count, data, indexes in rows:
        each = (data + indexes) / max(1, count)
        print(f"| {name} | {count:,} | {data / 1e6:,.0f} | {indexes / 1e6:,.0f} | {each:,.0f} |")
    lasting = sum(data + indexes for name, _, data, indexes in rows if name != "idempotency_record")
    print(f"\nFor each booking, with its event, its payment and its share of a call: {lasting / bookings:,.0f} bytes")


def say_how_fast_is_reaped(answers: int) -> None:
    """Leave many old rows behind, and print what one run of the reaper does about them."""
    leave_behind(answers)
    reaped = reap()
    total = sum(reaped.rows.values())
    each = ", ".join(f"{rows:,} of {table}" for table, rows in reaped.rows.items())
    print(f"\nReaper: {total:,} rows in {reaped.seconds:.0f} s, {total / reaped.seconds:,.0f}/s ({each})")


def a_server(memory: int) -> PrivateServer:
    """Make a server of the kind that this process talks to."""
    if connection.vendor == "postgresql":
        return PrivatePostgreSQL(*QUICK_POSTGRESQL, f"shared_buffers={memory}GB")
    return PrivateMariaDB(SORTS_IN_MEMORY)


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--bookings", type=int, default=10_000_000)
    parser.add_argument("--memory", type=int, default=4, help="what the database may keep in memory, in GB (4)")


def play(options: Namespace) -> Iterator[Round]:
    """Fill, print the tables, and name the questions that read more than they may."""
    see_that_disk_is_free(options.bookings)
    began = time.monotonic()
    with private_database(a_server(options.memory)):
        with quick_server(memory=options.memory * GIGABYTE):
            for table, seconds in fill(options.bookings, at_once=True):
                print(f"{table}: {seconds:.0f} s", flush=True)
            analyze_tables()
        say_sizes(options.bookings)
        with override_settings(ALLOWED_HOSTS=["testserver"]):
            with a_desk() as desk:
                print("| page | statements | median, ms | worst, ms | bytes |\n|---|---|---|---|---|")
                wrong = [f"{page.name} takes too long" for page in all_pages() if not is_quick(desk, page)]
            print("\n| | statements | rows read | rows sorted | first, ms | median, ms | indexes |")
            print("|---|---|---|---|---|---|---|")
            wrong += [f"{question.name} reads too many rows" for question in all_questions() if not answer(question)]
        say_how_fast_is_reaped(min(1_000_000, options.bookings))
    yield Round(f"{options.bookings:,} bookings", recovered_after=time.monotonic() - began, wrong=wrong)
