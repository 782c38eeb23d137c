"""Puts a payment gateway of a test in the place of those that the settings name."""

import pytest

from bookings import wiring
from bookings.ports import PaymentGateway
from tests.support.bookings import gateways_of


def use_gateway(monkeypatch: pytest.MonkeyPatch, payments: PaymentGateway) -> None:
    """Let new payments go to this one, and ask it about all others as well."""
    monkeypatch.setattr(wiring, "payment_gateway", lambda: payments)
    monkeypatch.setattr(wiring, "payment_gateways", lambda: gateways_of(payments))
