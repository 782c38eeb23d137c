"""Whether the tables are those that this code was written for."""

from django.db import connection
from django.db.migrations.loader import MigrationLoader

_complete: set[str] = set()


def unapplied_migrations() -> list[str]:
    """
    Name the migrations of this code that the database lacks, as `app.name`.

    Reads every migration, and asks the database. Once none lacks, none will while this process runs: then nothing
    is read or asked any more.
    """
    if connection.alias in _complete:
        return []
    loader = MigrationLoader(connection)
    missing = sorted(".".join(node) for node in loader.graph.nodes if node not in loader.applied_migrations)
    if not missing:
        _complete.add(connection.alias)
    return missing
