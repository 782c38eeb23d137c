"""The second factor of staff: who is asked, what opens the door, and what does not."""

import time
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db.models import F
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from bookings.models import RateWindow, RecoveryCode
from bookings.office.access.tries import tried
from tests.support.log_in import LOGIN, RIGHT
from tests.support.people import make_groups, text_of
from tests.support.second_factor import (
    ADD,
    CODES,
    KEY,
    OWN,
    SHOW,
    code_shown,
    codes_on,
    happened,
    is_inside,
    password_shown,
)
from tests.support.totp import code_of, key_on, wrong_code

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna(django_user_model):
    """Anna, who works in support."""
    make_groups()
    anna = django_user_model.objects.create_user("anna", password=RIGHT, is_staff=True)
    anna.groups.add(Group.objects.get(name="Support"))
    return anna


@pytest.fixture
def needed(settings):
    """Support must have a second factor."""
    settings.STAFF_SECOND_FACTOR_GROUPS = ["Support"]


@pytest.fixture
def app(anna):
    """The app on Anna's telephone."""
    return TOTPDevice.objects.create(user=anna, name="app", key=KEY)


# --- who is asked -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_without_setting_and_factor_a_password_opens_the_door(anna):
    browser, answer = password_shown()

    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/bookings/booking/")
    assert is_inside(browser)


@pytest.mark.slow
def test_a_user_with_an_app_is_asked_for_its_code_without_any_setting(anna, app):
    browser, answer = password_shown()

    assert (answer.status_code, answer.headers["Location"]) == (302, SHOW)
    assert not is_inside(browser)
    answer = code_shown(browser, code_of(KEY))
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/bookings/booking/")
    assert is_inside(browser)


@pytest.mark.slow
def test_a_member_of_the_group_sets_a_factor_up_before_any_other_page(needed, anna):
    browser, answer = password_shown()
    assert answer.headers["Location"] == ADD
    assert [browser.get(page).status_code for page in ("/admin/", OWN, "/admin/search/")] == [302, 302, 302]

    page = browser.get(ADD)
    done = browser.post(ADD, {"token": code_of(key_on(page))})

    assert "Your group logs in with a second factor." in text_of(page)
    assert len(codes_on(done)) == 10
    assert 'href="/admin/bookings/booking/"' in done.content.decode()
    assert is_inside(browser)
    assert happened(anna) == [("factor_added", "totp"), ("logged_in", "totp")]


@pytest.mark.slow
def test_who_comes_into_the_group_while_logged_in_is_asked_at_the_next_page(settings, anna):
    browser, _ = password_shown()
    assert is_inside(browser)

    settings.STAFF_SECOND_FACTOR_GROUPS = ["Support"]

    assert not is_inside(browser)
    assert browser.get("/health/ready").json().keys() == Client().get("/health/ready").json().keys()


def test_a_star_stands_for_all_staff(settings, django_user_model):
    settings.STAFF_SECOND_FACTOR_GROUPS = ["*"]
    django_user_model.objects.create_superuser("anna", password=RIGHT)

    assert password_shown()[1].headers["Location"] == ADD


@pytest.mark.slow
def test_an_app_that_shows_another_code_is_not_set_up(needed, anna):
    browser, _ = password_shown()
    key = key_on(browser.get(ADD))

    answers = [text_of(browser.post(ADD, {"token": code})) for code in (wrong_code(key), "no code")]

    assert all("That is not right" in answer for answer in answers)
    assert not TOTPDevice.objects.exists()


@pytest.mark.slow
def test_others_are_not_asked(settings, anna):
    settings.STAFF_SECOND_FACTOR_GROUPS = ["Supervisor"]

    assert is_inside(password_shown()[0])


@pytest.mark.slow
def test_no_setting_costs_no_statement_on_a_page(anna, settings, django_assert_num_queries):
    browser, _ = password_shown()
    browser.get(OWN)
    with django_assert_num_queries(9):  # session, user, its rights (2), events, factors (2), codes, connections
        browser.get(OWN)


# --- what opens the door, and what does not -----------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("typed", ["", "12345", "1234567", "١٢٣٤٥٦", "aaaa-bbbb-cccc-dddd", "' OR 1=1"])
def test_what_is_no_code_opens_nothing(anna, app, typed):
    browser, _ = password_shown()

    assert code_shown(browser, typed).status_code == 200
    assert not is_inside(browser)


@pytest.mark.slow
def test_a_code_may_have_blanks(anna, app):
    browser, _ = password_shown()
    code = code_of(KEY)

    assert code_shown(browser, f" {code[:3]} {code[3:]} ").status_code == 302


@pytest.mark.slow
@pytest.mark.parametrize(("steps", "status"), [(-1, 302), (0, 302), (1, 302), (-3, 200), (3, 200)])
def test_a_clock_may_be_off_by_half_a_minute(anna, app, steps, status):
    browser, _ = password_shown()

    assert code_shown(browser, code_of(KEY, steps=steps)).status_code == status


@pytest.mark.slow
def test_a_code_works_once(anna, app):
    code = code_of(KEY)
    first, second = password_shown()[0], password_shown()[0]

    assert [code_shown(browser, code).status_code for browser in (first, second)] == [302, 200]
    assert not is_inside(second)


@pytest.mark.slow
def test_twin_a_code_whose_use_is_forgotten_works_again(anna, app):
    code = code_of(KEY)
    first, second = password_shown()[0], password_shown()[0]
    code_shown(first, code)
    TOTPDevice.objects.update(last_t=-1)

    assert code_shown(second, code).status_code == 302


@pytest.mark.slow
def test_the_code_that_sets_an_app_up_is_used_up(needed, anna):
    browser, _ = password_shown()
    key = key_on(browser.get(ADD))
    code = code_of(key)
    browser.post(ADD, {"token": code})

    assert code_shown(password_shown()[0], code).status_code == 200


def test_a_code_without_a_password_is_led_to_the_log_in(anna, app):
    answer = code_shown(Client(), code_of(KEY))

    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/login/")


def test_a_password_is_remembered_for_ten_minutes(anna, app, monkeypatch):
    browser, _ = password_shown()
    now = time.time() + 601
    monkeypatch.setattr("bookings.office.access.door.time.time", lambda: now)

    answer = browser.post(SHOW, {"token": code_of(KEY)})

    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/login/")


def test_a_clock_of_another_web_server_may_be_behind(anna, app, monkeypatch):
    browser, _ = password_shown()
    code, now = code_of(KEY), time.time() - 5
    monkeypatch.setattr("bookings.office.access.door.time.time", lambda: now)

    assert code_shown(browser, code).headers["Location"] == "/admin/bookings/booking/"


@pytest.mark.parametrize("change", ["password", "active"])
def test_what_changes_meanwhile_ends_a_log_in_that_is_half_done(anna, app, change):
    browser, _ = password_shown()
    if change == "password":
        anna.set_password("another long password")
    else:
        anna.is_active = False
    anna.save()

    assert code_shown(browser, code_of(KEY)).headers["Location"] == "/admin/login/"
    assert not is_inside(browser)


def test_a_password_alone_adds_no_second_app(anna, app):
    browser, _ = password_shown()

    assert browser.get(ADD).headers["Location"] == "/admin/login/"
    assert TOTPDevice.objects.count() == 1


@pytest.mark.slow
def test_of_two_who_set_a_first_app_up_by_one_password_the_second_does_not(needed, anna, monkeypatch):
    browser, _ = password_shown()
    key = key_on(browser.get(ADD))

    def after_the_other_one(request, user, act):
        TOTPDevice.objects.create(user=user, name="app", key=KEY)
        return tried(request, user, act)

    monkeypatch.setattr("bookings.office.access.second_factor.tried", after_the_other_one)
    answer = browser.post(ADD, {"token": code_of(key)})

    assert "That is not right" in text_of(answer)
    assert TOTPDevice.objects.get().key == KEY
    assert not is_inside(browser)


@pytest.mark.slow
def test_a_log_in_begins_a_session_of_its_own(anna, app):
    browser = Client()
    password_shown(client=browser)
    half = browser.cookies["sessionid"].value
    code_shown(browser, code_of(KEY))

    assert browser.cookies["sessionid"].value != half


# --- guesses ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_after_ten_wrong_codes_the_right_one_is_not_looked_at(anna, app):
    wrong = wrong_code(KEY)
    guesses = [code_shown(password_shown(address=f"192.0.2.{at}")[0], wrong).status_code for at in range(10)]

    refused = code_shown(password_shown(address="203.0.113.1")[0], code_of(KEY))

    assert guesses == [200] * 10
    assert refused.status_code == 429
    assert "Too many wrong tries. Try again in 60 min." in text_of(refused)
    assert TOTPDevice.objects.get().last_t == -1


@pytest.mark.slow
def test_an_hour_later_the_right_code_is_right_again(anna, app):
    browser, _ = password_shown()
    for _ in range(10):
        code_shown(browser, wrong_code(KEY))
    RateWindow.objects.update(started_at=F("started_at") - timedelta(minutes=60))

    assert code_shown(browser, code_of(KEY)).status_code == 302


@pytest.mark.slow
def test_recovery_codes_are_counted_with_the_others(anna, app):
    browser, _ = password_shown()
    guesses = [code_shown(browser, f"AAAA-BBBB-CCCC-DDD{end}").status_code for end in "ABCDEFGHIJK"]

    assert guesses == [200] * 10 + [429]


@pytest.mark.slow
def test_another_user_is_not_kept_out(anna, app, django_user_model):
    browser, _ = password_shown()
    for _ in range(11):
        code_shown(browser, wrong_code(KEY))
    bert = django_user_model.objects.create_superuser("bert", password=RIGHT)
    TOTPDevice.objects.create(user=bert, name="app", key=KEY)
    other = Client()
    other.post(LOGIN, {"username": "bert", "password": RIGHT})

    assert code_shown(other, code_of(KEY)).status_code == 302


# --- recovery codes -----------------------------------------------------------------------------------------


@pytest.fixture
def recovery_codes(needed, anna):
    """Anna's recovery codes; she has an app too."""
    browser, _ = password_shown()
    return codes_on(browser.post(ADD, {"token": code_of(key_on(browser.get(ADD)))}))


@pytest.mark.slow
def test_a_recovery_code_opens_the_door_once(anna, recovery_codes):
    browser, again = password_shown()[0], password_shown()[0]

    answers = [code_shown(each, recovery_codes[3].lower()).status_code for each in (browser, again)]

    assert answers == [302, 200]
    assert "you have 9 left" in text_of(browser.get(OWN))
    assert is_inside(browser)
    assert happened(anna)[-2:] == [("logged_in", "recovery_code"), ("failed", "totp")]


@pytest.mark.slow
def test_no_recovery_code_is_stored(recovery_codes):
    stored = " ".join(RecoveryCode.objects.values_list("code_hash", flat=True))

    assert len(recovery_codes) == 10
    assert not any(code in stored or code.replace("-", "") in stored for code in recovery_codes)


@pytest.mark.slow
def test_new_recovery_codes_end_the_old_ones_and_need_the_password(anna, app):
    RecoveryCode.objects.create(user=anna, code_hash="old")
    browser, _ = password_shown()
    code_shown(browser, code_of(KEY))

    refused = browser.post(CODES, {"password": "wrong"})
    made = codes_on(browser.post(CODES, {"password": RIGHT}))

    assert "That is not right" in text_of(refused)
    assert len(set(made)) == 10
    assert not RecoveryCode.objects.filter(code_hash="old").exists()
    assert code_shown(password_shown()[0], made[0]).status_code == 302


@pytest.mark.slow
def test_a_session_that_was_left_open_adds_and_removes_nothing(anna):
    browser, _ = password_shown()
    key = key_on(browser.get(ADD))

    answers = [browser.post(ADD, {"token": code_of(key), "password": each}).status_code for each in ("", "wrong")]

    assert answers == [200, 200]
    assert not TOTPDevice.objects.exists()
    assert len(codes_on(browser.post(ADD, {"token": code_of(key), "password": RIGHT}))) == 10


@pytest.mark.slow
def test_the_last_app_goes_with_its_recovery_codes_unless_the_group_needs_it(settings, anna, app):
    RecoveryCode.objects.create(user=anna, code_hash="one")
    browser, _ = password_shown()
    code_shown(browser, code_of(KEY))
    page = f"/admin/second-factor/totp/{app.pk}/remove/"
    settings.STAFF_SECOND_FACTOR_GROUPS = ["Support"]

    browser.post(page, {"password": RIGHT})
    assert "set up another one first" in text_of(browser.get(OWN))
    settings.STAFF_SECOND_FACTOR_GROUPS = []
    browser.post(page, {"password": RIGHT})

    assert not TOTPDevice.objects.exists()
    assert not RecoveryCode.objects.exists()
    assert happened(anna)[-1] == ("factor_removed", "totp")


def test_the_app_of_another_user_is_not_there(anna, app, django_user_model):
    django_user_model.objects.create_superuser("bert", password=RIGHT)
    browser = Client()
    browser.post(LOGIN, {"username": "bert", "password": RIGHT})

    assert browser.post(f"/admin/second-factor/totp/{app.pk}/remove/", {"password": RIGHT}).status_code == 404
    assert TOTPDevice.objects.filter(pk=app.pk).exists()
