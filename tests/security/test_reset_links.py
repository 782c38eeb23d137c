"""A new password by a link that a supervisor hands over: who may make one, how often it works, what is on record."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from bookings.models import LogInEvent, RecoveryCode, StaffIdentity
from bookings.services.access.log_ins import Visit
from bookings.services.access.reset_links import LinkUsed, set_password
from tests.support.log_in import LOGIN, RIGHT
from tests.support.people import a_person, desk_of, text_of

pytestmark = pytest.mark.django_db

NEW = "another long and secret word"


@pytest.fixture
def sven(db):
    """Sven, a supervisor."""
    return a_person("sven", group="Supervisor")


@pytest.fixture
def anna(sven):
    """Anna, who works in support, and has an app and a recovery code."""
    anna = a_person("anna", group="Support")
    TOTPDevice.objects.create(user=anna, name="app")
    RecoveryCode.objects.create(user=anna, code_hash="one")
    return anna


def ask(by, person, **more):
    """Ask for a link, as somebody."""
    return desk_of(by).post(f"/admin/log-in/{person.pk}/link/", {"note": "She came to my desk.", **more})


def link_in(page):
    return unescape(re.search(r"http://testserver(/admin/set-password/[^<\s]+)", page.content.decode())[1])


def use(link, password=NEW, browser=None):
    """Open a link and set a password behind it."""
    browser = browser or Client()
    page = browser.get(link, follow=True)
    shown = page.request["PATH_INFO"]
    return browser.post(shown, {"new_password1": password, "new_password2": password})


def works(password, name="anna"):
    return Client().post(LOGIN, {"username": name, "password": password}).status_code == 302


@pytest.mark.slow
def test_a_link_sets_a_password_once_and_ends_all_sessions(sven, anna):
    open_session = desk_of(anna)
    link = link_in(ask(sven, anna))

    first, second = use(link), use(link)

    assert (first.status_code, first.headers["Location"]) == (302, "/admin/login/")
    assert "This link does not work any more" in text_of(second)
    assert works(NEW)
    assert open_session.get("/admin/").status_code == 302


@pytest.mark.slow
def test_the_second_factor_stays_unless_it_shall_go(sven, anna):
    use(link_in(ask(sven, anna)))
    assert (TOTPDevice.objects.count(), RecoveryCode.objects.count()) == (1, 1)

    ask(sven, anna, removes_factors="on")

    assert (TOTPDevice.objects.count(), RecoveryCode.objects.count()) == (0, 0)


@pytest.mark.slow
def test_who_was_let_in_by_single_sign_on_is_not_any_more_where_all_else_goes(sven, anna):
    StaffIdentity.objects.create(user=anna, issuer="https://id.example.org", identity_hash="one")
    page = f"/admin/auth/user/{anna.pk}/change/"
    assert "Single sign-on opens this account." in text_of(desk_of(sven).get(page))

    ask(sven, anna)
    assert StaffIdentity.objects.exists()
    answer = ask(sven, anna, removes_factors="on")

    assert "the connection with single sign-on are removed" in text_of(answer)
    assert not StaffIdentity.objects.exists()
    assert "Single sign-on opens this account." not in text_of(desk_of(sven).get(page))


@pytest.mark.slow
def test_all_of_it_is_on_record(sven, anna):
    use(link_in(ask(sven, anna, removes_factors="on")))

    rows = LogInEvent.objects.filter(user=anna).order_by("pk").values_list("what", "proof", "done_by", "note")
    assert list(rows) == [
        ("link_made", "", "sven", "She came to my desk."),
        ("factor_removed", "", "sven", "She came to my desk."),
        ("password_set", "link", "", ""),
    ]


@pytest.mark.slow
def test_a_link_needs_a_reason(sven, anna):
    ask(sven, anna, note=" ")

    assert not LogInEvent.objects.exists()


class LaterGenerator(PasswordResetTokenGenerator):
    """Looks at a link as if it were some time later."""

    later = timedelta()

    def _now(self):
        return super()._now() + self.later


@pytest.mark.slow
@pytest.mark.parametrize(("minutes", "is_good"), [(59, True), (61, False)])
def test_a_link_works_for_an_hour(sven, anna, monkeypatch, minutes, is_good):
    link = link_in(ask(sven, anna))
    generator = LaterGenerator()
    generator.later = timedelta(minutes=minutes)
    monkeypatch.setattr("bookings.office.access.reset_links.SetPassword.token_generator", generator)

    page = Client().get(link, follow=True)

    assert ("This link does not work any more" not in text_of(page)) == is_good


@pytest.mark.slow
def test_a_log_in_meanwhile_ends_the_link(sven, anna):
    TOTPDevice.objects.all().delete()
    link = link_in(ask(sven, anna))
    assert works("a long password")

    assert "This link does not work any more" in text_of(Client().get(link, follow=True))


@pytest.mark.slow
@pytest.mark.parametrize("column", ["is_active", "is_staff"])
def test_a_link_of_a_user_who_may_not_come_in_any_more_sets_nothing(sven, anna, column):
    link = link_in(ask(sven, anna))
    User.objects.filter(pk=anna.pk).update(**{column: False})

    answer = use(link)

    assert answer.status_code == 410
    User.objects.filter(pk=anna.pk).update(**{column: True})
    assert not works(NEW)


def test_two_readers_of_a_link_set_one_password(sven, anna):
    link = link_in(ask(sven, anna))
    first, second = Client(), Client()
    pages = [browser.get(link, follow=True).request["PATH_INFO"] for browser in (first, second)]
    token = link.rstrip("/").rpartition("/")[2]

    first.post(pages[0], {"new_password1": NEW, "new_password2": NEW})
    with pytest.raises(LinkUsed):
        set_password(anna.pk, token, password="a third long word", visit=Visit("192.0.2.1"))

    assert works(NEW)


@pytest.mark.slow
def test_a_weak_password_is_refused(sven, anna):
    assert "too common" in text_of(use(link_in(ask(sven, anna)), password="password"))
    assert works("a long password")


@pytest.mark.slow
def test_the_log_has_no_link(sven, anna, caplog):
    link = link_in(ask(sven, anna))
    use(link)

    assert link.rstrip("/").rpartition("/")[2] not in caplog.text


@pytest.mark.parametrize("group", ["Support", "Auditor"])
def test_others_make_no_link(anna, group):
    person = a_person("berta", group=group)

    assert ask(person, anna).status_code == 403
    assert not LogInEvent.objects.exists()


@pytest.mark.slow
def test_a_link_gives_no_more_rights_than_its_maker_has(sven, anna):
    chief = User.objects.create_superuser("chief", password=RIGHT)
    keeper = a_person("keeper", "manage_api_keys")
    other = a_person("other", group="Supervisor")
    guest = User.objects.create_user("guest", password=RIGHT)

    said = {name: text_of(ask(sven, User.objects.get(username=name))) for name in ("chief", "keeper", "sven", "guest")}

    assert "rights that you do not have" in said["chief"]
    assert "rights that you do not have" in said["keeper"]
    assert "your own log-in" in said["sven"]
    assert "without a password, or not at all" in said["guest"]
    assert [user.pk for user in User.objects.filter(log_in_events__isnull=False)] == []
    assert "http://testserver/admin/set-password/" in ask(sven, other).content.decode()
    assert "http://testserver/admin/set-password/" in ask(chief, keeper).content.decode()
    assert guest.is_staff is False


def test_a_supervisor_finds_the_button_on_the_page_of_a_user(sven, anna):
    page = desk_of(sven).get(f"/admin/auth/user/{anna.pk}/change/")

    assert page.status_code == 200
    assert f'href="/admin/log-in/{anna.pk}/link/"' in page.content.decode()
    assert not any(
        part in page.content.decode() for part in ("algorithm", "salt", anna.password[:12], "Reset password")
    )


def test_a_link_that_was_made_up_opens_nothing(anna):
    pages = [
        Client().get(f"/admin/set-password/{who}/{token}/", follow=True) for who, token in (("MQ", "a-b"), ("%FF", "x"))
    ]

    assert all("This link does not work any more" in text_of(page) for page in pages)
