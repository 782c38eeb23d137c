"""A promoted replica has all that was acknowledged, gives no id twice, and does not take its old primary back."""

import pytest

from devtools.mariadb_pair import ID_GAP, MariaDBPair, follow, run, status
from tests.support.waiting import await_that

pytestmark = [pytest.mark.slow, pytest.mark.mariadb]

# "… GTID …, which is not in the master's binlog": it has transactions that nobody else has.
HAS_DIVERGED = 1236

SEEN = "SELECT id, told FROM answer ORDER BY id"


@pytest.fixture(scope="module")
def pair():
    """A primary that acknowledges what its replica has received; the replica receives, and applies nothing."""
    with MariaDBPair(semi_sync=True) as servers:
        run(servers.primary, "CREATE TABLE answer (id INT AUTO_INCREMENT PRIMARY KEY, told VARCHAR(20))")
        servers.catch_up()
        run(servers.replica, "STOP SLAVE SQL_THREAD")
        yield servers


def test_a_failover_with_an_acknowledged_row_that_was_received_and_not_applied(pair):
    run(pair.primary, "INSERT INTO answer (told) VALUES ('acknowledged')")
    pair.primary.kill()

    # What RESET SLAVE would leave.
    before = run(pair.replica, SEEN)
    pair.receive_no_more()
    pair.promote()
    run(pair.replica, "INSERT INTO answer (told) VALUES ('afterwards')")

    assert before == []
    assert run(pair.replica, SEEN) == [(1, "acknowledged"), (ID_GAP + 2, "afterwards")]

    # The dead one comes back, with something that nobody had heard of.
    pair.primary.start()
    run(pair.primary, "SET GLOBAL rpl_semi_sync_master_enabled=0", "INSERT INTO answer (told) VALUES ('alone')")
    run(pair.primary, "SET GLOBAL gtid_slave_pos=@@gtid_binlog_pos")
    follow(pair.primary, pair.replica)

    await_that(lambda: status(pair.primary)["Last_IO_Errno"])
    assert status(pair.primary)["Last_IO_Errno"] == HAS_DIVERGED
