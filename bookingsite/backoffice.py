"""The back office as a site: one whose log-in cannot be guessed at by script."""

import hashlib
import math
from typing import Any

import structlog
from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse

from bookings import wiring

log = structlog.get_logger(__name__)

MINUTE = 60
# Failed log-ins, and in how many seconds: of a name from one address, of an address, and of a name from anywhere.
# The last is high, as it lets a stranger who knows a name keep its owner out.
TRIES_OF_NAME_AT_ADDRESS = (5, 5 * MINUTE)
TRIES_OF_ADDRESS = (30, 5 * MINUTE)
TRIES_OF_NAME = (100, 60 * MINUTE)


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
        counts = _counts_of(request)
        tries = [limiter.spend(name, limit=limit, seconds=seconds) for name, (limit, seconds) in counts.items()]
        wait = max((each.resets_in for each in tries if not each.passed), default=0)
        request.login_wait = wait  # type: ignore[attr-defined]  # ours, read by the form
        response = super().login(request, extra_context)
        if wait:
            log.warning("backoffice.login_refused")
            response.status_code = 429
            response.headers["Retry-After"] = str(wait)
        if wait or request.user.is_authenticated:
            # Counted before the password is looked at, so that many at once cannot slip through; failures stay.
            for name, each in zip(counts, tries, strict=True):
                if each.passed:
                    limiter.give_back(name)
        else:
            log.warning("backoffice.login_failed")
        return response


def _counts_of(request: HttpRequest) -> dict[str, tuple[int, int]]:
    address: str = request.client_address  # type: ignore[attr-defined]  # set by RequestContext
    # What somebody typed may be a password in the wrong field.
    name = hashlib.sha256(request.POST.get("username", "").lower().encode()).hexdigest()[:32]
    return {
        f"login {name} {address}": TRIES_OF_NAME_AT_ADDRESS,
        f"login {address}": TRIES_OF_ADDRESS,
        f"login {name}": TRIES_OF_NAME,
    }
