"""A private MariaDB and a replica of it, for tests of what happens when the two differ, or one of them dies."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, Self

import MySQLdb
import MySQLdb.cursors

from devtools.mariadb import PrivateMariaDB
from devtools.private_server import DATABASE, LOGIN_PAUSE_SECONDS, LOGIN_SECONDS, ServerUnavailable
from devtools.processes import HOST

if TYPE_CHECKING:
    from types import TracebackType

# Either may be the primary, so that both keep the log that a replica is fed from, and count alike.
EITHER = (
    *("--log-bin=binlog", "--relay-log=relay", "--log-slave-updates"),
    *("--binlog-format=ROW", "--gtid-strict-mode=1"),
)

# A primary without an acknowledgment from a replica for so long goes on without it; until then it commits nothing.
SEMI_SYNC_TIMEOUT_MS = 30_000
ACKNOWLEDGED = (
    "--rpl-semi-sync-master-enabled=1",
    "--rpl-semi-sync-master-wait-point=AFTER_SYNC",
    f"--rpl-semi-sync-master-timeout={SEMI_SYNC_TIMEOUT_MS}",
)
# The replica has no replica: to be a semi-synchronous primary too would let it wait for one with all it applies.
ACKNOWLEDGING = ("--rpl-semi-sync-slave-enabled=1",)

# What the service uses, so that read-only means something: root may write all the same. The second may only read.
WRITER, READER = "bookings", "reader"

# More rows than were ever inserted in the seconds that a replica may be behind.
ID_GAP = 100_000
COUNTED_TABLES = (
    "SELECT table_name, auto_increment FROM information_schema.tables "
    "WHERE table_schema=DATABASE() AND auto_increment IS NOT NULL"
)

# What had arrived is a few thousand rows at most; a loaded machine takes its time.
APPLY_SECONDS = 60


class MariaDBPair:
    """
    Two servers, each with data of its own: `primary`, and `replica` that follows it with GTIDs and is read-only.

    Used as a context manager, as `PrivateMariaDB` is. After `promote()` the roles are what was made of them: the
    attributes keep their names.
    """

    def __init__(self, *, semi_sync: bool = False) -> None:
        self._semi_sync = semi_sync
        self.primary = PrivateMariaDB("--server-id=1", *EITHER, *(ACKNOWLEDGED if semi_sync else ()))
        self.replica = PrivateMariaDB(
            *("--server-id=2", "--read-only=1"), *EITHER, *(ACKNOWLEDGING if semi_sync else ())
        )
        self._both = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as begun:
            begun.enter_context(self.primary)
            begun.enter_context(self.replica)
            follow(self.replica, self.primary)
            if self._semi_sync:
                self._await_acknowledger()
            # Replicated as everything else is.
            run(
                self.primary,
                f"CREATE USER {WRITER}@'{HOST}'",
                f"GRANT ALL ON {DATABASE}.* TO {WRITER}@'{HOST}'",
                f"CREATE USER {READER}@'{HOST}'",
                f"GRANT SELECT ON {DATABASE}.* TO {READER}@'{HOST}'",
            )
            self._both = begun.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._both.close()

    def _await_acknowledger(self) -> None:
        # What is committed before waits for an answer that does not come.
        deadline = time.monotonic() + APPLY_SECONDS
        while run(self.primary, "SHOW STATUS LIKE 'Rpl_semi_sync_master_clients'")[0][1] != "1":
            if time.monotonic() > deadline:
                raise ServerUnavailable(f"the replica does not follow: {status(self.replica)}")
            time.sleep(LOGIN_PAUSE_SECONDS)

    def catch_up(self) -> None:
        """Wait until the replica has everything that the primary has; see the function of this name."""
        catch_up(self.replica, self.primary)

    def receive_no_more(self) -> None:
        """
        Cut the replica off from its primary, and let it apply everything that has arrived.

        The first half of a promotion: RESET SLAVE would throw away what has arrived and is not applied yet, though
        a semi-synchronous primary has acknowledged it.

        :raises ServerUnavailable: if that does not come to an end
        """
        # In this order: START SLAVE while neither thread runs throws away what has arrived, to fetch it once more.
        run(self.replica, "START SLAVE SQL_THREAD", "STOP SLAVE IO_THREAD")
        _await(self.replica, status(self.replica)["Gtid_IO_Pos"])

    def promote(self) -> None:
        """
        Make a primary of the replica: the second half.

        Ids go on far above those that the dead primary may have given to clients: a client with the id of a lost
        booking must not find another booking under it.
        """
        run(self.replica, "STOP SLAVE", "RESET SLAVE ALL")
        for table, next_id in run(self.replica, COUNTED_TABLES):
            run(self.replica, f"ALTER TABLE `{table}` AUTO_INCREMENT={next_id + ID_GAP}")
        run(self.replica, "SET GLOBAL read_only=0")


def address(server: PrivateMariaDB, user: str = WRITER) -> str:
    """Give the address of a server as `DATABASE_URL` takes it, for one of the two users."""
    return f"mysql://{user}@{HOST}:{server.port}/{DATABASE}"


def follow(server: PrivateMariaDB, primary: PrivateMariaDB) -> None:
    """Let a server follow another one, from the first transaction that it does not have."""
    run(
        server,
        f"CHANGE MASTER TO MASTER_HOST='{HOST}', MASTER_PORT={primary.port}, MASTER_USER='root', "
        "MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1",
        "START SLAVE",
    )


def catch_up(replica: PrivateMariaDB, primary: PrivateMariaDB) -> None:
    """
    Wait until a replica has everything that its primary has.

    :raises ServerUnavailable: if it does not get there
    """
    ((position,),) = run(primary, "SELECT @@gtid_binlog_pos")
    _await(replica, position)


def status(server: PrivateMariaDB) -> dict[str, Any]:
    """Tell how a replica's replication stands, by the names of SHOW SLAVE STATUS."""
    with _session(server) as session:
        cursor = session.cursor(MySQLdb.cursors.DictCursor)
        cursor.execute("SHOW SLAVE STATUS")
        found: dict[str, Any] = cursor.fetchone() or {}
        return found


def run(server: PrivateMariaDB, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements as an operator does, and give the rows of the last."""
    with _session(server) as session:
        cursor = session.cursor()
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())


def _session(server: PrivateMariaDB) -> contextlib.closing[Any]:
    return contextlib.closing(
        MySQLdb.connect(
            host=HOST, port=server.port, user="root", db=DATABASE, connect_timeout=LOGIN_SECONDS, autocommit=True
        )
    )


def _await(replica: PrivateMariaDB, position: str) -> None:
    ((outcome,),) = run(replica, f"SELECT MASTER_GTID_WAIT('{position}', {APPLY_SECONDS})")
    if outcome != 0:
        raise ServerUnavailable(f"the replica has not reached {position}: {status(replica)}")
