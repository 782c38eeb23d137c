"""What the database shows of the cluster that it is a node of."""

from django.db import connection

# As Galera names the state of a node that has caught up, and of a cluster that has a majority.
SYNCED, PRIMARY = "Synced", "Primary"


def status_of_node() -> dict[str, str]:
    """Ask a server of MySQL's kind how many nodes there are, whether they have a majority, and how it stands itself."""
    with connection.cursor() as cursor:
        names = "'wsrep_cluster_size', 'wsrep_cluster_status', 'wsrep_local_state_comment'"
        cursor.execute(f"SHOW GLOBAL STATUS WHERE Variable_name IN ({names})")
        return {name.lower(): value for name, value in cursor.fetchall()}
