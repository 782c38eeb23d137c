"""
What the numbers of MariaDB and MySQL, and the SQLSTATEs of PostgreSQL, mean here.

May the same work succeed if it is run again, and may the connection be kept?
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError

Number = int | str
"""A number of MariaDB or MySQL; of PostgreSQL the five letters of an SQLSTATE."""

# PostgreSQL has one for a lock that was waited for too long, and for one that was not to be waited for.
LOCK_WAITS: frozenset[Number] = frozenset({1205, "55P03"})

CONNECTION_LOST = 2013

# PostgreSQL's library has no numbers of its own; our backend gives these, of the standard, to what it says.
NOT_CONNECTED, BROKEN_OFF = "08001", "08006"

# Without an answer: to connect, and to a statement.
UNANSWERED: frozenset[Number] = frozenset({2002, 2003, CONNECTION_LOST, NOT_CONNECTED, BROKEN_OFF})

# The session is well, and the same transaction may succeed if it is run again at once.
CONFLICTS: Mapping[Number, str] = MappingProxyType(
    {
        1213: "deadlock",
        1205: "lock wait time-out (it leaves the transaction open, so the whole block is rolled back)",
        1020: "row changed since the snapshot",
        3572: "NOWAIT met a lock",
        "40P01": "deadlock",
        "40001": "serialization failure",
        "55P03": "lock wait time-out, or NOWAIT met a lock",
    }
)

# The session is dead, or leads to a server that takes no writes any more. A new one may lead elsewhere: several
# servers can stand behind one address, and a demoted one keeps its connections.
LOST: Mapping[Number, str] = MappingProxyType(
    {
        1047: "a node that has left its cluster, or is not ready yet",
        1053: "shutdown in progress",
        1158: "network: reading",
        1159: "network: reading took too long",
        1160: "network: writing",
        1161: "network: writing took too long",
        1180: "error during COMMIT, perhaps after it",
        1290: "read-only after a failover",
        1792: "read-only session",
        1836: "read-only",
        1927: "connection killed",
        2002: "cannot connect (a socket, or any address with MariaDB's library)",
        2003: "cannot connect",
        2005: "unknown host, perhaps while a name is given to another server",
        2006: "connection gone",
        CONNECTION_LOST: "connection lost, perhaps during COMMIT",
        2014: "commands out of sync: an answer is left unread",
        2027: "malformed packet",
        2055: "connection lost, with an error of the system",
        3100: "a hook of replication refused the COMMIT",
        3101: "the group that replicates has rolled the transaction back",
        4031: "ended by the server while it was idle",
        NOT_CONNECTED: "cannot connect",
        "08003": "connection gone",
        "08004": "the server, or what stands in front of it, refuses the connection",
        BROKEN_OFF: "connection lost, perhaps during COMMIT",
        "08007": "connection lost during COMMIT",
        "25006": "read-only after a failover",
        "25P03": "ended by the server while a transaction was idle",
        "57P01": "shutdown in progress, or ended by an operator",
        "57P02": "another session's crash ended it",
        "57P03": "the server is starting, or recovers from a crash",
        "57P05": "ended by the server while it was idle",
    }
)

# The value cannot be stored as it is, however often it is sent: no outage, though MariaDB's library says so of some.
OF_VALUES: Mapping[Number, str] = MappingProxyType(
    {
        1264: "number out of range",
        1265: "value cut off",
        1267: "characters of two kinds compared",
        1292: "no such date or number",
        1300: "not in this character set",
        1366: "characters that the column cannot hold",
        1367: "no such number",
        1406: "too long",
        1411: "no such value",
        1977: "characters that cannot be converted",
        3854: "characters that cannot be converted",
        3988: "characters that cannot be converted",
    }
)


class UnsafeSession(OperationalError, ImproperlyConfigured):
    """
    A session on which this service must not work. The message says why, and what to do.

    An error of the database, as one that cannot be used is as good as away; and of its configuration.

    :param may_pass: it ends by itself, as a failover does
    """

    def __init__(self, why: str, *, may_pass: bool = False) -> None:
        super().__init__(why)
        self.may_pass = may_pass


def number_of(error: BaseException) -> Any:
    """Give the database's own number of an error; None if it has none."""
    return error.args[0] if error.args else None


def is_lost(error: BaseException) -> bool:
    """Tell whether the connection that said so must not be used again."""
    if isinstance(error, UnsafeSession):
        return True
    number = number_of(error)
    # The library's own `InterfaceError(0, "")`: the connection was closed while it was in use.
    return number in LOST or (number == 0 and type(error).__name__ == "InterfaceError")
