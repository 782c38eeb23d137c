"""Checks whether bookings that ended long ago leave their tables."""

from collections.abc import Iterator
from datetime import timedelta

from bookings.conf import bookings_kept
from bookings.db.clock import database_time
from bookings.diagnostics.finding import Finding, ok, warn
from bookings.diagnostics.open_work import in_words
from bookings.queries.bookings.archived import archive_is_behind

# A round begins every hour, and a worker may be away for a night.
LATE = timedelta(hours=12)


def check_archive() -> Iterator[Finding]:
    """
    Judge how far the archive is behind.

    :raises DatabaseError: if the database does not answer any more
    """
    name, behind = "archive", archive_is_behind(database_time())
    kept = bookings_kept()
    if kept is None or behind is None:
        yield ok(name, "bookings stay in their tables for good (KEEP_MONTHS=0)")
    elif behind <= LATE:
        yield ok(name, f"bookings leave {kept.days} days after their end", behind_seconds=behind.total_seconds())
    else:
        yield warn(
            name,
            f"bookings that are due have not been looked at for {in_words(behind)}",
            "The first run over a million bookings takes some hours; `manage.py archive_bookings` goes faster. If it "
            "does not shrink: is the task `delete old rows` paused, or does it fail (back office, Failed tasks)?",
            behind_seconds=behind.total_seconds(),
        )
