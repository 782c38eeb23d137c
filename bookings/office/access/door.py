"""
The way in: a password, and then a second factor, if the user has one or must have one.

Between the two the user is not logged in: the session holds who has shown a password, for ten minutes.
"""

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME, get_user_model, login
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.request import split_domain_port
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.http import url_has_allowed_host_and_scheme

from bookings.models.access.staff_log_in import Proof
from bookings.services.access.log_ins import Visit, note_log_in
from bookings.services.access.second_factor import factors_of, is_required_of

SECONDS = 10 * 60
_HALF, _SHOWN = "half_logged_in", "second_factor"


@dataclass(frozen=True, slots=True)
class HalfWay:
    """A user who has shown a password, and no second factor yet; or one who is inside, and sets one up."""

    user: Any
    onward: str
    is_inside: bool = False


class Door(LoginView):
    """Django's log-in, which goes on to the second factor where there must be one."""

    def form_valid(self, form: Any) -> HttpResponse:
        return go_on(self.request, form.get_user(), proof=Proof.PASSWORD, onward=self.get_success_url())


def go_on(request: HttpRequest, user: Any, *, proof: Proof, onward: str, is_enough: bool = False) -> HttpResponse:
    """Log a user in who has shown this, or lead it to what is missing; `is_enough` says that nothing is."""
    factors = factors_of(user)
    has_factor, is_required = bool(factors), is_required_of(user)
    if is_enough or not (has_factor or is_required):
        let_in(request, user, proof=proof, has_factor=is_enough)
        return HttpResponseRedirect(onward)
    request.session.flush()  # whatever it was before, it is not this user's
    request.session[_HALF] = {
        "user": user.pk,
        "backend": user.backend,
        "mark": user.get_session_auth_hash(),
        "at": int(time.time()),
        "onward": onward,
    }
    page = "admin:second_factor" if has_factor else "admin:second_factor_add"
    if factors.passkeys and passkeys_are_offered(request):
        page = "admin:passkey"
    return HttpResponseRedirect(reverse(page))


def passkeys_are_offered(request: HttpRequest) -> bool:
    """Whether a browser can use passkeys at the address by which it asks."""
    domain, (host, _port) = settings.PASSKEY_DOMAIN, split_domain_port(request.get_host())
    is_below = f".{host}".endswith(f".{domain}")
    return bool(domain) and is_below and (request.is_secure() or host == "localhost")


def onward(request: HttpRequest) -> str:
    """Where a log-in leads to: to the page of ours that it names, else to the start page."""
    wanted = request.POST.get(REDIRECT_FIELD_NAME, request.GET.get(REDIRECT_FIELD_NAME, ""))
    is_ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    is_log_in = urlsplit(wanted).path == reverse("admin:login") if is_ours else False
    return wanted if is_ours and not is_log_in else reverse("admin:index")


def half_way(request: HttpRequest) -> HalfWay | None:
    """Give who has shown a password in this session, a short while ago; None if there is none."""
    held = request.session.get(_HALF)
    # In either direction: the clock of another web server may be ahead of this one's.
    if held is None or abs(time.time() - held["at"]) > SECONDS:
        return None
    user = get_user_model()._default_manager.filter(pk=held["user"], is_active=True).first()
    # A password that was changed meanwhile ends this as it ends sessions.
    if user is None or not constant_time_compare(user.get_session_auth_hash(), held["mark"]):
        return None
    user.backend = held["backend"]  # as `authenticate` sets it
    return HalfWay(user, held["onward"])


def let_in(request: HttpRequest, user: Any, *, proof: Proof, has_factor: bool = False) -> None:
    """Log a user in, and write it down."""
    request.session.pop(_HALF, None)
    login(request, user)
    request.session.pop("began_at", None)  # of a session that had grown too old: `IdleLogout` begins its hours again
    if has_factor:
        note_factor(request)
    note_log_in(user, visit=visit_of(request), proof=proof)


def note_factor(request: HttpRequest) -> None:
    """Write into the session that its user has shown a second factor."""
    request.session[_SHOWN] = int(time.time())


def has_shown_factor(request: HttpRequest) -> bool:
    """Whether a second factor was shown in this session."""
    return _SHOWN in request.session


def visit_of(request: HttpRequest, **more: str) -> Visit:
    """From where a request comes, as the history of log-ins keeps it."""
    return Visit(
        address=request.client_address,  # type: ignore[attr-defined]  # set by RequestContext
        request_id=request.request_id,  # type: ignore[attr-defined]  # likewise
        **more,
    )
