"""Which sessions count where the settings ask for a second factor."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import SimpleLazyObject

from bookings.office.access.door import has_shown_factor
from bookings.services.access.second_factor import is_required_of

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class SecondFactor:
    """
    Takes a session in which no second factor was shown for none, if its user must have one.

    So a user who comes into such a group is asked at its next page, and no page has to think of it.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.user = SimpleLazyObject(partial(_proven, request, request.user))  # type: ignore[assignment]  # as Django
        return self.get_response(request)


def _proven(request: HttpRequest, user: Any) -> Any:
    if user.is_authenticated and not has_shown_factor(request) and is_required_of(user):
        return AnonymousUser()
    return user
