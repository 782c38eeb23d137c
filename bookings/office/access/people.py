"""The people who work here: Django's own pages of them, and what happened at their log-ins."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse

from bookings.models import LogInEvent, StaffIdentity
from bookings.office.access.door import visit_of
from bookings.office.access.second_factor import EVENTS_SHOWN
from bookings.services.access.log_ins import note_password_set
from bookings.services.access.second_factor import factors_of
from bookings.text.ids import id_in

if TYPE_CHECKING:  # generic for the type checker alone
    AnyUserAdmin = UserAdmin[User]
else:
    AnyUserAdmin = UserAdmin


class PeopleAdmin(AnyUserAdmin):
    """Django's pages of users; that of one user shows its log-ins too."""

    change_form_template = "admin/log_in/person.html"

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Without the beginning of a password's hash, for users who may not change it."""
        found = super().get_fieldsets(request, obj)
        if self.has_change_permission(request, obj):
            return found
        return [(title, {**shown, "fields": [f for f in shown["fields"] if f != "password"]}) for title, shown in found]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show a user with its last log-ins, and what it proves itself by."""
        number = id_in(unquote(object_id))
        person = None if number is None else User.objects.filter(pk=number).first()
        shown: dict[str, Any] = {}
        if person is not None:
            shown["events"] = LogInEvent.objects.filter(user=person).order_by("-pk")[:EVENTS_SHOWN]
            shown["factors"] = factors_of(person)
            shown["is_connected"] = StaffIdentity.objects.filter(user=person).exists()
        return super().change_view(request, object_id, form_url, {**shown, **(extra_context or {})})

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        """Django's page; what it did stands in the history of the user's log-in, too."""
        answer = super().user_change_password(request, id, form_url)
        if request.method == "POST" and answer.status_code == HTTPStatus.FOUND:
            visit = visit_of(request, done_by=request.user.get_username())
            note_password_set(User.objects.get(pk=unquote(id)), visit=visit)
        return answer
