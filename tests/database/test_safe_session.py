"""A database session on which decisions would be wrong is refused, whoever has changed it."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

pytestmark = [pytest.mark.mariadb, pytest.mark.django_db]

SAFE = "SET time_zone='+00:00'"


@pytest.fixture
def fresh():
    """A connection that is not open, with options of its own."""
    copy = connections["default"].copy()
    copy.settings_dict = {**copy.settings_dict, "OPTIONS": {**copy.settings_dict["OPTIONS"]}}
    yield copy
    copy.close()


def reason(connection):
    with pytest.raises(ImproperlyConfigured) as refused:
        connection.ensure_connection()
    return str(refused.value)


def test_what_the_settings_ask_for_is_accepted(fresh):
    fresh.ensure_connection()

    assert fresh.is_usable()


def test_another_isolation_level_is_refused(fresh):
    fresh.settings_dict["OPTIONS"]["isolation_level"] = "repeatable read"

    assert "its isolation level is REPEATABLE-READ, not READ-COMMITTED" in reason(fresh)


def test_another_time_zone_is_refused(fresh):
    fresh.settings_dict["OPTIONS"]["init_command"] = "SET time_zone='+05:30'"

    assert "its time zone is +05:30, not +00:00" in reason(fresh)


def test_a_mode_that_cuts_values_off_is_refused(fresh):
    fresh.settings_dict["OPTIONS"]["init_command"] = f"{SAFE}, sql_mode=''"

    assert "its sql_mode is not strict" in reason(fresh)


def test_a_refused_session_stays_refused(fresh):
    fresh.settings_dict["OPTIONS"]["init_command"] = "SET time_zone='+05:30'"
    reason(fresh)

    assert "its time zone is +05:30" in reason(fresh)
