"""
Kill running servers at every crash point: `python -m tests.crashes.campaign [--rounds 3] [--points ...]`.

A MariaDB, a Flight Service that loses a fifth of its answers, a web server and `run_worker`, all real, under
a small load. At each point the web server or the worker is killed (SIGKILL), started again, and must bring
seats, bookings and money into step by itself, in real time. Prints a table; exits with 1 on any violation.
"""

import os
import runpy
import sys

from devtools.mariadb import PrivateMariaDB


def main() -> None:
    """Start a database and name it in the environment, before Django reads its settings."""
    with PrivateMariaDB() as server:
        os.environ.update(
            DATABASE_URL=server.url,
            DEBUG="true",
            ENV_FILE="",
            LOG_LEVEL="CRITICAL",
            DJANGO_SETTINGS_MODULE="tests.crashes.settings",
        )
        os.environ.pop("CRASH_FLAG", None)
        runpy.run_module("tests.crashes.long_run", init_globals={"server": server}, run_name="__main__")


if __name__ == "__main__":
    sys.exit(main())
