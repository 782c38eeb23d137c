"""Counted tries of what a user knows or has: its password, and its codes."""

import math
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

import structlog
from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings import wiring
from bookings.office.access.door import visit_of
from bookings.services.access.log_ins import note_failure
from bookings.services.access.second_factor import FactorNeeded, WrongCode, WrongPassword

R = TypeVar("R")

log = structlog.get_logger(__name__)

MINUTE = 60
# Wrong codes and passwords of one user, from anywhere, and in how many seconds. Three of a million codes are right at a
# time, so who knows a password finds a code in a day with a chance of 1 in 1,400.
TRIES_OF_FACTOR = (10, 60 * MINUTE)


class PasswordForm(forms.Form):
    """For what changes how a user logs in: a screen that was left open is not enough."""

    password = forms.CharField(
        label=gettext_lazy("Your password"),
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        strip=False,
    )


class Refused(Exception):
    """What was typed is wrong, or was not looked at; `wait` says for how many seconds nothing will be."""

    def __init__(self, *, wait: int) -> None:
        self._wait = wait
        super().__init__(wait)

    def say(self, form: forms.Form, field: str | None) -> HTTPStatus:
        """Say it in a form; give the status of the answer."""
        if not self._wait:
            form.add_error(field, _("That is not right, or was used already. Nothing was changed."))
            return HTTPStatus.OK
        said = _("Too many wrong tries. Try again in %(minutes)d min.")
        form.add_error(field, said % {"minutes": math.ceil(self._wait / MINUTE)})
        return HTTPStatus.TOO_MANY_REQUESTS


def form_for(kind: type[forms.Form], request: HttpRequest, user: Any, *, is_inside: bool = True) -> forms.Form:
    """Make a form, without the password where it was shown a moment ago, or where the user has none."""
    form = kind(request.POST if request.method == "POST" else None)
    if not (is_inside and user.has_usable_password()):
        del form.fields["password"]
    return form


def tried(request: HttpRequest, user: Any, act: Callable[[], R]) -> R:
    """
    Do what needs a right code or password, and count it if that is wrong.

    :raises Refused: if it was wrong, or was not looked at, as too many were
    """
    limit, seconds = TRIES_OF_FACTOR
    limiter, name = wiring.rate_limiter(), f"second factor {user.pk}"
    # Counted before the code is looked at, so that many at once cannot slip through; failures stay.
    allowance = limiter.spend(name, limit=limit, seconds=seconds)
    if not allowance.passed:
        log.warning("backoffice.factor_refused")
        raise Refused(wait=allowance.resets_in)
    try:
        done = act()
    except WrongCode as error:
        log.warning("backoffice.factor_failed")
        note_failure(user, visit=visit_of(request), proof=error.proof)
        raise Refused(wait=0) from error
    except FactorNeeded:
        limiter.give_back(name)
        raise
    limiter.give_back(name)
    return done


def check_password(user: Any, form: forms.Form) -> None:
    if "password" in form.fields and not user.check_password(form.cleaned_data["password"]):
        raise WrongPassword
