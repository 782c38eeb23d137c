"""Fixtures of all tests."""

import gc
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.db.backends.postgresql.creation import DatabaseCreation
from django.test import TransactionTestCase, override_settings
from xdist.scheduler import LoadFileScheduling

from bookings import wiring
from bookings.office.upkeep.open_work import counts
from bookings.queries.bookings import free_references
from bookings.services.shared import retry_policy
from bookings.text.references import new_reference
from tests.support.api import Api
from tests.support.fakes import FakeFlights, FakePayments
from tests.support.tables import empty_tables
from tests.support.volume import many_rows_in_each_table
from tests.support.wired import use_gateway

# All tests of such a folder use the same servers: one process starts them once.
OF_ONE_PROCESS = ("tests/browser/", "tests/crashes/", "tests/failover/", "tests/unkeyed/")
# What mostly waits for processes that it starts, for servers and for time limits. What takes the longest comes first.
WAITING = (
    *("browser/", "crashes/", "campaigns/", "properties/", "unkeyed/", "clients/", "operations/", "failover/"),
    *("deploy/", "gateway/", "database/", "contracts/", "architecture/", "test_", "devtools/", "benchmarks/"),
)


class InTurn(LoadFileScheduling):
    """Of `--dist loadfile`: gives a process a file, or a folder whose files share servers, and then another."""

    def _split_scope(self, nodeid: str) -> str:
        return _scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> InTurn | None:
    return InTurn(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread what waits evenly over what computes, so that one uses the time of the other; what comes last is short."""
    waiting: dict[str, int] = {}
    computing: dict[str, int] = {}
    for item in sorted(items, key=lambda item: _rank(item.nodeid)):
        scopes = computing if _rank(item.nodeid) == len(WAITING) else waiting
        scopes.setdefault(_scope(item.nodeid), len(scopes))
    place = {scope: number / len(scopes) for scopes in (waiting, computing) for scope, number in scopes.items()}
    items.sort(key=lambda item: (place[_scope(item.nodeid)], _scope(item.nodeid)))


def _rank(nodeid: str) -> int:
    path = nodeid.removeprefix("tests/")
    return next((number for number, folder in enumerate(WAITING) if path.startswith(folder)), len(WAITING))


def _scope(nodeid: str) -> str:
    """Name what one process runs at once: a file, or a folder whose files share servers."""
    return next(filter(nodeid.startswith, OF_ONE_PROCESS), nodeid.split("::", 1)[0])


def pytest_collection_finish() -> None:
    """Let the garbage collector look at less, less often: what was loaded stays, and a tenth of the CPU is saved."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


@pytest.fixture(autouse=True, scope="session")
def quick_passwords() -> Iterator[None]:
    """Half a second for each log-in's hash is for guessers, not for tests."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(autouse=True, scope="session")
def quick_emptying() -> Iterator[None]:
    """What a test commits is deleted after it by the shortest way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _case: empty_tables())
        yield


@pytest.fixture(autouse=True, scope="session")
def dropped_by_force() -> Iterator[None]:
    """PostgreSQL drops no database that a session is in, be it one of a process that a test has killed."""

    def drop(creation: DatabaseCreation, name: str, _verbosity: int) -> None:
        with creation._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE {creation.connection.ops.quote_name(name)} WITH (FORCE)")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseCreation, "_destroy_test_db", drop)
        yield


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    """What the menu of the back office remembers of another test's tables counts for nothing."""
    counts.forget()


@pytest.fixture(autouse=True)
def references_at_hand() -> None:
    """One create in a hundred asks which references are free: that none does by chance where statements are counted."""
    if len(free_references._drawn) < 100:
        free_references._drawn.extend((new_reference(), time.monotonic() + 3600) for _ in range(500))


@pytest.fixture
def flights(monkeypatch: pytest.MonkeyPatch) -> FakeFlights:
    """A Flight Service in memory, in the place of the real one; pauses between tries are the longest possible."""
    fake = FakeFlights()
    monkeypatch.setattr(wiring, "flight_service", lambda: fake)
    monkeypatch.setattr(retry_policy, "random", SimpleNamespace(uniform=lambda low, high: high))
    return fake


@pytest.fixture
def payments(monkeypatch: pytest.MonkeyPatch) -> FakePayments:
    """A payment gateway that is another system, in the place of the instant one."""
    fake = FakePayments()
    use_gateway(monkeypatch, fake)
    return fake


@pytest.fixture
def token_auth(settings: Any) -> None:
    """API_AUTH=token, with the development key of HS256 and without limits."""
    settings.API_AUTH = "token"


@pytest.fixture
def api(db: Any, flights: FakeFlights) -> Api:
    """A client of the API; the Flight Service behind it is `flights`."""
    return Api()


@pytest.fixture(scope="module")
def ten_thousand_rows(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """10,000 rows in each table of MariaDB, for all tests of the module."""
    with many_rows_in_each_table(django_db_blocker):
        yield
