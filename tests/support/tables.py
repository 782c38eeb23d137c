"""Empties the tables after a test that has committed."""

from functools import cache

from django.db import connection, transaction

# Django makes their rows after it migrates, and no test changes them.
KEPT = {"auth_permission", "django_content_type", "django_migrations"}


def empty_tables() -> None:
    """
    Delete all rows but those that Django makes after a migration.

    Django's own way deletes these too and makes them again, and asks every table to delete what few have: most of the
    time of a short test.
    """
    tables = _tables()
    looks = ", ".join(f"EXISTS (SELECT 1 FROM {table})" for table in tables)
    with connection.constraint_checks_disabled(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SELECT {looks}")
        for table, has_rows in zip(tables, cursor.fetchone(), strict=True):
            if has_rows:
                cursor.execute(f"DELETE FROM {table}")


@cache
def _tables() -> list[str]:
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return [connection.ops.quote_name(name) for name in sorted({*names} - KEPT)]
