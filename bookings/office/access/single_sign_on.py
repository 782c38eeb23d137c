"""Log-in at the identity provider: there, back, and the connection of an account with it."""

import secrets
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urlencode

import structlog
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.backends import ModelBackend
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from bookings import wiring
from bookings.models.access.staff_log_in import Proof
from bookings.office.access.door import go_on, onward, visit_of
from bookings.office.access.tries import MINUTE, PasswordForm, Refused, check_password, form_for, tried
from bookings.ports import Identity, IdentityNotProven, IdentityProviderAway
from bookings.services.access import single_sign_on
from bookings.services.access.single_sign_on import NoAccount

log = structlog.get_logger(__name__)

# What a log-in remembers while its browser is at the provider. In a signed cookie, so that strangers write no row.
SECONDS, SALT = 10 * MINUTE, "bookings.office.single_sign_on"
# Of one address: each of them asks the provider once.
TRIES_AT_PROVIDER = (30, 5 * MINUTE)
LONGEST_CODE = 2048
BACKEND = f"{ModelBackend.__module__}.{ModelBackend.__name__}"


class SignOnPages:
    """The pages, on the site of the back office. Without a provider in the settings they are not there."""

    def __init__(self, site: AdminSite) -> None:
        self._site = site

    def urls(self) -> list[URLPattern]:
        """Give their addresses. The first two are for users who are not logged in."""
        own = self._site.admin_view
        return [
            path("sso/", never_cache(self.begin), name="sso"),
            path("sso/back/", never_cache(self.back), name="sso_back"),
            path("sso/connect/", own(self.connect), name="sso_connect"),
            path("sso/disconnect/", own(self.disconnect), name="sso_disconnect"),
        ]

    def begin(self, request: HttpRequest) -> HttpResponse:
        """Send the browser to the provider."""
        _must_be_there()
        try:
            address, remembered = _address_there(request, onward=onward(request))
        except IdentityProviderAway as error:
            return self._failed(request, error)
        return _remember(HttpResponseRedirect(address), remembered)

    def back(self, request: HttpRequest) -> HttpResponse:
        """Take the browser back from the provider: let its user in, or connect the account that asked for it."""
        _must_be_there()
        try:
            answer = self._answer(request)
        except (IdentityNotProven, NoAccount, IdentityProviderAway) as error:
            answer = self._failed(request, error)
        answer.delete_cookie(_cookie())
        return answer

    def connect(self, request: HttpRequest) -> HttpResponse:
        """Lead a user to the provider, whose log-in opens the user's account from then on."""
        _must_be_there()
        form, status = form_for(PasswordForm, request, request.user), HTTPStatus.OK
        if "password" not in form.fields:  # a screen that was left open would be enough
            messages.error(request, _("You have no password: your account stays connected as it is."))
            return HttpResponseRedirect(reverse("admin:own_log_in"))
        if form.is_valid():
            try:
                tried(request, request.user, lambda: check_password(request.user, form))
                address, remembered = _address_there(request, connects=request.user.pk)
            except Refused as no:
                status = no.say(form, "password")
            except IdentityProviderAway as error:
                return self._failed(request, error)
            else:
                # A link: browsers let no form of ours lead to another site.
                return _remember(self._page(request, "sso_there", {"address": address}), remembered)
        what = _("You log in there as yourself. From then on that log-in opens this account too.")
        shown = {"title": _("Connect with single sign-on"), "form": form, "what": what, "button": _("Connect")}
        return self._page(request, "confirm", shown, status=status)

    def disconnect(self, request: HttpRequest) -> HttpResponse:
        """End all connections of a user's account with the provider."""
        form, status = form_for(PasswordForm, request, request.user), HTTPStatus.OK
        if not cast(Any, request.user).has_usable_password():
            messages.error(request, _("You have no password: without the connection you could not log in."))
            return HttpResponseRedirect(reverse("admin:own_log_in"))
        if form.is_valid():
            try:
                tried(request, request.user, lambda: _disconnect(request, form))
            except Refused as no:
                status = no.say(form, "password")
            else:
                return HttpResponseRedirect(reverse("admin:own_log_in"))
        shown = {"title": _("End the connection with single sign-on"), "form": form, "button": _("End it")}
        shown["what"] = _("Your log-in there will not open this account any more.")
        return self._page(request, "confirm", shown, status=status)

    def _answer(self, request: HttpRequest) -> HttpResponse:
        remembered = _remembered(request)
        identity = _identity_of(request, remembered)
        if (connects := remembered.get("connects")) is not None:
            if request.user.pk != connects:
                raise IdentityNotProven("another user is logged in by now")
            single_sign_on.connect(request.user, identity, visit=visit_of(request))
            messages.success(request, _("Your account is connected."))
            return HttpResponseRedirect(reverse("admin:own_log_in"))
        user = single_sign_on.user_for(identity, visit=visit_of(request))
        user.backend = BACKEND
        return go_on(
            request,
            user,
            proof=Proof.SINGLE_SIGN_ON,
            onward=remembered["onward"],
            is_enough=single_sign_on.has_shown_second_factor(identity),
        )

    def _failed(self, request: HttpRequest, error: Exception) -> HttpResponse:
        is_away = isinstance(error, IdentityProviderAway)
        log.warning("backoffice.sso_failed", reason=str(error))
        shown = {"title": _("Not logged in"), "is_away": is_away, "has_account": not isinstance(error, NoAccount)}
        status = HTTPStatus.SERVICE_UNAVAILABLE if is_away else HTTPStatus.FORBIDDEN
        return self._page(request, "sso_failed", shown, status=status)

    def _page(self, request: HttpRequest, name: str, shown: dict[str, Any], *, status: int = 200) -> HttpResponse:
        context = {**self._site.each_context(request), **shown}
        return TemplateResponse(request, f"admin/log_in/{name}.html", context, status=status)


def address_of_sign_on(request: HttpRequest) -> str:
    """Where the log-in page leads for single sign-on; empty where there is none."""
    if not settings.OIDC_ISSUER:
        return ""
    return f"{reverse('admin:sso')}?{urlencode({REDIRECT_FIELD_NAME: onward(request)}, safe='/')}"


def _must_be_there() -> None:
    if not settings.OIDC_ISSUER:
        raise Http404


def _disconnect(request: HttpRequest, form: forms.Form) -> None:
    check_password(request.user, form)
    single_sign_on.disconnect(request.user, visit=visit_of(request))


def _address_there(request: HttpRequest, **purpose: Any) -> tuple[str, dict[str, Any]]:
    """Give where to go, and what is remembered until the browser comes back."""
    made = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
    address = wiring.identity_provider().address_of_log_in(**made, comes_back_to=_own_address(request))
    return address, {**made, **purpose}


def _own_address(request: HttpRequest) -> str:
    return request.build_absolute_uri(reverse("admin:sso_back"))


def _identity_of(request: HttpRequest, remembered: dict[str, Any]) -> Identity:
    state, code = request.GET.get("state", ""), request.GET.get("code", "")
    if not constant_time_compare(state, remembered["state"]):
        raise IdentityNotProven("it answers another log-in")
    if not 0 < len(code) <= LONGEST_CODE:
        raise IdentityNotProven("the provider has let no user in")
    limit, seconds = TRIES_AT_PROVIDER
    address = visit_of(request).address
    if not wiring.rate_limiter().spend(f"sso {address}", limit=limit, seconds=seconds).passed:
        raise IdentityProviderAway("too many log-ins of one address")
    return wiring.identity_provider().identity(
        code=code,
        nonce=remembered["nonce"],
        verifier=remembered["verifier"],
        comes_back_to=_own_address(request),
    )


def _cookie() -> str:
    return "__Host-sso" if settings.SESSION_COOKIE_SECURE else "sso"


def _remember(answer: HttpResponse, remembered: dict[str, Any]) -> HttpResponse:
    text = signing.dumps(remembered, salt=SALT)
    answer.set_cookie(
        _cookie(), text, max_age=SECONDS, secure=settings.SESSION_COOKIE_SECURE, httponly=True, samesite="Lax"
    )
    return answer


def _remembered(request: HttpRequest) -> dict[str, Any]:
    try:
        found: dict[str, Any] = signing.loads(request.COOKIES.get(_cookie(), ""), salt=SALT, max_age=SECONDS)
    except signing.BadSignature as error:
        raise IdentityNotProven("this browser has begun no log-in, or long ago") from error
    return found
