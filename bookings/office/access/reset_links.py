"""The pages of a new password: a supervisor makes a link, and hands it over; its reader sets a password."""

import functools
from http import HTTPStatus
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.auth.views import INTERNAL_RESET_SESSION_TOKEN, PasswordResetConfirmView
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.office.access.door import visit_of
from bookings.office.base import require
from bookings.office.notes import NoteField
from bookings.services.access.reset_links import LinkUsed, MayNotReset, make_reset_link, set_password

RIGHT = "bookings.reset_password"
WHY_NOT = {
    "own": gettext_lazy("This is your own log-in: change its password by your own."),
    "no password": gettext_lazy("This user logs in without a password, or not at all."),
    "rights": gettext_lazy("This user has rights that you do not have: ask a colleague who has them."),
}


class LinkForm(forms.Form):
    note = NoteField(
        label=gettext_lazy("Why"),
        widget=forms.TextInput,
        help_text=gettext_lazy("How you know who asks. Stands in the history of the log-in."),
    )
    removes_factors = forms.BooleanField(
        label=gettext_lazy("Remove the second factors and recovery codes too: they are lost"),
        required=False,
        help_text=gettext_lazy("The connection with single sign-on ends with them."),
    )


def link_view(site: Any, request: HttpRequest, person_id: int) -> HttpResponse:
    """Make a link for a member of staff, and show it once."""
    require(request, RIGHT)
    person = User.objects.filter(pk=person_id).first()
    if person is None:
        raise Http404
    form = LinkForm(request.POST if request.method == "POST" else None)
    shown: dict[str, Any] = {**site.each_context(request), "title": _("Link for a new password"), "person": person}
    if form.is_valid():
        visit = visit_of(request, done_by=request.user.get_username(), note=form.cleaned_data["note"])
        gone = form.cleaned_data["removes_factors"]
        try:
            who, token = make_reset_link(person, by=request.user, removes_factors=gone, visit=visit)
        except MayNotReset as error:
            form.add_error(None, str(WHY_NOT[str(error)]))
        else:
            link = request.build_absolute_uri(reverse("admin:set_password", args=[who, token]))
            return TemplateResponse(request, "admin/log_in/link.html", {**shown, "link": link, "gone": gone})
    return TemplateResponse(request, "admin/log_in/link_form.html", {**shown, "form": form})


def reset_pages(site: Any) -> list[URLPattern]:
    """Give the addresses of the pages. The second is for users who are not logged in."""
    make = site.admin_view(functools.partial(link_view, site))
    return [
        path("log-in/<int:person_id>/link/", make, name="reset_link"),
        path("set-password/<uidb64>/<token>/", SetPassword.as_view(), name="set_password"),
    ]


class SetPassword(PasswordResetConfirmView):
    """Django's page behind the link; the link is looked at again, under a lock, when the password is set."""

    template_name = "admin/log_in/set_password.html"

    def form_valid(self, form: Any) -> HttpResponse:
        person, token = cast(User, self.user), self.request.session.pop(INTERNAL_RESET_SESSION_TOKEN)
        password = form.cleaned_data["new_password1"]
        try:
            set_password(person.pk, token, password=password, visit=visit_of(self.request))
        except LinkUsed:
            context = {**self.get_context_data(), "form": None, "validlink": False}
            return self.render_to_response(context, status=HTTPStatus.GONE)
        messages.success(self.request, _("Your password is set. Log in with it."))
        return HttpResponseRedirect(reverse("admin:login"))
