"""What is on record of log-ins, and which pages there are of them."""

import re

import pytest
from django.test import Client
from django.urls import get_resolver
from django_otp.plugins.otp_totp.models import TOTPDevice

from bookings.models import LogInEvent
from bookingsite.web.routes import _form_of
from tests.security.test_routes import patterns
from tests.support.log_in import LOGIN, RIGHT
from tests.support.people import text_of
from tests.support.second_factor import KEY, code_shown, happened, password_shown
from tests.support.totp import code_of, wrong_code

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna(django_user_model):
    """Anna, who works here."""
    return django_user_model.objects.create_user("anna", password=RIGHT, is_staff=True)


@pytest.fixture
def app(anna):
    """The app on Anna's telephone."""
    return TOTPDevice.objects.create(user=anna, name="app", key=KEY)


def test_these_pages_of_log_ins_are_routed_and_no_others():
    """Nothing of a library: no sign-up, no mail, no page that shows secrets."""
    forms = {_form_of(pattern) for pattern in patterns(get_resolver().url_patterns)}
    words = "log|pass|factor|sso|sign|auth|account|mail|otp|mfa|device|token"
    own = {form for form in forms if re.fullmatch(f"/(admin/)?[a-z_-]*({words})[a-z_-]*/", form)}
    below = {form for form in forms if re.match("/admin/(second-factor|log-in|sso|set-password)/.", form)}

    assert own == {
        *("/admin/login/", "/admin/logout/", "/admin/password_change/"),
        *("/admin/second-factor/", "/admin/log-in/", "/admin/sso/"),
        "/admin/search-by-email/",  # of travelers' bookings
    }
    assert below == {
        *("/admin/second-factor/add/", "/admin/second-factor/codes/", "/admin/second-factor/{kind}/{row_id}/remove/"),
        *("/admin/second-factor/passkey/", "/admin/second-factor/passkey/add/"),
        *("/admin/sso/back/", "/admin/sso/connect/", "/admin/sso/disconnect/"),
        *("/admin/log-in/{person_id}/link/", "/admin/set-password/{uidb64}/{token}/"),
    }


@pytest.mark.slow
def test_the_page_of_a_user_shows_its_log_ins(anna, app, django_user_model):
    Client().post(LOGIN, {"username": "Anna ", "password": "a guess"}, REMOTE_ADDR="192.0.2.7")
    Client().post(LOGIN, {"username": "anna ", "password": "a guess"}, REMOTE_ADDR="192.0.2.7")
    browser, _ = password_shown()
    code_shown(browser, wrong_code(KEY))
    code_shown(browser, code_of(KEY))
    chief = Client()
    chief.force_login(django_user_model.objects.create_superuser("chief", password=RIGHT))

    page = text_of(chief.get(f"/admin/auth/user/{anna.pk}/change/"))

    assert happened(anna)[-3:] == [("failed", "password"), ("failed", "totp"), ("logged_in", "totp")]
    assert "Last log-ins" in page
    assert "Failed password 192.0.2.7" in page
    assert "Logged in code of an app 192.0.2.1" in page


@pytest.mark.parametrize(("password", "is_set"), [("a long and secret word", True), ("short", False)])
def test_a_password_that_another_user_sets_is_on_record(anna, django_user_model, password, is_set):
    chief = Client()
    chief.force_login(django_user_model.objects.create_superuser("chief", password=RIGHT))
    typed = {"password1": password, "password2": password, "usable_password": "true"}

    chief.post(f"/admin/auth/user/{anna.pk}/password/", typed)

    rows = list(LogInEvent.objects.filter(user=anna).values_list("what", "done_by"))
    assert rows == ([("password_set", "chief")] if is_set else [])
    anna.refresh_from_db()
    assert anna.check_password(password) == is_set


def test_a_name_that_is_not_known_leaves_no_row(anna):
    Client().post(LOGIN, {"username": "a password in the wrong field", "password": "x"})

    assert not LogInEvent.objects.exists()


@pytest.mark.slow
def test_no_page_shows_the_secret_of_an_app(anna, app, django_user_model):
    chief = Client()
    chief.force_login(django_user_model.objects.create_superuser("chief", password=RIGHT))

    pages = [
        chief.get(page) for page in ("/admin/", f"/admin/auth/user/{anna.pk}/change/", "/admin/otp_totp/totpdevice/")
    ]

    assert [page.status_code for page in pages] == [200, 200, 404]
    assert not any(KEY in page.content.decode() for page in pages)
