"""Where a second factor is forced, no address of the back office opens without it."""

import re

import pytest
from django.test import Client
from django.urls import get_resolver

from bookingsite.web.routes import _form_of
from tests.security.test_routes import patterns
from tests.support.log_in import RIGHT
from tests.support.second_factor import password_shown

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

# What answers users who are on their way in, or have lost their password.
OPEN = {
    *("/admin/login/", "/admin/logout/", "/admin/sso/", "/admin/sso/back/", "/admin/set-password/{uidb64}/{token}/"),
    *("/admin/second-factor/", "/admin/second-factor/add/"),
    *("/admin/second-factor/passkey/", "/admin/second-factor/passkey/add/"),
}
FORMS = sorted({_form_of(pattern) for pattern in patterns(get_resolver().url_patterns)})
GUARDED = [form for form in FORMS if form.startswith("/admin/") and form not in OPEN]
TYPED = {"app_label": "bookings", "kind": "totp", "word": "retry", "url": "no-such-page"}


@pytest.fixture(params=["password", "session from before", "nothing"])
def browser(request, settings, django_user_model):
    """A browser of a superuser who has shown a password at most, where all staff must show a factor."""
    anna = django_user_model.objects.create_superuser("anna", password=RIGHT)
    settings.STAFF_SECOND_FACTOR_GROUPS = ["*"]
    if request.param == "password":
        return password_shown()[0]
    browser = Client()
    if request.param == "session from before":
        browser.force_login(anna)
    return browser


def test_no_address_of_the_back_office_opens(browser):
    assert len(GUARDED) > 60
    for form in GUARDED:
        address = re.sub(r"\{(\w+)\}", lambda name: TYPED.get(name[1], "1"), form)

        read, written = browser.get(address), browser.post(address, {"password": RIGHT, "note": "x", "action": "x"})

        assert (read.status_code, read.headers.get("Location", "")[:13]) == (302, "/admin/login/"), form
        assert (written.status_code, "Log in" in written.content.decode()) == (403, True), form


def test_twin_where_none_is_forced_they_open(django_user_model):
    browser = Client()
    browser.force_login(django_user_model.objects.create_superuser("anna", password=RIGHT))

    addresses = [re.sub(r"\{(\w+)\}", lambda name: TYPED.get(name[1], "1"), form) for form in GUARDED]

    assert sum(browser.get(address).status_code == 200 for address in addresses) > 20
