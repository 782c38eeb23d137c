"""
How an announcement is told to a traveler: subject, plain text, HTML and a file for the calendar, in a language.

No client's words stand in it: only what this service knows, and the names of the Flight Service, on one line each. As
an SMS it has no more than 160 characters, whatever these names are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from django.template.loader import render_to_string
from django.utils import formats, translation
from django.utils.dateformat import format as date_format
from django.utils.translation import gettext, gettext_noop

from bookings.lifecycle import BookingStatus, CancelReason, News, ShownPayment
from bookings.models import Announcement
from bookings.queries.announced import shown_then
from bookings.queries.bookings.shown import ShownBooking
from bookings.text.airports import Airport, airport
from bookings.text.calendar import Entry, calendar_of
from bookings.text.gsm7 import plain
from bookings.text.legible import shown_orderly
from bookings.text.money import Money, digits_of

LANGUAGES = ("en", "de")
"""The languages that messages are written in. The first is that of all who want another."""

# The longest name of a flight in an SMS: what airlines name them by is shorter.
LONGEST_IN_SMS = 12

# Why a booking has ended, as its traveler may hear it; of the rest nothing is said.
REASONS: Mapping[str, str] = MappingProxyType(
    {
        CancelReason.NO_SEATS: gettext_noop("There were not enough seats left on this flight."),
        CancelReason.SEATS_TAKEN: gettext_noop("Some of these seats were taken by others."),
        CancelReason.NO_FLIGHT: gettext_noop("This flight is not sold any more."),
        CancelReason.UNAVAILABLE: gettext_noop("The airline could not confirm your seats in time."),
        CancelReason.ABANDONED: gettext_noop("The airline could not confirm your seats in time."),
        CancelReason.CUSTOMER_REQUEST: gettext_noop("It was cancelled as you asked."),
        CancelReason.DUPLICATE: gettext_noop("It was there twice; the other one is not changed by this."),
        CancelReason.PAYMENT_PROBLEM: gettext_noop("There was a problem with your payment."),
        CancelReason.FLIGHT_CANCELLED: gettext_noop("The airline has cancelled this flight."),
    }
)

GOES_BACK = (ShownPayment.REFUND_DUE, ShownPayment.REFUNDED)


@dataclass(frozen=True, slots=True)
class Written:
    """What is sent to a traveler. `calendar` is empty where there is nothing to put into one."""

    subject: str
    text: str
    html: str
    calendar: str


def kind_of(news: str) -> str:
    """Name the templates of a kind of news."""
    return news.rpartition(".")[2]


def language_for(wanted: str) -> str:
    """Choose the language of ours that comes next to the one that is wanted: de for de-AT."""
    first = wanted.replace("_", "-").partition("-")[0].lower()
    return first if first in LANGUAGES else LANGUAGES[0]


def written(announcement: Announcement, *, language: str, domain: str) -> Written:
    """
    Write the message that tells a traveler of an announcement.

    :param language: one of `LANGUAGES`
    :param domain: of the sender: it makes the entry in the calendar one of this installation
    """
    shown = shown_then(announcement)
    kind = kind_of(announcement.type)
    with translation.override(language):
        told = {**_told(shown), **_change(announcement), "language": language}
        calendar = _calendar(announcement, shown, told, domain=domain)
        told["has_calendar"] = bool(calendar)
        subject = render_to_string(f"messages/{kind}.subject.txt", told)
        return Written(
            " ".join(subject.split()),
            render_to_string(f"messages/{kind}.txt", told),
            render_to_string(f"messages/{kind}.html", told),
            calendar,
        )


def written_briefly(announcement: Announcement, *, language: str) -> str:
    """Write the SMS that tells a traveler of an announcement: 160 characters of GSM-7 at most."""
    shown = shown_then(announcement)
    departs_from = _airport(shown.departure_airport)
    with translation.override(language):
        told = {
            "reference": shown.reference,
            "flight": plain(shown.flight_number, longest=LONGEST_IN_SMS) or str(shown.flight_id),
            "departure": _local_briefly(shown.departure_at, departs_from),
            "pay_until": _local_briefly(shown.expires_at, departs_from),
            "seats": shown.no_of_seats,
            **_change(announcement),
        }
        return " ".join(render_to_string(f"messages/{kind_of(announcement.type)}.sms.txt", told).split())


def _told(shown: ShownBooking) -> dict[str, Any]:
    """Give what the templates write, as texts."""
    departs_from, arrives_at = (_airport(code) for code in (shown.departure_airport, shown.arrival_airport))
    return {
        "reference": shown.reference,
        "flight": _line(shown.flight_number) or str(shown.flight_id),
        "origin": str(departs_from),
        "destination": str(arrives_at),
        "departure": _local(shown.departure_at, departs_from),
        "arrival": _local(shown.arrival_at, arrives_at),
        "seats": shown.no_of_seats,
        "price": _money(shown.total_cost, shown.currency) if shown.total_cost else "",
        "pay_until": _local(shown.expires_at, departs_from),
    }


def _change(announcement: Announcement) -> dict[str, Any]:
    """Give what has happened: why, and which money goes back."""
    shown, change = shown_then(announcement), announcement.facts["change"]
    amount = change.get("amount") or (shown.refund_amount if shown.payment_state in GOES_BACK else 0)
    reason = REASONS.get(shown.cancel_reason, "") if announcement.type == News.CANCELLED else ""
    return {
        "reason": gettext(reason) if reason else "",
        "goes_back": _money(amount, shown.currency) if amount else "",
        "goes_on": shown.status == BookingStatus.BOOKED,
    }


def _calendar(announcement: Announcement, shown: ShownBooking, told: Mapping[str, Any], *, domain: str) -> str:
    """Write the flight of a booking that is paid for, and take one away again that was."""
    was_booked = announcement.facts["change"]["from"] == BookingStatus.BOOKED
    is_cancelled = announcement.type == News.CANCELLED and was_booked
    if not (announcement.type == News.PAID or is_cancelled) or shown.departure_at is None:
        return ""
    departs_at, arrives_at = shown.departure_at, shown.arrival_at
    way = f"{told['origin']} – {told['destination']}" if told["origin"] and told["destination"] else ""  # noqa: RUF001
    return calendar_of(
        Entry(
            uid=f"{shown.reference}@{domain}",
            sequence=announcement.sequence,
            stamped_at=announcement.occurred_at,
            starts_at=departs_at,
            ends_at=arrives_at if arrives_at is not None and arrives_at > departs_at else None,
            title=" ".join(filter(None, (gettext("Flight"), told["flight"], way))),
            place=told["origin"],
            note=f"{gettext('Booking')} {shown.reference}\n{gettext('Departure')}: {told['departure']}",
            is_cancelled=is_cancelled,
        )
    )


def _airport(code: str) -> Airport:
    return airport(_line(code))


def _line(name: str) -> str:
    """Show a name of the Flight Service on one line, whatever is in it."""
    return " ".join(shown_orderly(name).split())


def _local(moment: datetime | None, where: Airport) -> str:
    """Write a moment as the clocks at an airport show it, and say which clocks; in UTC where that is not known."""
    if moment is None:
        return ""
    # How days and times are written: the letters are those of Django's format of dates.
    form = gettext("l, j F Y, H:i")
    return _by_the_clocks(moment, where, form, place=where.city or where.code)


def _local_briefly(moment: datetime | None, where: Airport) -> str:
    """Write a moment likewise, with the code of an airport in the place of its city."""
    return _by_the_clocks(moment, where, gettext("j M Y, H:i"), place=where.code) if moment is not None else ""


def _by_the_clocks(moment: datetime, where: Airport, form: str, *, place: str) -> str:
    if where.zone is None:
        return f"{date_format(moment.astimezone(UTC), form)} UTC"
    said = gettext("local time in %(city)s") % {"city": place}
    return f"{date_format(moment.astimezone(where.zone), form)} ({said})"


def _money(amount: int, currency: str) -> str:
    """Write an amount as people of a language do."""
    money, digits = Money(amount, currency), digits_of(currency) or 0
    if money.number is None:
        return str(money)
    return f"{formats.number_format(money.number, digits, use_l10n=True, force_grouping=True)} {currency}"
