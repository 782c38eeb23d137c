"""
Says the SQL that fills tables in PostgreSQL's words: it is written in MariaDB's, one statement a table.

What MariaDB has and PostgreSQL has not is made as functions there, for as long as the tables are full; what cannot be
a function is written anew.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

_UNIT = re.compile(r"INTERVAL (.+?) (MICROSECOND|MINUTE|HOUR|DAY)\b")
_NUMBERS = re.compile(r"seq_1_to_(\d+)")
_KINDS = ("text", "bigint", "timestamptz", "uuid")

_FUNCTIONS = (
    *(
        f"""CREATE OR REPLACE FUNCTION "if"({asked}, {kind}, {kind}) RETURNS {kind} LANGUAGE sql IMMUTABLE
        AS 'SELECT CASE WHEN $1{test} THEN $2 ELSE $3 END'"""
        for asked, test in (("boolean", ""), ("bigint", " <> 0"))
        for kind in _KINDS
    ),
    """CREATE OR REPLACE FUNCTION elt(bigint, VARIADIC text[]) RETURNS text LANGUAGE sql IMMUTABLE
    AS 'SELECT $2[$1::int]'""",
    """CREATE OR REPLACE FUNCTION md5(bigint) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT md5($1::text)'""",
    *(
        f"""CREATE OR REPLACE FUNCTION sha2({kind}, int) RETURNS text LANGUAGE sql IMMUTABLE
        AS 'SELECT encode(sha256($1::text::bytea), ''hex'')'"""
        for kind in ("text", "bigint")
    ),
    """CREATE OR REPLACE FUNCTION json_object() RETURNS jsonb LANGUAGE sql IMMUTABLE AS 'SELECT ''{}''::jsonb'""",
    """CREATE OR REPLACE FUNCTION conv(number bigint, _from int, base int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
    DECLARE digits text := '';
    BEGIN
        LOOP
            digits := substr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', (number % base)::int + 1, 1) || digits;
            number := number / base;
            EXIT WHEN number = 0;
        END LOOP;
        RETURN digits;
    END $$""",
)


def make_functions() -> None:
    """Make those functions of MariaDB's that the statements call."""
    with connection.cursor() as cursor:
        for each in _FUNCTIONS:
            cursor.execute(each)


@contextmanager
def without_indexes(tables: tuple[str, ...]) -> Iterator[None]:
    """Drop the indexes that belong to no constraint, and make them again, each in one go, when the tables are full."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s)"
            " AND indexname NOT IN (SELECT conname FROM pg_constraint)",
            [list(tables)],
        )
        found = cursor.fetchall()
        for name, _ in found:
            cursor.execute(f'DROP INDEX "{name}"')
    yield
    with connection.cursor() as cursor:
        for _, definition in found:
            cursor.execute(definition)


def in_its_words(statement: str) -> str:
    """Write a statement that is complete, its moments and numbers included."""
    said = _UNIT.sub(r"(\1) * INTERVAL '1 \2'", statement)
    said = _NUMBERS.sub(r"(SELECT generate_series(1::bigint, \1) AS seq) series", said)
    said = re.sub(r"('\d{4}-\d\d-\d\d [^']+')", r"\1::timestamptz", said)
    return said.replace(" DIV ", " / ").replace("UTC_TIMESTAMP(6)", "CLOCK_TIMESTAMP()")


def let_keys_go_on(tables: tuple[str, ...]) -> None:
    """Let each table's next key be a new one, after rows that have brought theirs."""
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(
                "SELECT pg_get_serial_sequence(%s, 'id') FROM pg_attribute"
                " WHERE attrelid = %s::regclass AND attname = 'id'",
                [table, table],
            )
            for (sequence,) in cursor.fetchall():
                if sequence is not None:
                    cursor.execute(f"SELECT setval('{sequence}', GREATEST(1, (SELECT MAX(id) FROM {table})))")
