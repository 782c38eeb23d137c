"""
The back office as a site: a log-in that cannot be guessed at by script, a no that says what is missing, and forms
that are not lost with a session.
"""

import functools
import hashlib
import math
import unicodedata
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urlencode

import structlog
from django.contrib import admin, messages
from django.contrib.admin.exceptions import DisallowedModelAdminToField
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.admin.options import TO_FIELD_VAR
from django.contrib.auth import REDIRECT_FIELD_NAME, get_user_model
from django.contrib.auth.models import Permission
from django.core.exceptions import PermissionDenied, TooManyFieldsSent, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.common import no_append_slash

from bookings import wiring
from bookings.conf import bookings_kept
from bookings.models.access.staff_log_in import Proof
from bookings.office import unsent
from bookings.office.access.door import Door, onward, visit_of
from bookings.office.access.own_password import OwnPassword
from bookings.office.access.passkeys import PasskeyPages
from bookings.office.access.reset_links import reset_pages
from bookings.office.access.second_factor import Pages
from bookings.office.access.single_sign_on import SignOnPages, address_of_sign_on
from bookings.office.addresses import NotUnderstood, StrictLists
from bookings.office.base import MissingRight
from bookings.office.bookings.customer import customer
from bookings.office.search import search, search_by_email
from bookings.office.seats.flight import flight
from bookings.office.unsent import KeepsTyped
from bookings.office.upkeep.open_work import counts
from bookings.office.upkeep.start_page import start_context
from bookings.services.access.log_ins import note_failure

log = structlog.get_logger(__name__)

MINUTE = 60
# What may be sent on to another address: a client follows these as what they were.
READS = ("GET", "HEAD")
# Failed log-ins, and in how many seconds: of a name from one address, of an address, and of a name from anywhere.
# The last is high, as it lets strangers who know a name keep its owner out: it takes twenty addresses to reach it.
TRIES_OF_NAME_AT_ADDRESS = (5, 5 * MINUTE)
TRIES_OF_ADDRESS = (30, 5 * MINUTE)
TRIES_OF_NAME = (1000, 60 * MINUTE)

# By label: what each part is called, in its order.
APPS = {
    "bookings": gettext_lazy("Bookings"),
    "django_q": gettext_lazy("Background work"),
    "auth": gettext_lazy("People"),
}
# What support staff open most comes first; the others follow by name.
MODELS = [
    *("Booking", "BulkCancel", "SeatCall", "Payment", "Refund", "BookingEvent"),
    *("WebhookEndpoint", "WebhookDelivery", "IdempotencyRecord", "ApiKey"),
]

# The column's own length.
LONGEST_NAME = 150

# Of what was not understood: enough to find it in the address.
MOST_PARAMETERS, LONGEST_PARAMETER = 5, 60


class LoginForm(AdminAuthenticationForm):
    """The log-in, which ignores the password after too many tries: otherwise a right one could be found out."""

    def clean(self) -> dict[str, Any]:
        wait = getattr(self.request, "login_wait", 0)
        if wait:
            minutes = math.ceil(wait / MINUTE)
            said = _("Too many failed log-ins. Try again in %(minutes)d min.")
            raise ValidationError(said % {"minutes": minutes}, code="too_many_tries")
        found: dict[str, Any] = super().clean()
        return found


class BackOffice(admin.AdminSite):
    """Django's admin with a limited log-in, a search on every page, and refusals that name the missing right."""

    login_form = LoginForm
    # The menu stands on top; see `bookings.office.menu`.
    enable_nav_sidebar = False
    index_title = gettext_lazy("Start")

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return super().index(request, {**start_context(request), **(extra_context or {})})

    def app_index(  # type: ignore[override]  # Django's gives a page of the app's tables
        self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the start page: the menu has all pages."""
        return HttpResponseRedirect(reverse("admin:index"))

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The pages in the order of the work: bookings and their records, background work, people."""
        apps = super().get_app_list(request, app_label)
        for app in apps:
            app["name"] = APPS.get(app["app_label"], app["name"])
            app["models"].sort(key=lambda model: _place_of(model["object_name"], MODELS))
        return sorted(apps, key=lambda app: _place_of(app["app_label"], list(APPS)))

    def get_urls(self) -> list[URLPattern | URLResolver]:
        pages = {"search": search, "search_by_email": search_by_email, "customer": customer}
        own = [
            path(f"{name.replace('_', '-')}/", self.admin_view(functools.partial(page, self)), name=name)
            for name, page in pages.items()
        ]
        own.append(
            path("bookings/flight/<str:number>/", self.admin_view(functools.partial(flight, self)), name="flight")
        )
        log_in = [*Pages(self).urls(), *PasskeyPages(self).urls(), *SignOnPages(self).urls(), *reset_pages(self)]
        return [*own, *log_in, *super().get_urls()]

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Put our rules in front of the pages of every model, those of Django and of libraries included."""
        pages = admin_class or admin.ModelAdmin
        ruled = type(pages.__name__, (StrictLists, KeepsTyped, pages), {"__module__": pages.__module__})
        super().register(model_or_iterable, ruled, **options)

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        """Complete nothing: no page of ours asks for it, and it searches where no list does."""
        raise Http404

    @no_append_slash
    def catch_all_view(self, request: HttpRequest, url: str) -> HttpResponse:
        """Send only reads on to the address with a slash, as everywhere, see `bookingsite.web.hosts`."""
        if request.method not in READS:
            raise Http404
        found: HttpResponse = super().catch_all_view(request, url)
        return found

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        more = {"single_sign_on": address_of_sign_on(request), "days_kept": getattr(bookings_kept(), "days", None)}
        return {**super().each_context(request), **more}

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        inner = super().admin_view(view, cacheable)

        @functools.wraps(inner)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            is_inside = self.has_permission(request)
            if request.method == "POST" and not is_inside and _page_of(request) != "logout":
                return self.log_in_first(request)
            # Not for a page that refreshes by itself: no person would read it.
            if request.method == "GET" and is_inside and "X-Refresh" not in request.headers:
                request.unsent = unsent.take(request)  # type: ignore[attr-defined]  # ours, read by forms
            try:
                answer: HttpResponseBase = inner(request, *args, **kwargs)
            except PermissionDenied as error:
                return self._forbidden(request, error)
            except NotUnderstood as error:
                return self._refused(request, error)
            except DisallowedModelAdminToField:
                return self._refused(request, NotUnderstood([TO_FIELD_VAR]))
            except TooManyFieldsSent:
                return self._refused(request, NotUnderstood([]))
            if request.method == "POST":
                counts.forget()
            return answer

        return guarded

    def _refused(self, request: HttpRequest, error: NotUnderstood) -> HttpResponse:
        log.warning("backoffice.address_refused")
        names = [name[:LONGEST_PARAMETER] for name in error.names[:MOST_PARAMETERS]]
        context = {**self.each_context(request), "title": _("Not understood"), "names": names}
        context["back"] = error.back or request.path
        return TemplateResponse(request, "admin/not_understood.html", context, status=HTTPStatus.BAD_REQUEST)

    def _forbidden(self, request: HttpRequest, error: PermissionDenied) -> HttpResponse:
        right = error.right if isinstance(error, MissingRight) else _right_for(request)
        log.warning("backoffice.forbidden", by=request.user.get_username(), right=right)
        context = {**self.each_context(request), "title": _("Not allowed"), "right": _named(right)}
        return TemplateResponse(request, "admin/forbidden.html", context, status=HTTPStatus.FORBIDDEN)

    def log_in_first(self, request: HttpRequest) -> HttpResponse:
        """Answer a form that came without a session: it was not carried out, and is shown after the log-in."""
        page = request.get_full_path()
        return self._log_in_page(request, page, unsent=unsent.signed(request))

    def log_in_again(self, request: HttpRequest) -> HttpResponse:
        """Answer a log-in that was sent from a page that is too old."""
        return self._log_in_page(request, onward(request), unsent=_brought_along(request), is_too_old=True)

    def _log_in_page(self, request: HttpRequest, page: str, **shown: Any) -> HttpResponse:
        address = f"{reverse('admin:login')}?{urlencode({REDIRECT_FIELD_NAME: page})}"
        context = {**self.each_context(request), "title": _("Log in"), "subtitle": None, "app_path": address}
        context.update({REDIRECT_FIELD_NAME: page, "form": LoginForm(request), **shown})
        context["username"] = request.user.get_username()
        return TemplateResponse(request, "admin/login.html", context, status=HTTPStatus.FORBIDDEN)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method == "GET" and self.has_permission(request):
            return HttpResponseRedirect(onward(request))
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
        response = self._door(request)
        if response.status_code == HTTPStatus.FOUND:
            unsent.carry_over(request)
        if wait:
            log.warning("backoffice.login_refused")
            response.status_code = 429
            response.headers["Retry-After"] = str(wait)
        # Whether the user is logged in does not count: it may be guessing another user's password.
        if wait or response.status_code == HTTPStatus.FOUND:
            # Counted before the password is looked at, so that many at once cannot slip through; failures stay.
            for name in counted:
                limiter.give_back(name)
        else:
            log.warning("backoffice.login_failed")
            user = get_user_model()._default_manager.filter(username=_typed_name(request)).first()
            if user is not None:
                note_failure(user, visit=visit_of(request), proof=Proof.PASSWORD)
        return response

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        context = {**self.each_context(request), **(extra_context or {})}
        return cast(TemplateResponse, OwnPassword.as_view(extra_context=context)(request))

    def _door(self, request: HttpRequest) -> HttpResponse:
        """Django's own log-in of this site, but for what comes after a right password."""
        context = {**self.each_context(request), "title": _("Log in"), "subtitle": None}
        context.update(app_path=request.get_full_path(), unsent=_brought_along(request))
        context[REDIRECT_FIELD_NAME] = request.POST.get(REDIRECT_FIELD_NAME, reverse("admin:index"))
        view = Door.as_view(
            extra_context=context, authentication_form=self.login_form, template_name="admin/login.html"
        )
        return cast(HttpResponse, view(request))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """
    Answer a form whose token is not that of this session: as a rule there was a log-in in another tab meanwhile.

    Where it came from was looked at first. What comes from elsewhere is refused, and none of it is shown.
    """
    is_from_elsewhere = reason.startswith(("Origin", "Referer"))
    site, page = admin.site, _page_of(request)
    if is_from_elsewhere or not page or not isinstance(site, BackOffice):
        return TemplateResponse(request, "403_csrf.html", status=HTTPStatus.FORBIDDEN)
    if not site.has_permission(request):
        return site.log_in_again(request) if page == "login" else site.log_in_first(request)
    if page == "login":
        name = request.user.get_username()
        if request.POST.get("username", "").strip().lower() != name.lower():
            said = _("You are logged in as %(name)s. To go on as another user, log out first.")
            messages.warning(request, said % {"name": name})
        return HttpResponseRedirect(onward(request))
    shown_at = reverse("admin:index") if page == "logout" else request.get_full_path()
    unsent.keep(request, page=shown_at)
    return HttpResponseRedirect(shown_at)


def _page_of(request: HttpRequest) -> str:
    """What a page of the back office is called; empty for all others."""
    match = request.resolver_match
    return (match.url_name or "page") if match and match.app_name == "admin" else ""


def _brought_along(request: HttpRequest) -> str:
    """What came with a log-in and has to come with the next one, if this one fails."""
    text = request.POST.get(unsent.FIELD, "")
    return text if unsent.is_signed(text) else ""


def _place_of(name: str, order: list[str]) -> int:
    return order.index(name) if name in order else len(order)


def _right_for(request: HttpRequest) -> str:
    """The right that one of Django's own pages asks for, by the name of its address; empty for others."""
    match = request.resolver_match
    parts = (match.url_name or "").split("_") if match else []
    needed = {"changelist": "view", "change": "view", "history": "view", "add": "add", "delete": "delete"}
    if len(parts) < 3 or parts[-1] not in needed:
        return ""
    return f"{'_'.join(parts[:-2])}.{needed[parts[-1]]}_{parts[-2]}"


def _named(right: str) -> str:
    """A right as people give it to one another: its name, and its code."""
    app, _dot, code = right.partition(".")
    row = Permission.objects.filter(content_type__app_label=app, codename=code).first() if code else None
    return f"{row.name} ({right})" if row else right


def _counts_of(request: HttpRequest) -> dict[str, tuple[int, int]]:
    address: str = request.client_address  # type: ignore[attr-defined]  # set by RequestContext
    # As the database spells it: to it, several spellings are one user.
    typed = _typed_name(request)
    stored = get_user_model().objects.filter(username=typed).values_list("username", flat=True).first()
    # Hashed, as a user may have typed a password into the wrong field.
    name = hashlib.sha256((stored or typed.lower()).encode()).hexdigest()[:32]
    return {
        # The first that refuses ends it: an address that is refused writes no row for each name it tries.
        f"login {address}": TRIES_OF_ADDRESS,
        f"login {name} {address}": TRIES_OF_NAME_AT_ADDRESS,
        f"login {name}": TRIES_OF_NAME,
    }


def _typed_name(request: HttpRequest) -> str:
    """The user's name as the form reads it: to it, several spellings are one."""
    return unicodedata.normalize("NFKC", request.POST.get("username", "").strip())[:LONGEST_NAME]
