"""
A pytest plugin: every test run gets a private MariaDB, without a flag; with TEST_SERVER another: `mysql`, `postgresql`.

`TEST_DATABASE_URL` names another database instead (a server that is there already, or SQLite); that of a MySQL is known
by TEST_SERVER=mysql beside it. A developer's
own `DATABASE_URL` and `.env` are never used, so a test run cannot reach a database that is in use.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from devtools.mariadb import PrivateMariaDB
from devtools.mysql import PrivateMySQL
from devtools.postgresql import PrivatePostgreSQL
from devtools.private_server import PrivateServer, ServerUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

# Longer than any test may take, short enough that a hanging one does not eat the whole run. It is given here
# and not in pytest.ini, where pytest would complain about the name when pytest-timeout is not installed.
TEST_TIMEOUT_SECONDS = 120
# Runs that end before a test needs the database.
QUESTIONS = ("help", "version", "collectonly", "markers", "show_fixtures_per_test", "showfixtures")
SERVERS: dict[str, type[PrivateServer]] = {
    "mariadb": PrivateMariaDB,
    "mysql": PrivateMySQL,
    "postgresql": PrivatePostgreSQL,
}
SERVER = pytest.StashKey[PrivateServer]()
# What a marked test needs, by the kind of database that lacks it.
MYSQL_ALONE = "needs MariaDB or MySQL: what only they can mean, as their EXPLAIN and their errors"
MARIADB_ALONE = "needs MariaDB: what only it can mean, as its variables"
POSTGRESQL_ALONE = "needs PostgreSQL: what only it can mean; make test-postgres runs it"
LACKS = {
    "mariadb": {"postgresql": POSTGRESQL_ALONE},
    "mysql": {"mariadb": MARIADB_ALONE, "postgresql": POSTGRESQL_ALONE},
    "postgresql": {"mariadb": MARIADB_ALONE, "mysql": MYSQL_ALONE},
    "sqlite": {
        "mysql": MYSQL_ALONE,
        "mariadb": MARIADB_ALONE,
        "postgresql": POSTGRESQL_ALONE,
        "server": "needs a database server: row locks, sessions that can be killed",
    },
}


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Put the database's address and the test settings into the environment, before Django reads them."""
    os.environ.setdefault("DEBUG", "true")
    os.environ["ENV_FILE"] = ""
    os.environ.pop("DATABASE_REPLICA_URL", None)
    os.environ.setdefault("PYTEST_TIMEOUT", str(TEST_TIMEOUT_SECONDS))

    in_parallel = getattr(early_config.known_args_namespace, "numprocesses", None)
    if in_parallel and "PYTEST_XDIST_WORKER" not in os.environ:
        return  # each of the processes starts a server of its own: a test looks at who waits for a lock on it
    if url := os.environ.get("TEST_DATABASE_URL"):
        os.environ["DATABASE_URL"] = url
        return
    os.environ.pop("DATABASE_URL", None)
    if any(getattr(early_config.known_args_namespace, name, False) for name in QUESTIONS):
        return
    try:
        server = SERVERS[os.environ.get("TEST_SERVER") or "mariadb"]().__enter__()
    except ServerUnavailable as reason:
        raise pytest.UsageError(f"{reason}, or set TEST_DATABASE_URL=sqlite:///tests.db") from None
    early_config.stash[SERVER] = server
    os.environ["DATABASE_URL"] = server.url


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Skip, with the reason, what the database of this run cannot show."""
    kind = os.environ.get("DATABASE_URL", "mysql:").partition(":")[0]
    if kind == "mysql":  # as the address of both begins
        kind = os.environ.get("TEST_SERVER") or "mariadb"
    for marker, reason in LACKS[kind].items():
        for item in items:
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_report_header() -> str:
    """Tell which database the tests run on, without its password."""
    return f"database: {os.environ.get('DATABASE_URL', 'none').rpartition('@')[2]}"


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the private server, if this run started one."""
    server = config.stash.get(SERVER, None)
    if server is not None:
        server.close()
