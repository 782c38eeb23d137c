"""
Kills a `migrate` before its n-th statement that writes: `python -m tests.operations.dying_migrate`.

It has Django loaded and forks a process for each migrate; see `tests.support.forks`. `before` is 0 for one that lives.
`whose` is `ours`; or `continued`, which does not count the statements that an interrupted attempt has done; or
`djangos` for the command without what ours adds.
"""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
from typing import Any

import django
from django.core.management import call_command
from django.core.management.commands.migrate import Command as DjangosMigrate
from django.db import DatabaseError, connections
from django.db.migrations.loader import MigrationLoader

django.setup()

from bookings.management.commands.migrate import Command as OurMigrate  # noqa: E402
from bookingsite.config import databases  # noqa: E402
from tests.support.forks import serve  # noqa: E402

READS = ("SELECT", "SHOW", "SET", "PRAGMA", "SAVEPOINT", "RELEASE")


class Death:
    """Comes before the n-th writing statement, and never if n is 0."""

    def __init__(self, before: int) -> None:
        self._before = before
        self._count = 0

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.lstrip().upper().startswith(READS):
            self._count += 1
            if self._count == self._before:
                os.kill(os.getpid(), signal.SIGKILL)
        return execute(sql, params, many, context)


def migrate(*, url: str, before: int, whose: str) -> int:
    """Do it, and give the exit code; the reason of a failure is printed."""
    os.environ["DATABASE_URL"] = url
    connections["default"].close()
    connections.settings.update(connections.configure_settings({"default": databases.database()}))
    # It was made for another address, maybe of another kind.
    del connections["default"]
    command = DjangosMigrate() if whose == "djangos" else OurMigrate()
    death = Death(before)
    if whose == "continued":
        # The wrapper that is added last is the innermost: it sees only what the journal lets pass.
        inner, death = death, Death(0)
        handle = DjangosMigrate.handle

        def dying_inside(*args: Any, **options: Any) -> None:
            with connections["default"].execute_wrapper(inner):
                handle(*args, **options)

        DjangosMigrate.handle = dying_inside  # type: ignore[method-assign]
    try:
        with connections["default"].execute_wrapper(death):
            call_command(command, interactive=False, stdout=io.StringIO())
    except DatabaseError as reason:
        print(repr(reason), file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    # Once for all: the modules of the migrations.
    MigrationLoader(None)
    gc.freeze()
    serve(migrate)
