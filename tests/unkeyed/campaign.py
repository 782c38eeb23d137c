"""
Wear a Flight Service without keys out: `python -m tests.unkeyed.campaign [--rounds 3] [--counter exclusive]`.

A MariaDB, `flightsim --unkeyed` that loses requests and answers, hangs and is slow, a web server and
`run_worker`, all real, under a small load. In each round the web, the Flight Service or the worker is killed
(SIGKILL) and started again. Prints a table; exits with 1 if a seat was sold twice, or is missing without a row
that says so.
"""

from tests.support.campaigns import run_on_private_mariadb

if __name__ == "__main__":
    run_on_private_mariadb("tests.campaigns.unkeyed", settings="tests.campaigns.settings")
