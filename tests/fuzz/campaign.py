"""
Send as many generated requests as asked for: `python -m tests.fuzz.campaign [--cases 20000] [--seed 1]`.

A MariaDB, a Flight Service and a web server, all real, all private. Prints how often each operation gave each
status; exits with 1 on any failure.
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
            DJANGO_SETTINGS_MODULE="bookingsite.settings",
        )
        runpy.run_module("tests.fuzz.long_run", run_name="__main__")


if __name__ == "__main__":
    sys.exit(main())
