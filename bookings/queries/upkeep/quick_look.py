"""Looks at the database on a connection of its own, with limits that a health check can wait for."""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, OperationalError, connection, connections

from bookings.db.error_numbers import CONNECTION_LOST
from bookings.db.hang import SHORTEST_HANG_SECONDS, hang
from bookings.db.packets import SERVERS
from bookings.queries.upkeep.schema import unfit_tables

R = TypeVar("R")

# To connect, and to a statement: below the two seconds or more of a balancer's check.
LIMITS = {"connect_timeout": 1, "read_timeout": 1, "write_timeout": 1}


class QuickLook:
    """
    One connection for a whole process; one thread at a time.

    The connections of requests wait longer, as their work takes longer; a health check on them would hold its thread
    for as long as the database hangs. What is found here is known to all requests, see `bookings.db.hang`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: Any = None

    def ask(self) -> None:
        """
        Find out whether the database answers, and takes writes.

        :raises OperationalError: if it does not, or not soon
        """
        if connection.vendor in SERVERS:
            self._within_limits(lambda _own: None)

    def unfit_tables(self) -> list[str]:
        """
        Name the tables of ours that do not hold every text.

        :raises OperationalError: if the database does not say so soon
        """
        return self._within_limits(unfit_tables) if connection.vendor in SERVERS else []

    def _within_limits(self, look: Callable[[Any], R]) -> R:
        if not self._lock.acquire(timeout=LIMITS["read_timeout"]):
            raise OperationalError(CONNECTION_LOST, "another look waits for the database")
        began = time.monotonic()
        try:
            found = look(self._usable())
        except OperationalError:
            if time.monotonic() - began >= SHORTEST_HANG_SECONDS and connection.settings_dict.get("FAILS_FAST"):
                hang.begin()
            raise
        finally:
            self._lock.release()
        hang.end()
        return found

    def _usable(self) -> Any:
        """Give the connection, opened again if it leads to a server that has died or takes no writes."""
        settings = {
            **connection.settings_dict,
            "OPTIONS": {**connection.settings_dict["OPTIONS"], **LIMITS},
            "FAILS_FAST": False,
        }
        own = self._connection
        if own is None or own.settings_dict != settings:
            if own is not None:
                own.close()
            own = self._connection = connections[DEFAULT_DB_ALIAS].copy()
            own.settings_dict = settings
            own.inc_thread_sharing()
        if own.connection is not None:
            began = time.monotonic()
            if not own.is_usable():
                own.close()
                if time.monotonic() - began >= SHORTEST_HANG_SECONDS:
                    raise OperationalError(CONNECTION_LOST, "no answer in time")
        own.ensure_connection()
        return own


# Of this process.
quick = QuickLook()
