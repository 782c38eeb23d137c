"""Tags and filters that the templates of the back office share."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import template
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from bookings.conf import customer_address
from bookings.models import Booking, SeatCall
from bookings.models.seats.seat_call import SeatCallKind
from bookings.office import labels
from bookings.office.labels import Badge
from bookings.office.menu import menu_of
from bookings.office.seats.plan import Place
from bookings.office.seats.standings import SeatsOfBoth, ShownSeat
from bookings.queries.bookings.quick_views import MOST_COUNTED
from bookings.queries.seats.of_flight import Holder
from bookings.text.money import Money
from bookings.text.seat_numbers import to_read

register = template.Library()
register.filter("seat_numbers", to_read)

# Can be told apart without color, and are not read aloud: the text says the same.
SHAPES = {"good": "●", "busy": "◐", "warn": "▲", "bad": "■", "calm": "○"}

BADGES = {
    "status": labels.STATUS,
    "hold": labels.HOLD,
    "exchange": labels.EXCHANGE,
    "seat_call": labels.SEAT_CALL,
    "payment": labels.PAYMENT,
    "refund": labels.REFUND,
    "notice": labels.NOTICE,
    "dispute": labels.DISPUTE,
    "bulk": labels.BULK,
    "bulk_plan": labels.BULK_PLAN,
    "approval": labels.APPROVAL,
    "log_in": labels.LOG_IN,
    "endpoint": labels.ENDPOINT,
    "delivery": labels.DELIVERY,
    "message": labels.MESSAGE,
}
WORDS = {
    "reason": {**labels.CAUSE, **labels.REASON},
    "why": labels.BULK_WHY,
    "event": labels.EVENT,
    "endpoint_event": labels.ENDPOINT_EVENT,
    "news": labels.NEWS,
    "who": labels.WHO,
    "proof": labels.PROOF,
}


@register.simple_tag
def badge(kind: str, state: str) -> SafeString:
    """Show a state as text, shape and color: `{% badge "status" booking.status %}`."""
    return flag(BADGES[kind].get(state, Badge(state, "calm")))


@register.simple_tag
def flag(badge: Badge) -> SafeString:
    """Show a badge that was made for the occasion: `{% flag badge %}`."""
    text, tone = badge
    return format_html(
        '<span class="badge {}"><span aria-hidden="true">{}</span> {}</span>', f"badge-{tone}", SHAPES[tone], text
    )


@register.filter
def word_of(value: str, kind: str) -> str:
    """A value of a column in plain words: `{{ event.reason|word_of:"reason" }}`."""
    return str(WORDS[kind].get(value, value))


@register.filter
def kind_of(call: SeatCall) -> str:
    """What a call to the Flight Service does, in plain words: `{{ call|kind_of }}`."""
    is_take = call.reserves and call.kind == SeatCallKind.CORRECTION
    return str(labels.SEAT_CALL_KIND["take" if is_take else call.kind])


@register.simple_tag
def user(user_id: int) -> SafeString:
    """A user's number, which leads to its page, and where it has one elsewhere a link to that."""
    number = format_html('<a href="{}?user={}">{}</a>', reverse("admin:customer"), str(user_id), str(user_id))
    return format_html("{} {}", number, elsewhere(user_id)) if customer_address(user_id) else number


@register.simple_tag
def elsewhere(user_id: int) -> SafeString | str:
    """A link to a user's page in another system; nothing where the settings name none."""
    address = customer_address(user_id)
    if not address:
        return ""
    return format_html(
        '<a href="{}" target="_blank" rel="noopener noreferrer" aria-label="{}" title="{}">↗</a>',
        *(address, gettext("Page of customer %(id)d") % {"id": user_id}, gettext("Page of the customer")),
    )


@register.filter
def flight_name(booking: Booking) -> str:
    """What people call the flight of a booking; its id, if the Flight Service did not show that."""
    return booking.flight_number or str(booking.flight_id)


@register.filter
def route(booking: Booking) -> str:
    """From where to where a flight goes, as far as it is known: `DEL → BLR`."""
    ends = (booking.departure_airport, booking.arrival_airport)
    return " → ".join(end or "?" for end in ends) if any(ends) else ""


@register.simple_tag
def flight(booking: Booking) -> SafeString:
    """The flight of a booking as people say it, which leads to its page: `{% flight booking %}`."""
    link = format_html('<a href="{}">{}</a>', reverse("admin:flight", args=[booking.flight_id]), flight_name(booking))
    departs = [minute(booking.departure_at)] if booking.departure_at else []
    about = [text for text in (route(booking), *departs) if text]
    lines = format_html_join("", '<br><span class="quiet">{}</span>', [(text,) for text in about])
    return format_html("{}{}", link, lines)


@register.simple_tag
def holder(holder: Holder | None) -> SafeString | str:
    """The booking that has a seat, which leads to its page, that of the archive too; nothing where there is none."""
    if holder is None:
        return ""
    page = "archived" if holder.is_archived else "change"
    address = reverse(f"admin:bookings_booking_{page}", args=[holder.booking_id])
    return format_html('<a class="mono" href="{}">{}</a>', address, holder.reference)


@register.simple_tag
def seat_at(both: SeatsOfBoth, place: Place) -> ShownSeat:
    """What stands at a place of the plan: `{% seat_at page.both place as seat %}`."""
    return both.seats[place.number]


@register.filter
def thousands(number: int) -> str:
    """A count, its thousands set apart."""
    return f"{number:,}"


@register.filter
def capped(number: int) -> str:
    """A count that ends at `MOST_COUNTED`: `999+` where there may be more."""
    return f"{MOST_COUNTED - 1:,}+" if number >= MOST_COUNTED else f"{number:,}"


@register.filter
def money(amount: int, currency: str) -> str:
    """An amount in minor units, as people read it: `{{ booking.total_cost|money:booking.currency }}`."""
    return str(Money(amount, currency))


@register.filter
def moment(at: datetime | None) -> SafeString | str:
    """A time of the database, in UTC, to the second; readable by programs as well."""
    if at is None:
        return ""
    text = at.strftime("%Y-%m-%d %H:%M:%S")
    return format_html('<time class="moment" datetime="{}">{}</time>', at.isoformat(), text)


@register.filter
def minute(at: datetime | None) -> SafeString | str:
    """A time of a timetable, in UTC, to the minute."""
    return "" if at is None else format_html('<time datetime="{}">{}</time>', at.isoformat(), f"{at:%Y-%m-%d %H:%M}")


@register.filter
def clock(at: datetime | None) -> SafeString | str:
    """The hour and minute of a time, in UTC."""
    return "" if at is None else format_html('<time datetime="{}">{}</time>', at.isoformat(), at.strftime("%H:%M"))


@register.filter
def span(length: timedelta | float | None) -> str:
    """A duration in its largest unit, rounded down: `6 min`."""
    if length is None:
        return ""
    seconds = int(length.total_seconds() if isinstance(length, timedelta) else length)
    if seconds < 60:
        return gettext("%(count)d s") % {"count": max(0, seconds)}
    if seconds < 3600:
        return gettext("%(count)d min") % {"count": seconds // 60}
    if seconds < 2 * 86400:
        return gettext("%(count)d h") % {"count": seconds // 3600}
    days = seconds // 86400
    return ngettext("%(count)d day", "%(count)d days", days) % {"count": days}


@register.inclusion_tag("admin/menu.html", takes_context=True)
def menu(context: template.Context) -> dict[str, Any]:
    """The menu of who is logged in: `{% menu %}`."""
    return menu_of(context["request"], context["available_apps"])


@register.simple_tag(takes_context=True)
def address_with(context: template.Context, **changed: object) -> str:
    """The query string of this page with some parameters changed; an empty value takes one out."""
    query = context["request"].GET.copy()
    for name, value in changed.items():
        query.pop(name, None)
        if value not in (None, ""):
            query[name] = str(value)
    return "?" + urlencode([(name, value) for name in query for value in query.getlist(name)])
