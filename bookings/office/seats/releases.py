"""A release or a correction, as the pages about it show it."""

from collections.abc import Sequence
from functools import cached_property
from types import MappingProxyType

from django.contrib import messages
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings import wiring
from bookings.lifecycle import Decision
from bookings.models import SeatCall, SeatCallEvent
from bookings.models.seats.seat_call import SeatCallEventKind, SeatCallKind, SeatCallState
from bookings.office.decisions import Consequences, no_answer, seats_in_words
from bookings.office.seats.at_flight_service import AtFlightService
from bookings.services.seats.resolve_release import resolve_release
from bookings.services.shared.manual_resolution import Resolution

# What will happen, and what it costs if the decision is wrong.
RELEASE: Consequences = MappingProxyType(
    {
        Decision.RETRY: (
            gettext_lazy(
                "The same request is sent to the Flight Service once more, under the same key. If the %(seats)s "
                "went back the first time, it says so and counts none twice; otherwise they go back now."
            ),
            "",
        ),
        Decision.APPLIED: (
            gettext_lazy("The %(seats)s count as given back. Nothing is sent to the Flight Service."),
            gettext_lazy(
                "If the Flight Service did not take the %(seats)s back, they stay blocked, and cannot be sold."
            ),
        ),
        Decision.NOT_APPLIED: (
            gettext_lazy("The %(seats)s are given back again, under a new key, within seconds."),
            gettext_lazy(
                "If the Flight Service did take the %(seats)s back the first time, it counts them twice: seats "
                "that others hold are sold again, and the flight can be oversold."
            ),
        ),
    }
)


# Of a correction, which has no bookings. One that was decided wrongly is found by the next comparison.
CORRECTION: Consequences = MappingProxyType(
    {
        Decision.RETRY: (
            gettext_lazy(
                "The same request is sent to the Flight Service once more, under the same key. If it was carried "
                "out the first time, or refused, it says so again; otherwise it is carried out now."
            ),
            "",
        ),
        Decision.APPLIED: (
            gettext_lazy(
                "The difference of %(seats)s counts as corrected. Nothing is sent to the Flight Service. If it is "
                "not, the next comparison finds it again."
            ),
            "",
        ),
        Decision.NOT_APPLIED: (
            gettext_lazy(
                "The correction of %(seats)s counts as never sent. Nothing is sent now: the next comparison finds "
                "the difference again, and a new one can correct it."
            ),
            gettext_lazy(
                "If the request still arrives after a new one, the %(seats)s are counted twice: ask whether it "
                "was thrown away."
            ),
        ),
    }
)


def state_of(call: SeatCall) -> str:
    """The state of a release or a correction, as the labels name it."""
    if call.kind == SeatCallKind.VOID:
        return "void"
    return "taken" if call.reserves and call.state == SeatCallState.DONE else call.state


class DeadCall(AtFlightService):
    """A release or a correction, as the page about a decision shows it."""

    template = "admin/bookings/seatcall/decide.html"

    def __init__(self, call: SeatCall) -> None:
        self.row = self.call = call

    @cached_property
    def is_correction(self) -> bool:
        if self.call.kind == SeatCallKind.VOID:  # then its kind no longer says what it was
            return self.call.events.filter(what=SeatCallEventKind.CORRECTED).exists()
        return self.call.kind == SeatCallKind.CORRECTION

    @property
    def name(self) -> str:
        named = {"number": self.call.pk, "seats": seats_in_words(self.call.seats), "flight": self.call.flight_id}
        if self.is_correction:
            return _("Correction %(number)s: %(seats)s of flight %(flight)s") % named
        return _("Release %(number)s: %(seats)s of flight %(flight)s") % named

    @property
    def state(self) -> str:
        return state_of(self.call)

    @property
    def address(self) -> str:
        return reverse("admin:bookings_seatcall_change", args=[self.call.pk])

    @property
    def trail(self) -> Sequence[tuple[str, str]]:
        calls = reverse("admin:bookings_seatcall_changelist")
        number = (_("Correction %(number)s") if self.is_correction else _("Release %(number)s")) % {
            "number": self.call.pk
        }
        return [(_("Calls to the Flight Service"), calls), (number, self.address)]

    def last_event(self) -> SeatCallEvent | None:
        return self.call.events.order_by("pk").last()

    def carry_out(self, resolution: Resolution) -> tuple[int, str]:
        is_correction = self.is_correction  # asked while the kind still says so
        call = resolve_release(call_id=self.call.pk, resolution=resolution, flights=wiring.flight_service())
        match call.state:
            case SeatCallState.OPEN:
                return no_answer(call.first_sent_at)
            case SeatCallState.DEAD:
                said = _("The Flight Service cannot use this request: %(error)s")
                return messages.ERROR, said % {"error": call.last_error}
        if is_correction:
            return messages.SUCCESS, _("The correction is over. Compare again to see that both sides agree.")
        if call.kind == SeatCallKind.VOID:
            return messages.SUCCESS, _("The seats are given back again, under a new key.")
        return messages.SUCCESS, _("The seats are back.")

    def consequence(self, decision: Decision) -> tuple[str, str]:
        happens, risk = (CORRECTION if self.is_correction else RELEASE)[decision]
        named = {"seats": seats_in_words(self.call.seats)}
        return str(happens) % named, str(risk) % named
