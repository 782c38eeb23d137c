"""
Kill the primary under load and promote its replica: `python -m tests.failover.campaign [--ways ...]`.

A real MariaDB primary and replica, a Flight Service, two web processes and `run_worker`. Clients book, pay,
cancel and list; the primary is killed (SIGKILL), the replica is promoted, and the service pointed at it. Every
answer that a client has heard is then looked for in the tables, and `reconcile_seats` compares the seats. Prints a
table; exits with 1 if something was lost that should not be, or something is missing that nobody names.
"""

import os
import runpy

if __name__ == "__main__":
    os.environ.update(
        # Each way has servers of its own, so that the address is filled in later.
        DATABASE_URL="mysql://bookings@127.0.0.1:1/bookings",
        DEBUG="true",
        ENV_FILE="",
        LOG_LEVEL="CRITICAL",
        DJANGO_SETTINGS_MODULE="bookingsite.settings",
    )
    os.environ.pop("DATABASE_REPLICA_URL", None)
    runpy.run_module("tests.campaigns.failover", run_name="__main__")
