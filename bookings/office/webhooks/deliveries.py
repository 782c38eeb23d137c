"""What is delivered to endpoints of webhooks: what was sent, what came of it, and "send once more"."""

import json
from collections.abc import Iterator
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import SEARCH_VAR
from django.db.models import QuerySet, Value
from django.db.models.functions import Concat
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.answers.pings import PING
from bookings.answers.rendering import STATUS
from bookings.errors import DeliveryNotFound, EndpointNotFound
from bookings.models import WebhookDelivery, WebhookEndpoint
from bookings.models.webhooks import SENT_TO, DeliveryState
from bookings.office.base import Column, OnIndexPaginator, RecordAdmin, column, require, staff_of
from bookings.office.tags import badge, moment
from bookings.office.upkeep.records import booking_link
from bookings.office.webhooks.actions import NOT_RETIRED, RIGHT, STAFF
from bookings.office.webhooks.endpoints import address
from bookings.queries.bookings.search import deliveries_found
from bookings.services.webhooks.again import redeliver
from bookings.services.webhooks.letters import body_of, letter_key
from bookings.text.ids import id_in

# To choose from beside the list; any other is reached from its own page.
ENDPOINTS_OFFERED = 50

# Those of 72 hours, and of some wishes to send once more.
ATTEMPTS_SHOWN = 100


class State(admin.SimpleListFilter):
    """
    Deliveries of one state: those that wait, where an address names none and searches for nothing.

    All states together are no list of an endpoint: no index has them in the order in which they were written.
    """

    title = gettext_lazy("state")
    # Not the name of the column: by those nothing can be asked for.
    parameter_name = "is"

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        self._is_search = bool(request.GET.get(SEARCH_VAR, "").strip())
        super().__init__(request, params, model, model_admin)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(DeliveryState.DEAD.value, _("Dead")), (DeliveryState.DELIVERED.value, _("Delivered"))]

    def choices(self, changelist: Any) -> Iterator[Any]:
        first, *others = super().choices(changelist)
        yield {**first, "display": _("All that were found") if self._is_search else _("Waiting, or failing")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> QuerySet[WebhookDelivery]:
        if self.value() is None and self._is_search:
            return queryset
        if self.value() == DeliveryState.DELIVERED and not request.GET.get(OfEndpoint.parameter_name):
            # Almost all are delivered: on the index of the states all of them would be sorted.
            return queryset.annotate(word=Concat("state", Value(""))).filter(word=DeliveryState.DELIVERED)
        return queryset.filter(state=self.value() or DeliveryState.PENDING)


class OfEndpoint(admin.SimpleListFilter):
    """Deliveries to one endpoint: of the newest, or the one that an address names."""

    title = gettext_lazy("endpoint")
    parameter_name = "endpoint"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        named = id_in(request.GET.get(self.parameter_name, ""))
        rows = WebhookEndpoint.objects.only("url").order_by("-pk")
        offered = list(rows.filter(state__in=NOT_RETIRED)[:ENDPOINTS_OFFERED])
        if named is not None and named not in [row.pk for row in offered]:
            offered += rows.filter(pk=named)
        return [(str(row.pk), address(row)) for row in offered]

    def queryset(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> QuerySet[WebhookDelivery]:
        named = id_in(self.value() or "")
        return queryset if named is None else queryset.filter(endpoint=named)


@admin.display(description=gettext_lazy("Endpoint"))
def endpoint_link(delivery: WebhookDelivery) -> SafeString:
    page = reverse("admin:bookings_webhookendpoint_change", args=[delivery.endpoint_id])
    return format_html('<a href="{}">{}</a>', page, address(delivery.endpoint))


@admin.display(description=gettext_lazy("Event"))
def type_of(delivery: WebhookDelivery) -> str:
    return delivery.announcement.type if delivery.announcement else PING


@admin.display(description=gettext_lazy("Booking"))
def booking(delivery: WebhookDelivery) -> str | SafeString:
    return booking_link(delivery.announcement.booking) if delivery.announcement else ""


@admin.display(description=gettext_lazy("State"))
def state(delivery: WebhookDelivery) -> SafeString:
    return badge("delivery", delivery.standing)


@admin.display(description=gettext_lazy("Last answer"))
def last_answer(delivery: WebhookDelivery) -> str:
    """Its status, or why there was none."""
    return delivery.last_error or (f"HTTP {delivery.last_status}" if delivery.last_status else "")


# Without an order: no index has one.
@admin.display(description=gettext_lazy("Tries"))
def tries(delivery: WebhookDelivery) -> int:
    return delivery.claims


@admin.display(description=gettext_lazy("Written down"))
def written_at(delivery: WebhookDelivery) -> SafeString | str:
    return moment(delivery.created_at)


@admin.display(description=gettext_lazy("Id of the event"))
def event_key(delivery: WebhookDelivery) -> str:
    return letter_key(delivery)


class WebhookDeliveryAdmin(RecordAdmin):
    list_display = [
        column("id", gettext_lazy("Delivery")),
        *(state, type_of, booking, endpoint_link),
        *cast(list[Column], [tries, last_answer, written_at]),
    ]
    more = [
        cast(Column, event_key),
        column("next_at", gettext_lazy("Next try"), moment),
        column("ends_at", gettext_lazy("Dead if not delivered by"), moment),
        column("delivered_at", gettext_lazy("Delivered"), moment),
        column("first_sent_at", gettext_lazy("First sent"), moment),
        column("last_ms", gettext_lazy("Milliseconds of the last answer")),
        column("by_hand", gettext_lazy("Asked for by a person"), lambda is_so: _("yes") if is_so else _("no")),
    ]
    list_filter = [State, OfEndpoint]
    list_select_related = ["endpoint", "announcement__booking"]
    paginator = OnIndexPaginator
    ordering = ["-pk"]
    search_fields = ["announcement__key"]
    search_help_text = gettext_lazy("Number, id of the event, or booking")
    found = staticmethod(deliveries_found)
    record_template = "admin/bookings/webhookdelivery/record.html"

    def title_of(self, record: WebhookDelivery) -> str:
        return _("Delivery %(number)s") % {"number": record.pk}

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        return _found(object_id)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.again_view)
        return [path("<path:object_id>/again/", view, name="bookings_webhookdelivery_again"), *super().get_urls()]

    def beside(self, request: HttpRequest, record: WebhookDelivery) -> dict[str, Any]:
        """Give what is sent, and each sending that failed."""
        return {
            "may_manage": request.user.has_perm(RIGHT),
            "attempts": list(record.attempts.order_by("-pk")[:ATTEMPTS_SHOWN]),
            "body": json.dumps(json.loads(body_of(record)), ensure_ascii=False, indent=2),
        }

    def again_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say what it means to send a delivery once more, and do so when the form is sent."""
        require(request, RIGHT)
        delivery = _found(unquote(object_id))
        if delivery is None:
            raise Http404
        status, refused = 200, ""
        if request.method == "POST":
            endpoint = delivery.endpoint
            try:
                redeliver(key=endpoint.key, delivery_id=delivery.pk, owner=STAFF, actor=staff_of(request))
            except (EndpointNotFound, DeliveryNotFound) as error:
                status, refused = STATUS[type(error)], _("Its endpoint has been retired.")
                endpoint.refresh_from_db()
            else:
                said = _("It is sent within seconds.") if endpoint.state in SENT_TO else _("It waits for its endpoint.")
                messages.success(request, said)
                return HttpResponseRedirect(reverse("admin:bookings_webhookdelivery_change", args=[delivery.pk]))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Send delivery %(number)s once more") % {"number": delivery.pk},
            "delivery": delivery,
            "refused": refused,
        }
        return TemplateResponse(request, "admin/bookings/webhookdelivery/again.html", context, status=status)


def _found(number: str) -> WebhookDelivery | None:
    delivery_id = id_in(number)
    rows = WebhookDelivery.objects.select_related("endpoint__api_key", "announcement__booking")
    return None if delivery_id is None else rows.filter(pk=delivery_id).first()
