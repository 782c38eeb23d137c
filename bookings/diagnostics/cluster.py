"""Checks of a Galera cluster that the database is a node of, or is said to be."""

from collections.abc import Iterator, Mapping

from django.db import connection

from bookings.db.limits import GALERA
from bookings.diagnostics.finding import Finding, fail, ok, warn
from bookings.queries.upkeep.cluster import PRIMARY, SYNCED, status_of_node

# Fewer have no majority when one is lost.
SMALLEST = 3
# Bits of wsrep_sync_wait: reads wait until the node has caught up.
READS_WAIT = 1


def check_cluster() -> Iterator[Finding]:
    """
    Look at the cluster, if the database is a node of one, or the settings say so.

    :raises DatabaseError: if the database does not answer any more
    """
    if connection.vendor != "mysql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SHOW SESSION VARIABLES WHERE Variable_name IN ('wsrep_on', 'wsrep_sync_wait')")
        found = {name.lower(): value for name, value in cursor.fetchall()}
    yield from judge(found | status_of_node(), is_expected=connection.settings_dict.get("CLUSTER") == GALERA)


def judge(found: Mapping[str, str], *, is_expected: bool) -> Iterator[Finding]:
    """Judge a node by its variables and what it shows of its cluster."""
    is_node = found.get("wsrep_on", "OFF") == "ON"
    if not is_node and not is_expected:
        return
    if not is_node:
        hint = "Is DATABASE_URL the cluster's, and wsrep_on=ON at its nodes? Without a cluster omit DATABASE_CLUSTER."
        yield fail("cluster", "DATABASE_CLUSTER=galera, and this server is a node of none", hint)
        return
    problems = list(_problems(found, is_expected=is_expected))
    yield from problems
    if not problems:
        yield ok("cluster", f"{found['wsrep_cluster_size']} nodes; this one has caught up")


def _problems(found: Mapping[str, str], *, is_expected: bool) -> Iterator[Finding]:
    size = int(found.get("wsrep_cluster_size", "0"))
    if not is_expected:
        yield fail(
            "cluster",
            f"this server is a node of a cluster of {size}, and DATABASE_CLUSTER does not say so: what a client holds "
            "may not be found at another node",
            "Set DATABASE_CLUSTER=galera for web and worker, and restart them.",
        )
    elif not int(found.get("wsrep_sync_wait", "0")) & READS_WAIT:
        said = f"wsrep_sync_wait={found.get('wsrep_sync_wait')} in this session, where 7 was asked for"
        yield fail(
            "cluster", said, "A proxy in between drops what is set at connect; let it keep each session's settings."
        )
    if found.get("wsrep_cluster_status") != PRIMARY:
        said = (
            f"this node is {found.get('wsrep_cluster_status', 'of no cluster')}: it has no majority, and takes nothing"
        )
        yield fail("cluster", said, "Bring the others back; see docs/clusters.md.")
    elif size < SMALLEST or size % 2 == 0:
        said = f"{size} nodes: with {'one more lost' if size < SMALLEST else 'one half cut off'} none may write"
        yield warn("cluster", said, "Bring the missing node back; a cluster has three nodes, or five.")
    state = found.get("wsrep_local_state_comment", "")
    if state != SYNCED:
        said = f"the node that is written to is {state!r}: it may be slow, or give its data to another"
        yield warn("cluster", said, "Set wsrep_sst_donor at each node to one that is not written to.")
