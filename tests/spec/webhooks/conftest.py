"""Receivers in memory."""

import pytest

from tests.support.webhooks import FakeWebhooks


@pytest.fixture
def webhooks() -> FakeWebhooks:
    return FakeWebhooks()
