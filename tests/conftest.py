"""Fixtures of all tests."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import TransactionTestCase, override_settings
from xdist.scheduler import LoadFileScheduling

from bookings import wiring
from bookings.services.shared import retry_policy
from tests.support.api import Api
from tests.support.fakes import FakeFlights, FakePayments
from tests.support.tables import empty_tables
from tests.support.volume import many_rows_in_each_table

# All tests of such a folder use the same servers: one process starts them once.
OF_ONE_PROCESS = ("tests/browser/", "tests/crashes/", "tests/failover/", "tests/unkeyed/")
# What takes the longest: with `-n`, what is begun last must be short.
LONGEST = (
    *("tests/fuzz/", "tests/browser/", "tests/crashes/", "tests/unkeyed/", "tests/properties/", "tests/rehearsal/"),
    *("tests/operations/", "tests/failover/", "tests/races/", "tests/security/", "tests/deploy/", "tests/gateway/"),
    *("tests/office/", "tests/database/", "tests/test_start.py"),
)


class InTurn(LoadFileScheduling):
    """Of `--dist loadfile`: gives a process a file, or a folder whose files share servers, and then another."""

    def _split_scope(self, nodeid: str) -> str:
        return next(filter(nodeid.startswith, OF_ONE_PROCESS), super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> InTurn | None:
    return InTurn(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long; among its like, in the random order it comes in."""
    rank = {folder: number for number, folder in enumerate(LONGEST)}
    items.sort(key=lambda item: next((rank[each] for each in LONGEST if item.nodeid.startswith(each)), len(LONGEST)))


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
    monkeypatch.setattr(wiring, "payment_gateway", lambda: fake)
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
