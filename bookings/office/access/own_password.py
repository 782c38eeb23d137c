"""The page on which a user changes its own password."""

from http import HTTPStatus
from typing import Any

from django.contrib.admin.forms import AdminPasswordChangeForm
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse_lazy

from bookings.office.access.door import visit_of
from bookings.office.access.tries import Refused, tried
from bookings.services.access.reset_links import change_password
from bookings.services.access.second_factor import WrongPassword


class OwnPasswordForm(AdminPasswordChangeForm):
    """Django's form; wrong passwords count here as on each page that asks for the password again."""

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        self._request, self.code = request, HTTPStatus.OK
        super().__init__(*args, **kwargs)

    def clean_old_password(self) -> str:
        try:
            return tried(self._request, self.user, self._right_password)
        except Refused as no:
            self.code = no.say(self, "old_password")
            return ""

    def _right_password(self) -> str:
        typed: str = self.cleaned_data["old_password"]
        if not self.user.check_password(typed):
            raise WrongPassword
        return typed


class OwnPassword(PasswordChangeView):
    """Django's page, which writes down what was done. All other sessions of the user end."""

    form_class = OwnPasswordForm
    success_url = reverse_lazy("admin:password_change_done")

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request}

    def form_valid(self, form: Any) -> HttpResponse:
        user = change_password(form.user, password=form.cleaned_data["new_password1"], visit=visit_of(self.request))
        update_session_auth_hash(self.request, user)
        return HttpResponseRedirect(self.get_success_url())

    def form_invalid(self, form: Any) -> HttpResponse:
        answer = super().form_invalid(form)
        answer.status_code = form.code
        return answer
