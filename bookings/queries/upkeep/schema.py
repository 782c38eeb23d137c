"""Whether the tables are those that this code was written for, and hold every text."""

from typing import Any

from django.db import connection
from django.db.migrations.loader import MigrationLoader

_complete: set[str] = set()

# A table says what its new columns are; each column says what it is.
SPOILT_TABLES = """
    SELECT table_name FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'
        AND (engine <> 'InnoDB' OR table_collation NOT LIKE 'utf8mb4%')
    UNION
    SELECT table_name FROM information_schema.columns
    WHERE table_schema = DATABASE() AND character_set_name <> 'utf8mb4'
    ORDER BY 1"""
CURE = (
    "ALTER TABLE … ENGINE=InnoDB, CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci; and ALTER "
    "DATABASE … CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci, so that new tables are."
)


def unapplied_migrations() -> list[str]:
    """
    Name the migrations of this code that the database lacks, as `app.name`.

    Reads every migration, and asks the database. Cached once complete: migrations are not unapplied under a running
    process.
    """
    if connection.alias in _complete:
        return []
    loader = MigrationLoader(connection)
    missing = sorted(".".join(node) for node in loader.graph.nodes if node not in loader.applied_migrations)
    if not missing:
        _complete.add(connection.alias)
    return missing


def unfit_tables(of: Any = connection) -> list[str]:
    """
    Name the tables of ours that refuse or cut texts of people, or that have no transactions; see `CURE`.

    Other tables in the same database are not looked at.
    """
    if of.vendor != "mysql":
        return []
    ours = set(of.introspection.django_table_names()) | {"django_migrations"}
    with of.cursor() as cursor:
        cursor.execute(SPOILT_TABLES)
        return [name for (name,) in cursor.fetchall() if name in ours]
