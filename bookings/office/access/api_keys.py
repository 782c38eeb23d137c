"""The keys of services in the back office: made, rotated and revoked on pages of their own."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.actor import Scope
from bookings.errors import InvalidRequest
from bookings.models import ApiKey, ApiKeyEvent
from bookings.office import unsent
from bookings.office.base import RecordAdmin, column, require, staff_of
from bookings.office.notes import NoteField
from bookings.office.tags import moment
from bookings.services.access.api_keys import UnknownApiKey, issue_api_key, revoke_api_key, rotate_api_key
from bookings.text.ids import id_in

RIGHT = "bookings.manage_api_keys"


class WhyForm(forms.Form):
    """Why a key is made or changed; the last field of each form."""

    note = NoteField(
        label=gettext_lazy("Why"), widget=forms.TextInput, help_text=gettext_lazy("Stands in the events of the key.")
    )
    field_order = ("seen", "name", "scopes", "grace_hours", "days", "requests_per_minute", "note")


class NewKeyForm(WhyForm):
    name = forms.CharField(
        max_length=80, help_text=gettext_lazy("Which service it is for."), label=gettext_lazy("Name")
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("Scopes"),
        choices=[(scope, scope) for scope in Scope.values],
        widget=forms.CheckboxSelectMultiple,
    )
    days = forms.IntegerField(
        label=gettext_lazy("Days"),
        min_value=1,
        max_value=730,
        initial=365,
        help_text=gettext_lazy("How long it is good for."),
    )
    requests_per_minute = forms.IntegerField(
        label=gettext_lazy("Requests per minute"),
        min_value=1,
        max_value=1_000_000,
        required=False,
        help_text=gettext_lazy("For each route; empty: as for other services."),
    )


class RotateForm(WhyForm):
    # What the key was when the form was shown.
    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    grace_hours = forms.IntegerField(
        label=gettext_lazy("Hours of grace"),
        min_value=0,
        max_value=720,
        initial=24,
        help_text=gettext_lazy("How long the old secret still works."),
    )
    days = forms.IntegerField(
        label=gettext_lazy("Days"),
        min_value=1,
        max_value=730,
        required=False,
        help_text=gettext_lazy("How long the key is good for from now on; empty: as before."),
    )


class RevokeForm(WhyForm):
    """Nothing else to fill in: the page says what will happen."""


@admin.display(description=gettext_lazy("State"))
def state(key: ApiKey) -> str:
    """Whether a key opens anything."""
    if key.revoked_at:
        return _("revoked")
    return _("expired") if key.expires_at <= key.read_at else _("good")


class ApiKeyAdmin(RecordAdmin):
    """The keys of services: shown without their secrets, and changed by services on pages of their own."""

    list_display = [
        column("name", gettext_lazy("Name")),
        column("key_id", gettext_lazy("Id")),
        column("scopes", gettext_lazy("Scopes")),
        state,
        column("expires_at", gettext_lazy("Good until"), moment),
        column("last_used_at", gettext_lazy("Last used"), moment),
    ]
    more = [
        column("requests_per_minute", gettext_lazy("Requests per minute")),
        column("created_at", gettext_lazy("Made"), moment),
        column("created_by", gettext_lazy("Made by")),
        column("previous_expires_at", gettext_lazy("The secret before works until"), moment),
        column("revoked_at", gettext_lazy("Revoked"), moment),
    ]
    ordering = ["-pk"]
    record_template = "admin/bookings/apikey/record.html"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show a key with its history."""
        events = ApiKeyEvent.objects.filter(api_key=self.get_object(request, unquote(object_id))).order_by("pk")
        return super().change_view(request, object_id, form_url, {"events": events, **(extra_context or {})})

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        return ApiKey.objects.with_database_time().order_by(*self.ordering)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(RIGHT)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request) or super().has_view_permission(request, obj)

    def get_urls(self) -> list[URLPattern]:
        named = [("rotate", self.rotate_view), ("revoke", self.revoke_view)]
        own = [
            path(f"<path:object_id>/{name}/", self.admin_site.admin_view(view), name=f"bookings_apikey_{name}")
            for name, view in named
        ]
        return [*own, *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        form = self._form_of(request, NewKeyForm)
        if form.is_valid():
            asked = form.cleaned_data
            try:
                key, text = issue_api_key(
                    name=asked["name"],
                    scopes={Scope(word) for word in asked["scopes"]},
                    life=timedelta(days=asked["days"]),
                    requests_per_minute=asked["requests_per_minute"],
                    actor=staff_of(request),
                    note=asked["note"],
                )
            except InvalidRequest as error:
                form.add_error(None, "; ".join(f"{name}: {text}" for name, text in error.fields.items()))
            else:
                return self._shown_once(request, key, text)
        return self._page(request, form, title=_("Add API key"), button=_("Make the key"))

    def rotate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        key = self._key(request, object_id)
        form = self._form_of(request, RotateForm, seen=key.secret_mark)
        if form.is_valid():
            days = form.cleaned_data["days"]
            try:
                key, text = rotate_api_key(
                    key_id=key.key_id,
                    grace=timedelta(hours=form.cleaned_data["grace_hours"]),
                    life=timedelta(days=days) if days else None,
                    actor=staff_of(request),
                    note=form.cleaned_data["note"],
                    seen=form.cleaned_data["seen"],
                )
            except InvalidRequest as error:
                form.add_error(None, " ".join(error.fields.values()))
            except UnknownApiKey:
                form.add_error(None, _("This key has been revoked."))
            else:
                return self._shown_once(request, key, text)
        what = _("The key gets a new secret, which is shown once. Its id, scopes and limits stay as they are.")
        shown = {"title": _("Rotate API key"), "button": _("Give it a new secret"), "what": what}
        return self._page(request, form, key=key, **shown)

    def revoke_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        key, form = self._key(request, object_id), self._form_of(request, RevokeForm)
        if form.is_valid():
            try:
                revoke_api_key(key_id=key.key_id, actor=staff_of(request), note=form.cleaned_data["note"])
                messages.success(request, _("%(key)s is revoked.") % {"key": key})
            except UnknownApiKey:
                said = _("%(key)s had been revoked already; nothing was changed.")
                messages.warning(request, said % {"key": key})
            return HttpResponseRedirect(reverse("admin:bookings_apikey_changelist"))
        what = _("Every request with this key is refused from then on, with all its secrets. It cannot be undone.")
        return self._page(request, form, key=key, title=_("Revoke API key"), button=_("Revoke it"), what=what)

    def _form_of(self, request: HttpRequest, kind: type[forms.Form], **initial: str) -> forms.Form:
        require(request, RIGHT)
        form = kind(request.POST) if request.method == "POST" else kind(initial=initial)
        form.initial.update(unsent.typed(request, form))
        return form

    def _key(self, request: HttpRequest, object_id: str) -> ApiKey:
        # First of all: to others a key that is there looks like one that is not.
        require(request, RIGHT)
        number = id_in(unquote(object_id))
        key = None if number is None else ApiKey.objects.filter(pk=number).first()
        if key is None:
            raise Http404
        return key

    def _page(self, request: HttpRequest, form: forms.Form, **shown: Any) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, "form": form, **shown}
        return TemplateResponse(request, "admin/bookings/apikey/form.html", context)

    def _shown_once(self, request: HttpRequest, key: ApiKey, text: str) -> HttpResponse:
        """Answer with the key itself: a redirect would have to keep it somewhere in between."""
        context = {**self.admin_site.each_context(request), "opts": self.opts, "key": key, "text": text}
        context["title"] = _("Copy the key now")
        return TemplateResponse(request, "admin/bookings/apikey/shown.html", context)
