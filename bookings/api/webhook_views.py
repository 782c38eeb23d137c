"""The endpoints for those who are told by webhook. Each translates in, calls one service, and translates out."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from bookings import wiring
from bookings.answers import rendering
from bookings.answers.rendering import Response
from bookings.api.access import caller_of
from bookings.api.errors import respond
from bookings.api.headers import seen_versions_of_endpoint
from bookings.api.pagination import NewestFirst
from bookings.api.schema import describe
from bookings.api.views import LimitedViewSet, query_of, reader_of, validated
from bookings.api.webhook_answers import delivery_as_json, endpoint_as_json, replay_as_json, whole_delivery_as_json
from bookings.api.webhook_serializers import (
    ChangeWebhookEndpointRequest,
    ListDeliveriesQuery,
    MakeWebhookEndpointRequest,
    ReplayWebhooksRequest,
    RotateWebhookSecretRequest,
)
from bookings.conf import sends_mail
from bookings.errors import DeliveryNotFound, EndpointNotFound, InvalidRequest
from bookings.models import WebhookEndpoint
from bookings.models.webhooks import EndpointState
from bookings.queries.webhooks import deliveries_of
from bookings.services.webhooks import again, endpoints
from bookings.services.webhooks.endpoints import Owner, Wish, owned_by
from bookings.text.ids import exact_id

DONE = "Successfully completed the request"
USUAL_GRACE_HOURS = 24


class WebhookEndpointViewSet(LimitedViewSet):
    """Endpoints of webhooks: make, list, read, change, rotate, ping, retire; and what is delivered to them."""

    failure = "Request failed"

    @describe("endpoint_make")
    def endpoint_make(self, request: Request) -> HttpResponse:
        asked = validated(MakeWebhookEndpointRequest, request.data)
        made = endpoints.make_endpoint(
            url=asked["url"],
            types=asked.get("types", ()),
            owner=_owner(request),
            actor=reader_of(request),
            webhooks=wiring.webhooks(),
            seal=wiring.seal(),
            contact_email=_contact_email(asked) or "",
        )
        data = {**endpoint_as_json(made.endpoint), "secret": made.secret}
        where = {"Location": f"/api/v1/webhook-endpoints/{made.endpoint.key}", "ETag": _tag(made.endpoint)}
        return respond(rendering.success(data, message="Endpoint made", status=HTTPStatus.CREATED, headers=where))

    @describe("endpoint_list")
    def endpoint_list(self, request: Request) -> HttpResponse:
        found = owned_by(_owner(request)).exclude(state=EndpointState.RETIRED).order_by("pk")
        return respond(rendering.success({"results": [endpoint_as_json(each) for each in found]}, message=DONE))

    @describe("endpoint_read")
    def endpoint_read(self, request: Request, pk: str) -> HttpResponse:
        return respond(_shown(_found(request, pk), DONE))

    @describe("endpoint_change")
    def endpoint_change(self, request: Request, pk: str) -> HttpResponse:
        asked = validated(ChangeWebhookEndpointRequest, request.data)
        state = EndpointState(asked["state"]) if "state" in asked else None
        wish = Wish(
            url=asked.get("url"),
            types=asked.get("types"),
            state=state,
            contact_email=_contact_email(asked),
            seen=seen_versions_of_endpoint(request, pk),
        )
        changed = endpoints.change_endpoint(
            key=pk,
            wish=wish,
            owner=_owner(request),
            actor=reader_of(request),
            webhooks=wiring.webhooks(),
            seal=wiring.seal(),
        )
        return respond(_shown(changed, "Endpoint changed"))

    @describe("endpoint_retire")
    def endpoint_retire(self, request: Request, pk: str) -> HttpResponse:
        endpoints.retire_endpoint(
            key=pk, owner=_owner(request), actor=reader_of(request), seen=seen_versions_of_endpoint(request, pk)
        )
        return respond(rendering.success({}, message="Endpoint retired"))

    @describe("endpoint_rotate")
    def endpoint_rotate(self, request: Request, pk: str) -> HttpResponse:
        asked = validated(RotateWebhookSecretRequest, request.data)
        grace = timedelta(hours=asked.get("graceHours", USUAL_GRACE_HOURS))
        made = endpoints.rotate_secret(
            key=pk, grace=grace, owner=_owner(request), actor=reader_of(request), seal=wiring.seal()
        )
        data = {**endpoint_as_json(made.endpoint), "secret": made.secret}
        tag = {"ETag": _tag(made.endpoint)}
        return respond(rendering.success(data, message="Secret rotated", headers=tag))

    @describe("endpoint_ping")
    def endpoint_ping(self, request: Request, pk: str) -> HttpResponse:
        ping = endpoints.ping_endpoint(key=pk, owner=_owner(request), actor=reader_of(request))
        return respond(_accepted(delivery_as_json(ping), "Ping accepted"))

    @describe("endpoint_replay")
    def endpoint_replay(self, request: Request, pk: str) -> HttpResponse:
        asked = validated(ReplayWebhooksRequest, request.data)
        replay = again.ask_for_replay(
            key=pk,
            since=asked["since"],
            until=asked.get("until"),
            only_dead=asked.get("onlyDead", False),
            owner=_owner(request),
            actor=reader_of(request),
        )
        return respond(_accepted(replay_as_json(replay), "Replay accepted"))

    @describe("delivery_list")
    def delivery_list(self, request: Request, pk: str) -> HttpResponse:
        asked = validated(ListDeliveriesQuery, query_of(request))
        rows = deliveries_of(_found(request, pk))
        if "state" in asked:
            rows = rows.filter(state=asked["state"])
        if "bookingId" in asked:
            rows = rows.filter(announcement__booking=asked["bookingId"])
        filters: dict[str, Any] = {name: asked[name] for name in ("state", "bookingId") if name in asked}
        pages = NewestFirst({**filters, "endpoint": pk})
        whole: Any = rows
        page: list[Any] = list(pages.page_of(whole, request))
        data = {
            "results": [delivery_as_json(row) for row in page],
            "next": pages.get_next_link(),
            "previous": pages.get_previous_link(),
        }
        return respond(rendering.success(data, message=DONE))

    @describe("delivery_read")
    def delivery_read(self, request: Request, pk: str, delivery: str) -> HttpResponse:
        row = deliveries_of(_found(request, pk)).filter(pk=_delivery_id(delivery)).first()
        if row is None:
            raise DeliveryNotFound
        attempts = row.attempts.order_by("pk")
        return respond(rendering.success(whole_delivery_as_json(row, attempts), message=DONE))

    @describe("delivery_again")
    def delivery_again(self, request: Request, pk: str, delivery: str) -> HttpResponse:
        row = again.redeliver(
            key=pk, delivery_id=_delivery_id(delivery), owner=_owner(request), actor=reader_of(request)
        )
        return respond(_accepted(delivery_as_json(row), "Delivery accepted"))


def _owner(request: Request) -> Owner:
    """Whose endpoints this caller has: those of its key, or with API_AUTH=open those that have no key."""
    kind, _, key_id = caller_of(request).principal.partition(":")
    return Owner(key_id if kind == "service" else "")


def _contact_email(asked: dict[str, Any]) -> str | None:
    """
    Read where the owner of an endpoint is told that it fails: None stays as it is, and what is empty is taken away.

    :raises InvalidRequest: if no mail is sent here
    """
    if "contactEmail" not in asked:
        return None
    if asked["contactEmail"] and not sends_mail():
        raise InvalidRequest(fields={"contactEmail": "No mail is sent here; leave it out."})
    return asked["contactEmail"] or ""


def _found(request: Request, key: str) -> WebhookEndpoint:
    """
    Read an endpoint of the caller's.

    :raises EndpointNotFound: if there is none, or it is another's, or retired
    """
    found = owned_by(_owner(request)).exclude(state=EndpointState.RETIRED).filter(key=key).first()
    if found is None:
        raise EndpointNotFound
    return found


def _delivery_id(text: str) -> int:
    delivery_id = exact_id(text)
    if delivery_id is None:
        raise DeliveryNotFound
    return delivery_id


def _tag(endpoint: WebhookEndpoint) -> str:
    return f'"{endpoint.key}.{endpoint.version}"'


def _shown(endpoint: WebhookEndpoint, message: str) -> Response:
    return rendering.success(endpoint_as_json(endpoint), message=message, headers={"ETag": _tag(endpoint)})


def _accepted(data: dict[str, Any], message: str) -> Response:
    return rendering.success(data, message=message, status=HTTPStatus.ACCEPTED)
