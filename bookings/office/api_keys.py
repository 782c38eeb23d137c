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

from bookings.actor import Scope
from bookings.errors import InvalidRequest
from bookings.models import ApiKey
from bookings.office.base import ReadOnlyAdmin, require
from bookings.services.api_keys import UnknownApiKey, issue_api_key, revoke_api_key, rotate_api_key


class NewKeyForm(forms.Form):
    name = forms.CharField(max_length=80, help_text="Which service it is for.")
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in Scope.values], widget=forms.CheckboxSelectMultiple
    )
    days = forms.IntegerField(min_value=1, max_value=730, initial=365, help_text="How long it is good for.")
    requests_per_minute = forms.IntegerField(
        min_value=1, max_value=1_000_000, required=False, help_text="For each route; empty: as for other services."
    )


class RotateForm(forms.Form):
    # What the key was when the form was shown.
    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    grace_hours = forms.IntegerField(
        min_value=0, max_value=720, initial=24, help_text="How long the old secret still works."
    )
    days = forms.IntegerField(
        min_value=1,
        max_value=730,
        required=False,
        help_text="How long the key is good for from now on; empty: as before.",
    )


class RevokeForm(forms.Form):
    """Nothing to fill in: the page says what will happen."""


class ApiKeyAdmin(ReadOnlyAdmin):
    """The keys of services: shown without their secrets, and changed by services on pages of their own."""

    list_display = ["name", "key_id", "scopes", "state", "expires_at", "last_used_at"]
    search_fields = ["=key_id", "name"]
    search_help_text = "Key id or name"
    ordering = ["-pk"]
    exclude = ["secret_hash", "previous_secret_hash"]
    change_form_template = "admin/bookings/apikey/change_form.html"

    @admin.display(description="state")
    def state(self, key: ApiKey) -> str:
        if key.revoked_at:
            return "revoked"
        return "expired" if key.expires_at <= key.read_at else "good"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        return ApiKey.objects.with_database_time().order_by(*self.ordering)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("bookings.manage_api_keys")

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
                    by=request.user.get_username(),
                )
            except InvalidRequest as error:
                form.add_error(None, "; ".join(f"{name}: {text}" for name, text in error.fields.items()))
            else:
                return self._shown_once(request, key, text)
        return self._page(request, form, title="Add API key", button="Make the key")

    def rotate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        key = self._key(object_id)
        form = self._form_of(request, RotateForm, seen=key.secret_mark)
        if form.is_valid():
            days = form.cleaned_data["days"]
            try:
                key, text = rotate_api_key(
                    key_id=key.key_id,
                    grace=timedelta(hours=form.cleaned_data["grace_hours"]),
                    life=timedelta(days=days) if days else None,
                    by=request.user.get_username(),
                    seen=form.cleaned_data["seen"],
                )
            except InvalidRequest as error:
                form.add_error(None, " ".join(error.fields.values()))
            except UnknownApiKey:
                form.add_error(None, "This key has been revoked.")
            else:
                return self._shown_once(request, key, text)
        what = "The key gets a new secret, which is shown once. Its id, scopes and limits stay as they are."
        return self._page(request, form, key=key, title="Rotate API key", button="Give it a new secret", what=what)

    def revoke_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        key, form = self._key(object_id), self._form_of(request, RevokeForm)
        if request.method == "POST":
            try:
                revoke_api_key(key_id=key.key_id, by=request.user.get_username())
                messages.success(request, f"{key} is revoked.")
            except UnknownApiKey:
                messages.warning(request, f"{key} had been revoked already; nothing was changed.")
            return HttpResponseRedirect(reverse("admin:bookings_apikey_changelist"))
        what = "Every request with this key is refused from then on, with all its secrets. It cannot be undone."
        return self._page(request, form, key=key, title="Revoke API key", button="Revoke it", what=what)

    def _form_of(self, request: HttpRequest, kind: type[forms.Form], **initial: str) -> forms.Form:
        require(request, "bookings.manage_api_keys")
        return kind(request.POST) if request.method == "POST" else kind(initial=initial)

    def _key(self, object_id: str) -> ApiKey:
        number = unquote(object_id)
        key = ApiKey.objects.filter(pk=number).first() if number.isascii() and number.isdigit() else None
        if key is None:
            raise Http404
        return key

    def _page(self, request: HttpRequest, form: forms.Form, **shown: Any) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, "form": form, **shown}
        return TemplateResponse(request, "admin/bookings/apikey/form.html", context)

    def _shown_once(self, request: HttpRequest, key: ApiKey, text: str) -> HttpResponse:
        """Answer with the key itself: a redirect would have to keep it somewhere in between."""
        context = {**self.admin_site.each_context(request), "opts": self.opts, "key": key, "text": text}
        context["title"] = "Copy the key now"
        return TemplateResponse(request, "admin/bookings/apikey/shown.html", context)
