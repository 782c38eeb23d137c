"""Sessions of the back office: theirs alone, and over half an hour after the last page."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.conf import settings as configured
from django.contrib.sessions.models import Session
from django.db.models import F
from django.test import Client
from django.utils import timezone

from tests.support.api import BOOKINGS

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"
RIGHT = "correct horse battery staple"


@pytest.fixture(autouse=True)
def anna(django_user_model):
    """Who works here."""
    return django_user_model.objects.create_superuser("anna", password=RIGHT)


def log_in(*, client=None):
    """Send the form of the log-in, in a browser of its own unless one is named."""
    return (client or Client()).post(f"{LOGIN}?next=/admin/", {"username": "anna", "password": RIGHT})


@pytest.fixture
def browser():
    """Anna's, logged in."""
    client = Client()
    assert log_in(client=client).status_code == 302
    return client


def test_the_session_is_a_cookie_that_no_script_and_no_other_site_can_use():
    cookie = log_in().cookies["sessionid"]

    flags = {name: cookie[name] for name in ("httponly", "samesite", "path", "domain", "max-age")}
    assert flags == {"httponly": True, "samesite": "Lax", "path": "/", "domain": "", "max-age": 1800}


def test_a_log_in_does_not_take_over_the_session_that_the_browser_came_with():
    browser, planted = Client(), "planted" * 4
    browser.cookies["sessionid"] = planted

    log_in(client=browser)

    assert Session.objects.count() == 1
    assert browser.cookies["sessionid"].value != planted


def used(client, *, seconds_ago):
    """Move the last page that this browser has seen, and with it the end of its session, into the past."""
    store = import_module(configured.SESSION_ENGINE).SessionStore(client.cookies["sessionid"].value)
    store["used_at"] -= seconds_ago
    store.save()
    Session.objects.update(expire_date=F("expire_date") - timedelta(seconds=seconds_ago))


def began(client, *, hours_ago):
    """Move the log-in of this browser into the past."""
    store = import_module(configured.SESSION_ENGINE).SessionStore(client.cookies["sessionid"].value)
    store["began_at"] -= hours_ago * 3600
    store.save()


@pytest.mark.slow
@pytest.mark.parametrize(("hours", "longest", "status"), [(11.99, 12, 200), (12.01, 12, 302), (1.01, 1, 302)])
def test_a_session_in_use_ends_some_hours_after_its_log_in(browser, settings, hours, longest, status):
    settings.STAFF_SESSION_HOURS = longest
    began(browser, hours_ago=hours)

    assert browser.get("/admin/").status_code == status


@pytest.mark.slow
def test_a_log_in_begins_the_hours_anew(browser):
    began(browser, hours_ago=13)
    assert browser.get("/admin/").status_code == 302

    log_in(client=browser)

    assert [browser.get("/admin/").status_code for _ in range(2)] == [200, 200]


@pytest.mark.slow
def test_a_session_that_no_log_in_of_ours_has_begun_ends_as_well(anna, settings):
    browser = Client()
    browser.force_login(anna)
    browser.get("/admin/")

    began(browser, hours_ago=13)

    assert browser.get("/admin/").status_code == 302


@pytest.mark.slow
def test_a_session_ends_half_an_hour_after_the_last_page(browser):
    used(browser, seconds_ago=1200)
    before = timezone.now()

    answer = browser.get("/admin/")

    half_an_hour = timedelta(minutes=30)
    assert answer.status_code == 200
    assert before + half_an_hour <= Session.objects.get().expire_date <= timezone.now() + half_an_hour


@pytest.mark.slow
def test_a_session_that_was_not_used_for_half_an_hour_is_over(browser):
    used(browser, seconds_ago=1801)

    answer = browser.get("/admin/")

    assert (answer.status_code, answer.url) == (302, "/admin/login/?next=/admin/")


@pytest.mark.slow
def test_pages_of_the_same_minute_write_the_session_once(browser):
    before = Session.objects.get().expire_date

    browser.get("/admin/")

    assert Session.objects.get().expire_date == before


@pytest.mark.slow
def test_a_page_that_looks_again_by_itself_keeps_no_session_alive(browser):
    used(browser, seconds_ago=1200)
    before = Session.objects.get().expire_date

    answer = browser.get("/admin/", headers={"X-Refresh": "1"})

    assert answer.status_code == 200
    assert Session.objects.get().expire_date == before


def test_only_the_back_office_keeps_a_session_alive(browser, flights):
    used(browser, seconds_ago=1200)
    before = Session.objects.get().expire_date

    for address in (BOOKINGS, "/health/live", "/"):
        browser.get(address)

    assert Session.objects.get().expire_date == before


@pytest.mark.slow
@pytest.mark.parametrize("address", [BOOKINGS, "/admin/", LOGIN, "/admin/bookings/booking/", "/"])
@pytest.mark.parametrize("cookie", ["planted" * 4, "' OR 1=1 --", "x" * 4000])
def test_a_stranger_with_a_cookie_writes_no_session(client, flights, address, cookie):
    client.cookies["sessionid"] = cookie

    client.get(address)
    client.post(address)

    assert Session.objects.count() == 0
