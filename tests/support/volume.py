"""Fills tables with many rows, fast, and says how the database finds some of them: what is slow only then."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.volume.fill import analyze_tables, empty, fill
from tests.volume.leftovers import leave_behind

# In 10,000 rows: more would be a walk. 200 bookings are those of one flight.
FEW = 600


@contextmanager
def many_bookings(blocker: Any, *, besides: Callable[[], object] = lambda: None) -> Iterator[None]:
    """
    Have 10,000 bookings for all tests of a module, and what `besides` fills in; `blocker` is pytest-django's.

    Nothing of them is left, even if they cannot all be filled in: other tests count rows.
    """
    with blocker.unblock():
        try:
            fill_tables(10_000)
            besides()
            analyze_tables()
            yield
        finally:
            empty()
            connection.close()


def many_rows_in_each_table(blocker: Any) -> AbstractContextManager[None]:
    """Have 10,000 bookings, and old rows for the reaper."""
    old = dict.fromkeys(("idempotency_record", "rate_window", "django_session"), 1000)
    return many_bookings(blocker, besides=lambda: leave_behind(10_000, old))


def fill_tables(rows: int) -> None:
    """Insert so many bookings with all that belongs to them; none is due to expire."""
    for _table in fill(rows):
        pass


def plans(work: Callable[[], object]) -> list[dict[str, Any]]:
    """How the rows of each statement of some work are found, in MariaDB's words: a line for each table."""
    with CaptureQueriesContext(connection) as captured:
        work()
    found = plans_of(query["sql"] for query in captured)
    assert found
    return found


def plans_of(statements: Iterable[str]) -> list[dict[str, Any]]:
    """The same of statements that were run before."""
    found = []
    with connection.cursor() as cursor:
        for statement in map(str.strip, statements):
            reads = statement.startswith(("SELECT", "(SELECT")) and " FROM " in statement
            if reads or statement.startswith(("UPDATE", "DELETE")):
                found += _explained(cursor, statement)
    # What the statement itself has put together has its name in brackets.
    return [plan for plan in found if plan["table"] and not plan["table"].startswith("<")]


def _explained(cursor: Any, statement: str) -> Iterable[dict[str, Any]]:
    if connection.vendor == "postgresql":
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}")
        return _nodes(cursor.fetchone()[0][0]["Plan"])
    cursor.execute(f"EXPLAIN FORMAT=TRADITIONAL {statement}")
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Name the indexes of a plan of PostgreSQL's, and the tables that are read without one."""
    if "Index Name" in plan or plan["Node Type"] == "Seq Scan":
        yield {"table": plan.get("Relation Name", "by bitmap"), "key": plan.get("Index Name")}
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def rows_of(plan: dict[str, Any]) -> int:
    """How many rows MariaDB expects to read; behind a filter of row ids it adds what that lets pass."""
    return int(str(plan["rows"]).partition(" ")[0])


def walks(found: list[dict[str, Any]], most: int = FEW) -> list[dict[str, Any]]:
    """The plans that walk: without an index, or along more of it than there is to be found."""
    # One row that is found by its key before the statement is run ("const") may name no key.
    return [plan for plan in found if (plan["key"] is None and plan["type"] != "const") or rows_of(plan) > most]


def sorts(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The plans that sort what they find."""
    return [plan for plan in found if "filesort" in (plan["Extra"] or "")]


class Effort(NamedTuple):
    """How many rows, or entries of an index, were read for some work, and how many MariaDB has sorted."""

    read: int
    sorted: int


def rows_read(work: Callable[[], object]) -> int:
    """How many rows, or entries of an index, MariaDB reads for some work."""
    return effort_of(work).read


def effort_of(work: Callable[[], object]) -> Effort:
    """Count what the database does for some work."""
    first, before = _counters(), _counters()
    work()
    after = _counters()
    # To read the counters is counted as well.
    read, was_sorted = (2 * b - a for a, b in zip(first, before, strict=True))
    return Effort(after.read - read, after.sorted - was_sorted)


# Of PostgreSQL it is the rows of tables that were read, by an index or without one; what an index alone can answer is
# not among them. In a transaction they are its own; else they are everybody's, and told once a statement asks for it.
_ROWS_OF_POSTGRESQL = "SELECT SUM(seq_tup_read + idx_tup_fetch)::bigint FROM"
_TELL = "SELECT pg_stat_force_next_flush()"
# What the statements that read the counters begin with.
COUNTERS = ("SHOW", _ROWS_OF_POSTGRESQL, _TELL)


def _counters() -> Effort:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_TELL)
            scope = "xact_user" if connection.in_atomic_block else "user"
            cursor.execute(f"{_ROWS_OF_POSTGRESQL} pg_stat_{scope}_tables")
            return Effort(read=int(cursor.fetchone()[0] or 0), sorted=0)
    # FLUSH STATUS would be simpler, and would commit the test's transaction.
    with connection.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS WHERE Variable_name LIKE 'Handler_read%' OR Variable_name = 'Sort_rows'")
        counted = {name: int(count) for name, count in cursor.fetchall()}
    return Effort(sorted=counted.pop("Sort_rows"), read=sum(counted.values()))
