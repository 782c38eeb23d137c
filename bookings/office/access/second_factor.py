"""The pages of the second factor: showing it at a log-in, setting it up, and what each user sees of its own log-in."""

from base64 import b32encode
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from bookings.models import LogInEvent, StaffIdentity
from bookings.models.access.staff_log_in import Proof
from bookings.office.access.door import HalfWay, half_way, let_in, note_factor, passkeys_are_offered, visit_of
from bookings.office.access.tries import PasswordForm, Refused, check_password, form_for, tried
from bookings.services.access import second_factor
from bookings.services.access.second_factor import FactorNeeded, is_required_of

# What the app calls the account.
ISSUER = "Flight bookings"

EVENTS_SHOWN = 50
_KEY = "key_of_new_app"

# The names of these fields are among those that are never kept, see `bookings.office.unsent`.
CODE_FIELD = {"autocomplete": "one-time-code", "spellcheck": "false", "maxlength": "40", "class": "mono"}


class CodeForm(forms.Form):
    token = forms.CharField(
        label=gettext_lazy("Code"), max_length=40, widget=forms.TextInput(attrs={**CODE_FIELD, "autofocus": True})
    )


class NewAppForm(CodeForm, PasswordForm):
    token = forms.CharField(
        label=gettext_lazy("Code that the app shows now"), max_length=40, widget=forms.TextInput(attrs=CODE_FIELD)
    )
    field_order = ("token", "password")


class Pages:
    """The pages, on the site of the back office."""

    def __init__(self, site: AdminSite) -> None:
        self._site = site

    def urls(self) -> list[URLPattern]:
        """Give their addresses. The first two are for users who are not logged in yet."""
        own = self._site.admin_view
        hidden = sensitive_post_parameters()
        return [
            path("second-factor/", never_cache(hidden(self.show)), name="second_factor"),
            path("second-factor/add/", never_cache(hidden(self.add)), name="second_factor_add"),
            path("second-factor/codes/", own(hidden(self.codes)), name="second_factor_codes"),
            path(
                "second-factor/<str:kind>/<int:row_id>/remove/", own(hidden(self.remove)), name="second_factor_remove"
            ),
            path("log-in/", own(self.own), name="own_log_in"),
        ]

    def show(self, request: HttpRequest) -> HttpResponse:
        """Ask for the code that a log-in still needs."""
        found = half_way(request)
        if found is None:
            return self._begin_again(request)
        form, status = CodeForm(request.POST or None), HTTPStatus.OK
        if form.is_valid():
            typed = form.cleaned_data["token"]
            try:
                proof = tried(request, found.user, lambda: second_factor.use_code(found.user, typed))
            except Refused as no:
                status = no.say(form, "token")
            else:
                return self._let_in(request, found, proof)
        shown = {"title": _("Second factor"), "form": form, "name": found.user.get_username()}
        shown["has_passkeys"] = bool(second_factor.factors_of(found.user).passkeys)
        return self._page(request, "show", shown, status=status)

    def add(self, request: HttpRequest) -> HttpResponse:
        """Set up an app: on the way in, for users who must have one, or for a user who is logged in."""
        found = self._who_adds(request)
        if found is None:
            return self._begin_again(request)
        key = request.session.setdefault(_KEY, second_factor.new_key())
        form, status = form_for(NewAppForm, request, found.user, is_inside=found.is_inside), HTTPStatus.OK
        if form.is_valid():
            try:
                codes = tried(request, found.user, lambda: _add(request, found, key, form))
            except Refused as no:
                status = no.say(form, "token")
            else:
                del request.session[_KEY]
                return self._added(request, found, codes, proof=Proof.TOTP)
        shown = {"title": _("Set up an app for codes"), "form": form, "is_required": not found.is_inside}
        shown.update(key=_typed_key(key), picture=_picture(_address_of_key(found.user, key)))
        return self._page(request, "add", shown, status=status)

    def codes(self, request: HttpRequest) -> HttpResponse:
        """Make new recovery codes; the old ones end."""
        if not second_factor.factors_of(request.user):
            raise Http404
        form, status = form_for(PasswordForm, request, request.user), HTTPStatus.OK
        if form.is_valid():
            try:
                codes = tried(request, request.user, lambda: _make_codes(request, form))
            except Refused as no:
                status = no.say(form, "password")
            else:
                return self._codes_page(request, codes, reverse("admin:own_log_in"))
        shown = {"title": _("New recovery codes"), "form": form, "button": _("Make new codes")}
        shown["what"] = _("The codes that you have now will not work any more.")
        return self._page(request, "confirm", shown, status=status)

    def remove(self, request: HttpRequest, kind: str, row_id: int) -> HttpResponse:
        """Remove an app or a passkey of one's own."""
        if second_factor.factors_of(request.user).find(kind, row_id) is None:
            raise Http404
        form, status = form_for(PasswordForm, request, request.user), HTTPStatus.OK
        if form.is_valid():
            try:
                tried(request, request.user, lambda: _remove(request, Proof(kind), row_id, form))
            except Refused as no:
                status = no.say(form, "password")
            except FactorNeeded:
                messages.error(request, _("Your group needs a second factor: set up another one first."))
                return HttpResponseRedirect(reverse("admin:own_log_in"))
            else:
                messages.success(request, _("It is removed."))
                return HttpResponseRedirect(reverse("admin:own_log_in"))
        shown = {"title": _("Remove a second factor"), "form": form, "button": _("Remove it")}
        shown["what"] = _(
            "Its codes will not open your log-in any more. With your last app your recovery codes end too."
        )
        return self._page(request, "confirm", shown, status=status)

    def own(self, request: HttpRequest) -> HttpResponse:
        """Show a user how it logs in, and its last log-ins."""
        events = LogInEvent.objects.filter(user=request.user.pk).order_by("-pk")[:EVENTS_SHOWN]
        shown = {"title": _("Your log-in"), "factors": second_factor.factors_of(request.user), "events": events}
        shown["is_required"] = is_required_of(request.user)
        shown["is_connected"] = StaffIdentity.objects.filter(user=request.user.pk).exists()
        return self._page(request, "own", shown)

    def _who_adds(self, request: HttpRequest) -> HalfWay | None:
        """Give who may set a factor up here: a user who is logged in, or one on the way in who has none."""
        if self._site.has_permission(request):
            return HalfWay(request.user, reverse("admin:own_log_in"), is_inside=True)
        found = half_way(request)
        # A user who has a factor shows it, and does not add another one by its password alone.
        return None if found is None or second_factor.factors_of(found.user) else found

    def _added(self, request: HttpRequest, found: HalfWay, codes: list[str], *, proof: Proof) -> HttpResponse:
        if not found.is_inside:
            let_in(request, found.user, proof=proof, has_factor=True)
        note_factor(request)
        return self._codes_page(request, codes, found.onward)

    def _let_in(self, request: HttpRequest, found: HalfWay, proof: Proof) -> HttpResponse:
        let_in(request, found.user, proof=proof, has_factor=True)
        if proof is Proof.RECOVERY_CODE:
            left = second_factor.factors_of(found.user).recovery_codes
            said = _("That recovery code is used up; you have %(left)d left.")
            messages.warning(request, said % {"left": left})
        return HttpResponseRedirect(found.onward)

    def _begin_again(self, request: HttpRequest) -> HttpResponse:
        inside = self._site.has_permission(request)
        return HttpResponseRedirect(reverse("admin:own_log_in" if inside else "admin:login"))

    def _codes_page(self, request: HttpRequest, codes: list[str], onward: str) -> HttpResponse:
        """Answer with the codes themselves: a redirect would have to keep them somewhere in between."""
        if not codes:
            messages.success(request, _("It is set up. Your recovery codes stay as they are."))
            return HttpResponseRedirect(onward)
        return self._page(request, "codes", {"title": _("Your recovery codes"), "codes": codes, "onward": onward})

    def _page(self, request: HttpRequest, name: str, shown: dict[str, Any], *, status: int = 200) -> HttpResponse:
        offered = {"passkeys": passkeys_are_offered(request)}
        context = {**self._site.each_context(request), **offered, **shown}
        return TemplateResponse(request, f"admin/log_in/{name}.html", context, status=status)


def _add(request: HttpRequest, found: HalfWay, key: str, form: forms.Form) -> list[str]:
    check_password(found.user, form)
    code = "".join(form.cleaned_data["token"].split())
    return second_factor.add_app(
        found.user, key=key, code=code, visit=visit_of(request), must_be_first=not found.is_inside
    )


def _make_codes(request: HttpRequest, form: forms.Form) -> list[str]:
    check_password(request.user, form)
    return second_factor.make_recovery_codes(request.user, visit=visit_of(request))


def _remove(request: HttpRequest, proof: Proof, row_id: int, form: forms.Form) -> None:
    check_password(request.user, form)
    second_factor.remove_factor(request.user, proof, row_id, visit=visit_of(request))


def _typed_key(key: str) -> str:
    """Write the secret as people type it into an app: base32, in groups of four."""
    text = b32encode(bytes.fromhex(key)).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def _address_of_key(user: Any, key: str) -> str:
    """Write the secret as apps read it from a picture."""
    said = {"secret": b32encode(bytes.fromhex(key)).decode(), "issuer": ISSUER}
    return f"otpauth://totp/{quote(f'{ISSUER}:{user.get_username()}')}?{urlencode(said, quote_via=quote)}"


def _picture(text: str) -> str:
    """Draw a text as a QR code, as the address of an image."""
    # By its name: it is needed on one page, once for each user.
    make = import_string("segno.make")
    picture: str = make(text).svg_data_uri(scale=4, light="white")
    return picture
