"""Django's `migrate`, which can be killed at any moment and run again, and of which two may start at once."""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING, Any

from django.core.management.commands.migrate import Command as DjangosMigrate
from django.db import DatabaseError, connections

from bookings.management.migration_journal import MigrationJournal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.migrations.migration import Migration

# Shorter than any time limit of a connection; it is asked again and again.
LOCK_SECONDS = 2

# How a server is asked for a lock of a session by its number, and gives it back. PostgreSQL has one that waits, and
# would wait longer than a lock may here.
ASK = {
    "mysql": f"SELECT GET_LOCK(CONCAT('migrate ', %s), {LOCK_SECONDS})",
    "postgresql": "SELECT pg_try_advisory_lock(%s) OR pg_sleep(0.2) IS NULL",
}
GIVE_BACK = {
    "mysql": "SELECT RELEASE_LOCK(CONCAT('migrate ', %s))",
    "postgresql": "SELECT pg_advisory_unlock(%s)",
}


class Command(DjangosMigrate):
    """On a server one waits for the other; on all databases an interrupted migration is continued."""

    _journal: MigrationJournal | None = None

    def handle(self, *args: Any, **options: Any) -> None:
        if options["plan"] or options["check_unapplied"]:
            super().handle(*args, **options)
            return
        connection = connections[options["database"]]
        self.verbosity = options["verbosity"]
        with self._alone(connection):
            self._journal = MigrationJournal(connection)
            for line in self._journal.read():
                self.stdout.write(line)
            try:
                with connection.execute_wrapper(self._journal):
                    super().handle(*args, **options)
                self._journal.close()
            finally:
                self._journal = None

    def migration_progress_callback(self, action: str, migration: Migration | None = None, fake: bool = False) -> None:
        super().migration_progress_callback(action, migration, fake)
        if self._journal is not None and migration is not None:
            self._journal.follow(action, migration, fake=fake)

    @contextlib.contextmanager
    def _alone(self, connection: BaseDatabaseWrapper) -> Iterator[None]:
        """
        Keep every other migrate of this database waiting.

        The lock belongs to the session that changes the tables: it is held until the last statement of a migrate
        that was killed has ended at the server.
        """
        if connection.vendor not in ASK:
            yield
            return
        # Of MariaDB's locks all databases of a server know.
        number = int.from_bytes(hashlib.sha256(connection.settings_dict["NAME"].encode()).digest()[:7])
        is_reported = False
        with connection.cursor() as cursor:
            while not _ask(cursor, ASK[connection.vendor], [number]):
                if not is_reported:
                    self.stdout.write("Another migrate is running on this database; waiting for its end.")
                is_reported = True
        try:
            yield
        finally:
            # A connection that was lost has lost the lock as well, and must not be opened for this.
            if connection.connection is not None:
                with contextlib.suppress(DatabaseError), connection.cursor() as cursor:
                    cursor.execute(GIVE_BACK[connection.vendor], [number])


def _ask(cursor: Any, sql: str, parameters: list[Any]) -> Any:
    cursor.execute(sql, parameters)
    return cursor.fetchone()[0]
