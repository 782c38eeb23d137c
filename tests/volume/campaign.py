"""
Fill a MariaDB with ten million bookings and ask it everything: `python -m tests.volume.campaign [--bookings N]`.

The server is private and thrown away. Prints how long each table took and how large it is; then, of everything
that the service asks on a schedule or in a request, the indexes used, rows read, rows sorted, and milliseconds.
Exits with 1 if something read more rows than it may: more of them would be slower with more bookings.
"""

from tests.support.campaigns import run_on_private_mariadb

if __name__ == "__main__":
    run_on_private_mariadb("tests.campaigns.volume")
