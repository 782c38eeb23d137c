"""The measurements; `tests.volume.campaign` prepares the environment and runs this."""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402 - models can be had only now
from django.db import connection, reset_queries  # noqa: E402
from django.test.utils import CaptureQueriesContext, override_settings  # noqa: E402

from tests.support.volume import effort_of, plans_of  # noqa: E402
from tests.volume.fill import DISK_PER_BOOKING, TABLES, fill, quick_server  # noqa: E402
from tests.volume.leftovers import leave_behind, reap  # noqa: E402
from tests.volume.questions import Question, all_questions  # noqa: E402

RUNS = 5
GIGABYTE = 1 << 30


def answer(question: Question) -> bool:
    """Ask some times, print a line of the table, and say whether no more was read than may be."""
    times = [_milliseconds(question.ask)]
    reset_queries()
    with CaptureQueriesContext(connection) as captured:
        effort = effort_of(question.ask)
    # To read the counters is a statement as well.
    statements = [query["sql"] for query in captured if not query["sql"].startswith("SHOW")]
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


def say_sizes(bookings: int) -> None:
    """Print how large the tables are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, table_rows, data_length, index_length FROM information_schema.tables"
            " WHERE table_schema = DATABASE() AND table_name IN %s ORDER BY data_length + index_length DESC",
            [TABLES],
        )
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


def main() -> int:
    """Fill, print the tables, and return 1 if a question reads more than it may."""
    parser = argparse.ArgumentParser(prog="python -m tests.volume.campaign", description=__doc__)
    parser.add_argument("--bookings", type=int, default=10_000_000)
    parser.add_argument("--memory", type=int, default=4, help="what MariaDB may keep in memory, in GB (4)")
    asked = parser.parse_args()
    free, wanted = shutil.disk_usage(tempfile.gettempdir()).free, asked.bookings * DISK_PER_BOOKING
    if free < wanted:
        print(f"{wanted / 1e9:.0f} GB are needed in {tempfile.gettempdir()}, {free / 1e9:.0f} are free")
        return 2
    call_command("migrate", verbosity=0)
    with quick_server(memory=asked.memory * GIGABYTE):
        for table, seconds in fill(asked.bookings):
            print(f"{table}: {seconds:.0f} s", flush=True)
    say_sizes(asked.bookings)
    print(
        "\n| | statements | rows read | rows sorted | first, ms | median, ms | indexes |\n|---|---|---|---|---|---|---|"
    )
    with override_settings(ALLOWED_HOSTS=["testserver"]):
        answers = [answer(question) for question in all_questions()]
    say_how_fast_is_reaped(min(1_000_000, asked.bookings))
    return 0 if all(answers) else 1


if __name__ == "__main__":
    sys.exit(main())
