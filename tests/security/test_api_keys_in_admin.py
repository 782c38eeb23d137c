"""Keys of services in the back office: the key is shown once, and only whoever may manage keys can."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.models import ApiKey
from bookings.services.access.api_keys import recognize_api_key

pytestmark = pytest.mark.django_db

KEYS = "/admin/bookings/apikey/"
NEW = {
    "name": "gate agent",
    "scopes": ["bookings:read", "bookings:write"],
    "days": "30",
    "requests_per_minute": "",
    "note": "for the gates",
}


def text_of(answer):
    """The key on a page that shows one."""
    (found,) = re.findall(r"fbs_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", answer.content.decode())
    return found


@pytest.fixture
def keeper(client, django_user_model):
    """Staff who may manage keys and nothing else."""
    user = django_user_model.objects.create_user("kim", password="x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="manage_api_keys"))
    client.force_login(user)
    return client


@pytest.fixture
def key(keeper):
    keeper.post(f"{KEYS}add/", NEW)
    return ApiKey.objects.get()


def test_a_key_is_made_and_shown(keeper):
    answer = keeper.post(f"{KEYS}add/", NEW)

    made = recognize_api_key(text_of(answer))
    assert (made.name, made.scopes, made.created_by) == ("gate agent", "bookings:read bookings:write", "kim")
    assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.slow
def test_no_other_page_shows_a_secret_or_its_hash(keeper, key):
    pages = [keeper.get(address).content.decode() for address in (KEYS, f"{KEYS}{key.pk}/change/", "/admin/")]

    assert all("fbs_" not in page and key.secret_hash not in page for page in pages)


def test_a_form_that_makes_no_sense_says_so_and_makes_nothing(keeper):
    answer = keeper.post(f"{KEYS}add/", {**NEW, "scopes": [], "days": "0"})

    assert answer.status_code == 200
    assert set(answer.context["form"].errors) == {"scopes", "days"}
    assert ApiKey.objects.count() == 0


def test_a_key_is_rotated(keeper, key):
    answer = keeper.post(
        f"{KEYS}{key.pk}/rotate/",
        {"grace_hours": "1", "days": "", "seen": key.secret_mark, "note": "a laptop was stolen"},
    )

    assert recognize_api_key(text_of(answer)) == key


def test_a_key_is_revoked_after_a_page_that_says_what_will_happen(keeper, key):
    warning = keeper.get(f"{KEYS}{key.pk}/revoke/").content.decode()
    still_good = ApiKey.objects.get().revoked_at

    keeper.post(f"{KEYS}{key.pk}/revoke/", {"note": "lost"})

    assert "It cannot be undone" in warning
    assert still_good is None
    assert ApiKey.objects.get().revoked_at is not None


@pytest.mark.slow
def test_a_key_that_was_revoked_meanwhile_is_told(keeper, key):
    keeper.post(f"{KEYS}{key.pk}/revoke/", {"note": "lost"})

    again = keeper.post(f"{KEYS}{key.pk}/revoke/", {"note": "lost"}, follow=True)
    rotated = keeper.post(f"{KEYS}{key.pk}/rotate/", {"grace_hours": "1", "note": "lost"})

    assert "had been revoked already" in again.content.decode()
    assert "This key has been revoked" in rotated.content.decode()


@pytest.mark.slow
@pytest.mark.parametrize("page", ["add/", "{}/rotate/", "{}/revoke/", "{}/change/", ""])
def test_staff_without_the_permission_see_and_change_nothing(keeper, key, django_user_model, page):
    keeper.force_login(django_user_model.objects.create_user("bo", password="x", is_staff=True))
    address = KEYS + page.format(key.pk)

    answers = [keeper.get(address), keeper.post(address, {**NEW, "grace_hours": "1"})]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert list(ApiKey.objects.values_list("revoked_at", "previous_secret_hash")) == [(None, "")]


@pytest.mark.parametrize("page", ["0/rotate/", "x/revoke/", "99/rotate/"])
def test_a_key_that_is_not_there_is_not_found(keeper, page):
    assert keeper.get(KEYS + page).status_code == 404


@pytest.mark.slow
def test_nobody_deletes_or_edits_a_key(admin_client, key):
    delete = admin_client.post(f"{KEYS}{key.pk}/delete/", {"post": "yes"})
    change = admin_client.post(f"{KEYS}{key.pk}/change/", {"scopes": "payments:write"})

    assert (delete.status_code, change.status_code) == (403, 403)
    assert ApiKey.objects.get().scopes == "bookings:read bookings:write"


@pytest.mark.slow
def test_the_list_costs_as_much_for_many_keys_as_for_one(keeper, key, django_assert_num_queries):
    keeper.get(KEYS)
    with CaptureQueriesContext(connection) as one:
        keeper.get(KEYS)
    cost_of_one = len(one)
    for _ in range(5):
        keeper.post(f"{KEYS}add/", NEW)

    with django_assert_num_queries(cost_of_one):
        page = keeper.get(KEYS).content.decode()

    assert page.count("gate agent") == 6


@pytest.mark.slow
def test_a_rotation_that_is_sent_twice_rotates_once(keeper, key):
    form = keeper.get(f"{KEYS}{key.pk}/rotate/").context["form"]
    sent = {"grace_hours": "1", "days": "", "seen": form["seen"].value(), "note": "lost"}
    first = text_of(keeper.post(f"{KEYS}{key.pk}/rotate/", sent))

    again = keeper.post(f"{KEYS}{key.pk}/rotate/", sent)

    assert "rotated meanwhile" in again.content.decode()
    assert recognize_api_key(first) == key


def test_a_key_is_shown_with_what_was_done_with_it_and_why(keeper, key):
    keeper.post(f"{KEYS}{key.pk}/revoke/", {"note": "the gates are closed"}, headers={"X-Request-ID": "desk-1"})

    page = keeper.get(f"{KEYS}{key.pk}/change/").content.decode()

    assert [event.what for event in key.events.order_by("pk")] == ["issued", "revoked"]
    assert all(words in page for words in ("for the gates", "the gates are closed", "desk-1", "staff kim"))


def test_nothing_is_revoked_without_saying_why(keeper, key):
    answer = keeper.post(f"{KEYS}{key.pk}/revoke/", {"note": " "})

    assert "This field is required." in answer.content.decode()
    assert ApiKey.objects.get().revoked_at is None
