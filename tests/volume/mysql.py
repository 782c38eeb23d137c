"""Makes the tables of numbers that MariaDB has of itself, and MySQL has not: the SQL that fills tables names them."""

import re

from django.db import connection

_NUMBERS = re.compile(r"\bseq_1_to_(\d+)\b")


def make_numbers(statement: str) -> None:
    """Make those that a statement reads, for this session alone; MariaDB has them."""
    if connection.mysql_is_mariadb:
        return
    with connection.cursor() as cursor:
        for most in {int(number) for number in _NUMBERS.findall(statement)}:
            cursor.execute("SET SESSION cte_max_recursion_depth = %s", [most])
            cursor.execute(
                f"CREATE TEMPORARY TABLE IF NOT EXISTS seq_1_to_{most} (seq BIGINT PRIMARY KEY) AS"
                f" WITH RECURSIVE numbers (seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM numbers WHERE seq < {most})"
                " SELECT seq FROM numbers"
            )
