"""The session that every process of this service really has with MariaDB: races and deadlines rest on it."""

import MySQLdb
import pytest
from django.db import connection

from bookings.db.safe_session import ISOLATION
from bookings.deadline import Deadline
from bookings.gateways.payments.instant import InstantPayments
from bookings.models import Booking
from bookings.services.bookings.expire import expire_bookings
from tests.races.crowd import all_at_once
from tests.support.bookings import an_initiated_booking, pay, status_of
from tests.support.invariants import assert_in_step

pytestmark = [pytest.mark.mysql, pytest.mark.django_db(transaction=True)]


def ask(question):
    with connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone()


@pytest.fixture
def server_in_kolkata():
    """Move the server's own time zone, for the sessions that are opened from now on."""
    (before,) = ask("SELECT @@GLOBAL.time_zone")
    ask_operator("SET GLOBAL time_zone = '+05:30'")
    yield
    ask_operator(f"SET GLOBAL time_zone = '{before}'")


def ask_operator(statement):
    at = connection.settings_dict
    operator = MySQLdb.connect(host=at["HOST"], port=int(at["PORT"]), user=at["USER"])
    operator.cursor().execute(statement)
    operator.close()


def test_a_session_reads_what_is_committed_in_utc_and_waits_five_seconds_for_a_lock():
    of_isolation = ISOLATION[0 if connection.mysql_is_mariadb else 1]
    isolation, zone, wait, mode = ask(f"SELECT @@{of_isolation}, @@time_zone, @@innodb_lock_wait_timeout, @@sql_mode")

    assert (isolation, zone, wait) == ("READ-COMMITTED", "+00:00", 5)
    assert "STRICT_TRANS_TABLES" in mode.split(",")


def test_where_the_server_lives_does_not_decide_when_a_payment_window_closes(flights, sim, server_in_kolkata):
    def hold_expire_and_pay():
        booking = an_initiated_booking(flights)
        expired = expire_bookings(deadline=Deadline(20))
        return ask("SELECT @@GLOBAL.time_zone, @@time_zone"), expired, status_of(pay(booking, InstantPayments()))

    assert all_at_once([hold_expire_and_pay]) == [(("+05:30", "+00:00"), 0, 201)]
    assert_in_step(sim)


@pytest.mark.slow
def test_twin_without_a_time_zone_of_its_own_a_fresh_booking_is_past_its_deadline(flights, server_in_kolkata):
    booking = an_initiated_booking(flights)

    def look_with_the_servers_time_zone():
        with connection.cursor() as cursor:
            cursor.execute("SET time_zone = @@GLOBAL.time_zone")
            cursor.execute("SELECT COUNT(*) FROM booking WHERE expires_at <= NOW(6)")
            return cursor.fetchone()

    assert all_at_once([look_with_the_servers_time_zone]) == [(1,)]
    assert Booking.objects.get(pk=booking.pk).status == "initiated"
