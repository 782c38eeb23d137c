"""A case in the back office: who works on a booking, and the form that moves it on."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.conf import LONGEST_CASE_NOTE
from bookings.models.bookings.booking_case import CaseMove
from bookings.office import unsent
from bookings.office.base import new_action_key, staff_of
from bookings.office.notes import NoteField
from bookings.queries.bookings.page import BookingPage
from bookings.services.bookings.move_case import CaseOrder, move_case

WORK = "bookings.work_case"
ASSIGN = "bookings.assign_case"

# More people than one person chooses from.
MOST_COLLEAGUES = 500


class CaseForm(forms.Form):
    """What is done with a case; which of it, the button says that is pressed."""

    follow_up_on = forms.DateField(
        label=gettext_lazy("Follow up on (UTC)"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    to = forms.ChoiceField(label=gettext_lazy("Colleague"), required=False)
    # Not as the form of notes names its field: both stand on one page.
    remark = NoteField(
        label=gettext_lazy("Note on the case"),
        required=False,
        rows=1,
        max_length=LONGEST_CASE_NOTE,
        help_text=gettext_lazy("Stands in the timeline, for colleagues alone."),
    )
    move = forms.ChoiceField(choices=CaseMove.choices, widget=forms.HiddenInput)
    seen_version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    action_key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, me: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [name for name in _names_of_colleagues() if name != me]
        self.fields["to"].choices = [("", _("Choose a colleague")), *((name, name) for name in names)]  # type: ignore[attr-defined]  # a ChoiceField

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        if said.get("move") == CaseMove.HAND_OVER and not said.get("to") and "to" not in self.errors:
            self.add_error("to", _("Say to whom."))
        return said

    @property
    def typed(self) -> dict[str, Any]:
        """What a person has typed, to be typed into the form of another page."""
        return {field.name: field.value() for field in self.visible_fields()}

    @property
    def is_broken(self) -> bool:
        """Whether there is something wrong with what no person types."""
        return any(name in self.errors for name in ("move", "seen_version", "action_key"))


def case_context(request: HttpRequest, page: BookingPage, **shown: Any) -> dict[str, Any]:
    """What the page of a booking shows of its case; with its form as it is, unless one is `shown`."""
    case, me = page.case, request.user.get_username()
    may_work, may_assign = request.user.has_perm(WORK), request.user.has_perm(ASSIGN)
    is_mine = case is not None and case.owner == me
    if may_work and "case_form" not in shown:
        shown["case_form"] = case_form(request, page)
    return {
        **shown,
        "is_my_case": is_mine,
        "may_work_case": may_work,
        "may_take_case": may_work and not is_mine and (case is None or not case.owner or may_assign),
        "may_move_case": may_work and case is not None and (is_mine or may_assign),
    }


def case_form(request: HttpRequest, page: BookingPage, **typed: Any) -> CaseForm:
    """An empty form, or what was typed, for the case as the page shows it."""
    form = CaseForm(
        me=request.user.get_username(),
        initial={
            "follow_up_on": page.case.follow_up_on if page.case else None,
            "seen_version": page.case_version,
            "action_key": new_action_key(),
            **typed,
        },
    )
    form.initial.update(unsent.typed(request, form))
    return form


def move_by(request: HttpRequest, page: BookingPage, form: CaseForm) -> None:
    """
    Do what a valid form says, and tell who sent it.

    :raises CaseChanged, NotYourCase: as `move_case` does
    """
    said = form.cleaned_data
    order = CaseOrder(
        move=CaseMove(said["move"]),
        seen_version=said["seen_version"],
        to=said["to"],
        follow_up_on=said["follow_up_on"],
        note=said["remark"],
        may_assign=request.user.has_perm(ASSIGN),
    )
    move_case(booking_id=page.booking.pk, order=order, actor=staff_of(request), action_key=said["action_key"].hex)
    messages.success(request, TOLD[order.move] % {"to": order.to})


def _names_of_colleagues() -> list[str]:
    people = get_user_model().objects.with_perm(WORK, backend="django.contrib.auth.backends.ModelBackend")
    return list(people.filter(is_staff=True).order_by("username").values_list("username", flat=True)[:MOST_COLLEAGUES])


TOLD = {
    CaseMove.TAKE: gettext_lazy("The case is yours."),
    CaseMove.HAND_OVER: gettext_lazy("The case is handed over to %(to)s."),
    CaseMove.GIVE_BACK: gettext_lazy("The case is free: a colleague may take it."),
    CaseMove.DATE: gettext_lazy("The follow-up date is kept."),
    CaseMove.CLOSE: gettext_lazy("The case is closed."),
}
