"""Endpoints of webhooks in the back office: how it stands with each, and what was done to it. No secret is shown."""

from collections.abc import Iterable, Iterator
from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.models import WebhookEndpoint
from bookings.models.webhooks import EndpointState
from bookings.office import labels
from bookings.office.base import Column, RecordAdmin, column
from bookings.office.tags import badge, capped, moment
from bookings.office.upkeep.open_work import KINDS
from bookings.office.webhooks.actions import NOT_RETIRED, RIGHT, EndpointActions, actions_for
from bookings.queries.webhooks import backlogs_of
from bookings.services.webhooks.rules import ASKED_FOR
from bookings.text.ids import id_in

# Each costs two short looks into an index.
ENDPOINTS_PER_PAGE = 50

# Of the record of an endpoint. A client may have each of its deliveries sent once more.
EVENTS_SHOWN = 50

# Of the mails to its owner. They are kept for a while, not forever.
REPORTS_SHOWN = 20

# As wide as a telephone.
LONGEST_ADDRESS_IN_A_LIST = 40


class Standing(admin.SimpleListFilter):
    """Endpoints by state, and those that fail; where nothing is asked for, all that are not retired."""

    title = gettext_lazy("state")
    # Not the name of the column: by those nothing can be asked for.
    parameter_name = "is"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        states = (EndpointState.DISABLED, EndpointState.PAUSED, EndpointState.NEW, EndpointState.ACTIVE)
        words = ["failing", *(state.value for state in states), EndpointState.RETIRED.value]
        return [(word, str(labels.ENDPOINT[word].text)) for word in words]

    def choices(self, changelist: Any) -> Iterator[Any]:
        first, *others = super().choices(changelist)
        yield {**first, "display": _("All that are not retired")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> QuerySet[WebhookEndpoint]:
        if self.value() is None:
            return queryset.filter(state__in=NOT_RETIRED)
        if self.value() == "failing":
            return queryset.filter(KINDS["failing"].where)
        return queryset.filter(state=self.value())


@admin.display(description=gettext_lazy("Address"), ordering="url")
def address(endpoint: WebhookEndpoint) -> str:
    """Its beginning: the page of the endpoint has all of it."""
    return Truncator(endpoint.url.partition("://")[2]).chars(LONGEST_ADDRESS_IN_A_LIST)


@admin.display(description=gettext_lazy("Whose"))
def owner(endpoint: WebhookEndpoint) -> str:
    return endpoint.api_key.name if endpoint.api_key else _("no key")


@admin.display(description=gettext_lazy("State"))
def state(endpoint: WebhookEndpoint) -> SafeString:
    return badge("endpoint", endpoint.standing)


@admin.display(description=gettext_lazy("Failures in a row"))
def failures(endpoint: WebhookEndpoint) -> str | SafeString:
    """How many there are, and since when it has failed."""
    if endpoint.failing_since is None:
        return ""
    return format_html(_("{count}, since {at}"), count=endpoint.failures, at=moment(endpoint.failing_since))


@admin.display(description=gettext_lazy("Waiting"))
def waiting(endpoint: Any) -> str | SafeString:
    """How much waits, as a link to it, and since when the oldest does."""
    found = endpoint.backlog
    if found.first_ends_at is None:
        return ""
    link = _link(endpoint, "", found.waiting)
    return format_html(_("{count}, since {at}"), count=link, at=moment(found.first_ends_at - ASKED_FOR))


@admin.display(description=gettext_lazy("Dead"))
def dead(endpoint: Any) -> str | SafeString:
    """How much is not sent any more, as a link to it."""
    return _link(endpoint, "&is=dead", endpoint.backlog.dead) if endpoint.backlog.dead else ""


def _link(endpoint: WebhookEndpoint, state: str, count: int) -> SafeString:
    listed = reverse("admin:bookings_webhookdelivery_changelist")
    return format_html('<a href="{}">{}</a>', f"{listed}?endpoint={endpoint.pk}{state}", capped(count))


class WebhookEndpointAdmin(EndpointActions, RecordAdmin):
    list_display = [address, state, owner, failures, waiting, dead]
    shortened = [cast(Column, address)]
    more = [
        column("url", gettext_lazy("Address")),
        column("key", gettext_lazy("Id")),
        column("types", gettext_lazy("Types of events"), lambda types: types.replace(" ", ", ") or _("all")),
        column("payload_version", gettext_lazy("Form of the body")),
        column(
            "contact_email", gettext_lazy("Its owner is told by mail"), lambda email: _("yes") if email else _("no")
        ),
        column("rest_until", gettext_lazy("Rests until"), moment),
        column("previous_expires_at", gettext_lazy("The secret before signs until"), moment),
        column("created_at", gettext_lazy("Made"), moment),
    ]
    list_filter = [Standing]
    list_select_related = ["api_key"]
    list_per_page = ENDPOINTS_PER_PAGE
    ordering = ["-pk"]
    record_template = "admin/bookings/webhookendpoint/record.html"

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        number = id_in(object_id)
        found = None if number is None else WebhookEndpoint.objects.select_related("api_key").filter(pk=number).first()
        if found is not None:
            _count([found])
        return found

    def title_of(self, record: WebhookEndpoint) -> str:
        return _("Webhook endpoint %(number)s") % {"number": record.pk}

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the list with what waits and what is dead, counted for all of its rows together."""
        answer = super().changelist_view(request, extra_context)
        shown = getattr(answer, "context_data", None) or {}
        if "cl" in shown:
            shown["cl"].result_list = list(shown["cl"].result_list)
            _count(shown["cl"].result_list)
        return answer

    def beside(self, request: HttpRequest, record: WebhookEndpoint) -> dict[str, Any]:
        """Give the record of an endpoint, and what can be done to it."""
        events = list(record.events.order_by("-pk")[: EVENTS_SHOWN + 1])
        return {
            "may_manage": request.user.has_perm(RIGHT),
            "events": events[:EVENTS_SHOWN],
            "has_more": len(events) > EVENTS_SHOWN,
            "replay": record.replays.order_by("-pk").first(),
            "reports": record.reports.order_by("-pk")[:REPORTS_SHOWN],
            "choices": actions_for(record),
        }


def _count(endpoints: Iterable[Any]) -> None:
    """Let these endpoints know what they have not got."""
    rows = list(endpoints)
    found = backlogs_of([row.pk for row in rows])
    for row in rows:
        row.backlog = found[row.pk]
