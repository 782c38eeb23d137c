"""What a client hears while the database restarts or fails over."""

from django.db import OperationalError

from bookings.api import views
from tests.support.api import refused


def test_a_database_that_is_away_is_503_and_may_be_asked_again(api, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise OperationalError(2002, "Can't connect to server")

    monkeypatch.setattr(views, "create_booking", refuse)

    answer = api.create()

    assert refused(answer) == (503, "temporarily_unavailable")
    assert answer["Retry-After"] == "5"
    assert answer.json()["error"]["retryable"] is True
