"""DATABASE_CLUSTER: what each kind of process asks its sessions for, and where it cannot be."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from bookings.db import limits
from bookingsite.config import databases

MYSQL = "mysql://a:b@node/bookings"
WAITS = " /*M! , wsrep_sync_wait=7 */"


@pytest.fixture
def configured(monkeypatch):
    def configure(address=MYSQL, **settings):
        for name in ("DATABASE_CLUSTER", "DATABASE_REPLICA_URL"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {"DATABASE_URL": address, **settings}.items():
            monkeypatch.setenv(name, value)
        return databases.database()

    return configure


def test_each_kind_of_process_waits_until_its_node_has_caught_up(configured, monkeypatch):
    settings = configured(DATABASE_CLUSTER="galera")
    monkeypatch.setitem(connections.settings, "default", settings)
    of_a_command = settings["OPTIONS"]["init_command"]

    asked = [of_a_command]
    for kind in (limits.WEB, limits.WORKER):
        limits.use(kind)
        asked.append(settings["OPTIONS"]["init_command"])

    assert [said.endswith(WAITS) for said in asked] == [True] * 3
    assert len(set(asked)) == 3


def test_without_it_no_session_waits(configured, monkeypatch):
    settings = configured()
    monkeypatch.setitem(connections.settings, "default", settings)
    limits.use(limits.WEB)

    assert "wsrep" not in settings["OPTIONS"]["init_command"]


@pytest.mark.parametrize(
    ("address", "settings", "why"),
    [
        (MYSQL, {"DATABASE_CLUSTER": "patroni"}, "it must be one of: none, galera"),
        ("postgresql://a:b@node/bookings", {"DATABASE_CLUSTER": "galera"}, "needs a DATABASE_URL that starts with"),
        ("", {"DATABASE_CLUSTER": "galera"}, "needs a DATABASE_URL that starts with"),
    ],
)
def test_it_is_for_mariadb_alone(configured, address, settings, why):
    with pytest.raises(ImproperlyConfigured, match=why):
        configured(address, **settings)


def test_a_replica_beside_it_is_refused(configured):
    settings = configured(DATABASE_CLUSTER="galera", DATABASE_REPLICA_URL="mysql://r:b@other/bookings")

    with pytest.raises(ImproperlyConfigured, match="cannot be used with DATABASE_CLUSTER=galera"):
        databases.replica(of=settings)
