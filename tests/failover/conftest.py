"""A primary and a replica, and this process as one of the service's that uses both."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connections
from django.test import override_settings

from bookings.db import replica
from bookings.db.replica import REPLICA
from bookingsite.config import databases as of_settings
from devtools.mariadb_pair import READER, MariaDBPair, address
from tests.races.guards import forget_everything
from tests.support.api import Api
from tests.support.clocks import Clock
from tests.support.fakes import FakeFlights

PRIMARY = "default"


@pytest.fixture(scope="package")
def servers(django_db_blocker: Any) -> Iterator[MariaDBPair]:
    """Two servers with the tables of the service, and nothing in them."""
    tables_alone = {config.label: None for config in apps.get_app_configs()}
    with MariaDBPair() as pair:
        with (
            django_db_blocker.unblock(),
            pytest.MonkeyPatch.context() as patched,
            this_process_on(pair, patched),
            override_settings(MIGRATION_MODULES=tables_alone),
        ):
            call_command("migrate", run_syncdb=True, verbosity=0)
        yield pair


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which a replica rests."""
    fake = Clock()
    monkeypatch.setattr(replica, "health", replica.ReplicaHealth(clock=fake))
    return fake


@contextmanager
def this_process_on(servers: MariaDBPair, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Be on the two servers for the length of the block, with the settings that their addresses make."""
    monkeypatch.setenv("DATABASE_URL", address(servers.primary))
    monkeypatch.setenv("DATABASE_REPLICA_URL", address(servers.replica, READER))
    primary = of_settings.database()
    databases = connections.configure_settings({PRIMARY: primary, REPLICA: of_settings.replica(of=primary)})
    of_the_suite = connections[PRIMARY]
    for alias, config in databases.items():
        monkeypatch.setitem(connections.settings, alias, config)
        connections[alias] = connections.create_connection(alias)
    try:
        yield
    finally:
        for alias in databases:
            connections[alias].close()
        del connections[REPLICA]
        connections[PRIMARY] = of_the_suite


@pytest.fixture
def pair(
    servers: MariaDBPair, clock: Clock, django_db_blocker: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MariaDBPair]:
    """The two servers without bookings, and this process on them."""
    with django_db_blocker.unblock(), this_process_on(servers, monkeypatch):
        forget_everything()
        servers.catch_up()
        yield servers


@pytest.fixture
def api(pair: MariaDBPair, flights: FakeFlights) -> Api:
    """A client of the API on the two servers; without the suite's own database."""
    return Api()
