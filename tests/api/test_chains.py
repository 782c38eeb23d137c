"""Requests to the API pass the API's middleware alone, and pages all of theirs."""

import pytest
from django.conf import settings as site
from django.core.cache import caches, close_caches
from django.core.cache.backends.base import BaseCache
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import request_finished
from django.test import RequestFactory

from bookingsite.web.chains import HOOKS, ByAddress

SESSION = {"HTTP_COOKIE": f"{site.SESSION_COOKIE_NAME}=a-session-that-is-not-there"}


def reaches_pages(path):
    """Whether a request for an address reaches what stands behind ByAddress."""
    asked = []
    chain = ByAddress(asked.append)
    chain._api = lambda request: None
    chain(RequestFactory().get(path))
    return bool(asked)


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/v1/info", "/api/v1/docs", "/api/nothing"])
def test_a_request_to_the_api_turns_off_before_the_middleware_of_pages(path):
    assert not reaches_pages(path)


@pytest.mark.parametrize("path", ["/", "/admin/login/", "/health/live", "/apis", "/static/nothing.css"])
def test_every_other_request_passes_it(path):
    assert reaches_pages(path)


@pytest.mark.django_db
def test_a_session_means_nothing_to_the_api(django_assert_num_queries, client):
    with django_assert_num_queries(0):
        answer = client.get("/api/v1/info", **SESSION)

    assert answer.status_code == 200
    assert not answer.cookies
    assert not hasattr(answer.wsgi_request, "session")


@pytest.mark.django_db
def test_a_session_that_has_ended_is_taken_from_a_browser_by_a_page(client):
    answer = client.get("/admin/login/", **SESSION)

    assert hasattr(answer.wsgi_request, "session")
    assert answer.cookies[site.SESSION_COOKIE_NAME]["max-age"] == 0


@pytest.mark.parametrize("hook", HOOKS)
def test_a_middleware_of_the_api_that_would_be_called_in_part_is_refused(settings, monkeypatch, hook):
    monkeypatch.setattr("bookingsite.web.cors.Preflights." + hook, lambda *_: None, raising=False)

    with pytest.raises(ImproperlyConfigured, match="Preflights"):
        ByAddress(lambda request: None)


def test_the_two_chains_share_the_order_of_what_is_in_both():
    both = [name for name in site.MIDDLEWARE if name in site.API_MIDDLEWARE]

    assert both == [name for name in site.API_MIDDLEWARE if name in both]
    assert site.MIDDLEWARE[0] == "bookingsite.web.chains.ByAddress"


def test_no_cache_has_anything_to_close_so_none_is_closed_after_each_request():
    assert {type(caches[name]).close for name in site.CACHES} == {BaseCache.close}
    assert close_caches not in [receiver() for _, receiver, *_ in request_finished.receivers]
