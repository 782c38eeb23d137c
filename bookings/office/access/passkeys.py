"""The pages of passkeys: one is made, or shown at a log-in. The browser is asked by passkeys.js."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from bookings import wiring
from bookings.models.access.staff_log_in import Proof
from bookings.office.access.door import HalfWay, half_way, passkeys_are_offered, visit_of
from bookings.office.access.second_factor import Pages
from bookings.office.access.tries import PasswordForm, Refused, check_password, form_for, tried
from bookings.ports import PasskeyRefused
from bookings.services.access.passkeys import add_passkey, known_passkeys, use_passkey
from bookings.services.access.second_factor import WrongPasskey

# What was asked of the browser, in the session: good for one answer.
_ASKED = "asked_of_passkey"
# Browsers keep it beside the passkey: the same for one user at all times, and no name.
HANDLE = "bookings-staff-{}"


class AnswerForm(forms.Form):
    """What the browser answers, as JSON. The name of the field is among those that are never kept."""

    passkey_token = forms.CharField(widget=forms.HiddenInput, max_length=16 * 1024)


class NewPasskeyForm(AnswerForm, PasswordForm):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=60,
        help_text=gettext_lazy("What you call it, as in: laptop at the desk."),
    )
    field_order = ("name", "password", "passkey_token")


class PasskeyPages(Pages):
    """The pages, on the site of the back office. Where a browser cannot use passkeys they lead elsewhere."""

    def urls(self) -> list[URLPattern]:
        """Give their addresses, both for users who are not logged in yet."""
        hidden = sensitive_post_parameters()
        return [
            path("second-factor/passkey/", never_cache(hidden(self.show)), name="passkey"),
            path("second-factor/passkey/add/", never_cache(hidden(self.add)), name="passkey_add"),
        ]

    def show(self, request: HttpRequest) -> HttpResponse:
        """Ask for the passkey that a log-in still needs."""
        found = half_way(request)
        if found is None:
            return self._begin_again(request)
        known = known_passkeys(found.user)
        if not (known and passkeys_are_offered(request)):
            return HttpResponseRedirect(reverse("admin:second_factor"))
        form, status = AnswerForm(request.POST or None), HTTPStatus.OK
        if form.is_valid():
            try:
                proof = tried(request, found.user, lambda: _use(request, found.user, form))
            except Refused as no:
                status = no.say(form, None)
            else:
                return self._let_in(request, found, proof)
        options, state = wiring.passkeys().begin_log_in(known=known)
        request.session[_ASKED] = state
        shown = {"title": _("Passkey"), "form": form, "name": found.user.get_username()}
        return self._page(request, "passkey", {**shown, "options": json.dumps(options)}, status=status)

    def add(self, request: HttpRequest) -> HttpResponse:
        """Make a passkey: on the way in, for users who must have a factor, or for a user who is logged in."""
        found = self._who_adds(request)
        if found is None:
            return self._begin_again(request)
        if not passkeys_are_offered(request):
            return HttpResponseRedirect(reverse("admin:second_factor_add"))
        form, status = form_for(NewPasskeyForm, request, found.user, is_inside=found.is_inside), HTTPStatus.OK
        if form.is_valid():
            try:
                codes = tried(request, found.user, lambda: _add(request, found, form))
            except Refused as no:
                status = no.say(form, None)
            else:
                return self._added(request, found, codes, proof=Proof.PASSKEY)
        options, state = wiring.passkeys().begin_adding(
            handle=HANDLE.format(found.user.pk).encode(),
            name=found.user.get_username(),
            known=known_passkeys(found.user),
        )
        request.session[_ASKED] = state
        shown = {"title": _("Set up a passkey"), "form": form, "is_required": not found.is_inside}
        return self._page(request, "passkey_add", {**shown, "options": json.dumps(options)}, status=status)


def _use(request: HttpRequest, user: Any, form: forms.Form) -> Proof:
    state, said = _asked_and_said(request, form)
    try:
        proven = wiring.passkeys().complete_log_in(state, said, known=known_passkeys(user))
    except PasskeyRefused as error:
        raise WrongPasskey from error
    return use_passkey(user, proven)


def _add(request: HttpRequest, found: HalfWay, form: forms.Form) -> list[str]:
    check_password(found.user, form)
    state, said = _asked_and_said(request, form)
    try:
        proven = wiring.passkeys().complete_adding(state, said)
    except PasskeyRefused as error:
        raise WrongPasskey from error
    return add_passkey(
        found.user,
        name=form.cleaned_data["name"],
        proven=proven,
        visit=visit_of(request),
        must_be_first=not found.is_inside,
    )


def _asked_and_said(request: HttpRequest, form: forms.Form) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """Give what was asked, for this once, and what the browser says."""
    state = request.session.pop(_ASKED, None)
    try:
        said = json.loads(form.cleaned_data["passkey_token"])
    except (ValueError, RecursionError) as error:
        raise WrongPasskey from error
    if state is None or not isinstance(said, dict):
        raise WrongPasskey
    return state, said
