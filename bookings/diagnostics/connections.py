"""What is judged alike of the connections to every database server."""

import ipaddress
from collections.abc import Iterator

from bookings.diagnostics.finding import Finding, ok, warn

# With more in use, the next web process may find none.
CONNECTIONS_IN_USE = 0.8


def encryption(cipher: str, *, host: str, options: str) -> Iterator[Finding]:
    """
    Judge whether others can read, and change, what goes to the database and comes from it.

    `options` are those with which an address asks for it.
    """
    if cipher:
        yield ok("encryption", f"encrypted, {cipher}")
    elif _is_here(host):
        yield ok("encryption", "not encrypted; the server is on this machine")
    else:
        yield warn(
            "encryption",
            "not encrypted: each machine in between can read and change everything",
            f"Add ?{options} to DATABASE_URL; the server needs a certificate.",
        )


def _is_here(host: str) -> bool:
    if not host or host == "localhost" or host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
