"""A booking to pay, and a gateway whose payers confirm by themselves."""

from typing import Any

import pytest

from tests.support.api import Api, shown
from tests.support.fakes import FakePayments


@pytest.fixture
def booking(api: Api) -> dict[str, Any]:
    return shown(api.create())


@pytest.fixture
def by_payer(payments: FakePayments) -> None:
    """The payer's own client confirms what comes without a token."""
    payments.needs_payer = True
