"""
Kill running servers at every crash point: `python -m tests.crashes.campaign [--rounds 3] [--points ...]`.

A MariaDB, a Flight Service that loses a fifth of its answers, a web server and `run_worker`, all real, under
a small load. At each point the web server or the worker is killed (SIGKILL), started again, and must bring
seats, bookings and money into step by itself, in real time. Prints a table; exits with 1 on any violation.
"""

import os

from tests.support.campaigns import run_on_private_mariadb

if __name__ == "__main__":
    os.environ.pop("CRASH_FLAG", None)
    run_on_private_mariadb("tests.campaigns.crashes", settings="tests.campaigns.settings")
