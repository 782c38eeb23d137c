"""
Send as many generated requests as asked for: `python -m tests.fuzz.campaign [--cases 20000] [--seed 1]`.

A MariaDB, a Flight Service and a web server, all real, all private. Prints how often each operation gave each
status; exits with 1 on any failure.
"""

from tests.support.campaigns import run_on_private_mariadb

if __name__ == "__main__":
    run_on_private_mariadb("tests.campaigns.fuzz")
