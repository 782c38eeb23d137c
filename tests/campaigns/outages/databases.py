"""Outages of a database that is there and is not what it should be: it hangs, or it takes no writes any more."""

import os
import signal
import time

from devtools.mariadb import PrivateMariaDB
from devtools.mariadb_pair import EITHER, catch_up, follow, run
from tests.campaigns.outages.outage import NO_DATABASE, Feel
from tests.campaigns.stack import Stack, look_at


def database_hangs(stack: Stack, feel: Feel) -> float:
    """The server stops answering, and keeps every connection: a full disk, a frozen machine, a lost route."""
    assert stack.database is not None, NO_DATABASE
    os.kill(stack.database.pid, signal.SIGSTOP)
    try:
        feel()
    finally:
        os.kill(stack.database.pid, signal.SIGCONT)
    return time.monotonic()


def database_demoted(stack: Stack, feel: Feel) -> float:
    """A replica is promoted behind the same address; the old primary reads only, and keeps its connections."""
    assert stack.database is not None, NO_DATABASE
    assert stack.switch is not None, "there is nothing between the service and its database"
    old, new = stack.database, stack.running.enter_context(PrivateMariaDB("--server-id=2", *EITHER))
    follow(new, old)
    catch_up(new, old)
    run(old, "SET GLOBAL read_only=1")
    catch_up(new, old)
    run(new, "STOP SLAVE", "RESET SLAVE ALL")
    stack.switch.point_at(new.port)
    promoted_at = time.monotonic()
    stack.database = new
    look_at(new)
    # What is played afterwards has the first one again.
    stack.running.callback(run, old, "SET GLOBAL read_only=0")
    stack.running.callback(look_at, old)
    feel()
    return promoted_at
