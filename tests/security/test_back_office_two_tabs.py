"""Two tabs in which a person logs in: each goes on to its own page, and none to another site."""

import pytest
from django.test import Client

from tests.support.log_in import LOGIN, RIGHT, log_in, log_in_elsewhere, token_in
from tests.support.people import text_of

pytestmark = pytest.mark.django_db

ELSEWHERE = [
    "https://example.org/",
    "//example.org",
    "///example.org",
    "/\\example.org",
    "javascript:alert(1)",
    "",
]
FIRST, SECOND = "/admin/bookings/payment/", "/admin/bookings/booking/?flight=7&status=booked"


@pytest.fixture(autouse=True)
def people(django_user_model):
    for name in ("anna", "bert"):
        django_user_model.objects.create_superuser(name, password=RIGHT)


@pytest.fixture
def browser():
    """A browser that sends the tokens of its forms, as a real one does, and is logged in as anna."""
    client = Client(enforce_csrf_checks=True)
    assert log_in(client).status_code == 302
    return client


def two_tabs(second=SECOND):
    browser = Client(enforce_csrf_checks=True)
    return browser, browser.get(LOGIN, {"next": FIRST}), browser.get(LOGIN, {"next": second})


@pytest.mark.slow
def test_of_two_log_in_tabs_each_goes_on_to_its_own_page():
    browser, first, second = two_tabs()

    answers = [log_in(browser, page=first), log_in(browser, page=second)]

    assert [(answer.status_code, answer.url) for answer in answers] == [(302, FIRST), (302, SECOND)]
    assert browser.get(SECOND).status_code == 200


@pytest.mark.slow
def test_a_second_log_in_as_someone_else_says_who_is_logged_in():
    browser, first, second = two_tabs()
    log_in(browser, page=first)

    answer = log_in(browser, page=second, name="bert")

    page = browser.get(answer.url)
    assert answer.url == SECOND
    assert "You are logged in as anna. To go on as another user, log out first." in text_of(page)


@pytest.mark.slow
def test_a_second_log_in_as_the_same_says_nothing():
    browser, first, second = two_tabs()
    log_in(browser, page=first)

    page = browser.get(log_in(browser, page=second, name=" Anna").url)

    assert "You are logged in as" not in text_of(page)


@pytest.mark.slow
def test_a_log_in_page_that_is_too_old_asks_again_and_goes_on_to_the_same_page():
    browser, first, second = two_tabs()
    log_in(browser, page=first)
    browser.post("/admin/logout/", {"csrfmiddlewaretoken": token_in(browser.get("/admin/"))})

    asked = log_in(browser, page=second)

    assert asked.status_code == 403
    assert "Nothing was changed. This log-in page was too old" in text_of(asked)
    assert log_in(browser, page=asked).url == SECOND


def test_the_address_of_a_log_in_leads_on_when_logged_in(browser):
    assert browser.get(LOGIN, {"next": SECOND}).url == SECOND
    assert browser.get(LOGIN).url == "/admin/"
    assert browser.get(LOGIN, {"next": LOGIN}).url == "/admin/"
    assert browser.get(LOGIN, {"next": f"{LOGIN}?next={LOGIN}"}).url == "/admin/"


@pytest.mark.slow
@pytest.mark.parametrize("onward", ELSEWHERE)
def test_no_log_in_leads_to_another_site(browser, onward):
    stranger, first, second = two_tabs(onward)

    answers = [
        browser.get(LOGIN, {"next": onward}),
        log_in(stranger, page=first, next=onward),
        log_in(stranger, page=second, next=onward),
    ]

    assert [(answer.status_code, answer.url) for answer in answers] == [(302, "/admin/")] * 3


@pytest.mark.slow
def test_a_log_out_from_a_page_that_is_too_old_says_that_one_is_still_logged_in(browser):
    token = token_in(browser.get("/admin/"))
    log_in_elsewhere(browser)

    answer = browser.post("/admin/logout/", {"csrfmiddlewaretoken": token})

    assert answer.url == "/admin/"
    assert "Not sent: nothing was done." in text_of(browser.get("/admin/"))


def test_a_form_without_a_token_in_a_browser_without_cookies_is_refused():
    answer = Client(enforce_csrf_checks=True).post("/", {"a": "b"})

    assert answer.status_code == 403
    assert "Nothing was changed." in text_of(answer)
