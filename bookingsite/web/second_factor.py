"""Which sessions of staff count: those that are not too old, and where a second factor must be shown, that have it."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import SimpleLazyObject

from bookings.office.access.door import has_shown_factor
from bookings.services.access.second_factor import is_required_of

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class SecondFactor:
    """
    Takes a session in which no second factor was shown for none, if its user must have one; and one that is too old.

    So a user who comes into such a group is asked at its next page, and no page has to think of it. A new log-in makes
    an old session young again.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.user = SimpleLazyObject(partial(_proven, request, request.user))  # type: ignore[assignment]  # as Django
        return self.get_response(request)


def _proven(request: HttpRequest, user: Any) -> Any:
    if not user.is_authenticated:
        return user
    lacks_factor = not has_shown_factor(request) and is_required_of(user)
    return AnonymousUser() if lacks_factor or _is_too_old(request) else user


def _is_too_old(request: HttpRequest) -> bool:
    """Whether a session began more hours ago than one lasts, however much it is used."""
    now = time.time()
    age: float = now - request.session.get("began_at", now)
    return age > 3600 * settings.STAFF_SESSION_HOURS
