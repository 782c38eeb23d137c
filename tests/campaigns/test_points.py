"""Crash points are reached after each transaction, however it begins."""

import pytest

from bookings.db import transactions
from bookings.db.transactions import in_one_statement, in_transaction
from tests.campaigns.points import _watch_transactions

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("kind", [in_transaction, in_one_statement])
def test_a_process_may_die_after_a_transaction_and_after_a_statement_that_is_one(kind, monkeypatch):
    monkeypatch.setattr(transactions, "run", transactions.run)
    reached = []
    _watch_transactions(reached.append)

    assert kind("seats.reserved")(lambda: "decided")() == "decided"
    assert reached == [("seats.reserved",)]
