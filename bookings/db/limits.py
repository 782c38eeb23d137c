"""How long a session with a database server may wait, for each kind of process."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from bookings.db.packets import SERVERS
from bookings.text.cells import ONLY_ONE, Cell

# Two waits for one lock fit into the time that a request may wait for the database.
WEB_LOCK_WAIT_SECONDS = 2


GALERA = "galera"

# A node of Galera may still apply what was committed at another, and be asked meanwhile: then a booking that a client
# holds is not found. So each statement waits until the node has caught up: reads (1), changes (2) and insertions (4).
FIRST_IN_A_CLUSTER: Mapping[str, str] = MappingProxyType({GALERA: " /*M! , wsrep_sync_wait=7 */"})


@dataclass(frozen=True, slots=True)
class Limits:
    """
    Whole seconds, as the client's library and the servers want them.

    `connect`: until the server has answered at all. `read` and `write`: for each packet; a statement without an
    answer for so long is given up, and its outcome is unknown. `lock`: for a row. `metadata`: for a table that is
    being altered, and for a server that backs itself up; PostgreSQL has one limit for both, `lock`. `statement`: in
    all, ended by the server itself; 0 is no limit. `idle`: between two statements of a transaction, then the server
    rolls it back; 0 is no limit. `fails_fast`: while the server hangs, only the one thread that tries it waits.
    """

    connect: int
    read: int
    write: int
    lock: int
    metadata: int
    statement: int = 0
    idle: int = 0
    fails_fast: bool = False

    def options(self, vendor: str, *, cluster: str = "", cell: Cell = ONLY_ONE) -> dict[str, Any]:
        """
        Give them as the library, and the first statement of a session or the server, take them.

        :param cluster: what kind of cluster the server is a node of, if any
        :param cell: in whose steps new rows are counted
        """
        if vendor == "postgresql":
            return {
                "connect_timeout": self.connect,
                "read_timeout": self.read,
                "write_timeout": self.write,
                "options": self._of_a_postgresql_session(),
            }
        return {
            "connect_timeout": self.connect,
            "read_timeout": self.read,
            "write_timeout": self.write,
            "init_command": self._first_statement() + FIRST_IN_A_CLUSTER.get(cluster, "") + _steps_of(cell),
        }

    def _of_a_postgresql_session(self) -> str:
        # A deadlock is looked for once a session has waited for a second, the server's own default; within that time
        # most waits are over. A page out of order costs 4 by default, as on a disk that turns: then all payments are
        # read where those of ten thousand bookings are wanted.
        said = {
            "TimeZone": "UTC",
            "default_transaction_isolation": r"read\ committed",
            "lock_timeout": f"{self.lock}s",
            "statement_timeout": f"{self.statement}s",
            "idle_in_transaction_session_timeout": f"{self.idle}s",
            "random_page_cost": "1.1",
        }
        return " ".join(f"-c {name}={value}" for name, value in said.items())

    def _first_statement(self) -> str:
        # Without +00:00 the server's local time zone decides when a payment window closes. A server's own
        # defaults are fifty seconds for a row, and a day for a table. A COMMIT that began the next transaction would
        # leave what comes after it, outside of any, without an end.
        said = (
            "SET time_zone='+00:00', completion_type='NO_CHAIN',"
            f" innodb_lock_wait_timeout={self.lock}, lock_wait_timeout={self.metadata}"
        )
        if self.statement:
            # Each server reads its own name alone. MySQL's is in milliseconds, and for reads only.
            said += (
                f" /*M! , max_statement_time={self.statement} */"
                f" /*!80000 , max_execution_time={self.statement * 1000} */"
            )
        if self.idle:
            # MySQL has none.
            said += f" /*M! , idle_transaction_timeout={self.idle} */"
        return said


# A transaction of ours waits for nothing but the database. One that is idle for so long belongs to a stopped
# process, or to a machine that lost its power or network; without the limit it would keep its locks for eight hours.
IDLE_SECONDS = 20

# A client waits, and a thread with it. Below `read`, so that the server gives up first and says so.
WEB = Limits(
    connect=2,
    read=5,
    write=5,
    lock=WEB_LOCK_WAIT_SECONDS,
    metadata=2,
    statement=4,
    idle=IDLE_SECONDS,
    fails_fast=True,
)

# No client waits, and a comparison of all flights counts whole tables. Below the silence that ends a cluster.
WORKER = Limits(connect=5, read=30, write=30, lock=5, metadata=5, statement=25, idle=IDLE_SECONDS)

# An operator watches, and altering a large table may take hours. While it waits for a long read, every request for
# the table waits behind it, so it waits only shortly.
COMMAND = Limits(connect=5, read=3600, write=3600, lock=5, metadata=30)

# The primary can answer as well, so no request waits long.
REPLICA = Limits(connect=1, read=5, write=5, lock=5, metadata=2)


def _steps_of(cell: Cell) -> str:
    """See Note [A number says its cell] in `bookings.text.cells`."""
    if cell == ONLY_ONE:
        return ""
    return f" , auto_increment_increment={cell.of}, auto_increment_offset={cell.number}"


def use(limits: Limits) -> None:
    """
    Let every connection that this process opens to the primary from now on have these limits.

    What the address itself asks for stays. A process that says nothing has those of a command.
    """
    settings = connections.settings[DEFAULT_DB_ALIAS]
    vendor = settings["ENGINE"].rpartition(".")[2]
    if vendor not in SERVERS:
        return
    of_the_place = {"cluster": settings.get("CLUSTER", ""), "cell": settings.get("CELL", ONLY_ONE)}
    settings["OPTIONS"] |= limits.options(vendor, **of_the_place) | settings["ASKED_FOR"]
    settings["FAILS_FAST"] = limits.fails_fast
