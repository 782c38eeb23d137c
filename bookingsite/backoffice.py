"""The back office as a site: one whose log-in cannot be guessed at by script."""

import hashlib
import math
import unicodedata
from http import HTTPStatus
from typing import Any

import structlog
from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse

from bookings import wiring

log = structlog.get_logger(__name__)

MINUTE = 60
# Failed log-ins, and in how many seconds: of a name from one address, of an address, and of a name from anywhere.
# The last is high, as it lets strangers who know a name keep its owner out: it takes twenty addresses to reach it.
TRIES_OF_NAME_AT_ADDRESS = (5, 5 * MINUTE)
TRIES_OF_ADDRESS = (30, 5 * MINUTE)
TRIES_OF_NAME = (1000, 60 * MINUTE)

# The column's own length.
LONGEST_NAME = 150


class LoginForm(AdminAuthenticationForm):
    """The log-in, without a look at the password after too many tries: a right one would be told apart."""

    def clean(self) -> dict[str, Any]:
        wait = getattr(self.request, "login_wait", 0)
        if wait:
            minutes = math.ceil(wait / MINUTE)
            raise ValidationError(f"Too many failed log-ins. Try again in {minutes} min.", code="too_many_tries")
        found: dict[str, Any] = super().clean()
        return found


class BackOffice(admin.AdminSite):
    """Django's admin with a limited log-in."""

    login_form = LoginForm

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method != "POST":
            return super().login(request, extra_context)
        limiter = wiring.rate_limiter()
        counted, wait = [], 0
        for name, (limit, seconds) in _counts_of(request).items():
            allowance = limiter.spend(name, limit=limit, seconds=seconds)
            if not allowance.passed:
                wait = allowance.resets_in
                break
            counted.append(name)
        request.login_wait = wait  # type: ignore[attr-defined]  # ours, read by the form
        response = super().login(request, extra_context)
        if wait:
            log.warning("backoffice.login_refused")
            response.status_code = 429
            response.headers["Retry-After"] = str(wait)
        # Not whether somebody is logged in: who is may be guessing at another's password.
        if wait or response.status_code == HTTPStatus.FOUND:
            # Counted before the password is looked at, so that many at once cannot slip through; failures stay.
            for name in counted:
                limiter.give_back(name)
        else:
            log.warning("backoffice.login_failed")
        return response


def _counts_of(request: HttpRequest) -> dict[str, tuple[int, int]]:
    address: str = request.client_address  # type: ignore[attr-defined]  # set by RequestContext
    # As the form reads it, and as the database spells it: to both, several spellings are one user.
    typed = unicodedata.normalize("NFKC", request.POST.get("username", "").strip())[:LONGEST_NAME]
    stored = get_user_model().objects.filter(username=typed).values_list("username", flat=True).first()
    # Hashed, as what somebody typed may be a password in the wrong field.
    name = hashlib.sha256((stored or typed.lower()).encode()).hexdigest()[:32]
    return {
        # The first that refuses ends it: an address that is refused writes no row for each name it tries.
        f"login {address}": TRIES_OF_ADDRESS,
        f"login {name} {address}": TRIES_OF_NAME_AT_ADDRESS,
        f"login {name}": TRIES_OF_NAME,
    }
