"""Calls to the Flight Service that need a decision, or have no answer yet; and the page of one release."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from django.contrib.admin.utils import unquote
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, re_path
from django.utils.translation import gettext as _

from bookings.conf import peer_knows_keys
from bookings.db.clock import database_time
from bookings.models import Booking, SeatCall, SeatExchange
from bookings.models.seats.seat_call import SeatCallKind, SeatCallState
from bookings.office.addresses import NotUnderstood, only, page_at, selection_by_id
from bookings.office.base import BoundedPaginator, ReadOnlyAdmin, require
from bookings.office.decisions import DECISIONS, IN_ADDRESS, decide
from bookings.office.seats.at_flight_service import RIGHT
from bookings.office.seats.releases import DeadCall, state_of
from bookings.queries.seats.calls import (
    ROWS_SHOWN,
    Truncated,
    dead_releases,
    first_of,
    stuck_exchanges,
    stuck_reservations,
    unanswered_exchanges,
    unanswered_releases,
    unanswered_reservations,
)
from bookings.services.shared.retry_policy import staff_may_repeat
from bookings.text.ids import id_in

MEMBERS_PER_PAGE = 100

# Of the list, as addresses spell them: with one of them it shows that table alone.
TABLES: Mapping[str, Callable[[int | None], QuerySet[Any]]] = MappingProxyType(
    {
        "stuck": stuck_reservations,
        "dead": dead_releases,
        "exchange": stuck_exchanges,
        "asking": unanswered_reservations,
        "open": unanswered_releases,
        "exchanging": unanswered_exchanges,
    }
)


@dataclass(frozen=True, slots=True)
class WaitingCall:
    """A call that waits for a decision: how old it is, and whether it may be sent once more."""

    call: Booking | SeatCall | SeatExchange
    age: timedelta
    may_be_sent: bool

    @classmethod
    def each(cls, calls: Iterable[Booking | SeatCall | SeatExchange], now: datetime) -> "list[WaitingCall]":
        return [cls._of(call, now) for call in calls]

    @classmethod
    def _of(cls, call: Booking | SeatCall | SeatExchange, now: datetime) -> "WaitingCall":
        sent_at = call.first_sent_at
        return cls(
            call, now - (sent_at or call.created_at), staff_may_repeat(sent_at, now, knows_keys=peer_knows_keys())
        )


class SeatCallAdmin(ReadOnlyAdmin):
    """Its list shows no finished calls: they need no decision, and they are without number."""

    def get_urls(self) -> list[URLPattern]:
        pattern = rf"^(?P<call_id>[0-9]+)/(?P<word>{IN_ADDRESS})/$"
        view = self.admin_site.admin_view(self.decide_view)
        return [re_path(pattern, view, name="bookings_seatcall_decide"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        require(request, "bookings.view_seatcall")
        only(request, "flight", "show", "page")
        flight, show = selection_by_id(request, "show", "page").flight, request.GET.get("show", "")
        if (show or "page" in request.GET) and show not in TABLES:
            raise NotUnderstood(["show"])
        now, page = database_time(), None
        if show:
            page = page_at(request, BoundedPaginator(TABLES[show](flight), ROWS_SHOWN))
            tables = {show: Truncated(list(page), has_more=False)}
        else:
            tables = {word: first_of(ask(flight)) for word, ask in TABLES.items()}
        context = {
            **self.admin_site.each_context(request),
            "title": _("Calls that need a decision, or have no answer yet"),
            "flight": flight,
            "show": show,
            "page": page,
            "tables": tables,
            "stuck": WaitingCall.each(tables["stuck"].rows, now) if "stuck" in tables else [],
            "dead": WaitingCall.each(tables["dead"].rows, now) if "dead" in tables else [],
            "exchanges": WaitingCall.each(tables["exchange"].rows, now) if "exchange" in tables else [],
            "now": now,
            "shown": ROWS_SHOWN,
            "may_decide": request.user.has_perm(RIGHT),
            "knows_keys": peer_knows_keys(),
        }
        return TemplateResponse(request, "admin/bookings/seatcall/list.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        require(request, "bookings.view_seatcall")
        only(request, "page")
        call = _call(unquote(object_id))
        now = database_time()
        case = DeadCall(call)
        members = Booking.objects.filter(give_back=call).order_by("pk")
        context = {
            **self.admin_site.each_context(request),
            "title": case.name,
            "opts": self.opts,
            "call": call,
            "state": state_of(call),
            "is_void": call.kind == SeatCallKind.VOID,
            "is_correction": case.is_correction,
            "waiting": WaitingCall.each([call], now)[0],
            "waits": call.state == SeatCallState.DEAD,
            "decisions": call.events.order_by("pk"),
            "members": page_at(request, Paginator(members, MEMBERS_PER_PAGE)),
            "may_decide": request.user.has_perm(RIGHT),
            "knows_keys": peer_knows_keys(),
        }
        return TemplateResponse(request, "admin/bookings/seatcall/one.html", context)

    def decide_view(self, request: HttpRequest, call_id: str, word: str) -> HttpResponse:
        return decide(request, self.admin_site, lambda: DeadCall(_call(call_id)), DECISIONS[word], right=RIGHT)


def _call(number: str) -> SeatCall:
    call_id = id_in(number)
    call = None if call_id is None else SeatCall.objects.filter(pk=call_id).first()
    if call is None:
        raise Http404
    return call
