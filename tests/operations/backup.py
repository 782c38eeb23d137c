"""
Back up a running system, lose the database, and restore it: `python -m tests.operations.backup [--fix]`.

A MariaDB with the options of compose.yaml, a Flight Service, a web server and `run_worker`, all real, under a
small load. The dump is taken while bookings are made; some seconds later the database server is killed and its
tables are thought lost. It is then restored twice: from the dump and the binary log, and from the dump alone.
Prints what of the acknowledged bookings is there and what `reconcile_seats` says; exits with 1 if the first lacks
anything, or a flight of the second differs and is not named; or with `--fix` is not put right.
"""

import os
import runpy

from tests.operations.servers import LoggingMariaDB

if __name__ == "__main__":
    with LoggingMariaDB() as server:
        os.environ.update(
            DATABASE_URL=server.url,
            DEBUG="true",
            ENV_FILE="",
            LOG_LEVEL="CRITICAL",
            DJANGO_SETTINGS_MODULE="bookingsite.settings",
            PAYMENT_WINDOW_SECONDS="20",
        )
        runpy.run_module("tests.campaigns.backup", init_globals={"server": server}, run_name="__main__")
