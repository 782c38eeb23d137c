"""An installation that sends mail, and SMS where a test asks for it."""

import pytest

from tests.support.messages import FakeMail, FakeSms


@pytest.fixture
def mail(settings) -> FakeMail:
    settings.MAIL_SERVER, settings.MAIL_FROM = "folder:", "Bookings <noreply@bookings.example.org>"
    return FakeMail()


@pytest.fixture
def sms(settings, mail) -> FakeSms:
    settings.SMS_SERVICE = "folder:"
    return FakeSms()
