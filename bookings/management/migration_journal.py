"""
Lets a `migrate` that was killed be continued, at any migration.

On MariaDB and MySQL a migration is no transaction: each statement that changes tables is done for good, wholly
or not at all, and only the last step writes down that the migration was applied. So each of them is written
down before it is sent, and all of them are deleted when the migration has ended. A migration of which such rows
are found is run again: what stands there is skipped, and only for the last one must the database say
whether it was done. Nothing is ever dropped to begin again, so no data can be lost.

On SQLite and PostgreSQL a migration is one transaction, but for the row that says that it was applied. There a row
of ours is part of that transaction, and means that all of it was done.

The table is there only while migrations run. It is made by hand, as no migration can make it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import DatabaseError
from django.db.migrations.executor import MigrationExecutor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.migrations.migration import Migration

TABLE = "migration_under_way"
COLUMNS = {
    "mysql": "id INT AUTO_INCREMENT PRIMARY KEY, direction VARCHAR(7), app VARCHAR(255), name VARCHAR(255), "
    "statement MEDIUMTEXT",
    "sqlite": "id INTEGER PRIMARY KEY, direction TEXT, app TEXT, name TEXT, statement TEXT",
    "postgresql": "id INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY, direction TEXT, app TEXT, name TEXT, "
    "statement TEXT",
}
APPLY, UNAPPLY = "apply", "unapply"

SCHEMA_STATEMENTS = ("ALTER ", "CREATE ", "DROP ", "RENAME ")
# The table, the column, the index, the key or the condition is there already; or what is to be changed or dropped
# is not there any more.
DONE_ALREADY = frozenset({1050, 1060, 1061, 1068, 1826, 3822, 1051, 1054, 1091, 1146, 3821})
# MariaDB's only error for a foreign key whose name is in use.
CANNOT_CREATE, NAME_IN_USE = 1005, "errno: 121 "


class Step(NamedTuple):
    """A migration in one of its two directions."""

    direction: str
    app: str
    name: str

    def __str__(self) -> str:
        return f"{self.app}.{self.name}"


class MigrationJournal:
    """What has begun on one database and not ended. Also a wrapper of its statements, see `execute_wrapper`."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        self._in_transactions = connection.features.can_rollback_ddl
        self._interrupted: dict[Step, list[str]] = {}
        self._running: Step | None = None
        self._is_noted, self._is_made = False, False
        # Of the migration that runs: what an interrupted attempt has done, and what it may have done.
        self._done: Counter[str] = Counter()
        self._doubtful: str | None = None

    def read(self) -> Iterator[str]:
        """Read what was interrupted, and report each migration in one line."""
        if not self._is_there():
            return
        self._is_made = True
        found: dict[Step, list[str]] = {}
        for direction, app, name, statement in self._run(
            f"SELECT direction, app, name, statement FROM {TABLE} ORDER BY id"  # noqa: S608  # nosec B608
        ):
            found.setdefault(Step(direction, app, name), []).append(statement)
        executor = MigrationExecutor(self._connection)
        for step, statements in found.items():
            is_recorded = (step.app, step.name) in executor.loader.applied_migrations
            if is_recorded == (step.direction == APPLY):
                self._forget(step)  # it was killed when all was done but this
            elif self._in_transactions:
                _record(executor, step)
                self._forget(step)
                yield f"{step} was done by a migrate that was interrupted; now it is recorded."
            else:
                self._interrupted[step] = statements
                yield f"{step} was interrupted halfway; it is continued."

    def follow(self, action: str, migration: Migration, *, fake: bool) -> None:
        """Follow the progress that the executor reports: `apply_start`, `apply_success` and the like."""
        direction, _, moment = action.partition("_")
        if fake or direction not in (APPLY, UNAPPLY):
            return
        step = Step(direction, migration.app_label, migration.name)
        if moment == "start":
            self._running, self._is_noted = step, False
            statements = self._interrupted.pop(step, [])
            self._done = Counter(statements[:-1])
            self._doubtful = statements[-1] if statements else None
        elif moment == "success":
            self._running = None
            self._forget(step)

    def close(self) -> None:
        """Drop the table, unless this run was not asked to continue everything in it."""
        if self._is_there() and not self._run(f"SELECT 1 FROM {TABLE} LIMIT 1"):  # noqa: S608  # nosec B608
            self._run(f"DROP TABLE {TABLE}")

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        """Run one statement, or skip it if the interrupted attempt has done it."""
        step = self._running
        if step is None or TABLE in sql:
            return execute(sql, params, many, context)
        if self._in_transactions:
            if self._connection.in_atomic_block and not self._is_noted:
                self._is_noted = True
                self._note(step, "")
            return execute(sql, params, many, context)
        if not sql.lstrip().upper().startswith(SCHEMA_STATEMENTS):
            return execute(sql, params, many, context)
        # Without its values: a default may be the time, which is another one in the next attempt. Those that differ in
        # nothing else come in the order of the migration, so that counting them is enough.
        return self._change(step, sql, lambda: execute(sql, params, many, context))

    def _change(self, step: Step, statement: str, execute: Callable[[], Any]) -> Any:
        if self._done[statement]:
            self._done[statement] -= 1
            return None
        if statement == self._doubtful:
            self._doubtful = None
            try:
                return execute()
            except DatabaseError as error:
                if not _says_done_already(error):
                    raise
                return None
        self._note(step, statement)
        try:
            return execute()
        except DatabaseError as error:
            # The obstacle was there before, so the statement did nothing. After any other error that is not certain.
            if _says_done_already(error):
                self._run(f"DELETE FROM {TABLE} WHERE id = LAST_INSERT_ID()")  # noqa: S608  # nosec B608
            raise

    def _is_there(self) -> bool:
        with self._connection.cursor() as cursor:
            return TABLE in self._connection.introspection.table_names(cursor)

    def _note(self, step: Step, statement: str) -> None:
        # Only now: a user with nothing to migrate needs no right to make tables.
        if not self._is_made:
            self._run(f"CREATE TABLE IF NOT EXISTS {TABLE} ({COLUMNS[self._connection.vendor]})")
            self._is_made = True
        self._run(
            f"INSERT INTO {TABLE} (direction, app, name, statement) VALUES (%s, %s, %s, %s)",  # noqa: S608  # nosec B608
            *(*step, statement),
        )

    def _forget(self, step: Step) -> None:
        if self._is_made:
            self._run(f"DELETE FROM {TABLE} WHERE direction = %s AND app = %s AND name = %s", *step)  # noqa: S608  # nosec B608

    def _run(self, sql: str, *parameters: str) -> list[Any]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            return list(cursor.fetchall()) if cursor.description else []


def _record(executor: MigrationExecutor, step: Step) -> None:
    if step.direction == APPLY:
        migration = executor.loader.disk_migrations[step.app, step.name]
        executor.record_migration(migration)  # type: ignore[call-arg, arg-type]  # its stub is of an older Django
    else:
        executor.recorder.record_unapplied(step.app, step.name)


def _says_done_already(error: DatabaseError) -> bool:
    code, text = (*error.args, None, None)[:2]
    return code in DONE_ALREADY or (code == CANNOT_CREATE and NAME_IN_USE in str(text))
