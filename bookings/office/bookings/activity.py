"""Activity: what happened to bookings on a day, and which member of staff did what."""

import functools
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.actor import ActorKind
from bookings.db.clock import database_time
from bookings.db.replica import read_list
from bookings.models import BookingEvent
from bookings.office import labels
from bookings.office.addresses import NotUnderstood, day_in, one_of, only, reader_of
from bookings.office.base import RecordAdmin, column, require
from bookings.office.bookings.list import Tab
from bookings.office.tags import moment, word_of
from bookings.office.upkeep.records import booking_link
from bookings.queries.bookings.activity import (
    KINDS,
    MOST_COUNTED,
    Place,
    Question,
    activity_of,
    counts_by_colleague,
)
from bookings.queries.bookings.search import REQUEST_ID
from bookings.text.ids import MOST_DIGITS
from bookings.text.legible import is_legible, is_orderly
from bookings.text.references import reference_in

SEE = "bookings.view_bookingevent"
SEE_DECISIONS = "bookings.view_seatcallevent"

FILTERS = ("day", "who", "by", "kind", "q")

ALL = "all"
WHO = {**{kind.value: kind.value for kind in ActorKind}, ALL: ""}
"""Who did it, as addresses spell it, and as a question does."""

# Behind which event a page begins: microseconds since 1970, whether it is a decision about a call, and its number.
PLACE = re.compile(rf"([0-9]{{1,16}})\.([01])\.([0-9]{{1,{MOST_DIGITS}}})")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

LONGEST_NAME = 150

# More than work on one day, so that the page stays short.
COLLEAGUES_SHOWN = 100

# Before the first there were no bookings, and behind the last there is no next day.
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(9999, 12, 30)


@admin.display(description=gettext_lazy("Who"))
def who(event: BookingEvent) -> str:
    """Of what kind who did it is, and its name."""
    return f"{word_of(event.actor_kind, 'who')} {event.actor_name}"


def in_words(kind: str) -> functools.partial[str]:
    """Shows a column's word as people say it."""
    return functools.partial(word_of, kind=kind)


class BookingEventAdmin(RecordAdmin):
    """Events, a day on a page; and one of them as a list of facts."""

    list_display = [
        column("created_at", gettext_lazy("When"), moment),
        column("booking", gettext_lazy("Booking"), booking_link),
        column("what", gettext_lazy("What"), in_words("event")),
        who,
        column("reason", gettext_lazy("Reason"), in_words("reason")),
        column("note", gettext_lazy("Note")),
        column("request_id", gettext_lazy("Request")),
    ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        require(request, SEE)
        only(request, *FILTERS, "older")
        now, me = database_time(), request.user.get_username()
        question = question_in(request.GET, today=now.date())
        shown = read_list(
            functools.partial(_read, question, _place_in(request), with_decisions=request.user.has_perm(SEE_DECISIONS))
        )
        context = {
            **self.admin_site.each_context(request),
            "title": _("Activity"),
            "opts": self.opts,
            "question": question,
            "typed": request.GET.get("q", "").strip(),
            "everyone": [*((kind.value, labels.WHO[kind]) for kind in ActorKind), (ALL, _("all"))],
            "chosen": question.who or ALL,
            "kinds": [(kind.value, labels.EVENT[kind]) for kind in KINDS],
            "tabs": _tabs(question, me=me, today=now.date()),
            "neighbors": _days_beside(question, today=now.date()),
            **shown,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/bookings/bookingevent/activity.html", context)


def question_in(query: Mapping[str, str], *, today: date) -> Question:
    """
    Read what an address asks: the staff of today, where it does not say otherwise.

    Who looks for a booking or a request means all of its events.

    :raises NotUnderstood: if a filter cannot be read
    """
    read, wrong = reader_of(query)
    text = query.get("q", "").strip()
    reference = reference_in(text)
    if text and not reference and not REQUEST_ID.fullmatch(text):
        wrong.append("q")
    question = Question(
        day=read("day", _day) or (None if text else today),
        reference=reference,
        request_id="" if reference else text,
        who=WHO[read("who", one_of(WHO)) or (ALL if text else ActorKind.STAFF)],
        name=read("by", _name) or "",
        kind=read("kind", one_of(KINDS)) or "",
    )
    if wrong:
        raise NotUnderstood(wrong)
    return question


def _read(question: Question, place: Place | None, *, with_decisions: bool) -> dict[str, Any]:
    """Read all that the page shows, from one database."""
    found = activity_of(question, older_than=place, with_decisions=with_decisions)
    is_of_staff = question.day is not None and question.who == ActorKind.STAFF
    counts = counts_by_colleague(question, with_decisions=with_decisions) if is_of_staff else {}
    return {
        "events": found.events,
        "older": None if found.older_than is None else _spelled(found.older_than),
        "colleagues": [
            (name, kinds.total(), [(kind, labels.EVENT[kind], count) for kind, count in kinds.most_common()])
            for name, kinds in counts.items()
        ][:COLLEAGUES_SHOWN],
        "is_partial": len(counts) > COLLEAGUES_SHOWN or any(kinds.total() >= MOST_COUNTED for kinds in counts.values()),
    }


def _tabs(question: Question, *, me: str, today: date) -> list[Tab]:
    """The questions that are asked most: mine, of all staff, of everything; all of today."""
    here = reverse("admin:bookings_bookingevent_changelist")
    staff = Question(day=today, who=ActorKind.STAFF)
    asked = [
        (_("My day"), {"by": me}, replace(staff, name=me)),
        (_("Today by colleague"), {}, staff),
        (_("Everything today"), {"who": ALL}, Question(day=today)),
    ]
    return [
        Tab(text, f"{here}?{urlencode(query)}" if query else here, "", question == asks) for text, query, asks in asked
    ]


def _days_beside(question: Question, *, today: date) -> dict[str, str]:
    """The day before and the day after the one that is shown; no day has one that has not come yet."""
    if question.day is None:
        return {}
    days = {"before": question.day - timedelta(days=1), "after": question.day + timedelta(days=1)}
    return {name: f"{day}" for name, day in days.items() if FIRST_DAY <= day <= today}


def _place_in(request: HttpRequest) -> Place | None:
    """:raises NotUnderstood: if the page does not begin behind an event"""
    if "older" not in request.GET:
        return None
    found = PLACE.fullmatch(request.GET["older"])
    if found is None:
        raise NotUnderstood(["older"])
    microseconds, is_decision, number = map(int, found.groups())
    return Place(EPOCH + timedelta(microseconds=microseconds), bool(is_decision), number)


def _spelled(place: Place) -> str:
    return f"{(place.at - EPOCH) // timedelta(microseconds=1)}.{place.is_decision:d}.{place.id}"


def _day(text: str) -> date | None:
    day = day_in(text)
    return day if day is not None and FIRST_DAY <= day <= LAST_DAY else None


def _name(text: str) -> str | None:
    return text if len(text) <= LONGEST_NAME and is_legible(text) and is_orderly(text) else None
