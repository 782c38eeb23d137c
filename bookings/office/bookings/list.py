"""The list of bookings: quick views that name problems, filters that live in the address, and the same as CSV."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.conf import customer_address
from bookings.db.clock import database_time
from bookings.db.replica import read_list
from bookings.lifecycle import UNPAID, BookingStatus, Hold
from bookings.models import Booking, BookingCase
from bookings.models.payments import PaymentState
from bookings.models.refunds import MOVING, RefundState
from bookings.models.seats.seat_call import SeatCallState
from bookings.office import labels
from bookings.office.addresses import (
    PLACES,
    filters_of,
    place_in,
    query_string_of,
    selection_of,
)
from bookings.office.base import AnyModelAdmin, require
from bookings.office.bookings.bulk_note import NOTE
from bookings.office.bookings.case import WORK
from bookings.office.bookings.export import stream_csv
from bookings.office.labels import Badge
from bookings.office.tags import clock, span
from bookings.office.upkeep.open_work import KINDS, counts
from bookings.queries.bookings.cases import cases_among
from bookings.queries.bookings.pages import Page, count_up_to, every, page_of
from bookings.queries.bookings.quick_views import (
    MOST_COUNTED,
    counts_of_views,
    unsettled_payments,
    unsettled_refunds,
)
from bookings.queries.bookings.selection import Selection
from bookings.text.money import Money

SEE = "bookings.view_booking"

# Longer than a repetition under way takes: before that staff need not look.
UNKNOWN_AFTER = timedelta(minutes=1)
OWED_AFTER = timedelta(minutes=2)

VIEWS: dict[str, str | Promise] = {
    "awaiting_payment": gettext_lazy("Awaiting payment"),
    "expiring": gettext_lazy("Expiring in 5 min"),
    "not_given_back": gettext_lazy("Seats not given back yet"),
    "unknown": gettext_lazy("Unknown outcome"),
    "refund_due": gettext_lazy("Refund due"),
    "replaced_paid": gettext_lazy("Replaced and still paid"),
    "cancelled_today": gettext_lazy("Cancelled today"),
    "cases_due": gettext_lazy("Cases due"),
    "cases_free": gettext_lazy("Cases free to take"),
}
# Those that a number of the start page leads to.
OTHER_VIEWS: dict[str, str | Promise] = {
    "unsent": gettext_lazy("Seats not sent back yet"),
    "paid_today": gettext_lazy("Paid today"),
    "expired_today": gettext_lazy("Expired today"),
    "cancelled_by_people": gettext_lazy("Cancelled by people today"),
}

COLUMNS = (
    *(
        "id",
        "reference",
        "status",
        "cancel_reason",
        "hold",
        "flight_id",
        "no_of_seats",
        "price_per_seat",
        "total",
        "currency",
    ),
    *("user_id", "created_at", "held_at", "expires_at", "updated_at", "created_by", "request_id", "customer_url"),
    *("flight_number", "departure_airport", "arrival_airport", "departure_at", "arrival_at"),
    *("payment_state", "payment_at", "refund_at", "refunded", "cancelled_at", "client_reference", "metadata"),
    "replaces_id",
)
"""Of the export, for programs: as the database names them, but for money, which it counts in minor units, and links."""


# In the export, of a booking whose release is done: its column says what is owed, and never that it is over.
GIVEN_BACK = "given_back"


@dataclass(frozen=True, slots=True)
class Line:
    """A booking as the list shows it."""

    booking: Booking
    time_left: str
    flags: list[Badge]


@dataclass(frozen=True, slots=True)
class Tab:
    """A quick view: its name, address, count, and whether it is the one that is shown."""

    text: str | Promise
    address: str
    count: str
    is_current: bool


class BookingList(AnyModelAdmin):
    """The pages of the list, for the admin of bookings."""

    def get_urls(self) -> list[URLPattern]:
        export = self.admin_site.admin_view(self.export_view)
        return [path("export/", export, name="bookings_booking_export"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponse:
        require(request, SEE)
        selection = selection_of(request, *PLACES)
        place, now = place_in(request), database_time()
        me = request.user.get_username() if request.user.has_perm(WORK) else ""
        page, tabs, lines = read_list(partial(_read, selection, now, place, me))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Bookings"),
            "opts": self.opts,
            "selection": selection,
            "query": query_string_of(selection),
            "tabs": tabs,
            "lines": lines,
            "count": _capped(page.count, highest=MOST_COUNTED),
            **neighbors_of(page, selection),
            "statuses": [(value, badge.text) for value, badge in labels.STATUS.items()],
            "reasons": list(labels.REASON.items()),
            "bulk_cancel": _bulk_cancel_address(request, selection),
            "may_note": request.user.has_perm(NOTE),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/bookings/booking/change_list.html", context)

    def export_view(self, request: HttpRequest) -> StreamingHttpResponse:
        require(request, SEE)
        selection = selection_of(request, back=reverse("admin:bookings_booking_changelist"))
        now = database_time()
        filters = [f"{name}-{value}" for name, value in filters_of(selection).items()]
        filename = "-".join(["bookings", *filters, f"{now:%Y%m%dT%H%M%SZ}"])
        rows = (_cells_of(booking) for booking in every(selection, now=now))
        return stream_csv(filename, COLUMNS, rows)


def _read(selection: Selection, now: datetime, place: dict[str, int], me: str) -> tuple[Page, list[Tab], list[Line]]:
    """Read all that the list shows of bookings, from one database. `me` is who may have cases."""
    page = page_of(selection, now=now, counting=MOST_COUNTED + 1, **place)
    return page, _tabs(selection, now, page.count, me), lines_of(page.bookings, now=now)


def lines_of(bookings: list[Booking], *, now: datetime) -> list[Line]:
    """Say of each booking how long it has, and what about it needs a look."""
    unsettled, cases = unsettled_payments(bookings), cases_among(bookings)
    refunds = unsettled_refunds(bookings)
    return [
        Line(
            booking,
            time_left(booking, now=now, is_paying=PaymentState.PROCESSING in unsettled.get(booking.pk, ())),
            [
                *attention(booking, unsettled.get(booking.pk, set()), refunds.get(booking.pk, set()), now=now),
                *_case_flags(cases.get(booking.pk), now),
            ],
        )
        for booking in bookings
    ]


def time_left(booking: Booking, *, now: datetime, is_paying: bool) -> str:
    """How long an unpaid booking keeps its seats, in words; empty for others."""
    if booking.status not in UNPAID:
        return ""
    if is_paying:
        return _("a payment is being settled")
    if booking.expires_at <= now:
        return _("window closed, expires at the next pass")
    left = span(booking.expires_at - now)
    return format_html(_("to be paid by {at}, {left} left"), at=clock(booking.expires_at), left=left)


def attention(booking: Booking, payments: set[str], refunds: set[str], *, now: datetime) -> list[Badge]:
    """What staff should look at about a booking, its payments and refunds by their states; the worst first."""
    flags = []
    call = booking.give_back
    if booking.hold == Hold.STUCK:
        flags.append(Badge(_("Seats stuck: needs a decision"), "bad"))
    if call is not None and call.state == SeatCallState.DEAD:
        flags.append(Badge(_("Release dead: needs a decision"), "bad"))
    if PaymentState.DEAD in payments:
        flags.append(Badge(_("Payment dead: needs a decision"), "bad"))
    if not refunds.isdisjoint((RefundState.DEAD, RefundState.FAILED)):
        flags.append(Badge(_("Refund failed or dead: needs a decision"), "bad"))
    asked_for = now - (booking.first_sent_at or booking.created_at)
    if booking.hold == Hold.ASKING and asked_for > UNKNOWN_AFTER:
        flags.append(Badge(_("Outcome unknown for %(age)s") % {"age": span(asked_for)}, "warn"))
    is_in_no_call = booking.hold == Hold.GIVING_BACK and call is None
    is_owed = is_in_no_call or (call is not None and call.state == SeatCallState.OPEN)
    owed_for = now - (booking.cancelled_at or booking.updated_at)
    if is_owed and owed_for > OWED_AFTER:
        flags.append(Badge(_("Seats owed for %(age)s") % {"age": span(owed_for)}, "warn"))
    if not refunds.isdisjoint(MOVING):
        flags.append(Badge(_("Refund due"), "warn"))
    if booking.cancel_requested and booking.status != BookingStatus.CANCELLED:
        flags.append(Badge(_("Cancellation asked for"), "warn"))
    return flags


def _case_flags(case: BookingCase | None, now: datetime) -> list[Badge]:
    """Who works on a booking, and whether it is due."""
    if case is None:
        return []
    flags = [Badge(_("Case of %(owner)s") % {"owner": case.owner} if case.owner else _("Case free to take"), "busy")]
    if case.follow_up_on is not None and case.follow_up_on <= now.astimezone(UTC).date():
        flags.append(Badge(_("Follow up: %(day)s") % {"day": f"{case.follow_up_on:%Y-%m-%d}"}, "warn"))
    return flags


def _cells_of(booking: Booking) -> list[object]:
    is_back = booking.give_back is not None and booking.give_back.state == SeatCallState.DONE
    shown = {
        "hold": GIVEN_BACK if is_back else booking.hold,
        "price_per_seat": Money(booking.seat_price, booking.currency),
        "total": Money(booking.total_cost, booking.currency),
        "refunded": Money(booking.refund_amount, booking.currency),
        "customer_url": customer_address(booking.user_id),
    }
    return [shown[name] if name in shown else getattr(booking, name) for name in COLUMNS]


def _tabs(selection: Selection, now: datetime, shown: int, me: str) -> list[Tab]:
    in_view, here = counts_of_views(now), reverse("admin:bookings_booking_changelist")
    tabs = [Tab(_("All"), here, "", not selection.view and not selection.owner)]
    for view, text in VIEWS.items():
        count = _capped(in_view[view], highest=MOST_COUNTED - 1)
        tabs.append(Tab(text, f"{here}?view={view}", count, selection.view == view))
    calls = reverse("admin:bookings_seatcall_changelist")
    waiting = {word: found.count for word, found in counts.look().items()}
    dead = _capped(waiting["stuck"] + waiting["dead"], highest=MOST_COUNTED - 1)
    decisions = [Tab(_("Dead calls"), calls, dead, is_current=False)]
    for word, text in (("decision", _("Dead payments")), ("undecided", _("Refunds failed or dead"))):
        count = _capped(waiting[word], highest=MOST_COUNTED - 1)
        decisions.append(Tab(text, KINDS[word].address, count, is_current=False))
    before_refunds, before_cases = (1 + list(VIEWS).index(view) for view in ("refund_due", "cases_due"))
    rest = [*tabs[before_refunds:before_cases], *_mine(selection, now, me), *tabs[before_cases:]]
    if selection.view in OTHER_VIEWS:
        count = _capped(shown, highest=MOST_COUNTED)
        rest.append(Tab(OTHER_VIEWS[selection.view], f"{here}?view={selection.view}", count, is_current=True))
    return [*tabs[:before_refunds], *decisions, *rest]


def _mine(selection: Selection, now: datetime, me: str) -> list[Tab]:
    """The cases of the reader, who may have some."""
    if not me:
        return []
    mine, here = Selection(owner=me), reverse("admin:bookings_booking_changelist")
    count = _capped(count_up_to(MOST_COUNTED, mine.rows(now)), highest=MOST_COUNTED - 1)
    return [Tab(_("My cases"), f"{here}?{query_string_of(mine)}", count, selection == mine)]


def _capped(count: int, *, highest: int) -> str:
    return f"{highest:,}+" if count > highest else f"{count:,}"


def neighbors_of(page: Page, selection: Selection) -> dict[str, str]:
    """The addresses of the pages beside this one; empty where there is none."""
    filters = query_string_of(selection)
    begins = {"newer": page.newer_than, "older": page.older_than}
    return {
        name: "" if begin is None else f"?{filters}{'&' if filters else ''}{name}={begin}"
        for name, begin in begins.items()
    }


def _bulk_cancel_address(request: HttpRequest, selection: Selection) -> str:
    """Where the bookings of this list can be cancelled together: of one flight, by who may."""
    if selection.flight is None or not request.user.has_perm("bookings.bulk_cancel"):
        return ""
    return f"{reverse('admin:bookings_bulkcancel_new')}?{query_string_of(selection)}"
