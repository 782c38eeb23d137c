"""What a browser is shown where there is no page, and where a form is not accepted: in our own look and words."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.support.people import text_of

pytestmark = pytest.mark.django_db

NOWHERE = ["/admin/bookings/booking/77/change/", "/admin/nothing/", "/nothing"]


@pytest.mark.parametrize("path", NOWHERE)
def test_a_page_that_is_not_there(admin_client, path):
    answer = admin_client.get(path)

    assert answer.status_code == 404
    assert "There is no such page, or what it showed is not there." in text_of(answer)
    assert "bookings/office.css" in answer.content.decode()


def test_a_stranger_learns_nothing_from_it(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        answer = client.get("/nothing")

    assert answer.status_code == 404
    assert "nothing" not in text_of(answer)


def test_a_form_from_elsewhere_is_not_accepted(admin_user):
    browser = Client(enforce_csrf_checks=True)

    answer = browser.post(reverse("admin:login"), {"username": "admin", "password": "password"})

    assert answer.status_code == 403
    assert "Nothing was changed." in text_of(answer)
    assert "sessionid" not in browser.cookies


def test_the_api_goes_on_answering_in_its_envelope(client):
    answer = client.get("/api/v1/nothing")

    assert (answer.status_code, answer.json()["error"]["statusCode"]) == (404, 404)
