"""The pages on which staff decide about one call that the worker has given up: what will happen, why, and the click."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from types import MappingProxyType

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bookings import errors
from bookings.answers.rendering import STATUS
from bookings.conf import STAFF_RETRIES_END_AFTER
from bookings.db.clock import database_time
from bookings.lifecycle import Decision, Hold
from bookings.models import Booking, BookingEvent, Payment, Refund, SeatCall, SeatCallEvent, SeatExchange
from bookings.models.payments import PaymentState
from bookings.models.refunds import RefundState
from bookings.models.seats.seat_call import SeatCallState
from bookings.office import unsent
from bookings.office.base import new_action_key, require, staff_of
from bookings.office.notes import NoteField
from bookings.services.shared.manual_resolution import Resolution
from bookings.services.shared.retry_policy import is_too_old, staff_may_repeat

# As addresses spell them.
DECISIONS: Mapping[str, Decision] = MappingProxyType(
    {decision.value.replace("_", "-"): decision for decision in Decision}
)
IN_ADDRESS = "|".join(DECISIONS)

Consequences = Mapping[Decision, tuple[str | Promise, str | Promise]]
"""Of each decision what will happen, and what it costs if it is wrong."""

Verbs = Mapping[Decision, str | Promise]
"""What the buttons say."""

REFUSED: Mapping[type[errors.BookingError], str | Promise] = MappingProxyType(
    {
        errors.NothingToDecide: gettext_lazy("This call does not wait for a decision any more."),
        errors.RetryTooLate: gettext_lazy("It is too late to send this call once more."),
        errors.RetryCountsTwice: gettext_lazy("Sent once more, this call would count twice."),
        errors.FlightServiceRests: gettext_lazy(
            "The Flight Service is not asked just now, as it has failed several times. Try again in a few seconds."
        ),
        errors.InvalidRequest: gettext_lazy("Say why, in at most 500 characters."),
    }
)


class DecisionForm(forms.Form):
    note = NoteField(
        label=gettext_lazy("Why"),
        help_text=gettext_lazy("What you know, and from whom. It stays on record with your name."),
    )
    action_key = forms.UUIDField(widget=forms.HiddenInput)
    # The state that the page showed.
    about = forms.CharField(widget=forms.HiddenInput, required=False)


WAITING = frozenset({Hold.STUCK, SeatCallState.DEAD, PaymentState.DEAD, RefundState.DEAD})
"""The states in which a row waits for a decision."""


class ManualCase(ABC):
    """One call that staff may decide about: the row of it, the other system, and what there is to say."""

    template: str
    row: Booking | SeatCall | SeatExchange | Payment | Refund
    verbs: Verbs
    # The other system, as a sentence names it.
    peer: str | Promise

    @property
    @abstractmethod
    def knows_keys(self) -> bool:
        """Whether the other system carries a repeated request out once."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What a person calls it."""

    @property
    @abstractmethod
    def address(self) -> str:
        """The page about it."""

    @property
    @abstractmethod
    def trail(self) -> Sequence[tuple[str, str]]:
        """The pages above this one, as text and address."""

    @property
    @abstractmethod
    def state(self) -> str:
        """What its row says now."""

    @property
    def waits(self) -> bool:
        """Whether there is something to decide."""
        return self.state in WAITING

    @property
    def first_sent_at(self) -> datetime | None:
        return self.row.first_sent_at

    def look_again(self) -> None:
        """Read the row as it is now."""
        self.row.refresh_from_db()

    @abstractmethod
    def consequence(self, decision: Decision) -> tuple[str, str]:
        """Say what will happen, and what it costs if the decision is wrong; the latter may be empty."""

    @abstractmethod
    def last_event(self) -> BookingEvent | SeatCallEvent | None:
        """What happened last."""

    @abstractmethod
    def carry_out(self, resolution: Resolution) -> tuple[int, str]:
        """Call the service; give the level and the text of what came of it."""


def seats_in_words(count: int) -> str:
    return ngettext("%(count)d seat", "%(count)d seats", count) % {"count": count}


def no_answer(first_sent_at: datetime | None) -> tuple[int, str]:
    """Say what becomes of a call that was sent once more and has no answer."""
    if is_too_old(first_sent_at, database_time()):
        return messages.WARNING, _(
            "No answer again. It was first sent more than 24 hours ago, so the worker does not repeat it: "
            "in half a minute it waits for a decision once more."
        )
    return messages.WARNING, _("No answer yet. The worker goes on asking, under the same key.")


def waits_again() -> tuple[int, str]:
    """Say that a call waits for a decision, as before: it was sent in vain, or this page was sent twice."""
    return messages.WARNING, _(
        "It waits for a decision. If this page was sent before, nothing was sent this time: look at what happened."
    )


def decide(
    request: HttpRequest, site: AdminSite, find: Callable[[], ManualCase], decision: Decision, *, right: str
) -> HttpResponse:
    """
    Show what a decision will do, and carry it out when it is sent with its reason.

    `find` looks the call up; it is asked only for who has the right.
    """
    require(request, right)
    case = find()
    initial = {"action_key": new_action_key(), "about": case.state}
    form = DecisionForm(request.POST if request.method == "POST" else None, initial=initial)
    form.initial.update(unsent.typed(request, form))
    refused: str | Promise = ""
    status: int = HTTPStatus.OK
    if form.is_valid():
        try:
            said = form.cleaned_data
            key, about = said["action_key"].hex, said["about"]
            level, text = case.carry_out(
                Resolution(decision, staff_of(request), note=said["note"], action_key=key, about=about)
            )
        except errors.BookingError as error:
            case.look_again()
            refused, status = REFUSED.get(type(error), error.explanation), STATUS[type(error)]
        else:
            messages.add_message(request, level, text)
            return HttpResponseRedirect(case.address)
    happens, risk = case.consequence(decision)
    is_retry = decision is Decision.RETRY
    until = case.first_sent_at + STAFF_RETRIES_END_AFTER if is_retry and case.first_sent_at else None
    is_too_late = is_retry and not staff_may_repeat(case.first_sent_at, database_time(), knows_keys=case.knows_keys)
    context = {
        **site.each_context(request),
        "title": f"{case.verbs[decision]}: {case.name}",
        "case": case,
        "last": None if case.waits else case.last_event(),
        "form": form,
        "refused": refused,
        "happens": happens,
        "risk": risk,
        "is_retry": is_retry,
        "retry_until": until,
        "retry_days": STAFF_RETRIES_END_AFTER // timedelta(days=1),
        "is_too_late": is_too_late,
        "counts_twice": is_too_late and not case.knows_keys,
        "can_be_sent": case.waits and not is_too_late,
        "verb": case.verbs[decision],
    }
    return TemplateResponse(request, case.template, context, status=status)
