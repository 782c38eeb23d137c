"""Passkeys, by Chromium's own authenticator: a second factor that is set up, and shown at the next log-in."""

import re

import pytest
from playwright.sync_api import expect

from bookings.models import LogInEvent, Passkey
from tests.browser.conftest import WIDE
from tests.browser.office import PASSWORD, a_member
from tests.browser.test_every_page import what_is_wrong
from tests.browser.watch import Watch

pytestmark = [pytest.mark.server, pytest.mark.long, pytest.mark.django_db(transaction=True)]


# Sends the form with this answer, without asking the browser.
SENT_AS_IT_IS = "(form, answer) => { form.elements.passkey_token.value = answer; form.submit(); }"


@pytest.fixture
def site(office):
    """The service under a name that passkeys can be made for."""
    return office.url.replace("127.0.0.1", "localhost")


@pytest.fixture
def page(browser, site):
    """A page of a browser on this name; errors behind it fail the test."""
    context = browser.new_context(base_url=site, viewport=WIDE, reduced_motion="reduce")
    page = context.new_page()
    watch = Watch(page, site=site)
    yield page
    context.close()
    assert not watch.troubles, "\n".join(watch.troubles)


@pytest.fixture
def key(page):
    """A device that makes passkeys, and verifies whoever touches it."""
    return an_authenticator(page)


def an_authenticator(page, *, verifies=True):
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": verifies,
        "automaticPresenceSimulation": True,
    }
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session, made["authenticatorId"]


def log_in(page, name):
    page.goto("/admin/login/?next=/admin/bookings/booking/")
    page.get_by_label("Username:").fill(name)
    page.get_by_label("Password:").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def set_up(page, name):
    log_in(page, name)
    page.goto("/admin/second-factor/passkey/add/")
    assert what_is_wrong(page) == ""
    page.get_by_label("Name").fill("laptop")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Set it up").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your recovery codes")


def log_out(page):
    page.goto("/admin/")
    page.get_by_role("button", name="Log out").click()


def happened():
    return list(LogInEvent.objects.order_by("pk").values_list("what", "proof"))


def test_a_passkey_is_set_up_and_opens_the_next_log_in(page, key):
    anna = a_member("Support")
    set_up(page, anna.username)
    log_out(page)

    log_in(page, anna.username)
    expect(page.get_by_role("heading", level=1)).to_have_text("Passkey")
    assert what_is_wrong(page) == ""
    page.get_by_role("button", name="Show the passkey").click()

    expect(page).to_have_url("/admin/bookings/booking/")
    row = Passkey.objects.get()
    assert (row.user, row.name, row.last_used_at is not None) == (anna, "laptop", True)
    assert happened()[1:] == [("factor_added", "passkey"), ("logged_in", "passkey")]


def test_another_device_opens_nothing_and_a_recovery_code_does(page, key):
    anna = a_member("Support")
    set_up(page, anna.username)
    codes = page.locator("pre").inner_text().split()
    log_out(page)
    session, authenticator = key
    session.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": authenticator})
    an_authenticator(page)

    log_in(page, anna.username)
    page.get_by_role("button", name="Show the passkey").click()
    expect(page.get_by_text("Your browser has shown no passkey")).to_be_visible()
    page.get_by_role("link", name="Use a code of your app").click()
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Log in").click()

    expect(page).to_have_url("/admin/bookings/booking/")
    assert happened()[-1] == ("logged_in", "recovery_code")


def test_a_touch_without_finger_face_or_pin_is_not_enough(page, key):
    anna = a_member("Support")
    set_up(page, anna.username)
    log_out(page)
    session, authenticator = key
    session.send("WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": False})

    log_in(page, anna.username)
    page.get_by_role("button", name="Show the passkey").click()

    expect(page.get_by_text("Your browser has shown no passkey")).to_be_visible()
    assert happened()[-1] == ("factor_added", "passkey")


def test_an_answer_is_good_for_one_question(page, key):
    anna = a_member("Support")
    set_up(page, anna.username)
    log_out(page)
    log_in(page, anna.username)
    told = "form => { form.submit = () => { document.title = form.elements.passkey_token.value; }; }"
    page.locator("form[data-passkey]").evaluate(told)
    page.get_by_role("button", name="Show the passkey").click()
    expect(page).to_have_title(re.compile(r"^\{"))
    answer = page.title()

    log_in(page, anna.username)
    page.locator("form[data-passkey]").evaluate(SENT_AS_IT_IS, answer)

    expect(page.get_by_text("That is not right, or was used already.")).to_be_visible()
    assert happened()[-1] == ("failed", "passkey")
