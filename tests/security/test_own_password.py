"""A user's own new password: what it needs, how often the old one may be tried, and what is on record of it."""

import pytest
from django.test import Client

from tests.support.log_in import LOGIN, RIGHT
from tests.support.people import text_of
from tests.support.second_factor import CODES, happened, is_inside, password_shown

pytestmark = pytest.mark.django_db

CHANGE, NEW = "/admin/password_change/", "another long and secret word"


@pytest.fixture
def anna(django_user_model):
    """Anna, who works here."""
    return django_user_model.objects.create_superuser("anna", password=RIGHT)


def change(browser, old=RIGHT):
    return browser.post(CHANGE, {"old_password": old, "new_password1": NEW, "new_password2": NEW})


def works(password):
    return Client().post(LOGIN, {"username": "anna", "password": password}).status_code == 302


@pytest.mark.slow
def test_a_new_password_ends_all_sessions_but_this_one_and_is_on_record(anna):
    browser, other = password_shown()[0], password_shown()[0]

    answer = change(browser)

    assert (answer.status_code, answer.headers["Location"]) == (302, f"{CHANGE}done/")
    assert (is_inside(browser), is_inside(other)) == (True, False)
    assert (works(NEW), works(RIGHT)) == (True, False)
    assert happened(anna)[2] == ("password_set", "password")


@pytest.mark.slow
def test_a_wrong_old_password_changes_nothing_and_is_on_record(anna):
    browser, _ = password_shown()

    answer = change(browser, old="a guess")

    assert "That is not right" in text_of(answer)
    assert happened(anna)[-1] == ("failed", "password")
    assert works(RIGHT)


@pytest.mark.slow
def test_a_screen_that_was_left_open_is_no_place_to_guess_the_password(anna):
    browser, _ = password_shown()
    for number in range(10):
        assert change(browser, old=f"guess {number}").status_code == 200

    answers = [change(browser), browser.post(CODES.replace("codes", "add"), {"token": "123456", "password": RIGHT})]

    assert [answer.status_code for answer in answers] == [429, 429]
    assert "Too many wrong tries" in text_of(answers[0])
    assert works(RIGHT)


@pytest.mark.slow
def test_a_weak_new_password_is_refused_and_costs_no_try(anna):
    browser, _ = password_shown()

    for _ in range(11):
        answer = browser.post(CHANGE, {"old_password": RIGHT, "new_password1": "anna", "new_password2": "anna"})

    assert answer.status_code == 200
    assert "too short" in text_of(answer)
    assert change(browser).status_code == 302
