"""
Lists come from a replica of the database while it has everything that the primary has committed.

Nothing is decided on what a replica says, and nothing is written there: a service that changes a booking reads it
from the primary, in a transaction, and no transaction can begin inside a list. Without DATABASE_REPLICA_URL there is
no such database, and not one statement more.
"""

import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar

import structlog
from django.db import DEFAULT_DB_ALIAS, Error, OperationalError, connection, connections
from django.db.models import Model

from bookings.conf import REPLICA_REST_SECONDS, REPLICA_WAIT_SECONDS
from bookings.db.error_numbers import UnsafeSession

R = TypeVar("R")

log = structlog.get_logger(__name__)

REPLICA = "replica"

# What lists and exports are made of. Callers and staff are looked up in the primary, inside a list too.
LISTED = frozenset({"bookings.booking", "bookings.bookingevent", "bookings.payment", "bookings.seatcall"})

# Of MySQL, which has other names for GTIDs.
UNKNOWN_VARIABLE = 1193

# The database that a list is being read from; None where no list is.
_source: ContextVar[str | None] = ContextVar("source_of_a_list", default=None)


class ReplicaLagging(Exception):
    """The replica does not have all that is committed, or cannot tell; the message says why."""


class ReplicaHealth:
    """
    Whether this process asks the replica; many threads.

    After it was behind or away it is not asked for some seconds. Then one thread tries it, and the others go on
    without it.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._is_used = True
        self._rests_until = 0.0

    def may_be_asked(self) -> bool:
        with self._lock:
            if self._is_used:
                return True
            is_over = self._clock() >= self._rests_until
            if is_over:
                self._rests_until = self._clock() + REPLICA_REST_SECONDS
            return is_over

    def begin(self) -> None:
        """Note that it has answered; the log says so if it did not before."""
        with self._lock:
            is_news, self._is_used = not self._is_used, True
        if is_news:
            log.info("replica.used_again")

    def end(self, reason: str, error: Any = None) -> None:
        """Do not ask it for some seconds; the log says why if it was in use."""
        with self._lock:
            is_news, self._is_used = self._is_used, False
            self._rests_until = self._clock() + REPLICA_REST_SECONDS
        if is_news:
            log.warning("replica.left", reason=reason, error=error)


health = ReplicaHealth()


def read_list(read: Callable[[], R]) -> R:
    """
    Run `read` on the replica if that has all that is committed so far, otherwise on the primary.

    So a client finds what it has written, whichever process answers. `read` may run twice. It must return rows, not a
    query, which would be read later and elsewhere.
    """
    if REPLICA in connections.settings and health.may_be_asked():
        position = _position()
        try:
            _await(position)
            found = _read_from(REPLICA, read)
        except ReplicaLagging as reason:
            health.end(str(reason))
        except UnsafeSession:
            health.end("its session is not safe to use")
        except Error as error:
            # Whatever the error is: the primary either answers, or raises it again.
            connections[REPLICA].close()
            health.end("away", error.args[0] if error.args else None)
        else:
            health.begin()
            return found
    return _read_from(DEFAULT_DB_ALIAS, read)


def refuse_to_decide() -> None:
    """
    Keep a transaction from beginning inside a list.

    :raises RuntimeError: while a list is read, from whichever database
    """
    if _source.get() is not None:
        raise RuntimeError("a list is being read, perhaps from a replica: nothing may be decided here")


class Router:
    """Sends the reads of a list to the replica, and nothing else: no write, no migration."""

    def db_for_read(self, model: type[Model], **_hints: Any) -> str | None:
        return _source.get() if model._meta.label_lower in LISTED else None

    def db_for_write(self, model: type[Model], **hints: Any) -> None:
        """
        Leave it to Django, which writes to the primary.

        :raises RuntimeError: for a row that a replica gave, which may be old
        """
        row = hints.get("instance")
        if row is not None and row._state.db == REPLICA:
            raise RuntimeError("this row was read from a replica: it may be old, and cannot be written")

    def allow_migrate(self, db: str, _app_label: str, **_hints: Any) -> bool | None:
        return False if db == REPLICA else None


def _position() -> str:
    """Tell how far the primary is, as its GTIDs count; empty if it has none. No table is read."""
    with connection.cursor() as cursor:
        try:
            cursor.execute("SELECT @@gtid_binlog_pos")
        except OperationalError as error:
            if error.args[0] != UNKNOWN_VARIABLE:
                raise
            return ""
        return str(cursor.fetchone()[0] or "")


def _await(position: str) -> None:
    """
    Wait until the replica has reached the position too.

    :raises ReplicaLagging: if it has not within `REPLICA_WAIT_SECONDS`, if it is no replica, or cannot tell
    """
    if not position:
        raise ReplicaLagging("the primary has no GTIDs")
    with connections[REPLICA].cursor() as cursor:
        cursor.execute("SELECT MASTER_GTID_WAIT(%s, %s)", [position, REPLICA_WAIT_SECONDS])
        if cursor.fetchone()[0] != 0:
            raise ReplicaLagging("behind, or replication has stopped")


def _read_from(alias: str, read: Callable[[], R]) -> R:
    token = _source.set(alias)
    try:
        return read()
    finally:
        _source.reset(token)
