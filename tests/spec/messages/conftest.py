"""An installation that sends mail."""

import pytest

from tests.support.messages import FakeMail


@pytest.fixture
def mail(settings) -> FakeMail:
    settings.MAIL_SERVER, settings.MAIL_FROM = "folder:", "Bookings <noreply@bookings.example.org>"
    return FakeMail()
