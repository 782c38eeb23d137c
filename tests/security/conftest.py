"""What the tests of single sign-on share."""

import pytest

from bookings import wiring
from tests.support.identity_provider import CLIENT, SECRET, start_provider


@pytest.fixture(scope="module")
def one_provider():
    with start_provider() as provider:
        yield provider


@pytest.fixture
def provider(one_provider, settings):
    """The provider that the settings name; nothing was asked of it yet."""
    one_provider.__init__(url=one_provider.url)
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = one_provider.url, CLIENT, SECRET
    wiring.identity_provider.cache_clear()
    yield one_provider
    wiring.identity_provider.cache_clear()
